//! What is there is not sent again, and what cannot be sent is not tried without end.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use sealift_core::{
    cache::Namespace,
    error::ErrorKind,
    stage::{RepositoryTags, UploadStart},
};
use sealift_testkit::book::Book;

use super::{double::*, setting::*};

/// Above the size from which a blob is looked for before it is sent.
const LARGE: usize = 100_000;

/// A registry that opens an upload for each mount, as ECR does unless told otherwise, and has what was sent to it and
/// everything of this size.
async fn never_mounting(has: usize) -> Double {
    Double::start(move |asked| match asked.method.as_str() {
        "HEAD" if asked.path.contains(&*digest_of(&noise(has)).hex()) => reply(200).header("content-length", has),
        "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
        "PUT" => reply(201),
        _ => reply(404),
    })
    .await
}

#[tokio::test]
async fn a_large_blob_that_stands_there_is_not_sent_again_although_mounting_does_not_tell() {
    let double = never_mounting(LARGE).await;
    let push = push_of(&client());
    let at = repository(&double.host(), "a/b");
    assert_eq!(send(&push, &at, &noise(LARGE)).await.unwrap(), "have");
    // From then on it is known how to ask.
    assert_eq!(send(&push, &at, &noise(LARGE)).await.unwrap(), "have");
    assert_eq!((double.count("POST", ""), double.count("PUT", "")), (1, 0));
}

#[tokio::test]
async fn a_large_blob_that_could_not_be_mounted_from_elsewhere_is_looked_for() {
    let double = never_mounting(LARGE).await;
    let (at, from) = (repository(&double.host(), "a/b"), repository(&double.host(), "c/d"));
    let offer = push_of(&client()).offer(&at, &layer(&noise(LARGE)), Some(&from)).await.unwrap();
    assert!(matches!(offer, UploadStart::Present));
}

#[tokio::test]
async fn nothing_is_looked_for_in_a_repository_that_does_not_exist_yet() {
    let double = never_mounting(1).await;
    let push = push_of(&client());
    let at = repository(&double.host(), "a/b");
    assert!(matches!(survey(&push, &at).await.unwrap(), RepositoryTags::Empty));
    assert_eq!(send(&push, &at, &noise(LARGE)).await.unwrap(), "sent");
    assert_eq!(double.count("HEAD", ""), 0);
}

#[tokio::test]
async fn how_a_host_is_asked_is_known_to_the_next_run() {
    let (book, double) = (Book::new(), never_mounting(10).await);
    let at = repository(&double.host(), "a/b");
    assert_eq!(send(&push_of(&client_noting(&[], book.notes())), &at, &noise(20)).await.unwrap(), "sent");
    assert_eq!(send(&push_of(&client_noting(&[], book.notes())), &at, &noise(10)).await.unwrap(), "have");
    assert_eq!(double.count("PUT", ""), 1);
    // Without the note a small blob is sent rather than asked for.
    assert_eq!(send(&push_of(&client()), &at, &noise(10)).await.unwrap(), "sent");
}

#[tokio::test]
async fn a_wrong_note_costs_a_request_and_no_bytes() {
    for (note, has) in [("blobs are found by mounting", LARGE), ("nonsense", LARGE), ("", LARGE)] {
        let (book, double) = (Book::new(), never_mounting(has).await);
        book.notes().put(Namespace::Hosts, &double.host(), note.to_owned()).await;
        let push = push_of(&client_noting(&[], book.notes()));
        assert_eq!(send(&push, &repository(&double.host(), "a/b"), &noise(has)).await.unwrap(), "have", "{note}");
        assert_eq!(double.asked().len(), 2, "{note}");
    }
    // A host that was said to tell by HEAD, and does.
    let (book, double) = (Book::new(), never_mounting(10).await);
    book.notes().put(Namespace::Hosts, &double.host(), "blobs are found by HEAD").await;
    let push = push_of(&client_noting(&[], book.notes()));
    assert_eq!(send(&push, &repository(&double.host(), "a/b"), &noise(20)).await.unwrap(), "sent");
    assert_eq!(double.count("HEAD", ""), 1);
}

/// Where logins differ by repository, one may not pull what another one may.
#[tokio::test]
async fn a_mount_that_is_refused_by_rights_is_not_asked_for_again() {
    for status in [401, 403, 404, 405] {
        let double = Double::start(move |asked| match asked.method.as_str() {
            "POST" if asked.path.contains("from=c") => reply(status),
            "POST" => reply(202).header("location", "/v2/a/b/blobs/uploads/1"),
            "PUT" => reply(201),
            _ => reply(404),
        })
        .await;
        let push = push_of(&client());
        let (at, from) = (repository(&double.host(), "a/b"), repository(&double.host(), "c/d"));
        for length in 1..5 {
            let offer = push.offer(&at, &layer(&noise(length)), Some(&from)).await.unwrap();
            assert!(matches!(offer, UploadStart::Upload(_)), "{status}");
        }
        assert_eq!(double.count("POST", "from=c"), 1, "{status}");
    }
}

/// A proxy that spoils `Host` made a registry send uploads to another port: 8,200 requests without one success.
#[tokio::test]
async fn uploads_that_another_host_refuses_are_not_tried_without_end() {
    for (status, least) in [(401, 1), (403, 3), (404, 3)] {
        let other = Double::start(move |_| reply(status)).await;
        let location = other.url("/v2/a/b/blobs/uploads/1");
        let double = Double::start(move |asked| match asked.method.as_str() {
            "POST" => reply(202).header("location", &location),
            _ => reply(404),
        })
        .await;
        let push = push_of(&client());
        let at = repository(&double.host(), "a/b");
        for blob in 0..20_u8 {
            let error = send(&push, &at, &Bytes::from(vec![blob; 10])).await.unwrap_err();
            assert!(error.message().contains(&format!("`{}` sends uploads on to `{}`", double.host(), other.host())));
            assert!(error.hint().unwrap().contains("external URL"), "{error}");
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Denied, usize::from(blob) + 1 < least));
        }
        assert_eq!(other.asked().len(), least, "{status}");
        assert_eq!(double.asked().len(), least, "{status}");
    }
}

#[tokio::test]
async fn a_store_that_refuses_now_and_then_is_asked_on() {
    let number = AtomicUsize::new(0);
    let store = Double::start(move |_| match number.fetch_add(1, Ordering::Relaxed) {
        0 | 3 | 5 | 7 => reply(201),
        _ => reply(403),
    })
    .await;
    let location = store.url("/upload?signature=x");
    let double = Double::start(move |asked| match asked.method.as_str() {
        "POST" => reply(202).header("location", &location),
        _ => reply(404),
    })
    .await;
    let push = push_of(&client());
    let at = repository(&double.host(), "a/b");
    let mut sent = 0;
    for blob in 0..8_u8 {
        sent += usize::from(send(&push, &at, &Bytes::from(vec![blob; 10])).await.is_ok());
    }
    assert_eq!((sent, store.asked().len()), (4, 8));
}
