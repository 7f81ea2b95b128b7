//! The login of this crate, at a double of Entra ID, the metadata service and a registry.

use std::time::{Duration, UNIX_EPOCH};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sealift_conformance::Given;
use sealift_core::login::LoginKind;
use sealift_login_azure as _;
use sealift_testkit::cloud::Cloud;
use serde_json::json;

const END: u64 = 4_102_444_800;

async fn azure() -> Cloud {
    let refresh = format!("e30.{}.sig", BASE64_URL_SAFE_NO_PAD.encode(json!({"exp": END}).to_string()));
    Cloud::start(move |asked| {
        let assertion = asked.body.contains("client_assertion=kubernetes") && asked.body.contains("client_id=app");
        let is_right = match asked.path.as_str() {
            "/tenant/oauth2/v2.0/token" => assertion || asked.body.contains("client_secret=CANARY%2B"),
            "/oauth2/exchange" => asked.body.contains("&access_token=aad"),
            path => path.starts_with("/metadata/identity/oauth2/token?") && asked.header("metadata") == "true",
        };
        match is_right {
            true => (200, String::new(), json!({"access_token": "aad", "refresh_token": refresh})),
            false => (401, String::new(), json!({"error": "invalid_client", "error_description": "CANARY"})),
        }
    })
    .await
}

fn given(cloud: Cloud, variables: &[(&str, &str)]) -> Given {
    let url = cloud.url();
    let login = format!("[[login]]\nuse = \"azure\"\nhosts = [\"*\"]\nendpoint = \"{url}\"\n");
    let given = Given::new(login).env("AZURE_AUTHORITY_HOST", &format!("{url}/")).env("AZURE_TENANT_ID", "tenant");
    let given = given.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", &url).env("AZURE_CLIENT_ID", "app").keep(cloud);
    variables.iter().fold(given, |given, (name, value)| given.env(name, value))
}

sealift_conformance::conformance!(login: given(azure().await, &[("AZURE_CLIENT_SECRET", "CANARY+")]));

#[tokio::test]
async fn each_identity_gives_a_refresh_token_with_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "kubernetes\n").unwrap();
    let file = file.to_str().unwrap();
    for variables in [&[("AZURE_FEDERATED_TOKEN_FILE", file)][..], &[("AZURE_CLIENT_SECRET", "CANARY+")], &[]] {
        let given = given(azure().await, variables);
        let provider = given.loaded().unwrap().logins[0].stage.clone();
        let login = provider.get(&"team.azurecr.io/a/b".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(login.expires, Some(UNIX_EPOCH + Duration::from_secs(END)), "{variables:?}");
        assert!(matches!(&login.kind, LoginKind::Basic { username, .. } if username.starts_with("00000000-")));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_told() {
    let given = given(azure().await, &[("AZURE_CLIENT_SECRET", "CANARY")]);
    let provider = given.loaded().unwrap().logins[0].stage.clone();
    let error = provider.get(&"team.azurecr.io/a/b".parse().unwrap()).await.unwrap_err();
    let told = format!("{error}; {}", error.hint().unwrap_or_default());
    assert!(told.contains("`invalid_client`") && told.contains("check the identity of `AZURE_CLIENT_ID`"), "{told}");
    assert!(!told.contains("CANARY"), "{told}");
}
