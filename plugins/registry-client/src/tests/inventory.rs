//! Lists of tags with digests that products have, played by doubles in the documented JSON.

use std::time::{Duration, UNIX_EPOCH};

use sealift_core::{
    content::Digest,
    error::ErrorKind,
    stage::{Fetch, Push, ResolveMode},
};
use serde_json::{Value, json};

use super::{double::*, setting::*};
use crate::config::RegistryConfig;

const TAGS: usize = 1000;

fn digest(number: usize) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn query(path: &str, name: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

/// The numbers of the tags in a page of a hundred.
fn in_page(asked: &Asked) -> std::ops::Range<usize> {
    let number: usize = query(&asked.path, "page").map_or(1, |page| page.parse().unwrap());
    let first = ((number - 1) * 100).min(TAGS);
    first..(first + 100).min(TAGS)
}

fn quay(asked: &Asked) -> Value {
    let tags = in_page(asked).map(|at| {
        json!({
            "name": format!("v{at:04}"), "reversion": false, "start_ts": 1_700_000_000 + at,
            "manifest_digest": digest(at).to_string(), "is_manifest_list": true, "size": null,
            "last_modified": "Tue, 14 Nov 2023 22:13:20 -0000",
        })
    });
    json!({ "tags": tags.collect::<Vec<_>>(), "page": 1, "has_additional": in_page(asked).end < TAGS })
}

fn google(_: &Asked) -> Value {
    let manifests = (0..TAGS).map(|at| {
        let manifest = json!({
            "imageSizeBytes": "2802957", "layerId": "", "mediaType": "application/vnd.oci.image.index.v1+json",
            "tag": [format!("v{at:04}")], "timeCreatedMs": "0", "timeUploadedMs": format!("{}000", 1_700_000_000 + at),
        });
        (digest(at).to_string(), manifest)
    });
    let names: Vec<String> = (0..TAGS).map(|at| format!("v{at:04}")).collect();
    json!({ "child": [], "manifest": manifests.collect::<serde_json::Map<_, _>>(), "name": "a/b", "tags": names })
}

fn azure(asked: &Asked) -> Value {
    let first = query(&asked.path, "last").map_or(0, |last| last[1..].parse::<usize>().unwrap() + 1);
    let tags = (first..(first + 100).min(TAGS)).map(|at| {
        let time = jiff::Timestamp::from_second(1_700_000_000 + i64::try_from(at).unwrap()).unwrap();
        json!({
            "name": format!("v{at:04}"), "digest": digest(at).to_string(), "createdTime": time.to_string(),
            "lastUpdateTime": time.to_string(), "signed": false,
            "changeableAttributes": { "deleteEnabled": true, "writeEnabled": true, "readEnabled": true, "listEnabled": true },
        })
    });
    match first < TAGS {
        true => json!({ "registry": "acme.azurecr.io", "imageName": "a/b", "tags": tags.collect::<Vec<_>>() }),
        false => json!({ "registry": "acme.azurecr.io", "imageName": "a/b", "tags": null }),
    }
}

fn harbor(asked: &Asked) -> Value {
    let artifacts = in_page(asked).map(|at| {
        let time = jiff::Timestamp::from_second(1_700_000_000 + i64::try_from(at).unwrap()).unwrap();
        json!({
            "digest": digest(at).to_string(), "type": "IMAGE",
            "manifest_media_type": "application/vnd.oci.image.index.v1+json", "push_time": time.to_string(),
            "tags": [{ "name": format!("v{at:04}"), "push_time": time.to_string(), "immutable": false }],
        })
    });
    Value::Array(artifacts.collect())
}

/// A product: its kind, the path of its list, the list, and the requests for all of it.
type Product = (&'static str, &'static str, fn(&Asked) -> Value, usize);

const PRODUCTS: [Product; 4] = [
    ("quay", "/api/v1/repository/a/b/tag/", quay, 10),
    ("gar", "/v2/a/b/tags/list", google, 1),
    ("acr", "/acr/v1/a/b/_tags", azure, 10),
    ("harbor", "/api/v2.0/projects/a/repositories/b/artifacts", harbor, 10),
];

async fn product((_, path, list, _): Product) -> Double {
    Double::start(move |asked| {
        if asked.path.starts_with(path) {
            return reply(200).json(&list(asked).to_string());
        }
        let Some((_, tag)) = asked.path.split_once("/manifests/v") else { return reply(200) };
        reply(200)
            .header("content-type", "application/vnd.oci.image.index.v1+json")
            .header("docker-content-digest", digest(tag.parse().unwrap()))
    })
    .await
}

fn of_kind(host: &str, kind: &str) -> std::sync::Arc<crate::Client> {
    client_with(&[(host, RegistryConfig { kind: Some(kind.to_owned()), ..RegistryConfig::default() })], hasty())
}

#[tokio::test]
async fn a_thousand_tags_take_a_few_questions_and_the_pages() {
    for known in PRODUCTS {
        let (kind, path, _, pages) = known;
        let double = product(known).await;
        let client = of_kind(&double.host(), kind);
        let (fetch, push) = (fetch_of(&client), push_of(&client));
        for at in 0..TAGS {
            let image = image_at(&double.host(), &format!("a/b:v{at:04}"));
            // It does not tell indexes and manifests apart.
            if kind != "acr" {
                let found = fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap();
                assert_eq!(found.descriptor.digest, digest(at), "{kind}");
                assert!(found.descriptor.media_type.is_index(), "{kind}");
            }
            if kind != "harbor" {
                assert_eq!(push.resolve(&image).await.unwrap().unwrap().digest, digest(at), "{kind}");
            }
        }
        // Three questions for each page.
        assert_eq!((double.count("GET", path), double.count("HEAD", "/manifests/")), (pages, 3 * pages), "{kind}");
    }
}

#[tokio::test]
async fn a_few_tags_are_asked_for_one_by_one() {
    for known in PRODUCTS {
        let (kind, path, ..) = known;
        let double = product(known).await;
        let fetch = fetch_of(&of_kind(&double.host(), kind));
        for at in 0..3 {
            let image = image_at(&double.host(), &format!("a/b:v{at:04}"));
            fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap();
        }
        assert_eq!(double.count("GET", path), 0, "{kind}");
    }
}

#[tokio::test]
async fn a_list_that_is_refused_or_strange_is_not_asked_for_again() {
    let answers: [fn() -> Reply; 4] =
        [|| reply(401), || reply(404), || reply(200).json("{}"), || reply(200).json("[1]")];
    for (kind, path, ..) in PRODUCTS {
        for answer in answers {
            let double = Double::start(move |asked| {
                if asked.path.starts_with(path) {
                    return answer();
                }
                let Some((_, tag)) = asked.path.split_once("/manifests/v") else { return reply(200) };
                reply(200)
                    .header("content-type", "application/vnd.oci.image.index.v1+json")
                    .header("docker-content-digest", digest(tag.parse().unwrap()))
            })
            .await;
            let fetch = fetch_of(&of_kind(&double.host(), kind));
            for at in 0..20 {
                let image = image_at(&double.host(), &format!("a/b:v{at:04}"));
                assert_eq!(fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap().descriptor.digest, digest(at));
            }
            let most = if kind == "acr" { 0 } else { 2 };
            assert!(double.count("GET", path) <= most, "{kind}: {}", double.count("GET", path));
            assert!(double.count("HEAD", "/manifests/") >= 19, "{kind}");
        }
    }
}

#[tokio::test]
async fn the_time_of_a_push_is_known() {
    for known in PRODUCTS {
        let (kind, path, _, pages) = known;
        let double = product(known).await;
        let fetch = fetch_of(&of_kind(&double.host(), kind));
        let times = fetch.capabilities().push_times.unwrap();
        for at in [5, 777, 6] {
            let pushed = times.pushed(&image_at(&double.host(), &format!("a/b:v{at:04}"))).await.unwrap();
            assert_eq!(pushed, Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000 + at)), "{kind}");
        }
        assert_eq!(double.count("GET", path), pages.min(8), "{kind}");
        let absent = times.pushed(&image_at(&double.host(), "a/b:absent")).await.unwrap();
        assert_eq!(absent, None, "{kind}");
    }
}

#[tokio::test]
async fn a_registry_that_does_not_tell_says_so() {
    let double = Double::start(|_| reply(404)).await;
    let fetch = fetch_of(&client());
    let times = fetch.capabilities().push_times.unwrap();
    let error = times.pushed(&image_at(&double.host(), "a/b:v1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().ends_with("does not tell when tags were pushed"), "{error}");
}

/// Three arbitrary tags were the newest, without a word.
#[tokio::test]
async fn a_list_without_tags_does_not_tell_when_a_tag_was_pushed() {
    let double = Double::start(|_| reply(200).json(r#"{"tags":[],"has_additional":false}"#)).await;
    let fetch = fetch_of(&of_kind(&double.host(), "quay"));
    let times = fetch.capabilities().push_times.unwrap();
    let error = times.pushed(&image_at(&double.host(), "a/b:v1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
