//! What a simulation found, against a network in memory, whose time stands still until nothing is left to do.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{future::join_all, stream};
use http::{Method, StatusCode};
use sealift_conformance::images::image;
use sealift_core::{
    async_trait,
    content::{Descriptor, Digest, ImageRef, Tag, well_known},
    error::Result,
};
use tokio::time::{Instant, sleep};

use super::setting::repository;
use crate::{Client, HostConfig, HttpRequest, HttpResponseBody, Transport, TransportError};

pub(super) type Answer = http::response::Builder;
type Answers = dyn Fn(&HttpRequest, usize) -> (Answer, Bytes) + Send + Sync;

/// A network that answers by a function, which is also given the number of earlier requests for the same URL.
pub(super) struct Memory {
    answers: Box<Answers>,
    asked: Mutex<Vec<(Instant, Method, String)>>,
}

impl Memory {
    pub(super) fn new(answers: impl Fn(&HttpRequest, usize) -> (Answer, Bytes) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answers: Box::new(answers), asked: Mutex::default() })
    }

    fn client(self: &Arc<Self>) -> Client {
        let config = HostConfig::default().login("robot", "password");
        let client = Client::builder().without_environment().host("r.invalid", config);
        client.transport(Arc::clone(self) as Arc<dyn Transport>).build().unwrap()
    }

    /// Returns how many requests with this method had such a URL.
    pub(super) fn count(&self, method: &Method, part: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(_, known, url)| known == method && url.contains(part)).count()
    }

    /// The seconds after `began` at which a part of a URL was asked for.
    fn times(&self, began: Instant, part: &str) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        let asked = asked.iter().filter(|(_, _, url)| url.contains(part));
        asked.map(|(at, ..)| at.duration_since(began).as_secs()).collect()
    }
}

#[async_trait]
impl Transport for Memory {
    async fn send(&self, request: HttpRequest) -> Result<http::Response<HttpResponseBody>, TransportError> {
        let url = request.url.to_string();
        let earlier = {
            let mut asked = self.asked.lock().unwrap();
            let earlier = asked.iter().filter(|(_, method, known)| *method == request.method && *known == url).count();
            asked.push((Instant::now(), request.method.clone(), url));
            earlier
        };
        let (answer, body) = (self.answers)(&request, earlier);
        let body: HttpResponseBody = Box::pin(stream::iter([Ok(body)]));
        Ok(answer.body(body).unwrap())
    }
}

pub(super) fn answer(status: StatusCode) -> Answer {
    http::Response::builder().status(status)
}

/// Answers a request without a login with a challenge.
fn challenge() -> Answer {
    let challenge = "Bearer realm=\"https://auth.invalid/token\",service=\"r\"";
    answer(StatusCode::UNAUTHORIZED).header("www-authenticate", challenge)
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_the_token_service_holds_for_every_token() {
    let tokens = AtomicU64::new(0);
    let memory = Memory::new(move |request, _| match request.url.host_str() {
        Some("auth.invalid") if tokens.fetch_add(1, Ordering::Relaxed) == 0 => {
            (answer(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "20"), Bytes::new())
        }
        Some("auth.invalid") => (answer(StatusCode::OK), Bytes::from_static(br#"{"token":"t"}"#)),
        _ if !request.headers.contains_key("authorization") => (challenge(), Bytes::new()),
        _ => (answer(StatusCode::OK), Bytes::from_static(br#"{"tags":[]}"#)),
    });
    let (client, began) = (memory.client(), Instant::now());
    let repositories: Vec<_> = (0..3).map(|number| repository("r.invalid", &format!("a/{number}"))).collect();
    let read = |number: usize| {
        let (client, at) = (&client, &repositories[number]);
        async move {
            sleep(Duration::from_secs(number as u64)).await;
            client.tags(at).await.unwrap();
        }
    };
    join_all((0..3).map(read)).await;
    let times = memory.times(began, "auth.invalid");
    assert!(times.len() > 2 && times[0] == 0 && times[1..].iter().all(|at| *at >= 20), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_the_store_behind_a_registry_is_kept() {
    let memory = Memory::new(|request, earlier| match (request.url.host_str(), earlier) {
        (Some("store.invalid"), 0) => (answer(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "30"), Bytes::new()),
        (Some("store.invalid"), _) => (answer(StatusCode::OK), Bytes::from_static(b"layer")),
        _ => (answer(StatusCode::TEMPORARY_REDIRECT).header("location", "https://store.invalid/layer"), Bytes::new()),
    });
    let (client, began) = (memory.client(), Instant::now());
    let item = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"layer");
    let at = repository("r.invalid", "a/b");
    let read = async || client.blob(&at, &item).await?.read_to_end(1 << 10).await;
    if read().await.is_err() {
        read().await.unwrap();
    }
    let times = memory.times(began, "store.invalid");
    assert!(times.len() > 1 && times[1..].iter().all(|at| *at >= 30), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_was_damaged_on_the_way_is_read_again_by_its_digest() {
    let whole = image("linux/amd64", &["layer"]).manifest;
    let (expected, digest) = (whole.clone(), whole.digest().clone());
    let memory = Memory::new(move |request, _| {
        let answer = answer(StatusCode::OK)
            .header("content-type", whole.media_type().as_str())
            .header("docker-content-digest", digest.to_string());
        let damaged = String::from_utf8(whole.bytes().to_vec()).unwrap().replace("sha256:", "sha256:0");
        let is_whole = request.url.path().ends_with(&digest.to_string());
        (answer, if is_whole { whole.bytes().clone() } else { damaged.into() })
    });
    let image: ImageRef = "r.invalid/a/b:v1".parse().unwrap();
    assert_eq!(memory.client().manifest(&image).await.unwrap().bytes(), expected.bytes());
    assert_eq!(memory.asked.lock().unwrap().len(), 2);
}

// Seed 650 of the simulation: damaged by its tag and again by its digest, it was taken for what the registry has.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_damaged_again_and_again_is_not_taken_for_what_the_registry_has() {
    let whole = image("linux/amd64", &["layer"]).manifest;
    // The number of answers that are damaged, and the number of requests that it takes.
    for (damaged, requests) in [(2, Some(3)), (3, None)] {
        let (whole, expected) = (whole.clone(), whole.clone());
        let all = AtomicU64::new(0);
        let memory = Memory::new(move |_, _| {
            let number = all.fetch_add(1, Ordering::Relaxed);
            let answer = answer(StatusCode::OK)
                .header("content-type", whole.media_type().as_str())
                .header("docker-content-digest", whole.digest().to_string());
            let mut bytes = whole.bytes().to_vec();
            if number < damaged {
                let at = bytes.len() - 10 - usize::try_from(number).unwrap();
                bytes[at] ^= 1;
            }
            (answer, bytes.into())
        });
        let image: ImageRef = "r.invalid/a/b:v1".parse().unwrap();
        let read = memory.client().manifest(&image).await;
        match requests {
            Some(requests) => {
                assert_eq!(read.unwrap().bytes(), expected.bytes());
                assert_eq!(memory.asked.lock().unwrap().len(), requests);
            }
            None => assert!(read.is_err_and(|error| error.is_retryable_now())),
        }
    }
}

// Seed 1170 of the simulation: damaged by its tag and refused by its digest, it was taken for what the registry has.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_was_damaged_and_is_refused_by_its_digest_is_read_again_by_its_tag() {
    let whole = image("linux/amd64", &["layer"]).manifest;
    for by_digest in [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST] {
        // The number of answers by tag that are damaged, each in another way.
        for damaged in [1, 2] {
            let (whole, expected) = (whole.clone(), whole.clone());
            let memory = Memory::new(move |request, number| {
                if request.url.path().ends_with(&whole.digest().to_string()) {
                    return (answer(by_digest), Bytes::new());
                }
                let answer = answer(StatusCode::OK)
                    .header("content-type", whole.media_type().as_str())
                    .header("docker-content-digest", whole.digest().to_string());
                let mut bytes = whole.bytes().to_vec();
                if number < damaged {
                    let at = bytes.len() - 10 - number;
                    bytes[at] ^= 1;
                }
                (answer, bytes.into())
            });
            let image: ImageRef = "r.invalid/a/b:v1".parse().unwrap();
            let read = memory.client().manifest(&image).await;
            match damaged {
                1 => assert_eq!(read.unwrap().bytes(), expected.bytes(), "{by_digest}"),
                _ => assert!(read.is_err_and(|error| error.is_retryable_now()), "{by_digest}"),
            }
        }
    }
}

// A registry that converts what it serves, and names the digest of what it has.
#[tokio::test(start_paused = true)]
async fn what_comes_twice_alike_is_what_the_registry_has() {
    let whole = image("linux/amd64", &["layer"]).manifest;
    let expected = whole.clone();
    let memory = Memory::new(move |_, _| {
        let answer = answer(StatusCode::OK).header("content-type", whole.media_type().as_str());
        (answer.header("docker-content-digest", Digest::of(b"other").to_string()), whole.bytes().clone())
    });
    let image: ImageRef = "r.invalid/a/b:v1".parse().unwrap();
    assert_eq!(memory.client().manifest(&image).await.unwrap().digest(), expected.digest());
}

// Some registries name another digest than that of what they serve, and do not know it.
#[tokio::test(start_paused = true)]
async fn a_digest_that_a_registry_does_not_know_itself_does_not_count() {
    let whole = image("linux/amd64", &["layer"]).manifest;
    let expected = whole.clone();
    let memory = Memory::new(move |request, _| match request.url.path().ends_with("v1") {
        true => {
            let answer = answer(StatusCode::OK).header("content-type", whole.media_type().as_str());
            (answer.header("docker-content-digest", Digest::of(b"other").to_string()), whole.bytes().clone())
        }
        false => (answer(StatusCode::NOT_FOUND), Bytes::new()),
    });
    let image: ImageRef = "r.invalid/a/b:v1".parse().unwrap();
    assert_eq!(memory.client().manifest(&image).await.unwrap().digest(), expected.digest());
}

// A registry that hides what it has from anonymous users tells at its root what it wants.
#[tokio::test(start_paused = true)]
async fn a_pause_that_the_root_of_a_registry_asks_for_is_kept_and_the_root_is_asked_again() {
    let memory = Memory::new(|request, earlier| match (request.url.path(), earlier) {
        ("/v2/", 0) => (answer(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "40"), Bytes::new()),
        ("/v2/", _) => (answer(StatusCode::UNAUTHORIZED).header("www-authenticate", "Basic realm=\"r\""), Bytes::new()),
        _ if request.headers.contains_key("authorization") => {
            (answer(StatusCode::OK), Bytes::from_static(br#"{"tags":["v1"]}"#))
        }
        _ => (answer(StatusCode::FORBIDDEN), Bytes::new()),
    });
    let (client, began, at) = (memory.client(), Instant::now(), repository("r.invalid", "a/b"));
    assert!(client.tags(&at).await.is_err(), "the refusal stays");
    assert_eq!(client.tags(&at).await.unwrap().tags.len(), 1);
    let times = memory.times(began, "r.invalid");
    assert!(times.len() > 3 && times[2..].iter().all(|at| *at >= 40), "{times:?}");
}

// A list from the beginning of a long run does not have what was signed since.
#[tokio::test(start_paused = true)]
async fn tags_that_refer_to_digests_are_listed_again_in_a_long_run() {
    let signature = image("linux/amd64", &["signature"]).manifest;
    let subject = Digest::of(b"image");
    let name = Tag::referrers_tag(&subject).unwrap();
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": well_known::OCI_INDEX,
        "manifests": [{
            "mediaType": signature.media_type().as_str(),
            "digest": signature.digest().to_string(),
            "size": signature.bytes().len(),
        }],
    });
    let (path, tags) = (format!("/manifests/{name}"), format!(r#"{{"tags":["{name}"]}}"#));
    let memory = Memory::new(move |request, earlier| match request.url.path() {
        at if at.ends_with("/tags/list") && earlier == 0 => (answer(StatusCode::OK), Bytes::from(r#"{"tags":[]}"#)),
        at if at.ends_with("/tags/list") => (answer(StatusCode::OK), Bytes::from(tags.clone())),
        at if at.ends_with(&path) => (
            answer(StatusCode::OK).header("content-type", well_known::OCI_INDEX.as_str()),
            Bytes::from(index.to_string()),
        ),
        _ => (answer(StatusCode::NOT_FOUND), Bytes::new()),
    });
    let (client, began, at) = (memory.client(), Instant::now(), repository("r.invalid", "a/b"));
    let count = async || client.referrers(&at, &subject).await.unwrap().len();
    assert_eq!((count().await, count().await), (0, 0));
    sleep(Duration::from_secs(15 * 60)).await;
    assert_eq!((count().await, count().await), (1, 1));
    assert_eq!(memory.times(began, "/tags/list"), [0, 900]);
}

// A 401 without a challenge or a body is explained by another request, whose response counts like any other.
#[tokio::test(start_paused = true)]
async fn a_pause_that_the_question_after_a_refusal_brings_is_kept() {
    let digest = Digest::of(b"manifest").to_string();
    let memory = Memory::new(move |request, earlier| {
        let refusal =
            |challenge| (answer(StatusCode::UNAUTHORIZED).header("www-authenticate", challenge), Bytes::new());
        match request.method {
            _ if !request.headers.contains_key("authorization") => refusal("Basic realm=\"r\""),
            Method::HEAD if earlier < 2 => refusal(""),
            Method::HEAD => {
                let found = answer(StatusCode::OK).header("content-type", well_known::OCI_MANIFEST.as_str());
                (found.header("docker-content-digest", &digest).header("content-length", "8"), Bytes::new())
            }
            _ => (answer(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "30"), Bytes::new()),
        }
    });
    let (client, began) = (memory.client(), Instant::now());
    let image: ImageRef = "r.invalid/a/b:v1".parse().unwrap();
    assert_eq!(client.resolve(&image).await.unwrap().digest, Digest::of(b"manifest"));
    assert_eq!(memory.times(began, "/tags/list"), [0]);
    assert_eq!(memory.times(began, "/manifests/v1"), [0, 0, 30]);
}

// The body of a refusal is read for its reason, and what is left of it is discarded. A stream may break at that.
#[tokio::test(start_paused = true)]
async fn a_body_is_not_read_beyond_its_end() {
    struct Strict;
    #[async_trait]
    impl Transport for Strict {
        async fn send(&self, request: HttpRequest) -> Result<http::Response<HttpResponseBody>, TransportError> {
            let challenge = if request.headers.contains_key("authorization") { "" } else { "Basic realm=\"r\"" };
            let said = r#"{"errors":[{"code":"UNAUTHORIZED","message":"project a not found: project a not found"}]}"#;
            let body = stream::unfold(Some(said), |said| async move { said.map(|said| (Ok(Bytes::from(said)), None)) });
            let answer = answer(StatusCode::UNAUTHORIZED).header("www-authenticate", challenge);
            Ok(answer.body(Box::pin(body) as HttpResponseBody).unwrap())
        }
    }
    let config = HostConfig::default().login("robot", "password");
    let client = Client::builder().without_environment().host("r.invalid", config);
    let client = client.transport(Arc::new(Strict) as Arc<dyn Transport>).build().unwrap();
    client.check_login(&repository("r.invalid", "a/b")).await.unwrap();
}
