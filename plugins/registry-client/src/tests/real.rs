//! Against a real `docker-registry`.

use bytes::Bytes;
use sealift_conformance::images::{image, index};
use sealift_core::{
    content::{Descriptor, Tag, well_known},
    error::ErrorKind,
    stage::{Fetch, Push, Referrers, RepositoryTags, ResolveMode, UploadStart},
};
use sealift_serve::access::RequestKind;
use sealift_testkit::registry::Registry;

use super::setting::*;

#[tokio::test]
async fn an_image_comes_back_as_it_was_sent() {
    let Some(registry) = Registry::start() else { return };
    let (push, fetch) = (push_of(&client()), fetch_of(&client()));
    let (arm, amd) = (image("linux/arm64", &["a", "shared"]), image("linux/amd64", &["b", "shared"]));
    let whole = index(&[("linux/arm64", &arm), ("linux/amd64", &amd)]);
    let at = image_at(&registry.host(), "team/app:v1");
    assert!(push.resolve(&at).await.unwrap().is_none());
    send_image(&push, &at, &whole).await;

    let by_head = fetch.resolve(&at, ResolveMode::Descriptor).await.unwrap();
    assert!(by_head.manifest.is_none());
    assert_eq!(by_head.descriptor, whole.manifest.descriptor());
    let by_get = fetch.resolve(&at, ResolveMode::Manifest).await.unwrap();
    assert_eq!(by_get.manifest.unwrap().bytes(), whole.manifest.bytes());
    for part in [&arm, &amd] {
        let read_back = fetch.manifest(&at.repository, &part.manifest.descriptor()).await.unwrap();
        assert_eq!(read_back.bytes(), part.manifest.bytes());
        for (item, bytes) in &part.blobs {
            assert_eq!(read(&fetch, &at.repository, item).await.unwrap(), *bytes);
        }
    }
    assert_eq!(push.resolve(&at).await.unwrap().unwrap().digest, *whole.manifest.digest());
}

#[tokio::test]
async fn a_blob_costs_one_post_and_one_put_and_one_get() {
    let Some(registry) = Registry::start() else { return };
    let client = client();
    let (push, fetch) = (push_of(&client), fetch_of(&client));
    let at = repository(&registry.host(), "a/b");
    assert!(matches!(survey(&push, &at).await.unwrap(), RepositoryTags::Empty));
    // The first blob of a run also finds out how the registry answers.
    send(&push, &at, &noise(10)).await.unwrap();
    let content = noise(300_000);
    registry.reset();
    assert_eq!(send(&push, &at, &content).await.unwrap(), "sent");
    assert_eq!(read(&fetch, &at, &layer(&content)).await.unwrap(), content);
    let requests = registry.requests();
    assert_eq!(requests.count("POST", RequestKind::Upload), 1, "{requests}");
    assert_eq!(requests.count("PUT", RequestKind::Upload), 1, "{requests}");
    assert_eq!(requests.count("GET", RequestKind::Blob), 1, "{requests}");
    assert_eq!(requests.total(), 3, "{requests}");
}

#[tokio::test]
async fn what_is_there_costs_one_post() {
    let Some(registry) = Registry::start() else { return };
    let at = repository(&registry.host(), "a/b");
    let content = noise(1000);
    send(&push_of(&client()), &at, &content).await.unwrap();
    registry.reset();
    assert_eq!(send(&push_of(&client()), &at, &content).await.unwrap(), "have");
    let requests = registry.requests();
    assert_eq!((requests.count("POST", RequestKind::Upload), requests.total()), (1, 1), "{requests}");
}

#[tokio::test]
async fn what_another_repository_has_is_mounted() {
    let Some(registry) = Registry::start() else { return };
    let client = client();
    let push = push_of(&client);
    let (from, to) = (repository(&registry.host(), "a/from"), repository(&registry.host(), "b/to"));
    let content = noise(1000);
    send(&push, &from, &content).await.unwrap();
    assert!(!push.blob_exists(&to, &layer(&content)).await.unwrap());
    let offer = push.offer(&to, &layer(&content), Some(&from)).await.unwrap();
    assert!(matches!(offer, UploadStart::Mounted));
    assert!(push.blob_exists(&to, &layer(&content)).await.unwrap());
    let elsewhere = noise(1001);
    let offer = push.offer(&to, &layer(&elsewhere), Some(&from)).await.unwrap();
    let UploadStart::Upload(slot) = offer else { panic!("nobody has it") };
    slot.write(blob(&elsewhere)).await.unwrap();
    assert_eq!(read(&fetch_of(&client), &to, &layer(&elsewhere)).await.unwrap(), elsewhere);
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    let Some(registry) = Registry::start() else { return };
    let client = client();
    let at = repository(&registry.host(), "a/b");
    let empty = Bytes::new();
    assert_eq!(send(&push_of(&client), &at, &empty).await.unwrap(), "sent");
    assert_eq!(read(&fetch_of(&client), &at, &layer(&empty)).await.unwrap(), empty);
}

#[tokio::test]
async fn a_blob_that_turns_out_wrong_leaves_nothing() {
    let Some(registry) = Registry::start() else { return };
    let push = push_of(&client());
    let at = repository(&registry.host(), "a/b");
    let content = noise(300_000);
    let mut wrong = content.to_vec();
    *wrong.last_mut().unwrap() ^= 1;
    let pieces = vec![Ok(Bytes::from(wrong))];
    let lying = sealift_core::blob::Blob::new(layer(&content), futures::stream::iter(pieces));
    let UploadStart::Upload(slot) = push.offer(&at, &layer(&content), None).await.unwrap() else { panic!("it is new") };
    let error = slot.write(lying).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.is_retryable());
    assert!(!push.blob_exists(&at, &layer(&content)).await.unwrap());
}

#[tokio::test]
async fn tags_are_listed_sorted() {
    let Some(registry) = Registry::start() else { return };
    let client = client();
    let push = push_of(&client);
    let at = repository(&registry.host(), "a/b");
    let empty = empty_index();
    for tag in ["v2", "v10", "a__b", "V1"] {
        push.tag(&at.with_tag(&tag.parse().unwrap()), &empty).await.unwrap();
    }
    let found = client.tags(&at).await.unwrap();
    assert_eq!(found.tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["V1", "a__b", "v10", "v2"]);
    assert!(matches!(survey(&push, &at).await.unwrap(), RepositoryTags::Names(names) if names.len() == 4));
    let missing = client.tags(&repository(&registry.host(), "no/such")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.message().ends_with("/no/such`: the repository does not exist"), "{missing}");
}

#[tokio::test]
async fn what_is_missing_is_said_in_one_line() {
    let Some(registry) = Registry::start() else { return };
    let client = client();
    let at = image_at(&registry.host(), "no/such:v1");
    for want in [ResolveMode::Descriptor, ResolveMode::Manifest] {
        let error = fetch_of(&client).resolve(&at, want).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.message(), format!("cannot read `{at}`: it does not exist"));
    }
    let blob = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"x");
    let error = fetch_of(&client).blob(&at.repository, &blob).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn an_index_without_its_entries_is_refused_by_name() {
    let Some(registry) = Registry::start() else { return };
    let arm = image("linux/arm64", &["a"]);
    let sparse = index(&[("linux/arm64", &arm)]);
    let at = image_at(&registry.host(), "a/b:v1");
    let error = push_of(&client()).tag(&at, &sparse.manifest).await.unwrap_err();
    assert!(error.message().contains("something that the manifest points to is not there"), "{error}");
}

#[tokio::test]
async fn a_registry_without_referrers_is_asked_once() {
    let Some(registry) = Registry::start() else { return };
    let client = client();
    let at = repository(&registry.host(), "a/b");
    let subject = digest_of(b"x");
    // The fallback tag, as clients without the API write it.
    let signature = image("linux/amd64", &["signature"]);
    let list = index(&[("", &signature)]);
    let tag = format!("sha256-{}", subject.hex()).parse().unwrap();
    send_image(&push_of(&client), &at.with_tag(&tag), &list).await;
    let fetch = fetch_of(&client);
    for found in futures::future::join_all((0..8).map(|_| fetch.referrers(&at, &subject))).await {
        let found = found.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].digest, *signature.manifest.digest());
    }
    assert!(fetch.referrers(&at, &digest_of(b"y")).await.unwrap().is_empty());
    assert_eq!(registry.requests().count("GET", RequestKind::Referrers), 1, "also by eight at once");
}

#[tokio::test]
async fn an_upload_that_the_registry_forgot_is_worth_another_start() {
    let Some(registry) = Registry::start() else { return };
    let push = push_of(&client());
    let at = repository(&registry.host(), "a/b");
    let content = noise(100_000);
    let UploadStart::Upload(slot) = push.offer(&at, &layer(&content), None).await.unwrap() else { panic!("it is new") };
    std::fs::remove_dir_all(registry.storage()).unwrap();
    std::fs::create_dir_all(registry.storage()).unwrap();
    let error = slot.write(blob(&content)).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert_eq!(send(&push, &at, &content).await.unwrap(), "sent");
}

#[tokio::test]
async fn nobody_there_is_said_soon_and_in_one_line() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = fetch_of(&client()).resolve(&image_at(&host, "a/b:v1"), ResolveMode::Descriptor).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains(&format!("cannot connect to `{host}`: connection refused")), "{error}");
    let image = image_at("no-such-host.invalid", "a/b:v1");
    let error = fetch_of(&client()).resolve(&image, ResolveMode::Descriptor).await.unwrap_err();
    assert!(error.message().contains("cannot connect to `no-such-host.invalid`"), "{error}");
}
