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
