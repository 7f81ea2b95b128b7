use super::*;

#[test]
fn no_kind_of_login_shows_its_secret() {
    let secret = || Secret::new("CANARY");
    for login in [
        Login::basic("bot", secret(), "`auth.yaml`"),
        Login::identity_token(secret(), "`auth.yaml`"),
        Login::registry_token(secret(), "`auth.yaml`").with_expiry(SystemTime::UNIX_EPOCH),
    ] {
        assert_eq!(login.secret().expose(), "CANARY");
        let text = format!("{login:?} {:?}", login.kind);
        assert!(text.contains("auth.yaml") && !text.contains("CANARY"), "{text}");
    }
}
