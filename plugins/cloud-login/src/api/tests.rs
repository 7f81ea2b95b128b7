use std::sync::Arc;

use sealift_core::plugin::Purpose;
use serde_json::json;

use super::*;

fn api() -> Api {
    let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Run);
    Api { credentials: "`KEY_ID` and its secret".to_owned(), ..Api::new(&cx, None, "`cr:Login`").unwrap() }
}

#[test]
fn refusals_of_all_clouds_are_told_in_words() {
    for (status, body, words, hint) in [
        (404, json!({"Code": "InvalidAccessKeyId.NotFound"}), "does not know the access key", "check `KEY_ID`"),
        (400, json!({"__type": "UnrecognizedClientException"}), "does not know the access key", "check `KEY_ID`"),
        (403, json!({"Error": {"Code": "InvalidClientTokenId"}}), "does not know the access key", "check `KEY_ID`"),
        (200, json!({"Response": {"Error": {"Code": "AuthFailure.SignatureFailure"}}}), "does not belong", "check"),
        (400, json!({"__type": "com.amazon#InvalidSignatureException"}), "does not belong", "check"),
        (400, json!({"Code": "InvalidTimeStamp.Expired"}), "the time of the request", "clock"),
        (400, json!({"__type": "ExpiredTokenException"}), "session token", "new temporary keys"),
        (403, json!({"code": "NoPermission"}), "lacks the right", "allow `cr:Login` to"),
        (400, json!({"__type": "ThrottlingException"}), "too often", "later"),
        (503, json!({}), "it fails (503)", "later"),
        (400, json!({"code": "WHAT\u{1b}[31m?"}), "refuses the request (400, `WHAT31m`)", "check"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let error = api().refused("api.example", LOGIN, api().right, status, code(&body).as_deref());
        let (told, advice) = (error.to_string(), error.hint().unwrap_or_default());
        assert!(told.contains(words) && advice.contains(hint), "{body}: {told}; {advice}");
    }
}

#[test]
fn an_endpoint_is_a_url() {
    let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Run);
    let with = |text: &str| Api::new(&cx, Some(text.to_owned()), "");
    assert_eq!(with("http://127.0.0.1:1/").unwrap().root("https://a"), "http://127.0.0.1:1");
    assert!(with("127.0.0.1:1").is_err() && with("ftp://a").is_err());
    assert!(with("https://bob:CANARY@a").is_err_and(|error| !format!("{error:?}").contains("CANARY")));
    assert_eq!(api().root("https://a"), "https://a");
}

// One with a slash sent the signed request to another host.
#[test]
fn a_region_is_a_name() {
    for wrong in ["", "x y", "evil.example.com/#", "eu-west-1.", "a@b"] {
        assert!(check_region(Some(wrong)).is_err(), "{wrong}");
    }
    assert!(check_region(Some("cn-hangzhou")).is_ok() && check_region(None).is_ok());
}
