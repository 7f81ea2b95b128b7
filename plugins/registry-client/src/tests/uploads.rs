//! ForeignUploads that go in odd ways.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, well_known},
    error::{ErrorKind, Retry},
    stage::{Push, UploadStart},
};
use sealift_testkit::registry::Registry;

use super::{double::*, setting::*};
use crate::timing::Timing;

/// A registry that has nothing and takes everything.
fn taker(asked: &Asked) -> Reply {
    match asked.method.as_str() {
        "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
        "PUT" => reply(201),
        _ => reply(404),
    }
}

/// Limits that every upload here takes longer than.
fn short() -> Timing {
    // Long enough for a busy machine to answer in.
    let short = Duration::from_secs(1);
    Timing { response: short, slow_response: short, idle_read: short, idle_write: short, commit: short, ..hasty() }
}

#[tokio::test]
async fn an_upload_may_last_longer_than_every_limit_because_the_source_is_slow() {
    let Some(registry) = Registry::start() else { return };
    let push = push_of(&client_with(&[], short()));
    let at = repository(&registry.host(), "a/b");
    let content = noise(150_000);
    let pieces: Vec<Bytes> = content.chunks(10_000).map(Bytes::copy_from_slice).collect();
    let slow = stream::iter(pieces).then(|piece| async move {
        tokio::time::sleep(Duration::from_millis(150)).await;
        Ok(piece)
    });
    let UploadStart::Upload(slot) = push.offer(&at, &layer(&content), None).await.unwrap() else { panic!("it is new") };
    let start = Instant::now();
    slot.write(Blob::new(layer(&content), slow)).await.unwrap();
    assert!(start.elapsed() > 2 * Duration::from_secs(1));
    assert!(push.blob_exists(&at, &layer(&content)).await.unwrap());
}

#[tokio::test]
async fn an_upload_may_last_longer_than_every_limit_because_the_registry_is_slow() {
    let double = Double::reading(Duration::from_millis(5), taker).await;
    let content = noise(12 << 20);
    // Buffers hide progress for a while at either end, and are emptied before there is an answer.
    let timing = Timing { idle_write: Duration::from_secs(2), commit: Duration::from_secs(10), ..short() };
    let start = Instant::now();
    let sent = send(&push_of(&client_with(&[], timing)), &repository(&double.host(), "a/b"), &content).await;
    assert_eq!(sent.unwrap(), "sent");
    assert!(start.elapsed() > Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_registry_that_takes_nothing_more_is_left() {
    let double = Double::reading(Duration::from_secs(3600), taker).await;
    let push = push_of(&client_with(&[], short()));
    let error = send(&push, &repository(&double.host(), "a/b"), &noise(32 << 20)).await.unwrap_err();
    assert!(error.message().contains("takes no more bytes"), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_registry_that_keeps_its_answer_is_asked_whether_it_has_the_blob() {
    for (has_it, expected) in [(true, Ok("sent")), (false, Err(ErrorKind::Unavailable))] {
        let double = Double::start(move |asked| match asked.method.as_str() {
            "PUT" => reply(201).late(Duration::from_secs(3600)),
            "HEAD" if has_it => reply(200).header("content-length", 10),
            _ => taker(asked),
        })
        .await;
        let push = push_of(&client_with(&[], short()));
        // Known to be new, so that the only HEAD is the one in question.
        let at = repository(&double.host(), "a/b");
        survey(&push, &at).await.unwrap();
        assert_eq!(send(&push, &at, &noise(10)).await.map_err(|error| error.kind()), expected);
        assert_eq!(double.count("HEAD", "/blobs/"), 1);
    }
}

#[tokio::test]
async fn a_commit_whose_answer_got_lost_is_no_failure() {
    let stored = Arc::new(AtomicBool::new(false));
    let double = Double::start(move |asked| match asked.method.as_str() {
        "PUT" => {
            stored.store(true, Ordering::Relaxed);
            hang_up()
        }
        "HEAD" if stored.load(Ordering::Relaxed) => reply(200).header("content-length", 50_000),
        _ => taker(asked),
    })
    .await;
    assert_eq!(send(&push_of(&client()), &repository(&double.host(), "a/b"), &noise(50_000)).await.unwrap(), "sent");
    assert_eq!(double.count("PUT", ""), 1);
}

#[tokio::test]
async fn refusals_of_an_upload_say_what_they_are() {
    for (status, body, kind, again) in [
        (413, "", ErrorKind::Unsupported, false),
        (403, r#"{"errors":[{"code":"DENIED","message":"quota exceeded"}]}"#, ErrorKind::Storage, false),
        (400, r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#, ErrorKind::Corrupt, true),
        (404, r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#, ErrorKind::Unavailable, true),
        (503, "", ErrorKind::Unavailable, true),
    ] {
        let double = Double::start(move |asked| match asked.method.as_str() {
            "PUT" => reply(status).json(body),
            _ => taker(asked),
        })
        .await;
        let error = send(&push_of(&client()), &repository(&double.host(), "a/b"), &noise(10)).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (kind, again), "{status}: {error}");
        assert!(error.message().starts_with("cannot push the blob"), "{error}");
        assert_eq!(error.message().matches("cannot push").count(), 1, "{error}");
        assert_eq!(double.count("PUT", ""), 1, "a body is sent once");
    }
}

#[tokio::test]
async fn a_registry_that_stored_something_else_is_not_believed() {
    let double = Double::start(|asked| match asked.method.as_str() {
        "PUT" => reply(201).header("docker-content-digest", digest_of(b"something else")),
        _ => taker(asked),
    })
    .await;
    let error = send(&push_of(&client()), &repository(&double.host(), "a/b"), &noise(10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn mounting_may_be_refused_in_any_way() {
    for status in [400, 401, 403, 404, 405, 500] {
        let double =
            Double::start(move |asked| if asked.path.contains("mount=") { reply(status) } else { taker(asked) }).await;
        let push = push_of(&client());
        let (at, from) = (repository(&double.host(), "a/b"), repository(&double.host(), "c/d"));
        let offer = push.offer(&at, &layer(&noise(10)), Some(&from)).await.unwrap();
        let UploadStart::Upload(slot) = offer else { panic!("{status}") };
        slot.write(blob(&noise(10))).await.unwrap();
        // The mount, the ordinary way, and one question how the registry answers.
        // A 401 that does not say what it wants is asked about, once.
        let asked = double.asked().iter().filter(|asked| asked.path != "/v2/").count();
        assert!(asked <= 4, "{status}: {asked}");
    }
}

#[tokio::test]
async fn the_upload_that_a_failed_mount_opens_is_used() {
    let double = Double::start(|asked| {
        if asked.path.contains("mount=") {
            reply(202).header("location", "/v2/a/b/blobs/uploads/of-the-mount")
        } else {
            taker(asked)
        }
    })
    .await;
    let push = push_of(&client());
    let (at, from) = (repository(&double.host(), "a/b"), repository(&double.host(), "c/d"));
    let UploadStart::Upload(slot) = push.offer(&at, &layer(&noise(10)), Some(&from)).await.unwrap() else { panic!() };
    slot.write(blob(&noise(10))).await.unwrap();
    assert_eq!((double.count("POST", "from=c/d"), double.count("PUT", "of-the-mount")), (1, 1));
    assert_eq!(double.count("POST", ""), 2, "the mount, and one question how the registry answers");
}

#[tokio::test]
async fn a_registry_that_never_mounts_is_noticed_and_asked_by_head() {
    let double = Double::start(|asked| match asked.method.as_str() {
        "HEAD" => reply(200).header("content-length", 10),
        _ => taker(asked),
    })
    .await;
    let push = push_of(&client());
    let at = repository(&double.host(), "a/b");
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(send(&push, &at, &noise(10)).await.unwrap());
    }
    assert_eq!(answers, ["sent", "have", "have", "have"], "nobody can know before the first blob arrived");
    assert_eq!((double.count("POST", ""), double.count("PUT", "")), (2, 1), "after that it is asked by HEAD only");
    assert_eq!(double.count("HEAD", ""), 3);
}

#[tokio::test]
async fn harbor_is_asked_by_head_and_mounts_only_what_this_run_saw() {
    let double = Double::start(|asked| {
        let host = asked.header("host").unwrap_or_default();
        if asked.path.starts_with("/service/token") {
            return reply(200).json(r#"{"token":"t"}"#);
        }
        if !asked.authorized() {
            let value = format!(r#"Bearer realm="http://{host}/service/token",service="harbor-registry""#);
            return reply(401).header("www-authenticate", value);
        }
        if asked.path.contains("mount=") { reply(201) } else { taker(asked) }
    })
    .await;
    let push = push_of(&client());
    let (a, b) = (repository(&double.host(), "p/a"), repository(&double.host(), "p/b"));
    let item = layer(&noise(10));
    push.resolve(&image_at(&double.host(), "p/a:v1")).await.unwrap();
    // Somebody says that `p/a` has it, but this run never saw it there.
    let UploadStart::Upload(slot) = push.offer(&b, &item, Some(&a)).await.unwrap() else { panic!("it must be sent") };
    assert_eq!((double.count("HEAD", "/p/b/blobs/"), double.count("POST", "mount=")), (1, 0));
    slot.write(blob(&noise(10))).await.unwrap();
    // Now `p/b` has it for certain.
    assert!(matches!(push.offer(&a, &item, Some(&b)).await.unwrap(), UploadStart::Mounted));
}

#[tokio::test]
async fn a_blob_that_stands_there_with_another_length_is_sent_again() {
    let double = Double::start(|asked| match asked.method.as_str() {
        "HEAD" => reply(200).header("content-length", 0),
        _ => taker(asked),
    })
    .await;
    assert_eq!(send(&push_of(&client()), &repository(&double.host(), "a/b"), &noise(10)).await.unwrap(), "sent");
}

#[tokio::test]
async fn a_blob_of_unknown_length_is_refused_with_words() {
    let double = Double::start(taker).await;
    let content = noise(10);
    let item = Descriptor::new(well_known::DOCKER_LAYER_GZIP, digest_of(&content), Descriptor::UNSIZED);
    let push = push_of(&client());
    let UploadStart::Upload(slot) = push.offer(&repository(&double.host(), "a/b"), &item, None).await.unwrap() else {
        panic!()
    };
    let error = slot.write(Blob::from_bytes(item, content)).await.unwrap_err();
    assert!(error.message().contains("its length is not known"), "{error}");
}

#[tokio::test]
async fn what_the_source_says_is_what_is_reported() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let double = Double::start(move |asked| {
        seen.fetch_add(usize::from(asked.method == "PUT"), Ordering::Relaxed);
        taker(asked)
    })
    .await;
    let content = noise(200_000);
    let pieces =
        [Ok(content.slice(..100_000)), Err(sealift_core::error::Error::new(ErrorKind::NotFound, "the source is gone"))];
    let push = push_of(&client());
    let at = repository(&double.host(), "a/b");
    let UploadStart::Upload(slot) = push.offer(&at, &layer(&content), None).await.unwrap() else { panic!() };
    let error = slot.write(Blob::new(layer(&content), stream::iter(pieces))).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "the source is gone"));
    assert_eq!(count.load(Ordering::Relaxed), 0, "the body never came to its end");
}

/// A transfer holds permits of other hosts, so it is told of the pause instead of waiting.
#[tokio::test]
async fn a_pause_that_is_asked_for_at_a_mount_is_told_and_nothing_is_sent_before_its_end() {
    let seen = AtomicUsize::new(0);
    let double = Double::start(move |asked| match seen.fetch_add(1, Ordering::Relaxed) {
        0 => reply(429).header("retry-after", 0).body("<html>slow down</html>"),
        _ => taker(asked),
    })
    .await;
    let push = push_of(&client());
    let (at, from, item) = (repository(&double.host(), "a/b"), repository(&double.host(), "c/d"), layer(&noise(10)));
    for _ in 0..2 {
        let error = push.offer(&at, &item, Some(&from)).await.err().expect("it is paused");
        assert!(matches!(error.retry(), Retry::After(_)), "{error:?}");
        assert_eq!(double.count("POST", "mount="), 1);
    }
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(matches!(push.offer(&at, &item, Some(&from)).await.unwrap(), UploadStart::Upload(_)));
    assert_eq!(double.count("POST", "mount="), 2);
}

/// A registry that takes uploads and lets them be ended.
async fn forgiving() -> Double {
    Double::start(|asked| match asked.method.as_str() {
        "DELETE" => reply(204),
        _ => taker(asked),
    })
    .await
}

// Six damaged images left six uploads open at the registry.
#[tokio::test]
async fn an_upload_that_is_given_up_is_ended() {
    let ended = |double: &Double| double.count("DELETE", "/v2/a/b/blobs/uploads/1");
    let content = noise(1000);
    let bytes = |blob: Vec<sealift_core::error::Result<Bytes>>| Blob::new(layer(&content), stream::iter(blob));

    // The source fails.
    let (double, push) = (forgiving().await, push_of(&client()));
    let at = repository(&double.host(), "a/b");
    let UploadStart::Upload(slot) = push.offer(&at, &layer(&content), None).await.unwrap() else { panic!("it is new") };
    let broken = sealift_core::error::Error::new(ErrorKind::Corrupt, "the disk says something else");
    let error = slot.write(bytes(vec![Err(broken)])).await.unwrap_err();
    assert!(error.message().contains("the disk says something else"), "{error}");
    push.close().await.unwrap();
    assert_eq!(ended(&double), 1);

    // It is not written: the job was cancelled, or another destination failed.
    drop(push.offer(&at, &layer(&content), None).await.unwrap());
    push.close().await.unwrap();
    assert_eq!(ended(&double), 2);

    // It is cancelled between two bytes.
    let UploadStart::Upload(slot) = push.offer(&at, &layer(&content), None).await.unwrap() else { panic!("it is new") };
    let begun = stream::iter([Ok(Bytes::copy_from_slice(&content[..10]))]).chain(stream::pending());
    let blob = Blob::new(layer(&content), begun);
    assert!(tokio::time::timeout(Duration::from_millis(300), slot.write(blob)).await.is_err());
    push.close().await.unwrap();
    assert_eq!(ended(&double), 3);

    // One that was answered is over, whatever the answer.
    let UploadStart::Upload(slot) = push.offer(&at, &layer(&content), None).await.unwrap() else { panic!("it is new") };
    slot.write(bytes(vec![Ok(Bytes::copy_from_slice(&content))])).await.unwrap();
    push.close().await.unwrap();
    assert_eq!(ended(&double), 3);
}

#[tokio::test]
async fn the_end_of_a_run_waits_for_a_silent_registry_for_seconds_only() {
    let double = Double::start(|asked| match asked.method.as_str() {
        "DELETE" => reply(204).late(Duration::from_secs(600)),
        _ => taker(asked),
    })
    .await;
    let push = push_of(&client());
    let at = repository(&double.host(), "a/b");
    drop(push.offer(&at, &layer(&noise(10)), None).await.unwrap());
    tokio::time::timeout(Duration::from_secs(20), push.close()).await.expect("it is left").unwrap();
}
