//! Answers to writes that prove nothing: a success counts only if the content stands there.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sealift_core::{
    content::{Algorithm, Manifest, well_known},
    error::ErrorKind,
    stage::{Fetch, Push, ResolveMode, UploadStart},
};

use super::{double::*, setting::*};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry that answers the PUT of a manifest in its own way, and keeps it or not.
async fn answering(put: Reply, keeps: bool) -> Double {
    let stands = Arc::new(AtomicBool::new(false));
    Double::start(move |asked| match asked.method.as_str() {
        "PUT" => {
            stands.store(keeps, Ordering::Relaxed);
            put.clone()
        }
        "HEAD" | "GET" if stands.load(Ordering::Relaxed) => reply(200)
            .header("content-type", INDEX)
            .header("docker-content-digest", empty_index().digest())
            .body(empty_index().bytes().clone()),
        _ => reply(404),
    })
    .await
}

async fn tagged(double: &Double, manifest: &Manifest) -> sealift_core::error::Result<()> {
    push_of(&client()).tag(&image_at(&double.host(), "a/b:v1"), manifest).await
}

/// What portals, proxies and gateways were seen to answer to the PUT of a manifest.
fn odd_answers() -> Vec<(&'static str, Reply)> {
    let digest = empty_index().digest().to_string();
    vec![
        ("200 with a page", reply(200).header("content-type", "text/html; charset=utf-8").body("<html>login</html>")),
        ("201 with a page", reply(201).header("content-type", "Text/HTML").body("<html>login</html>")),
        ("200", reply(200)),
        ("200 that names the digest", reply(200).header("docker-content-digest", &digest)),
        ("202", reply(202)),
        ("204", reply(204)),
        ("206", reply(206)),
        ("299", reply(299)),
        ("201 without a digest", reply(201)),
        ("201 with nonsense", reply(201).header("docker-content-digest", "nonsense")),
        ("201 with half a digest", reply(201).header("docker-content-digest", "sha256:abc")),
    ]
}

#[tokio::test]
async fn a_success_that_proves_nothing_is_no_success_where_nothing_stands() {
    for (what, put) in odd_answers() {
        let double = answering(put, false).await;
        let error = tagged(&double, &empty_index()).await.expect_err(what);
        assert!(error.message().contains("as if it were stored, and does not have it"), "{what}: {error}");
        assert_eq!(double.count("PUT", ""), 1, "{what}");
    }
}

#[tokio::test]
async fn a_registry_that_answers_in_its_own_way_is_asked_once_whether_it_took_a_manifest() {
    for (what, put) in odd_answers() {
        let double = answering(put, true).await;
        tagged(&double, &empty_index()).await.expect(what);
        assert_eq!((double.count("HEAD", "/manifests/v1"), double.count("GET", "")), (1, 0), "{what}");
        push_of(&client()).put_child(&repository(&double.host(), "a/b"), &empty_index()).await.expect(what);
    }
}

#[tokio::test]
async fn the_digest_in_a_201_is_proof_without_a_further_request() {
    let put = reply(201).header("docker-content-digest", empty_index().digest());
    let double = answering(put, false).await;
    tagged(&double, &empty_index()).await.unwrap();
    assert_eq!(double.asked().len(), 1);
}

#[tokio::test]
async fn another_digest_is_a_failure_without_a_further_request() {
    let put = reply(201).header("docker-content-digest", digest_of(b"something else"));
    let double = answering(put, true).await;
    let error = tagged(&double, &empty_index()).await.unwrap_err();
    assert_eq!((error.kind(), double.asked().len()), (ErrorKind::Corrupt, 1), "{error}");
}

/// The same index by another name.
fn by_sha512() -> Manifest {
    let bytes = empty_index().bytes().clone();
    let digest = Algorithm::Sha512.digest_of(&bytes);
    Manifest::parse_expecting(bytes, &well_known::OCI_INDEX, &digest).unwrap()
}

/// Copied each night, and the digest of the source was never at the destination.
#[tokio::test]
async fn a_registry_that_keeps_a_digest_of_its_own_does_not_have_what_was_pushed() {
    for (sets_tags, names, right) in [
        (true, by_sha512(), true),
        (true, empty_index(), true),
        (false, by_sha512(), true),
        (false, empty_index(), false),
    ] {
        let named = names.digest().clone();
        let double = Double::start(move |asked| match asked.method.as_str() {
            "PUT" if sets_tags => reply(201).header("docker-content-digest", &named).header("oci-tag", "v1"),
            "PUT" => reply(201).header("docker-content-digest", &named),
            "HEAD" if asked.path.contains("sha512") => reply(200).header("content-type", INDEX),
            _ => reply(404),
        })
        .await;
        let pushed = tagged(&double, &by_sha512()).await;
        let (puts, heads) = (double.count("PUT", ""), double.count("HEAD", ""));
        assert_eq!((puts, heads), (2 - usize::from(sets_tags), usize::from(names.digest() != by_sha512().digest())));
        assert!(double.asked()[0].path.ends_with("?tag=v1"), "{:?}", double.asked()[0].path);
        match pushed {
            Ok(()) => assert!(right, "its tag stands for {}", names.digest()),
            Err(error) => {
                assert!(!right && error.message().contains("would not be found there"), "{error}");
                assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unsupported, false));
            }
        }
    }
}

#[tokio::test]
async fn a_registry_that_does_not_take_a_digest_gets_no_tag_for_it() {
    let refused = r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#;
    let double = Double::start(move |asked| match asked.method.as_str() {
        "PUT" => reply(400).json(refused),
        _ => reply(404),
    })
    .await;
    let error = tagged(&double, &by_sha512()).await.unwrap_err();
    assert_eq!((error.kind(), double.asked().len()), (ErrorKind::Unsupported, 1), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("sha256")), "{:?}", error.hint());
}

#[tokio::test]
async fn a_tag_has_the_digest_that_its_registry_keeps() {
    let double = Double::start(|_| {
        let headers = reply(200).header("content-type", INDEX);
        headers.header("docker-content-digest", by_sha512().digest()).body(empty_index().bytes().clone())
    })
    .await;
    let fetch = fetch_of(&client());
    for mode in [ResolveMode::Manifest, ResolveMode::Descriptor] {
        let resolved = fetch.resolve(&image_at(&double.host(), "a/b:v1"), mode).await.unwrap();
        assert_eq!(resolved.descriptor.digest, *by_sha512().digest(), "{mode:?}");
    }
}

/// The odd answers to the PUT of a blob; the name of the digest is optional there.
#[tokio::test]
async fn an_upload_whose_answer_proves_nothing_is_looked_for() {
    for has_it in [false, true] {
        for (what, put) in odd_answers().into_iter().filter(|(what, _)| *what != "201 without a digest") {
            let put = if what.contains("that names") { reply(200) } else { put };
            let sent = Arc::new(AtomicBool::new(false));
            let double = Double::start(move |asked| match asked.method.as_str() {
                "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
                "PUT" => {
                    sent.store(true, Ordering::Relaxed);
                    put.clone()
                }
                "HEAD" if has_it && sent.load(Ordering::Relaxed) => reply(200).header("content-length", 10),
                _ => reply(404),
            })
            .await;
            let went = send(&push_of(&client()), &repository(&double.host(), "a/b"), &noise(10)).await;
            match has_it {
                true => assert_eq!(went.expect(what), "sent", "{what}"),
                false => assert!(went.expect_err(what).message().contains("does not have it"), "{what}"),
            }
        }
    }
}

#[tokio::test]
async fn a_page_instead_of_a_blob_or_a_mount_is_no_blob() {
    let page = |status| reply(status).header("content-type", "text/html").body("<html>");
    let double = Double::start(move |asked| match asked.method.as_str() {
        "HEAD" => page(200).header("content-length", 10),
        "POST" if asked.path.contains("mount=") => page(201),
        "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
        _ => reply(404),
    })
    .await;
    let push = push_of(&client());
    let (at, from) = (repository(&double.host(), "a/b"), repository(&double.host(), "c/d"));
    assert!(!push.blob_exists(&at, &layer(&noise(10))).await.unwrap());
    assert!(matches!(push.offer(&at, &layer(&noise(10)), Some(&from)).await.unwrap(), UploadStart::Upload(_)));
    assert!(matches!(push.offer(&at, &layer(&noise(10)), None).await.unwrap(), UploadStart::Upload(_)));
}

#[tokio::test]
async fn a_mount_that_names_another_digest_is_no_mount() {
    let double = Double::start(|asked| match asked.method.as_str() {
        "POST" if asked.path.contains("mount=") => {
            reply(201).header("docker-content-digest", digest_of(b"something else"))
        }
        "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
        _ => reply(404),
    })
    .await;
    let (at, from) = (repository(&double.host(), "a/b"), repository(&double.host(), "c/d"));
    assert!(matches!(
        push_of(&client()).offer(&at, &layer(&noise(10)), Some(&from)).await.unwrap(),
        UploadStart::Upload(_)
    ));
}

/// Harbor hands on the redirect of a registry on an object store, which need not be reachable from here.
#[tokio::test]
async fn a_redirect_to_the_store_of_a_blob_says_that_it_is_there() {
    for status in [301, 302, 303, 307, 308] {
        let double = Double::start(move |asked| match asked.method.as_str() {
            "HEAD" => reply(status).header("location", "https://store.invalid/docker/registry/v2/blobs/data"),
            _ => reply(404),
        })
        .await;
        let push = push_of(&client());
        assert!(push.blob_exists(&repository(&double.host(), "a/b"), &layer(&noise(10))).await.unwrap(), "{status}");
        assert_eq!(double.asked().len(), 1, "nothing is followed");
    }
}

/// A proxy that leads to another spelling of the same path has not looked for the blob.
#[tokio::test]
async fn a_redirect_to_the_same_path_is_followed() {
    let double = Double::start(move |asked| match asked.path.contains("?canonical") {
        false => reply(308).header("location", format!("{}?canonical", asked.path)),
        true => reply(404),
    })
    .await;
    assert!(!push_of(&client()).blob_exists(&repository(&double.host(), "a/b"), &layer(&noise(10))).await.unwrap());
}

/// One that leads to another server has looked: the store may keep blobs under the paths of the registry, and need not be
/// reachable from here. Each HEAD once took as long as the network needs to fail.
#[tokio::test]
async fn a_redirect_to_the_same_path_of_another_server_says_that_it_is_there() {
    let other = Double::start(|_| reply(404)).await;
    for store in ["https://store.invalid".to_owned(), format!("http://{}", other.host())] {
        let double = Double::start(move |asked| match asked.method.as_str() {
            "HEAD" => reply(307).header("location", format!("{store}{}", asked.path)),
            _ => reply(404),
        })
        .await;
        let push = push_of(&client());
        assert!(push.blob_exists(&repository(&double.host(), "a/b"), &layer(&noise(10))).await.unwrap());
        assert_eq!((double.asked().len(), other.asked().len()), (1, 0), "nothing is followed");
    }
}
