use sealift_core::{error::ErrorKind, stage::Verdict};
use serde_json::json;

use super::question::verdict;

#[test]
fn a_policy_says_yes_or_no_and_why() {
    assert_eq!(verdict(&json!({ "result": true })).unwrap(), Verdict::Keep);
    assert_eq!(verdict(&json!({ "result": { "allow": true } })).unwrap(), Verdict::Keep);
    let no = verdict(&json!({ "result": { "allow": false, "reason": "it runs as root" } })).unwrap();
    assert_eq!(no, Verdict::Drop { reason: "it runs as root".to_owned() });
    let no = verdict(&json!({ "result": false })).unwrap();
    assert_eq!(no, Verdict::Drop { reason: "the policy does not allow it".to_owned() });
}

/// Open Policy Agent answers `{}` where a rule has no value: that is not a yes.
#[test]
fn what_is_neither_yes_nor_no_is_an_error() {
    for answer in [json!({}), json!({ "result": "yes" }), json!({ "result": {} }), json!([])] {
        let error = verdict(&answer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.hint().is_some());
    }
}
