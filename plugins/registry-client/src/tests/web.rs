//! Requests to services beside registries.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use http::Request;
use sealift_core::plugin::{BuildContext, Purpose};
use sealift_testkit::{cloud::Cloud, tls::Identity, token_service::TokenService};
use serde_json::{Value, json};

use crate::WebClient;

fn client(home: &Path) -> WebClient {
    let home = home.to_string_lossy().into_owned();
    let environment = move |name: &str| (name == "HOME").then(|| home.clone());
    WebClient::new(&BuildContext::new(Arc::new(environment), ".", Purpose::Run))
}

fn get(url: impl AsRef<str>) -> Request<String> {
    Request::get(url.as_ref()).body(String::new()).unwrap()
}

#[tokio::test]
async fn a_failure_that_may_pass_is_repeated_and_a_refusal_is_not() {
    let asked = AtomicU32::new(0);
    let cloud = Cloud::start(move |request| match request.path.as_str() {
        "/busy" if asked.fetch_add(1, Ordering::Relaxed) < 2 => (503, String::new(), Value::Null),
        "/no" => (403, String::new(), Value::Null),
        _ => (200, String::new(), json!({"is": "well"})),
    })
    .await;
    let client = client(Path::new("/nonexistent"));
    let answer = client.send(&get(format!("{}/busy", cloud.url()))).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &br#"{"is":"well"}"#[..]));
    assert_eq!(cloud.asked("/busy").len(), 3);
    assert_eq!(client.send(&get(format!("{}/no", cloud.url()))).await.unwrap().status(), 403);
    assert_eq!(cloud.asked("/no").len(), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed_because_requests_have_secrets() {
    let cloud = Cloud::start(|_| (302, String::new(), Value::Null)).await;
    assert_eq!(client(Path::new("/nonexistent")).send(&get(cloud.url())).await.unwrap().status(), 302);
}

#[tokio::test]
async fn a_private_ca_stands_in_certs_d_as_for_registries() {
    let (identity, home) = (Identity::generate(), tempfile::tempdir().unwrap());
    let service = TokenService::start_tls(&[], &identity).await;
    let request = get(service.realm());
    let error = client(home.path()).send(&request).await.unwrap_err();
    let told = format!("{error}; {}", error.hint().unwrap_or_default());
    assert!(told.contains("is not trusted") && told.contains("certs.d") && !told.contains("ca_file"), "{told}");
    let folder = home.path().join(".config/containers/certs.d").join(service.addr().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("ca.crt"), &identity.authority).unwrap();
    assert_eq!(client(home.path()).send(&request).await.unwrap().status(), 200);
}
