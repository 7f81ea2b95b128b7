//! Vectors that the clouds publish.

use std::time::{Duration, UNIX_EPOCH};

use sealift_core::secret::Secret;

use super::*;

fn keys(id: &str, secret: &str) -> Keys {
    Keys { id: Secret::new(id), secret: Secret::new(secret), session_token: None, origin: String::new() }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn authorization(request: &Request<String>) -> &str {
    request.headers()["authorization"].to_str().unwrap()
}

/// "Signature Version 4 test suite", `get-vanilla` and `get-vanilla-query-order-key-case`.
#[test]
fn sigv4_gives_the_documented_signatures() {
    let keys = keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    for (query, signature) in [
        ("", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ] {
        let mut request = Request::get(format!("https://example.amazonaws.com/{query}")).body(String::new()).unwrap();
        SigV4 { keys: &keys, region: "us-east-1", service: "service" }.sign(&mut request, at(1_440_938_160)).unwrap();
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        assert_eq!(authorization(&request), expected);
    }
}

/// "V3 request structure and signature", with the fixed values of its example.
#[test]
fn acs3_gives_the_documented_signature() {
    let keys = keys("YourAccessKeyId", "YourAccessKeySecret");
    let url = "https://ecs.cn-shanghai.aliyuncs.com/?RegionId=cn-shanghai&ImageId=\
               win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd";
    let mut request = Request::post(url).body(String::new()).unwrap();
    let nonce = "3156853299f313e23d1673dc12e1703d".to_owned();
    let signer = Acs3 { keys: &keys, action: "RunInstances", version: "2014-05-26", nonce };
    signer.sign(&mut request, at(1_698_315_752)).unwrap();
    let expected = "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;\
                    x-acs-date;x-acs-signature-nonce;x-acs-version,\
                    Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0";
    assert_eq!(authorization(&request), expected);
}

/// The first case in the tests of the signer of huaweicloud-sdk-go-v3.
#[test]
fn sdk_hmac_gives_the_published_signature() {
    let keys = keys("AccessKey", "SecretKey");
    let mut request = Request::get("https://example.huaweicloud.com/path?limit=1").body(String::new()).unwrap();
    SdkHmac { keys: &keys }.sign(&mut request, at(1_136_214_245)).unwrap();
    let expected = "SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=x-sdk-date, \
                    Signature=5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624";
    assert_eq!(authorization(&request), expected);
}

/// "Signature v3", with the key of its example.
#[test]
fn tc3_gives_the_documented_signature() {
    let keys = keys("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE");
    let body = r#"{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}"#;
    let request = Request::post("https://cvm.tencentcloudapi.com/");
    let mut request = request.header("content-type", "application/json; charset=utf-8").body(body.to_owned()).unwrap();
    let (action, version, region) = ("DescribeInstances", "2017-03-12", "ap-guangzhou");
    Tc3 { keys: &keys, service: "cvm", action, version, region }.sign(&mut request, at(1_551_113_065)).unwrap();
    let expected = "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, \
                    SignedHeaders=content-type;host, \
                    Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168";
    assert_eq!(authorization(&request), expected);
}

#[test]
fn a_session_token_is_sent_and_no_debug_text_has_it() {
    let keys = Keys { session_token: Some(Secret::new("CANARY")), ..keys("id", "secret") };
    let mut request = Request::get("https://a.example/").body(String::new()).unwrap();
    SigV4 { keys: &keys, region: "r", service: "s" }.sign(&mut request, at(0)).unwrap();
    assert_eq!(request.headers()["x-amz-security-token"], "CANARY");
    assert!(!format!("{request:?}").contains("CANARY"), "{request:?}");
    let bad = Keys { session_token: Some(Secret::new("CANARY\n")), ..keys };
    let error = SigV4 { keys: &bad, region: "r", service: "s" }.sign(&mut request, at(0)).unwrap_err();
    assert!(!error.to_string().contains("CANARY"), "{error}");
}

#[test]
fn what_is_reserved_is_encoded() {
    assert_eq!(encode("a b*c~d/e:f"), "a%20b%2Ac~d%2Fe%3Af");
}
