use axum::http::Request;

use super::*;

fn head(method: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn if_none_match_is_compared_weakly_and_in_every_header() {
    let digest = Digest::of(b"x");
    let (strong, weak) = (format!("\"{digest}\""), format!("W/\"{digest}\""));
    let several = format!("\"a\", {weak}");
    for (headers, known) in [
        (&[("if-none-match", strong.as_str())][..], true),
        (&[("if-none-match", &weak)], true),
        (&[("if-none-match", "*")], true),
        (&[("if-none-match", &several)], true),
        (&[("if-none-match", "\"a\""), ("if-none-match", &strong)], true),
        (&[("if-none-match", "\"a\", W/\"b\"")], false),
        (&[("if-none-match", "")], false),
        (&[], false),
    ] {
        assert_eq!(is_known(&head("GET", headers).headers, &digest), known, "{headers:?}");
    }
}

#[test]
fn a_range_counts_for_get_and_for_the_content_that_the_client_knows() {
    let digest = Digest::of(b"x");
    let (strong, weak) = (format!("\"{digest}\""), format!("W/\"{digest}\""));
    let range_of = |method: &str, if_range: Option<&str>| {
        let headers = [("range", "bytes=0-2")].into_iter().chain(if_range.map(|value| ("if-range", value)));
        range(&head(method, &headers.collect::<Vec<_>>()), &digest).map(str::to_owned)
    };
    assert!(range_of("GET", None).is_some());
    assert!(range_of("GET", Some(&strong)).is_some());
    assert!(range_of("HEAD", None).is_none());
    for other in [weak.as_str(), "\"another\"", "Wed, 21 Oct 2015 07:28:00 GMT", ""] {
        assert!(range_of("GET", Some(other)).is_none(), "{other}");
    }
}
