//! The login of this crate, with a key file and at a double of the metadata server.

use std::time::{Duration, SystemTime};

use sealift_conformance::Given;
use sealift_core::login::{Login, LoginKind};
use sealift_login_google as _;
use sealift_testkit::cloud::Cloud;
use serde_json::json;

const KEY: &str = r#"{"type": "service_account", "private_key": "CANARY"}"#;

fn given(more: &str) -> Given {
    Given::new(format!("[[login]]\nuse = \"google\"\nhosts = [\"*\"]\n{more}"))
}

sealift_conformance::conformance!(login: given("key_file = \"key.json\"\n").file("key.json", KEY));

async fn get(given: &Given) -> Result<Login, String> {
    let provider = given.loaded().unwrap().logins[0].stage.clone();
    let login = provider.get(&"eu-docker.pkg.dev/p/r/a".parse().unwrap()).await;
    login.map(Option::unwrap).map_err(|error| format!("{error}; {}", error.hint().unwrap_or_default()))
}

fn user(login: &Login) -> &str {
    if let LoginKind::Basic { username, .. } = &login.kind { username } else { "" }
}

#[tokio::test]
async fn a_key_file_is_a_password() {
    let login = get(&given("").file("k.json", KEY).env("GOOGLE_APPLICATION_CREDENTIALS", "k.json")).await.unwrap();
    assert_eq!((user(&login), login.secret().expose(), login.expires), ("_json_key", KEY, None));
    let other =
        given("key_file = \"k.json\"\n").file("k.json", r#"{"type": "authorized_user", "refresh_token": "CANARY"}"#);
    let told = get(&other).await.unwrap_err();
    assert!(
        told.contains("the key file `k.json` is no key of a service account") && !told.contains("CANARY"),
        "{told}"
    );
}

#[tokio::test]
async fn the_metadata_server_gives_a_token_for_a_while() {
    let cloud = Cloud::start(|asked| match asked.header("metadata-flavor") {
        "Google" => (200, String::new(), json!({"access_token": "ya29", "expires_in": 3599, "token_type": "Bearer"})),
        _ => (403, String::new(), json!({})),
    })
    .await;
    let login = get(&given("").env("GCE_METADATA_HOST", cloud.host())).await.unwrap();
    assert_eq!((user(&login), login.secret().expose()), ("oauth2accesstoken", "ya29"));
    assert!(login.expires.is_some_and(|end| end < SystemTime::now() + Duration::from_secs(3600)));
    assert_eq!(cloud.asked("/computeMetadata/v1/instance/service-accounts/default/token").len(), 1);
}
