use super::*;
use proptest::prelude::*;

#[test]
fn logins_of_addresses_are_not_shown() {
    for (text, shown) in [
        ("cannot read `bob:CANARY@h.io/a:v1`", "cannot read `[secret]@h.io/a:v1`"),
        ("`https://bob:CANARY@h.io/a` begins a URL", "`https://[secret]@h.io/a` begins a URL"),
        ("at https://CANARY@h.io/x now", "at https://[secret]@h.io/x now"),
        ("`bob:CAN ARY\"/x@h.io:5000/a` is", "`[secret]@h.io:5000/a` is"),
        ("`bob:CAN@ARY@h.io/a`", "`[secret]@h.io/a`"),
        ("bob:CANARY@[::1]:5000/a", "[secret]@[::1]:5000/a"),
        ("one\ntwo bob:CANARY@h.io\nthree", "one\ntwo [secret]@h.io\nthree"),
        ("proxy=http://bob:CANARY@h:99999", "proxy=http://[secret]@h:99999"),
        ("proxy: http://bob:CAN ARY@h.io/x", "proxy: http://[secret]@h.io/x"),
        ("{\"image\": \"bob:CAN ARY@h.io/a\"}", "{\"image\": \"[secret]@h.io/a\"}"),
        (
            "`https://h.io/b?X-Amz-Signature=CANARY&n=5&sig=CANARY`: gone",
            "`https://h.io/b?X-Amz-Signature=[secret]&n=5&sig=[secret]`: gone",
        ),
        ("to /v2/a/b?token=CANARY (refused)", "to /v2/a/b?token=[secret] (refused)"),
        (r#"{"m": "at \"https://h.io/?a=CANARY\" now"}"#, r#"{"m": "at \"https://h.io/?a=[secret]\" now"}"#),
        (
            "\"url\":\"https://bob:CANARY@h.io/#access_token=CANARY\"",
            "\"url\":\"https://[secret]@h.io/#access_token=[secret]\"",
        ),
    ] {
        assert_eq!(lines(text), shown);
        assert!(!quoted(text).contains("CANARY"), "{}", quoted(text));
        assert_eq!(quoted(text).chars().count(), text.chars().count());
        assert_eq!(lines(&lines(text)), shown, "twice");
    }
}

#[test]
fn images_by_digest_and_mail_addresses_are_shown() {
    for text in [
        "`h.io:5000/a:v1@sha256:0123456789abcdef`",
        "`@sha256:…` or `@` and the digest",
        "write to ops@example.com",
        "https://h.io/a/b@c",
        "https://h.io/v2/a/manifests/v1",
        "https://h.io/v2/a/tags/list?n=100&last=v1",
        "did you mean `v1`? a=b",
    ] {
        assert_eq!(lines(text), text);
        assert_eq!(quoted(text), text);
    }
}

#[test]
fn nothing_moves_the_cursor_or_forges_a_line() {
    let evil = "a\u{1b}[2J\u{9b}31m\u{7f}\r\u{202e}b\u{2028}c\u{0}\n\td";
    assert_eq!(lines(evil), "a\u{fffd}[2J\u{fffd}31m\u{fffd}\u{fffd}\u{fffd}b\u{fffd}c\u{fffd}\n\td");
    assert!(!message(evil).contains(is_unsafe));
    assert_eq!(quoted(evil).chars().count(), evil.chars().count());
}

// A gap of more than one byte before the login was cut in two: messages are cleaned in every verb.
proptest! {
    #[test]
    fn any_text_can_be_shown(text in r"[\PC\s@:/`\u{2000}\u{3000}]{0,40}") {
        let shown = lines(&text).into_owned();
        prop_assert_eq!(lines(&shown), shown.as_str());
        prop_assert_eq!(quoted(&text).chars().count(), text.chars().count());
        message(&text);
    }
}

#[test]
fn a_login_after_a_wide_gap_is_not_shown() {
    assert_eq!(lines("is\u{2000}bob:CANARY@h.io"), "is\u{2000}[secret]@h.io");
    assert_eq!(lines("is\u{3000}@0"), "is\u{3000}@0");
}

#[test]
fn values_of_secret_keys_are_not_quoted_in_any_format() {
    for (line, shown) in [
        ("password: my CAN ARY", "password: **********"),
        ("  \"registry_token\": \"CAN ARY\", \"image\": \"x\"", "  \"registry_token\": *********, \"image\": \"x\""),
        ("API_SECRET=CAN ARY", "API_SECRET=*******"),
        ("{name: DB_PASSWORD, value: 'CAN ARY', image: x}", "{name: DB_PASSWORD, value: *********, image: x}"),
        ("{\"name\":\"DB_PASSWORD\",\"value\":\"CANARY\"}", "{\"name\":\"DB_PASSWORD\",\"value\":********}"),
    ] {
        assert_eq!(quoted(line), shown);
    }
    for line in [
        "password = { env = \"NAME\" }",
        "password: ${NAME}",
        "password: \"${NAME}\"",
        "tokens: 5",
        "password",
        "{password: *****, port: 3}",
    ] {
        assert_eq!(quoted(line), line);
    }
}
