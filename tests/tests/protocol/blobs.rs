//! Pulling and deleting blobs.

use reqwest::{Method, header};
use sealift_core::content::Digest;

use crate::subject::{Subject, both, error, is, text};

async fn range(at: &Subject, path: &str, range: &str) -> reqwest::Response {
    at.ask(Method::GET, path).header(header::RANGE, range).send().await.unwrap()
}

#[tokio::test]
async fn the_base_says_which_protocol_this_is() {
    both(async |at| {
        let base = at.get("").await;
        assert_eq!(base.status(), 200);
        assert_eq!(text(&base, "docker-distribution-api-version"), "registry/2.0");
    })
    .await;
}

#[tokio::test]
async fn a_blob_is_read_as_it_was_written() {
    both(async |at| {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 7) as u8).collect();
        let digest = at.push_blob("a/b", bytes.clone()).await;
        let path = format!("a/b/blobs/{digest}");
        let head = at.head(&path).await;
        assert_eq!(head.status(), 200);
        assert_eq!(text(&head, "content-length"), bytes.len().to_string());
        assert_eq!(text(&head, "docker-content-digest"), digest.to_string());
        let got = at.get(&path).await;
        assert_eq!(text(&got, "content-type"), "application/octet-stream");
        assert_eq!(text(&got, "docker-content-digest"), digest.to_string());
        assert_eq!(got.bytes().await.unwrap(), bytes);
    })
    .await;
}

#[tokio::test]
async fn parts_of_a_blob_are_read() {
    both(async |at| {
        let digest = at.push_blob("a", *b"0123456789").await;
        let path = format!("a/blobs/{digest}");
        for (wanted, content_range, bytes) in [
            ("bytes=2-5", "bytes 2-5/10", "2345"),
            ("bytes=7-", "bytes 7-9/10", "789"),
            ("bytes=-2", "bytes 8-9/10", "89"),
        ] {
            let got = range(at, &path, wanted).await;
            assert_eq!(got.status(), 206, "{wanted}");
            assert_eq!(text(&got, "content-range"), content_range);
            assert_eq!(got.text().await.unwrap(), bytes);
        }
    })
    .await;
}

#[tokio::test]
async fn behind_the_end_of_a_blob_there_is_nothing_to_read() {
    both(async |at| {
        let digest = at.push_blob("a", *b"0123456789").await;
        // The body is not read: distribution 2.8.2 announces five bytes and sends none.
        assert_eq!(range(at, &format!("a/blobs/{digest}"), "bytes=10-").await.status(), 416);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_blob_is_unknown() {
    both(async |at| {
        let path = format!("a/blobs/{}", Digest::of(b"never"));
        assert_eq!(at.head(&path).await.status(), 404);
        assert_eq!(error(at.get(&path).await).await, is(404, "BLOB_UNKNOWN"));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_blob_is_gone_from_its_repository_only() {
    both(async |at| {
        let digest = at.push_blob("a", *b"blob").await;
        at.push_blob("b", *b"blob").await;
        assert_eq!(at.delete(&format!("a/blobs/{digest}")).await.status(), 202);
        assert!(!at.has(&format!("a/blobs/{digest}")).await);
        assert!(at.has(&format!("b/blobs/{digest}")).await);
        assert_eq!(error(at.delete(&format!("a/blobs/{}", Digest::of(b"never"))).await).await, is(404, "BLOB_UNKNOWN"));
    })
    .await;
}

#[tokio::test]
async fn a_blob_that_the_client_has_is_not_sent() {
    both(async |at| {
        let digest = at.push_blob("a", *b"blob").await;
        let tag = text(&at.head(&format!("a/blobs/{digest}")).await, "etag");
        let request = at.ask(Method::GET, &format!("a/blobs/{digest}")).header(header::IF_NONE_MATCH, tag);
        assert_eq!(request.send().await.unwrap().status(), 304);
    })
    .await;
}
