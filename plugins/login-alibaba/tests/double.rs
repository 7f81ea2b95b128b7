//! The login at a double of a registry, its token service and the API, which answer as they are documented.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sealift_conformance::Given;
use sealift_core::login::{LoginKind, LoginProvider};
use sealift_login_alibaba as _;
use sealift_registry_client::Client;
use sealift_testkit::cloud::{Asked, Cloud, Reply};
use serde_json::{Value, json};
use tokio::time::Instant;

const ENTERPRISE: &str = "registry.aliyuncs.com:cn-hangzhou:china:cri-abc";
const PERSONAL: &str = "registry.aliyuncs.com:cn-hangzhou:26842";

/// The time of the double: the clock of the test moves it.
#[derive(Clone, Copy)]
struct Time(SystemTime, Instant);

impl Time {
    fn now(self) -> u64 {
        (self.0 + self.1.elapsed()).duration_since(UNIX_EPOCH).unwrap().as_secs()
    }
}

/// Starts a double of all three. Logins are valid for an hour, tokens for five minutes.
async fn acr(service: &'static str) -> Cloud {
    let time = Time(SystemTime::now(), Instant::now());
    Cloud::start(move |asked| {
        let (now, authorization) = (time.now(), asked.header("authorization"));
        if asked.path.starts_with("/v2/") {
            let end = authorization.strip_prefix("Bearer token-").and_then(|end| end.parse().ok());
            return match end.is_some_and(|end: u64| now < end) {
                true => (200, String::new(), json!({"name": "app", "tags": ["v1"]})),
                false => {
                    let realm = format!("http://{}/auth", asked.header("host"));
                    (401, format!("Bearer realm=\"{realm}\",service=\"{service}\""), Value::Null)
                }
            };
        }
        if asked.path.starts_with("/auth") {
            // The password of a login is its end.
            let login = authorization.strip_prefix("Basic ").and_then(unbase64).unwrap_or_default();
            let end = login.strip_prefix("cr_temp_user:").and_then(|end| end.parse().ok());
            return match end.is_some_and(|end: u64| now < end) {
                true => (200, String::new(), json!({"token": format!("token-{}", now + 300), "expires_in": 300})),
                false => (401, String::new(), json!({"errors": [{"code": "UNAUTHORIZED"}]})),
            };
        }
        let (end, token) = ((now + 3600) * 1000, (now + 3600).to_string());
        match asked.path.as_str() {
            "/tokens" => {
                let data = json!({"tempUserName": "cr_temp_user", "authorizationToken": token, "expireDate": end});
                (200, String::new(), json!({"data": data, "requestId": "1"}))
            }
            _ => {
                let login = json!({"TempUsername": "cr_temp_user", "AuthorizationToken": token, "ExpireTime": end,
                    "IsSuccess": true, "Code": "success", "RequestId": "1"});
                (200, String::new(), login)
            }
        }
    })
    .await
}

fn unbase64(text: &str) -> Option<String> {
    use base64::{Engine as _, prelude::*};
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
}

/// Returns the login for a double, with the key of the environment.
fn login(cloud: &Cloud) -> Arc<dyn LoginProvider> {
    let (host, url) = (cloud.host(), cloud.url());
    let table = format!("[[login]]\nuse = \"alibaba\"\nhosts = [\"{host}\"]\nendpoint = \"{url}\"\n");
    let given = Given::new(table).env("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI-test");
    let given = given.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "CANARY").env("ALIBABA_CLOUD_SECURITY_TOKEN", "sts");
    Arc::clone(&given.loaded().unwrap().logins[0].stage)
}

fn client(cloud: &Cloud) -> Client {
    Client::builder().without_environment().login(login(cloud)).build().unwrap()
}

#[tokio::test]
async fn a_client_works_for_a_day_with_logins_of_an_hour() {
    let cloud = acr(ENTERPRISE).await;
    let (client, repository) = (client(&cloud), format!("{}/team/app", cloud.host()).parse().unwrap());
    for _ in 0..24 * 6 {
        assert_eq!(client.tags(&repository).await.unwrap().tags.len(), 1);
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(600)).await;
        tokio::time::resume();
    }
    let asked = cloud.asked("/?").len();
    assert!((24..=28).contains(&asked), "{asked} logins in a day");
    let authorized = cloud.asked("/auth").iter().all(|asked| !asked.header("authorization").is_empty());
    assert!(authorized, "the token service sees the temporary login only");
}

#[tokio::test]
async fn region_and_instance_come_from_the_challenge() {
    for (service, path, version) in
        [(ENTERPRISE, "/?InstanceId=cri-abc", "2018-12-01"), (PERSONAL, "/tokens", "2016-06-07")]
    {
        let cloud = acr(service).await;
        let login = login(&cloud).get(&format!("{}/app", cloud.host()).parse().unwrap()).await.unwrap().unwrap();
        assert!(matches!(&login.kind, LoginKind::Basic { username, .. } if username == "cr_temp_user"));
        assert!(login.expires.is_some_and(|end| end > SystemTime::now() + Duration::from_secs(3000)));
        let asked = &cloud.asked(path)[0];
        assert_eq!(asked.header("x-acs-action"), "GetAuthorizationToken");
        assert_eq!((asked.header("x-acs-version"), asked.header("x-acs-security-token")), (version, "sts"));
        let authorization = asked.header("authorization");
        assert!(authorization.starts_with("ACS3-HMAC-SHA256 Credential=LTAI-test,SignedHeaders="), "{authorization}");
        assert!(authorization.contains("x-acs-security-token"), "it is signed: {authorization}");
    }
}

/// What a user sees if the API refuses.
async fn refused(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (String, usize) {
    let cloud = Cloud::start(move |asked| match asked.path.starts_with("/v2/") {
        true => (
            401,
            format!("Bearer realm=\"http://{}/auth\",service=\"{ENTERPRISE}\"", asked.header("host")),
            Value::Null,
        ),
        false if asked.path.starts_with("/auth") => (401, String::new(), Value::Null),
        false => answer(asked),
    })
    .await;
    let client = client(&cloud);
    let mut told = String::new();
    for repository in ["a", "b", "c", "d"] {
        let error = client.tags(&format!("{}/{repository}", cloud.host()).parse().unwrap()).await.unwrap_err();
        told = format!("{error}\nhint: {}", error.hint().unwrap_or_default()).replace(cloud.host(), "HOST");
    }
    (told, cloud.asked("/?").len())
}

#[tokio::test]
async fn a_wrong_key_is_told_and_asked_once() {
    let (told, asked) = refused(|_| {
        let message = "Specified access key is not found. CANARY";
        (404, String::new(), json!({"Code": "InvalidAccessKeyId.NotFound", "Message": message}))
    })
    .await;
    assert_eq!(asked, 1, "a wrong key is not tried for each repository");
    insta::assert_snapshot!(told);
    let (told, _) = refused(|_| {
        let message = "Specified signature is not matched with our calculation. server string to sign is: CANARY";
        (400, String::new(), json!({"Code": "SignatureDoesNotMatch", "Message": message}))
    })
    .await;
    insta::assert_snapshot!(told);
    let (told, _) = refused(|_| (200, String::new(), json!("<html>"))).await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn half_a_key_and_no_key_are_told_at_once() {
    let table = "[[login]]\nuse = \"alibaba\"\n";
    let told = |given: Given| {
        let found = given.loaded().err().unwrap();
        found
            .iter()
            .map(|one| format!("{one}; {}", one.hint.as_deref().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(told(Given::new(table)));
    insta::assert_snapshot!(told(Given::new(table).env("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")));
    insta::assert_snapshot!(told(Given::new(format!("{table}access_key = \"id\"\nendpoint = \"cr\"\n"))));
}

// Both become a part of where a signed request goes.
#[tokio::test]
async fn a_region_is_a_name_and_an_endpoint_has_no_login() {
    let told = |line: &str| {
        let table = format!("[[login]]\nuse = \"alibaba\"\naccess_key = \"id\"\nsecret_key = \"CANARY\"\n{line}\n");
        let found = Given::new(table).loaded().err().unwrap();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let region = told("region = \"evil.example.com/#\"");
    assert_eq!(region, "conformance.toml:5:10: `evil.example.com/#` is not the name of a region");
    let endpoint = told("endpoint = \"https://bob:CANARY@cr.example.com\"");
    assert_eq!(endpoint, "conformance.toml:5:12: `endpoint` has a login in it, and would be sent none");
}

#[tokio::test]
async fn another_registry_is_told_to_be_one() {
    let cloud = acr("registry.example").await;
    let error = login(&cloud).get(&format!("{}/app", cloud.host()).parse().unwrap()).await.unwrap_err();
    insta::assert_snapshot!(error.to_string().replace(cloud.host(), "HOST"));
}
