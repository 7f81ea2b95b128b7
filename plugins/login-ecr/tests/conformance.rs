//! The login of this crate, at a double of ECR, STS, the agent of a container and the metadata service.

use std::time::{Duration, UNIX_EPOCH};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sealift_conformance::Given;
use sealift_core::login::Login;
use sealift_login_ecr as _;
use sealift_testkit::cloud::{Asked, Cloud, Reply};
use serde_json::{Value, json};

const END: f64 = 4_102_444_800.5;

fn keys(token: &str) -> Value {
    json!({"AccessKeyId": "ASIA", "SecretAccessKey": "CANARY", token: "session", "Code": "Success"})
}

fn answer(asked: &Asked) -> Reply {
    let ok = |body: Value| (200, String::new(), body);
    let denied = (403, String::new(), json!({"__type": "AccessDeniedException", "Message": "CANARY"}));
    if !asked.header("x-amz-target").is_empty() {
        let authorization = asked.header("authorization");
        let is_signed = authorization.starts_with("AWS4-HMAC-SHA256 Credential=A") && authorization.contains("/ecr");
        let data = json!({"authorizationToken": BASE64_STANDARD.encode("AWS:s3cret"), "expiresAt": END});
        return match asked.header("x-amz-target") {
            _ if !is_signed => (403, String::new(), json!({"__type": "MissingAuthenticationTokenException"})),
            "SpencerFrontendService.GetAuthorizationToken" => ok(json!({"authorizationData": data})),
            _ if authorization.contains("AKIAWRONG") => {
                (400, String::new(), json!({"__type": "UnrecognizedClientException", "message": "CANARY"}))
            }
            _ => ok(json!({"authorizationData": [data]})),
        };
    }
    if asked.body.starts_with("Action=AssumeRoleWithWebIdentity") && asked.header("accept") == "application/json" {
        let result = json!({"AssumeRoleWithWebIdentityResult": {"Credentials": keys("SessionToken")}});
        return ok(json!({"AssumeRoleWithWebIdentityResponse": result}));
    }
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/container") if asked.header("authorization") == "agent" => ok(keys("Token")),
        ("PUT", "/latest/api/token") => ok(json!("imds")),
        ("GET", _) if asked.header("x-aws-ec2-metadata-token") != "imds" => (401, String::new(), Value::Null),
        ("GET", "/latest/meta-data/iam/security-credentials/") => ok(json!("the-role\n")),
        ("GET", "/latest/meta-data/iam/security-credentials/the-role") => ok(keys("Token")),
        _ => denied,
    }
}

fn given(cloud: Cloud, variables: &[(&str, &str)]) -> Given {
    let url = cloud.url();
    let login = format!("[[login]]\nuse = \"ecr\"\nhosts = [\"*\"]\nregion = \"eu-west-1\"\nendpoint = \"{url}\"\n");
    let given = Given::new(login).env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url).keep(cloud);
    variables.iter().fold(given, |given, (name, value)| given.env(name, value))
}

const KEY: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "CANARY")];

sealift_conformance::conformance!(login: given(Cloud::start(answer).await, &KEY));

async fn get(given: &Given, registry: &str) -> Result<Login, String> {
    let provider = given.loaded().unwrap().logins[0].stage.clone();
    let login = provider.get(&format!("{registry}/a/b").parse().unwrap()).await;
    login.map(Option::unwrap).map_err(|error| format!("{error}; {}", error.hint().unwrap_or_default()))
}

#[tokio::test]
async fn each_source_of_credentials_gives_a_login() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "agent\n").unwrap();
    let file = file.to_str().unwrap();
    let cloud = Cloud::start(answer).await;
    let url = format!("{}/container", cloud.url());
    for (variables, origin) in [
        (&KEY[..], "`ecr` with the access key of `AWS_ACCESS_KEY_ID`"),
        (
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", file), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")],
            "`ecr` with the role of `AWS_ROLE_ARN`",
        ),
        (
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)],
            "`ecr` with the role of this container",
        ),
        (&[], "`ecr` with the role of this machine"),
    ] {
        let given = given(Cloud::start(answer).await, variables);
        let login = get(&given, "1.dkr.ecr.eu-west-1.amazonaws.com").await.unwrap();
        assert_eq!((login.origin.as_str(), login.secret().expose()), (origin, "s3cret"));
        assert_eq!(login.expires, Some(UNIX_EPOCH + Duration::from_secs_f64(END)));
    }
    let public = get(&given(Cloud::start(answer).await, &KEY), "public.ecr.aws").await.unwrap();
    assert_eq!(public.secret().expose(), "s3cret");
}

#[tokio::test]
async fn refusals_are_told() {
    for (variables, words) in [
        (&[("AWS_ACCESS_KEY_ID", "AKIAWRONG"), KEY[1]][..], "does not know the access key"),
        (&[("AWS_ACCESS_KEY_ID", "AKIA\u{1}"), KEY[1]], "a key has characters that cannot stand in `authorization`"),
        (&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/")], "connection refused"),
        (
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent"), ("AWS_ROLE_ARN", "r")],
            "cannot read the token in `/nonexistent`",
        ),
    ] {
        let told = get(&given(Cloud::start(answer).await, variables), "1.dkr.ecr.eu-west-1.amazonaws.com").await;
        let told = told.unwrap_err();
        assert!(told.contains(words) && !told.contains("CANARY"), "{told}");
    }
}

#[tokio::test]
async fn a_machine_without_a_role_is_told() {
    let cloud = Cloud::start(|_| (404, String::new(), Value::Null)).await;
    let told = get(&given(cloud, &[]), "1.dkr.ecr.eu-west-1.amazonaws.com").await.unwrap_err();
    assert!(told.contains("the metadata service of this machine gives no credentials (404)"), "{told}");
}

#[tokio::test]
async fn a_region_is_a_name() {
    let table = "[[login]]\nuse = \"ecr\"\nhosts = [\"*\"]\nregion = \"evil.example.com/#\"\n";
    let found = Given::new(table).env(KEY[0].0, KEY[0].1).env(KEY[1].0, KEY[1].1).loaded().err().unwrap();
    assert!(found[0].to_string().contains("`evil.example.com/#` is not the name of a region"), "{}", found[0]);
}
