//! The client without a pipeline.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::stream;
use sealift_conformance::images::image;
use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, ImageRef, Repository, well_known},
    error::{ErrorKind, Result},
    login::{Login, LoginProvider},
    secret::Secret,
};
use sealift_testkit::registry::Registry as TestRegistry;

use super::{double::*, setting::*};
use crate::{ApiRequest, Client, HostConfig, HttpRequest, HttpResponseBody, RetryPolicy, Transport, TransportError};

fn built(host: &str, config: HostConfig) -> Client {
    let retry = RetryPolicy { requests: 1, ..RetryPolicy::default() };
    Client::builder().without_environment().retry(retry).host(host, config).build().unwrap()
}

#[tokio::test]
async fn an_image_goes_there_and_back_and_is_deleted() {
    let Some(registry) = TestRegistry::start() else { return };
    let client = built(&registry.host(), HostConfig::default());
    let at: ImageRef = format!("{}/team/app:v1", registry.host()).parse().unwrap();
    let image = image("linux/amd64", &["app"]);
    for (item, bytes) in &image.blobs {
        let blob = || Blob::from_bytes(item.clone(), bytes.clone());
        assert!(client.push_blob(&at.repository, blob()).await.unwrap(), "it is sent");
        assert!(!client.push_blob(&at.repository, blob()).await.unwrap(), "and not twice");
    }
    client.push_manifest(&at, &image.manifest).await.unwrap();
    assert_eq!(client.resolve(&at).await.unwrap().digest, *image.manifest.digest());
    assert_eq!(client.manifest(&at).await.unwrap().bytes(), image.manifest.bytes());
    let (item, bytes) = &image.blobs[0];
    assert_eq!(client.blob(&at.repository, item).await.unwrap().read_to_end(1 << 20).await.unwrap(), *bytes);
    client.delete_manifest(&at.repository.with_digest(image.manifest.digest())).await.unwrap();
    assert_eq!(client.resolve(&at).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_registry_that_does_not_delete_says_so() {
    let double = Double::start(|_| reply(405)).await;
    let client = built(&double.host(), HostConfig::default());
    let at = repository(&double.host(), "a/b").with_digest(&digest_of(b"x"));
    let error = client.delete_manifest(&at).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().starts_with(&format!("cannot delete `{at}`: ")), "{error}");
    assert_eq!(double.count("DELETE", "/v2/a/b/manifests/sha256:"), 1);
}

#[tokio::test]
async fn the_login_of_the_builder_is_used_and_the_retries_are_its_own() {
    let double = Double::start(|asked| match asked.authorized() {
        false => reply(401).header("www-authenticate", "Basic realm=\"x\""),
        true => reply(503),
    })
    .await;
    let client = built(&double.host(), HostConfig::default().login("bot", "pw"));
    let error = client.tags(&repository(&double.host(), "a/b")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(double.asked().len(), 2, "one without login, one with");
}

#[tokio::test]
async fn a_registry_that_is_named_as_harbor_is_treated_as_one_from_the_first_request_on() {
    for (config, asked_first) in [(HostConfig::default(), "POST"), (HostConfig::default().kind("harbor"), "HEAD")] {
        let double = Double::start(|_| reply(404)).await;
        let client = built(&double.host(), config);
        let item = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"x");
        let blob = Blob::from_bytes(item, "x".into());
        client.push_blob(&repository(&double.host(), "a/b"), blob).await.unwrap_err();
        assert_eq!(double.asked()[0].method, asked_first);
    }
}

#[test]
fn what_cannot_be_used_is_refused_when_the_client_is_built() {
    for (host, config, words) in [
        ("https://quay.io", HostConfig::default(), "quay.io"),
        (
            "quay.io",
            HostConfig::default().kind("harbour"),
            "docker-hub, ghcr, ecr, quay, gar, acr, harbor, distribution",
        ),
        ("quay.io", HostConfig::default().ca("nonsense"), "the CA"),
    ] {
        let error = Client::builder().host(host, config).build().unwrap_err();
        assert!(error.message().contains(words), "{error}");
    }
}

/// The login of an invented cloud: its secret is good for one request.
#[derive(Default)]
struct Cloud {
    secret: std::sync::Mutex<u32>,
}

#[sealift_core::async_trait]
impl LoginProvider for Cloud {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        let secret = Secret::new(format!("s{}", self.secret.lock().unwrap()));
        Ok(repository.path().starts_with("cloud/").then(|| Login::basic("cloud", secret, "the cloud")))
    }

    async fn invalidate(&self, _: &Login) {
        *self.secret.lock().unwrap() += 1;
    }
}

#[tokio::test]
async fn a_login_of_another_crate_is_asked_again_when_its_secret_ends() {
    let served = std::sync::atomic::AtomicUsize::new(0);
    let double = Double::start(move |asked| {
        let number = served.load(std::sync::atomic::Ordering::Relaxed);
        let good = format!("Basic {}", BASE64_STANDARD.encode(format!("cloud:s{number}")));
        if asked.header("authorization") != Some(&good) {
            return reply(401).header("www-authenticate", "Basic realm=\"x\"");
        }
        served.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        reply(200).json(r#"{"tags":["v1"]}"#)
    })
    .await;
    let client = Client::builder().without_environment().login(std::sync::Arc::new(Cloud::default())).build().unwrap();
    for _ in 0..3 {
        client.tags(&repository(&double.host(), "cloud/a")).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }
    assert_eq!(client.tags(&repository(&double.host(), "other/a")).await.unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn an_unknown_kind_is_refused_where_it_stands() {
    use sealift_core::plugin::{BuildContext, Purpose};
    let cx = BuildContext::new(std::sync::Arc::new(|_: &str| None), ".", Purpose::Run);
    let entry = crate::RegistryConfig { kind: Some("harbour".to_owned()), ..Default::default() };
    let config = crate::Config { file: None, hosts: [("h.io".to_owned(), entry)].into() };
    let problems = crate::Registries::with(config, &cx, hasty(), Vec::new()).unwrap_err().into_problems();
    assert_eq!(problems[0].key.as_deref(), Some("\"h.io\".kind"));
    assert!(problems[0].diagnostic.message.contains("`harbour`"), "{}", problems[0].diagnostic.message);
}

/// A network in memory, in which every registry has the same tags.
struct Memory;

#[async_trait]
impl Transport for Memory {
    async fn send(&self, request: HttpRequest) -> Result<http::Response<HttpResponseBody>, TransportError> {
        assert_eq!(request.url.as_str(), "https://registry.invalid/v2/a/b/tags/list?n=1000");
        let body: HttpResponseBody = Box::pin(stream::iter([Ok(Bytes::from_static(br#"{"tags":["v1"]}"#))]));
        Ok(http::Response::new(body))
    }
}

#[tokio::test]
async fn another_transport_takes_the_place_of_the_network() {
    let client = Client::builder().without_environment().transport(Arc::new(Memory)).build().unwrap();
    let tags = client.tags(&repository("registry.invalid", "a/b")).await.unwrap().tags;
    assert_eq!(tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["v1"]);
    assert_eq!(client.request_counts().total(), 1);
}

/// It was for Harbor alone, and every registry that it was sent to counted as one from then on.
#[tokio::test]
async fn the_api_of_any_product_can_be_asked_and_makes_no_harbor_of_it() {
    let double = Double::start(|asked| match asked.is("GET", "/api/v1/repository/team/app") {
        true => reply(200).json("{\"name\":\"app\"}"),
        false => reply(404),
    })
    .await;
    let client = built(&double.host(), HostConfig::default().login("robot", "secret"));
    let at = repository(&double.host(), "team/app");
    let (method, path) = (crate::http::Method::GET, "/api/v1/repository/team/app".to_owned());
    let request = ApiRequest { repository: &at, method, path, headers: Vec::new(), body: None };
    let answer = client.product_api(&request).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"{\"name\":\"app\"}"[..]));
    assert_eq!(client.registry(&at).profile.get().name(), "distribution");
    client.treat_as_harbor(&at);
    assert_eq!(client.registry(&at).profile.get().name(), "harbor");
}
