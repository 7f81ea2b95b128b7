use super::*;

#[test]
fn a_password_may_have_colons_and_a_name_may_not() {
    let of = |text: &str| login(&format!("basic {}", BASE64_STANDARD.encode(text)));
    assert_eq!(of("ann:a:b"), Some(("ann".to_owned(), "a:b".to_owned())));
    assert_eq!(of("ann:"), Some(("ann".to_owned(), String::new())));
    assert_eq!(of("ann"), None);
    assert_eq!(login("Bearer YTpi"), None);
    assert_eq!(login("Basic %%"), None);
}
