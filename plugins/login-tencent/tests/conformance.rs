//! The login of this crate, at a double of the API that answers as it is documented.

use std::time::SystemTime;

use sealift_conformance::Given;
use sealift_core::login::LoginKind;
use sealift_login_tencent as _;
use sealift_testkit::cloud::Cloud;
use serde_json::json;

async fn tcr() -> Cloud {
    Cloud::start(|asked| {
        let answer = match asked.header("x-tc-action") {
            "DescribeInstances" if asked.body.contains(r#""Values":["team"]"#) => {
                json!({"TotalCount": 1, "Registries": [{"RegistryId": "tcr-1", "RegistryName": "team", "RegionName": "ap-x"}]})
            }
            "DescribeInstances" => json!({"TotalCount": 0, "Registries": []}),
            _ if asked.body.contains("tcr-1") => json!({"Username": "1234", "Token": "s3cret", "ExpTime": 4_102_444_800_000_u64}),
            _ => json!({"Error": {"Code": "AuthFailure.SecretIdNotFound", "Message": "CANARY"}}),
        };
        (200, String::new(), json!({"Response": answer}))
    })
    .await
}

fn given(cloud: Cloud, more: &str) -> Given {
    let login = format!("[[login]]\nuse = \"tencent\"\nhosts = [\"*\"]\nendpoint = \"{}\"\n{more}", cloud.url());
    let given = Given::new(login).env("TENCENTCLOUD_SECRET_ID", "AKID").env("TENCENTCLOUD_SECRET_KEY", "CANARY");
    given.env("TENCENTCLOUD_TOKEN", "sts").keep(cloud)
}

sealift_conformance::conformance!(login: given(tcr().await, "region = \"ap-y\"\ninstance = \"tcr-1\"\n"));

#[tokio::test]
async fn the_instance_is_found_by_its_name() {
    let login = given(tcr().await, "");
    let provider = login.loaded().unwrap().logins[0].stage.clone();
    let found = provider.get(&"team.tencentcloudcr.com/a/b".parse().unwrap()).await.unwrap().unwrap();
    assert!(matches!(&found.kind, LoginKind::Basic { username, .. } if username == "1234"));
    assert!(found.expires > Some(SystemTime::now()));
    let error = provider.get(&"other.tencentcloudcr.com/a/b".parse().unwrap()).await.unwrap_err();
    assert!(
        error.to_string().contains("there is no instance `other` of the account of `TENCENTCLOUD_SECRET_ID`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_wrong_key_is_told() {
    let login = given(tcr().await, "region = \"ap-y\"\ninstance = \"tcr-9\"\n");
    let provider = login.loaded().unwrap().logins[0].stage.clone();
    let error = provider.get(&"team.tencentcloudcr.com/a/b".parse().unwrap()).await.unwrap_err();
    let told = format!("{error}; {}", error.hint().unwrap_or_default());
    assert!(told.contains("does not know the access key") && told.contains("`TENCENTCLOUD_SECRET_ID`"), "{told}");
    assert!(!told.contains("CANARY"), "{told}");
}
