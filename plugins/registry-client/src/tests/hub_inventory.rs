//! The list of tags of Docker Hub, which another host has than the registry's.

use std::{
    future::pending,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use bytes::Bytes;
use futures::future::join_all;
use http::{Method, StatusCode};
use sealift_core::{
    async_trait,
    content::{Digest, MediaType, well_known},
    error::{ErrorKind, Result},
    stage::{Fetch, Push, ResolveMode},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    memory::{Answer, Memory, answer},
    setting::{client_following, client_with, fetch_of, hasty, image_at, push_of, repository},
};
use crate::{Client, HostConfig, HttpRequest, HttpResponseBody, Transport, TransportError, config::RegistryConfig};

const LIST: &str = "https://hub.docker.com/v2/namespaces/library/repositories/nginx/tags?page_size=100&page=";
/// The numbers of tags that were pushed so long ago that the list has no digest of them.
const OLD: std::ops::Range<usize> = 240..250;

fn digest(number: usize) -> Digest {
    Digest::of(&number.to_le_bytes())
}

/// Even tags are indexes, odd ones images for one platform.
fn media_type(number: usize) -> MediaType {
    if number.is_multiple_of(2) { well_known::OCI_INDEX } else { well_known::DOCKER_MANIFEST }
}

/// A tag as the list has it.
fn listed(number: usize) -> Value {
    let pushed = jiff::Timestamp::from_second(1_700_000_000 - i64::try_from(number).unwrap()).unwrap();
    let config = "application/vnd.docker.container.image.v1+json";
    let media_type = if number.is_multiple_of(2) { well_known::OCI_INDEX.to_string() } else { config.to_owned() };
    let mut tag = json!({
        "creator": 1, "id": number, "images": [{ "architecture": "amd64", "os": "linux", "status": "active" }],
        "last_updated": pushed.to_string(), "name": format!("v{number}"), "repository": 21171, "full_size": 67_000_000,
        "v2": true, "tag_status": "active", "tag_last_pushed": pushed.to_string(), "media_type": media_type,
        "content_type": "image", "digest": digest(number).to_string(),
    });
    if OLD.contains(&number) {
        tag.as_object_mut().unwrap().remove("digest");
    }
    tag
}

fn page(number: usize, tags: usize) -> Value {
    let (first, end) = ((number - 1) * 100, (number * 100).min(tags));
    let next = (end < tags).then(|| format!("{LIST}{}", number + 1));
    let listed: Vec<Value> = (first..end).map(listed).collect();
    json!({ "count": tags, "next": next, "previous": null, "results": listed })
}

/// The registry, its token service, and the host of the list, which answers like this to a page.
fn hub(list: impl Fn(usize) -> (StatusCode, Value) + Send + Sync + 'static) -> Arc<Memory> {
    Memory::new(move |request, _| {
        let (host, path) = (request.url.host_str().unwrap(), request.url.path());
        let login = request.headers.get("authorization");
        match host {
            "hub.docker.com" => {
                assert!(login.is_none() && !request.headers.contains_key("cookie"), "it gets no credentials");
                let url = request.url.as_str();
                let (status, body) = list(url.strip_prefix(LIST).expect(url).parse().unwrap());
                (answer(status), body.to_string().into())
            }
            "auth.docker.io" => (answer(StatusCode::OK), Bytes::from_static(br#"{"token":"t"}"#)),
            "registry-1.docker.io" if login.is_none() => (challenge(), Bytes::new()),
            "registry-1.docker.io" => {
                let number = path.rsplit_once("/manifests/v").unwrap().1.parse().unwrap();
                let found = answer(StatusCode::OK).header("content-type", media_type(number).as_str());
                (found.header("docker-content-digest", digest(number).to_string()), Bytes::new())
            }
            other => panic!("{other} is asked"),
        }
    })
}

fn challenge() -> Answer {
    let challenge = "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\"";
    answer(StatusCode::UNAUTHORIZED).header("www-authenticate", challenge)
}

fn client(transport: Arc<dyn Transport>) -> Arc<Client> {
    let config = HostConfig::default().login("robot", "CANARY");
    let client = Client::builder().without_environment().host("docker.io", config).transport(transport);
    Arc::new(client.build().unwrap())
}

/// Asks for tags one after the other, as a source.
async fn resolve(client: &Arc<Client>, tags: std::ops::Range<usize>) {
    let fetch = fetch_of(client);
    for number in tags {
        let image = image_at("docker.io", &format!("nginx:v{number}"));
        let found = fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap().descriptor;
        assert_eq!((found.digest, found.media_type), (digest(number), media_type(number)), "v{number}");
    }
}

#[tokio::test]
async fn tags_of_docker_hub_take_a_few_questions_and_the_pages_of_another_host() {
    let memory = hub(|number| (StatusCode::OK, page(number, 250)));
    let client = client(Arc::clone(&memory) as _);
    resolve(&client, 0..250).await;
    // Three questions for each page, the one that is not answered for want of a login, and the tags without a digest.
    assert_eq!((memory.count(&Method::GET, LIST), memory.count(&Method::HEAD, "")), (3, 9 + 1 + OLD.len()));
    let push = push_of(&client);
    for number in 0..OLD.start {
        let found = push.resolve(&image_at("docker.io", &format!("nginx:v{number}"))).await.unwrap().unwrap();
        assert_eq!(found.digest, digest(number));
    }
    assert_eq!(memory.count(&Method::GET, LIST), 3);
    let counts = client.request_counts();
    let of = |host: &str| counts.iter().filter(|(known, ..)| *known == host).map(|(.., sent)| sent).sum::<u64>();
    assert_eq!(of("hub.docker.com"), 3, "they are counted");
}

#[tokio::test]
async fn docker_hub_tells_when_tags_were_pushed() {
    let memory = hub(|number| (StatusCode::OK, page(number, 250)));
    let fetch = fetch_of(&client(Arc::clone(&memory) as _));
    let times = fetch.capabilities().push_times.unwrap();
    for number in [7, 201, 245] {
        let pushed = times.pushed(&image_at("docker.io", &format!("nginx:v{number}"))).await.unwrap();
        assert_eq!(pushed, Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000 - number)));
    }
    assert_eq!(times.pushed(&image_at("docker.io", "nginx:absent")).await.unwrap(), None);
    assert_eq!((memory.count(&Method::GET, LIST), memory.count(&Method::HEAD, "")), (3, 0));
}

#[tokio::test]
async fn a_refusal_of_the_list_costs_one_request_in_a_run() {
    for (status, body) in [
        (StatusCode::NOT_FOUND, json!({ "message": "object not found", "errinfo": {} })),
        (StatusCode::FORBIDDEN, json!({ "message": "access denied" })),
        (StatusCode::TOO_MANY_REQUESTS, json!({ "detail": "Rate limit exceeded" })),
        (StatusCode::SERVICE_UNAVAILABLE, Value::Null),
        (StatusCode::OK, json!({ "count": 1 })),
        (StatusCode::OK, json!("<html>")),
    ] {
        let memory = hub(move |_| (status, body.clone()));
        let began = Instant::now();
        resolve(&client(Arc::clone(&memory) as _), 0..30).await;
        assert_eq!((memory.count(&Method::GET, LIST), memory.count(&Method::HEAD, "")), (1, 31), "{status}");
        assert!(began.elapsed() < Duration::from_secs(20), "{status}");
    }
}

// Since August 2026 pages after the thousandth tag are refused without a login (goharbor/harbor#23819).
#[tokio::test]
async fn a_list_whose_later_pages_are_refused_is_used_as_far_as_it_goes() {
    let memory = hub(|number| match number {
        1 | 2 => (StatusCode::OK, page(number, 230)),
        _ => (StatusCode::FORBIDDEN, json!({ "message": "pagination offset too large for anonymous requests" })),
    });
    let client = client(Arc::clone(&memory) as _);
    resolve(&client, 0..230).await;
    assert_eq!((memory.count(&Method::GET, LIST), memory.count(&Method::HEAD, "")), (3, 6 + 1 + 30));
    resolve(&client, 0..200).await;
    assert_eq!((memory.count(&Method::GET, LIST), memory.count(&Method::HEAD, "")), (3, 37));
    let fetch = fetch_of(&client);
    let times = fetch.capabilities().push_times.unwrap();
    assert!(times.pushed(&image_at("docker.io", "nginx:v7")).await.unwrap().is_some());
    let error = times.pushed(&image_at("docker.io", "nginx:v225")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "an old tag is not taken for one that does not exist");
}

/// A network in which the host of the list never answers.
struct Firewall(Arc<Memory>);

#[async_trait]
impl Transport for Firewall {
    async fn send(&self, request: HttpRequest) -> Result<http::Response<HttpResponseBody>, TransportError> {
        let is_cut_off = request.url.host_str() == Some("hub.docker.com");
        let answer = self.0.send(request).await;
        if is_cut_off { pending().await } else { answer }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_out_of_reach_is_tried_once_and_one_tag_waits_for_it() {
    let memory = hub(|number| (StatusCode::OK, page(number, 200)));
    let client = client(Arc::new(Firewall(Arc::clone(&memory))));
    let (fetch, began) = (fetch_of(&client), Instant::now());
    let tags = (0..200).map(|number| {
        let (fetch, name) = (&fetch, format!("nginx:v{number}"));
        async move {
            let image = image_at("docker.io", &name);
            fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap();
            began.elapsed()
        }
    });
    let mut took = join_all(tags).await;
    took.sort_unstable();
    assert_eq!(memory.count(&Method::GET, LIST), 1);
    assert!(took[198] < Duration::from_secs(1), "{:?}", took[198]);
    assert!(took[199] < Duration::from_secs(4), "{:?}", took[199]);
    resolve(&client, 0..100).await;
    assert_eq!(memory.count(&Method::GET, LIST), 1);
}

#[tokio::test]
async fn what_stands_in_front_of_docker_hub_is_not_gone_around() {
    let hub = repository("docker.io", "library/nginx");
    let list_host = |client: Arc<Client>| client.registry(&hub).list_host.is_some();
    let entry = |entry: RegistryConfig| list_host(client_with(&[("docker.io", entry)], hasty()));
    assert!(entry(RegistryConfig::default()));
    assert!(!entry(RegistryConfig { path_prefix: Some("/proxy".to_owned()), ..RegistryConfig::default() }));
    assert!(!entry(RegistryConfig { insecure: true, ..RegistryConfig::default() }));
    for (conf, is_asked) in [
        ("[[registry]]\nlocation = \"quay.io\"\n[[registry.mirror]]\nlocation = \"m.corp\"\n", true),
        ("[[registry]]\nlocation = \"docker.io\"\n", true),
        ("[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"m.corp/hub\"\n", false),
        ("[[registry]]\nprefix = \"docker.io\"\nlocation = \"m.corp/hub\"\n", false),
        ("[[registry]]\nprefix = \"docker.io/library\"\nlocation = \"m.corp/library\"\n", false),
        ("[[registry]]\nprefix = \"docker.io/bad\"\nblocked = true\n", false),
    ] {
        assert_eq!(list_host(client_following(conf)), is_asked, "{conf}");
    }
    let named = RegistryConfig { kind: Some("docker-hub".to_owned()), ..RegistryConfig::default() };
    let client = client_with(&[("m.corp", named)], hasty());
    assert!(client.registry(&repository("m.corp", "a/b")).list_host.is_none());
}

#[tokio::test]
async fn another_kind_turns_the_list_off() {
    let memory = hub(|number| (StatusCode::OK, page(number, 250)));
    let config = HostConfig::default().login("robot", "CANARY").kind("distribution");
    let client = Client::builder().without_environment().host("docker.io", config);
    let client = Arc::new(client.transport(Arc::clone(&memory) as _).build().unwrap());
    resolve(&client, 0..50).await;
    assert_eq!((memory.count(&Method::GET, "hub.docker.com"), memory.count(&Method::HEAD, "")), (0, 51));
}
