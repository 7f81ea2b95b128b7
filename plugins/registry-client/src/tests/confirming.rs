//! Registries that say which digest they stored, and those that do not.

use sealift_core::{
    error::ErrorKind,
    stage::{DigestVerification, Push, Upload, UploadStart},
};
use sealift_testkit::registry::Registry;

use super::{double::*, setting::*};
use bytes::Bytes;

async fn slot(push: &dyn Push, host: &str, content: &Bytes) -> Box<dyn Upload> {
    match push.offer(&repository(host, "a/b"), &layer(content), None).await.unwrap() {
        UploadStart::Upload(slot) => slot,
        _ => panic!("it is new"),
    }
}

/// The digest that an upload ends with.
fn named(asked: &Asked) -> String {
    let (_, digest) = asked.path.split_once("digest=").unwrap();
    digest.replace("%3A", ":")
}

/// A registry that answers the upload with this number (from 1) in its own way, and confirms all others.
async fn odd_at(number: usize, odd: impl Fn() -> Reply + Send + Sync + 'static) -> Double {
    let puts = std::sync::atomic::AtomicUsize::new(0);
    Double::start(move |asked| match asked.method.as_str() {
        "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
        "PUT" if puts.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 == number => odd(),
        "PUT" => reply(201).header("docker-content-digest", named(asked)),
        _ => reply(404),
    })
    .await
}

#[tokio::test]
async fn a_real_registry_confirms_what_it_stored() {
    let Some(registry) = Registry::start() else { return };
    let push = push_of(&client());
    let (first, second) = (noise(100), noise(200));
    let slot_of_first = slot(&push, &registry.host(), &first).await;
    let at = repository(&registry.host(), "a/b");
    assert!(!push.verifies_digest(&at), "nobody knows yet");
    slot_of_first.write(blob(&first)).await.unwrap();
    let slot_of_second = slot(&push, &registry.host(), &second).await;
    assert!(push.verifies_digest(&at));
    slot_of_second.write(blob(&second).unhashed()).await.unwrap();
}

#[tokio::test]
async fn a_real_registry_refuses_bytes_that_nobody_hashed() {
    let Some(registry) = Registry::start() else { return };
    let push = push_of(&client());
    let (promised, sent) = (noise(100), Bytes::from(vec![0; 100]));
    let rotten = sealift_core::blob::Blob::from_bytes(layer(&promised), sent).unhashed();
    let error = slot(&push, &registry.host(), &promised).await.write(rotten).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Corrupt, true), "{error}");
}

#[tokio::test]
async fn one_confirmation_that_is_missing_counts_for_the_rest_of_the_run() {
    for (what, odd) in [
        ("did not confirm", Box::new(|| reply(201)) as Box<dyn Fn() -> Reply + Send + Sync>),
        ("stored `sha256:", Box::new(|| reply(201).header("docker-content-digest", digest_of(b"other")))),
    ] {
        let double = odd_at(2, odd).await;
        let (push, at) = (push_of(&client()), repository(&double.host(), "a/b"));
        let contents = [noise(10), noise(20), noise(30)];
        slot(&push, &double.host(), &contents[0]).await.write(blob(&contents[0])).await.unwrap();
        let second = slot(&push, &double.host(), &contents[1]).await;
        assert!(push.verifies_digest(&at));
        let error = second.write(blob(&contents[1]).unhashed()).await.unwrap_err();
        assert!(error.message().contains(what) && error.is_retryable(), "{error}");
        // The third confirms again, and is not believed any more.
        let third = slot(&push, &double.host(), &contents[2]).await;
        assert!(!push.verifies_digest(&at));
        third.write(blob(&contents[2])).await.unwrap();
        assert!(!push.verifies_digest(&at));
    }
}

#[tokio::test]
async fn that_a_blob_stands_there_is_no_confirmation_if_the_answer_got_lost() {
    let double = Double::start(|asked| match asked.method.as_str() {
        "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
        "PUT" => hang_up(),
        _ => reply(200).header("content-length", 10),
    })
    .await;
    let push = push_of(&client());
    let at = repository(&double.host(), "a/b");
    let unhashed = match push.renew(&at, &layer(&noise(10))).await.unwrap() {
        UploadStart::Upload(slot) => slot.write(blob(&noise(10)).unhashed()).await,
        _ => panic!("it is sent whatever stands there"),
    };
    assert!(unhashed.unwrap_err().is_retryable());
    assert_eq!(double.count("HEAD", ""), 0);
    let UploadStart::Upload(slot) = push.renew(&at, &layer(&noise(10))).await.unwrap() else { panic!() };
    slot.write(blob(&noise(10))).await.unwrap();
}
