use std::time::Duration;

use reqwest::{Client, Response, StatusCode};

use super::{Act, Answer, End, Fault, FaultRegistry, Guard, Weather};
use sealift_conformance::images::image;

use crate::content::Content;

const LAYER: usize = 100_000;

/// A registry with one image, and the path of its layer.
async fn filled() -> (FaultRegistry, String) {
    let registry = FaultRegistry::start().await;
    let app = image("linux/amd64", &[&"x".repeat(LAYER)]);
    Content::at(&registry.url_behind()).put("app", "v1", &app).await;
    let path = format!("/v2/app/blobs/{}", app.blobs[1].0.digest);
    (registry, path)
}

async fn get(registry: &FaultRegistry, path: &str) -> Response {
    let client = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    client.get(format!("{}{path}", registry.url())).send().await.unwrap()
}

#[tokio::test]
async fn without_faults_it_is_the_registry_behind_it() {
    let registry = FaultRegistry::start().await;
    let content = Content::at(&registry.url());
    content.put("app", "v1", &image("linux/amd64", &["layer"])).await;
    assert_eq!(content.whole("app", "v1").await.len(), 3);
    let journal = registry.journal();
    assert_eq!((journal.count("POST", "/uploads/"), journal.count("PUT", "/uploads/")), (2, 2), "{journal}");
    let put = journal.of("PUT", "/manifests/v1").next().unwrap();
    assert!(put.received > 100 && put.status == Some(201), "{put}");
    assert!(journal.faults().is_empty());
    assert!(journal.iter().all(|exchange| exchange.connection == 1), "one connection serves them all\n{journal}");
}

#[tokio::test]
async fn an_answer_is_cut_at_the_byte_and_only_the_one_it_was_meant_for() {
    let (registry, path) = filled().await;
    registry.will(Fault::on("GET", "/blobs/").nth(2).act(Act::Cut { after: 1234, end: End::Fin }));
    assert_eq!(get(&registry, &path).await.bytes().await.unwrap().len(), LAYER);
    assert!(get(&registry, &path).await.bytes().await.is_err());
    assert_eq!(get(&registry, &path).await.bytes().await.unwrap().len(), LAYER);
    let journal = registry.journal();
    let sent: Vec<_> = journal.of("GET", "/blobs/").map(|exchange| exchange.sent).collect();
    assert_eq!(sent, [LAYER as u64, 1234, LAYER as u64]);
    assert_eq!(journal.faults(), ["cut the answer after 1234 bytes (Fin)"]);
    registry.assert_all_fired();
}

#[tokio::test]
async fn bytes_are_changed_shortened_and_added() {
    let (registry, path) = filled().await;
    registry.will(Fault::on("GET", "/blobs/").nth(1).act(Act::Flip { at: 70_000 }));
    registry.will(Fault::on("GET", "/blobs/").nth(2).act(Act::Shorten { to: 10 }));
    registry.will(Fault::on("GET", "/blobs/").nth(3).act(Act::Endless));
    let flipped = get(&registry, &path).await.bytes().await.unwrap();
    assert_eq!(flipped.iter().position(|byte| *byte != b'x'), Some(70_000));
    assert_eq!(get(&registry, &path).await.bytes().await.unwrap().len(), 10);
    let mut endless = get(&registry, &path).await;
    let mut got = 0;
    while got <= 3 * LAYER {
        got += endless.chunk().await.unwrap().expect("it does not end").len();
    }
    registry.assert_all_fired();
}

#[tokio::test]
async fn an_answer_is_lost_after_the_registry_did_what_it_was_asked() {
    let registry = FaultRegistry::start().await;
    let behind = Content::at(&registry.url_behind());
    behind.put("app", "v1", &image("linux/amd64", &["layer"])).await;
    let manifest = behind.manifest("app", "v1").await.unwrap();
    registry.will(Fault::on("PUT", "/manifests/v2").act(Act::Lose(End::Reset)));
    let client = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let put = client.put(format!("{}/v2/app/manifests/v2", registry.url()));
    let put = put.header("content-type", manifest.media_type().as_str()).body(manifest.bytes().clone());
    assert!(put.send().await.is_err());
    assert_eq!(behind.digest("app", "v2").await.as_ref(), Some(manifest.digest()));
    registry.assert_all_fired();
}

#[tokio::test]
async fn what_is_scripted_is_said_and_headers_are_changed() {
    let (registry, path) = filled().await;
    registry.will(Fault::on("GET", "/v2/*/nothing").act(Act::Say(Answer::status(429).header("retry-after", 3))));
    registry.will(Fault::on("*", "/blobs/").act(Act::Header("docker-content-digest", Some("sha256:lie".to_owned()))));
    let said = get(&registry, "/v2/app/nothing").await;
    assert_eq!((said.status(), &said.headers()["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &"3".parse().unwrap()));
    assert_eq!(get(&registry, &path).await.headers()["docker-content-digest"], "sha256:lie");
    registry.assert_all_fired();
    registry.heal();
    assert_ne!(get(&registry, &path).await.headers()["docker-content-digest"], "sha256:lie");
}

#[tokio::test]
async fn a_guard_wants_its_token() {
    let (registry, path) = filled().await;
    registry.guard(Guard { username: "me".into(), password: "secret".into(), token: "abc".into() });
    let refused = get(&registry, &path).await;
    assert_eq!(refused.status(), 401);
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().contains("/token"));
    let client = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let token = client.get(format!("{}/token", registry.url())).basic_auth("me", Some("secret")).send().await.unwrap();
    assert!(token.text().await.unwrap().contains("abc"));
    let given = client.get(format!("{}{path}", registry.url())).bearer_auth("abc").send().await.unwrap();
    assert_eq!(given.status(), 200);
}

#[tokio::test]
async fn a_frozen_network_goes_on_where_it_stood_and_one_that_is_down_resets() {
    let (registry, path) = filled().await;
    registry.weather(Weather::Frozen);
    let mut waiting = tokio::spawn({
        let url = format!("{}{path}", registry.url());
        async move { reqwest::get(url).await.unwrap().bytes().await.unwrap().len() }
    });
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut waiting).await.is_err(), "nothing comes through");
    registry.weather(Weather::Fine);
    assert_eq!(waiting.await.unwrap(), LAYER);
    registry.weather(Weather::Down);
    assert!(reqwest::get(format!("{}{path}", registry.url())).await.is_err());
}

#[tokio::test]
async fn who_tries_tls_is_not_kept_waiting() {
    let _ = rustls::crypto::ring::default_provider().install_default(); // another test may have done so
    let registry = FaultRegistry::start().await;
    let answer = reqwest::get(format!("https://{}/v2/", registry.host()));
    assert!(tokio::time::timeout(Duration::from_secs(5), answer).await.expect("an end").is_err());
}
