//! Whatever a server says, it must not make us panic, or go where we must not.

use proptest::prelude::*;

use crate::fuzz;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_a_challenge(text in "[ -~]{0,200}", parts in "(Bearer|Basic|Negotiate)?( ?[a-z]{0,5}=?\"?[a-z:/\\\\,\n]{0,9}\"?,?){0,8}") {
        fuzz::challenge(text.as_bytes());
        fuzz::challenge(parts.as_bytes());
    }

    #[test]
    fn in_a_realm(realm in "(https?:)?(//)?[a-z0-9.:@%\\[\\]#?/_-]{0,40}") {
        fuzz::challenge(format!("Bearer realm=\"{realm}\"").as_bytes());
    }

    #[test]
    fn in_a_link(text in "[<>;,=\" a-z/?&\n]{0,80}", target in "(https?:)?(//)?[a-z.:/?=]{0,30}") {
        fuzz::link(text.as_bytes());
        fuzz::link(format!("<{target}>; rel=next").as_bytes());
    }

    #[test]
    fn in_an_error(body in prop::collection::vec(any::<u8>(), 0..500), message in "\\PC{0,300}|[\u{0}-\u{2fff}]{0,300}") {
        fuzz::error_body(&body);
        fuzz::error_body(serde_json::json!({"errors": [{"code": "X", "message": message}]}).to_string().as_bytes());
    }

    #[test]
    fn in_a_range(text in "(bytes )?[0-9*/ -]{0,40}", end in 0..20u64, total in "[0-9]{0,20}|\\*") {
        fuzz::content_range(text.as_bytes());
        fuzz::content_range(format!("bytes 5-{end}/{total}").as_bytes());
    }

    #[test]
    fn in_a_wait(text in "[0-9]{0,30}|[A-Za-z0-9 :,]{0,40}") {
        fuzz::retry_after(text.as_bytes());
    }

    #[test]
    fn in_a_url(text in "(https?://|//|/|\\?)?[a-z0-9.:@%\\[\\]#?/_-]{0,60}") {
        fuzz::location(text.as_bytes());
    }

    #[test]
    fn in_a_file_of_logins(key in "(https?://)?[a-z./:]{0,20}", auth in "[A-Za-z0-9+/=]{0,24}", any in ".{0,60}") {
        let file = serde_json::json!({"auths": {key: {"auth": auth}}, "credsStore": any});
        fuzz::docker_config(file.to_string().as_bytes());
        fuzz::docker_config(any.as_bytes());
    }
}
