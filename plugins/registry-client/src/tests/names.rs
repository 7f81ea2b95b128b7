//! Tag lists and manifests as odd registries give them.

use std::time::Duration;

use sealift_core::{
    content::{Manifest, Tag, well_known},
    error::ErrorKind,
    stage::{Fetch, Push, ResolveMode},
};
use sealift_serve::access::RequestKind;
use sealift_testkit::registry::Registry;

use super::{double::*, setting::*};

async fn tags(double: &Double) -> sealift_core::error::Result<Vec<String>> {
    let found = client().tags(&repository(&double.host(), "a/b")).await?;
    Ok(found.tags.iter().map(|tag| Tag::as_str(tag).to_owned()).collect())
}

#[tokio::test]
async fn pages_are_followed_to_the_last_one() {
    let double = Double::start(|asked| match asked.path.as_str() {
        "/v2/a/b/tags/list?n=1000" => {
            reply(200).header("link", r#"</v2/a/b/tags/list?last=v2&n=2>; rel="next""#).json(r#"{"tags":["v2","v1"]}"#)
        }
        "/v2/a/b/tags/list?last=v2&n=2" => {
            reply(200).header("link", r#"<list?last=v3>; rel="next""#).json(r#"{"tags":["v2","v3"]}"#)
        }
        "/v2/a/b/tags/list?last=v3" => reply(200).json(r#"{"tags":[]}"#),
        _ => reply(400),
    })
    .await;
    assert_eq!(tags(&double).await.unwrap(), ["v1", "v2", "v3"]);
}

#[tokio::test]
async fn what_is_no_tag_is_left_out() {
    let body = format!(
        r#"{{"name":"a/b","tags":["ok",null,"","-x","a b","sha256:{}","{}","ok","\u001b[31m"],"manifest":{{}}}}"#,
        "a".repeat(64),
        "t".repeat(129)
    );
    let double = Double::start(move |_| reply(200).json(&body)).await;
    let found = client().tags(&repository(&double.host(), "a/b")).await.unwrap();
    assert_eq!((found.tags.len(), found.skipped), (1, 7));
    for empty in [r#"{"tags":null}"#, "{}", r#"{"tags":[]}"#] {
        let double = Double::start(move |_| reply(200).json(empty)).await;
        assert!(tags(&double).await.unwrap().is_empty(), "{empty}");
    }
}

#[tokio::test]
async fn lists_that_do_not_end_are_left() {
    for link in ["</v2/a/b/tags/list?n=1000>; rel=\"next\"", "</v2/a/b/tags/list?same>; rel=\"next\""] {
        let double = Double::start(move |_| reply(200).header("link", link).json(r#"{"tags":["v1"]}"#)).await;
        let error = tags(&double).await.unwrap_err();
        assert!(error.message().contains("go in a circle"), "{error}");
        assert!(double.asked().len() < 5);
    }
    let count = std::sync::atomic::AtomicUsize::new(0);
    let double = Double::start(move |_| {
        let next = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        reply(200).header("link", format!("</v2/a/b/tags/list?{next}>; rel=\"next\"")).json(r#"{"tags":[]}"#)
    })
    .await;
    assert!(tags(&double).await.unwrap_err().message().contains("go in a circle"));
}

#[tokio::test]
async fn what_is_no_list_is_said() {
    for (answer, said) in [
        (reply(200).body("<html>login"), "is no list of tags"),
        (reply(200).header("link", "<broken").json("{}"), "`Link` cannot be read"),
        (
            reply(403).json(r#"{"errors":[{"code":"DENIED","message":"nope"}]}"#),
            "not allowed without a login (403: nope)",
        ),
    ] {
        let double = Double::start(move |_| answer.clone()).await;
        let error = tags(&double).await.unwrap_err();
        assert!(error.message().starts_with("cannot list the tags of") && error.message().contains(said), "{error}");
    }
}

fn index() -> Reply {
    let manifest = empty_index();
    reply(200).header("content-type", manifest.media_type()).body(manifest.bytes().clone())
}

#[tokio::test]
async fn where_head_does_not_tell_get_does() {
    let digest = empty_index().digest().clone();
    for answer in [
        reply(405),
        reply(403),
        reply(404),
        reply(400),
        index(),
        index().header("docker-content-digest", "sha256:nonsense"),
        reply(200).header("content-type", "text/html").header("docker-content-digest", &digest),
    ] {
        let double = Double::start(move |asked| if asked.method == "HEAD" { answer.clone() } else { index() }).await;
        let fetch = fetch_of(&client());
        let image = image_at(&double.host(), "a/b:v1");
        for _ in 0..2 {
            assert_eq!(fetch.resolve(&image, ResolveMode::Descriptor).await.unwrap().descriptor.digest, digest);
        }
        assert_eq!(double.count("HEAD", ""), 1, "it is not asked by HEAD again");
    }
}

#[tokio::test]
async fn a_destination_that_head_does_not_tell_about_is_not_taken_for_empty() {
    let digest = empty_index().digest().clone();
    let double = Double::start(move |asked| if asked.method == "HEAD" { reply(405) } else { index() }).await;
    let found = push_of(&client()).resolve(&image_at(&double.host(), "a/b:v1")).await.unwrap();
    assert_eq!(found.unwrap().digest, digest);
}

#[tokio::test]
async fn bytes_that_are_not_what_was_asked_for_are_refused() {
    let double = Double::start(|_| index()).await;
    let wanted = sealift_conformance::images::image("linux/amd64", &["a"]).manifest;
    let error =
        fetch_of(&client()).manifest(&repository(&double.host(), "a/b"), &wanted.descriptor()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.message().starts_with("cannot read `") && error.is_retryable(), "{error}");
}

#[tokio::test]
async fn odd_manifests_are_refused_with_their_reason() {
    let large = vec![b' '; usize::try_from(Manifest::MAX_BYTES).unwrap() + 1];
    for (answer, said) in [
        (index().header("content-encoding", "gzip"), "came compressed with `gzip`"),
        (reply(200).header("content-type", "text/html").body("<html>"), "`text/html` is not a type of manifest"),
        (reply(200).header("content-type", well_known::OCI_INDEX).body(large.clone()), "is longer than 4194304 bytes"),
        (
            reply(200)
                .header("content-type", well_known::OCI_INDEX)
                .header("transfer-encoding", "chunked")
                .body(chunked(&large)),
            "is longer than 4194304 bytes",
        ),
        (
            reply(200).header("content-type", well_known::DOCKER_LIST).body(empty_index().bytes().clone()),
            "but was served as",
        ),
    ] {
        let double = Double::start(move |_| answer.clone()).await;
        let image = image_at(&double.host(), "a/b:v1");
        let error = fetch_of(&client()).resolve(&image, ResolveMode::Manifest).await.unwrap_err();
        assert!(error.message().contains(said), "{error}");
        assert!(!error.is_retryable());
    }
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in body.chunks(64 << 10) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

#[tokio::test]
async fn every_type_of_manifest_is_accepted_in_one_line() {
    let double = Double::start(|_| index()).await;
    fetch_of(&client()).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap();
    let asked = &double.asked()[0];
    let accept = asked.header("accept").unwrap();
    assert!(well_known::MANIFESTS.iter().all(|media_type| accept.contains(media_type.as_str())), "{accept}");
    assert_eq!(asked.headers.iter().filter(|(name, _)| name == "accept").count(), 1);
    assert_eq!(asked.header("accept-encoding"), Some("identity"));
    assert_eq!(asked.header("user-agent"), Some(concat!("sealift/", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn a_path_may_stand_before_the_api() {
    let double =
        Double::start(|asked| if asked.path.starts_with("/repository/docker/v2/a/b/") { index() } else { reply(404) })
            .await;
    let entry = crate::RegistryConfig { path_prefix: Some("/repository/docker/".to_owned()), ..Default::default() };
    let client = client_with(&[(&double.host(), entry)], hasty());
    fetch_of(&client).resolve(&image_at(&double.host(), "a/b:v1"), ResolveMode::Manifest).await.unwrap();
}

#[tokio::test]
async fn requests_are_counted_by_host_and_method() {
    let Some(registry) = Registry::start() else { return };
    let client = client();
    let at = repository(&registry.host(), "a/b");
    send(&push_of(&client), &at, &noise(10)).await.unwrap();
    let stats = client.request_counts();
    let host = registry.host();
    assert!(stats.iter().any(|one| one == (host.as_str(), "PUT", 1)), "{stats:?}");
    assert_eq!(stats.total(), u64::try_from(registry.requests().total()).unwrap());
    assert_eq!(registry.requests().of_kind(RequestKind::Ping), 0, "nobody is asked beforehand");
    let tallies = client.tallies();
    let [tally] = &tallies[..] else { panic!("{tallies:?}") };
    assert_eq!((tally.subject.as_str(), tally.get("put"), tally.get("requests")), (host.as_str(), 1, stats.total()));
}

/// distribution 3 with `maxtags` below what is asked for, and a gateway that knows no parameters.
#[tokio::test]
async fn a_registry_that_refuses_a_size_of_pages_lists_its_tags_without() {
    for status in [400, 405, 422] {
        let double = Double::start(move |asked| match asked.path.as_str() {
            "/v2/a/b/tags/list" => reply(200).json(r#"{"tags":["v1"]}"#),
            "/v2/c/d/tags/list" => reply(200).json(r#"{"tags":["v2"]}"#),
            _ => reply(status),
        })
        .await;
        let client = client();
        for (name, tag) in [("a/b", "v1"), ("c/d", "v2")] {
            let found = client.tags(&repository(&double.host(), name)).await.unwrap();
            assert_eq!(found.tags, [tag.parse::<Tag>().unwrap()], "{status}");
        }
        assert_eq!(double.asked().len(), 3, "{status}: it is refused once");
    }
}

#[tokio::test]
async fn a_list_that_is_refused_without_a_size_too_is_refused() {
    let double = Double::start(|_| reply(400)).await;
    assert_eq!(tags(&double).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(double.asked().len(), 2);
}

// One byte a second kept a run waiting for days.
#[tokio::test]
async fn a_manifest_that_trickles_is_left() {
    let double = Double::start(|_| index().trickle(Duration::from_millis(100))).await;
    let timing = crate::timing::Timing { idle_read: Duration::from_millis(500), ..hasty() };
    let began = std::time::Instant::now();
    let image = image_at(&double.host(), "a/b:v1");
    let error = fetch_of(&client_with(&[], timing)).resolve(&image, ResolveMode::Manifest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

// A portal's page was told as a missing right, or as broken JSON.
#[tokio::test]
async fn a_web_page_is_told_as_one() {
    for page in [reply(200), reply(403).header("content-type", "text/html"), reply(404)] {
        let page = page.body("<!DOCTYPE html><title>Sign in</title>");
        let double = Double::start(move |_| page.clone()).await;
        let image = image_at(&double.host(), "a/b:v1");
        let error = fetch_of(&client()).resolve(&image, ResolveMode::Manifest).await.unwrap_err();
        assert!(error.hint().unwrap_or_default().contains("may be no registry"), "{error}");
    }
}

#[tokio::test]
async fn a_manifest_may_be_served_as_the_text_that_it_is() {
    for media_type in ["text/plain; charset=utf-8", "binary/octet-stream"] {
        let served = reply(200).header("content-type", media_type).body(empty_index().bytes().clone());
        let double = Double::start(move |_| served.clone()).await;
        let image = image_at(&double.host(), "a/b:v1");
        let manifest = fetch_of(&client()).resolve(&image, ResolveMode::Manifest).await.unwrap().manifest.unwrap();
        assert_eq!(*manifest.media_type(), well_known::OCI_INDEX);
    }
}
