//! Uploading blobs.

use std::io::Write;

use reqwest::{Method, header};
use sealift_core::content::{Algorithm, Digest};

use crate::{
    deviations::Point,
    subject::{both, created, error, is, location, text},
};

#[tokio::test]
async fn one_put_makes_a_blob() {
    both(async |at| {
        let digest = Digest::of(b"hello");
        let location = at.open("a/b").await;
        created(&at.put(&location, &digest.to_string(), &b"hello"[..]).await, &digest);
        assert!(at.has(&format!("a/b/blobs/{digest}")).await);
    })
    .await;
}

#[tokio::test]
async fn a_blob_of_no_bytes_is_a_blob() {
    both(async |at| {
        let digest = at.push_blob("a", *b"").await;
        let head = at.head(&format!("a/blobs/{digest}")).await;
        assert_eq!(text(&head, "content-length"), "0");
    })
    .await;
}

#[tokio::test]
async fn chunks_make_a_blob() {
    both(async |at| {
        let opened = at.post("a/blobs/uploads/").await;
        assert_eq!(text(&opened, "range"), "0-0");
        assert!(!text(&opened, "docker-upload-uuid").is_empty());
        let request = at.ask(Method::PATCH, &location(&opened)).header(header::CONTENT_RANGE, "0-4").body("hello");
        let first = request.send().await.unwrap();
        assert_eq!(first.status(), 202);
        assert_eq!(text(&first, "range"), "0-4");
        let request = at.ask(Method::PATCH, &location(&first)).header(header::CONTENT_RANGE, "5-10").body(" world");
        let second = request.send().await.unwrap();
        assert_eq!(text(&second, "range"), "0-10");
        let status = at.get(&location(&second)).await;
        assert_eq!(status.status(), 204);
        assert_eq!(text(&status, "range"), "0-10");
        let digest = Digest::of(b"hello world!");
        created(&at.put(&location(&status), &digest.to_string(), "!").await, &digest);
    })
    .await;
}

#[tokio::test]
async fn a_chunk_that_does_not_come_next() {
    both(async |at| {
        let first = at.patch(&at.open("a").await, b"hello").await;
        let request = at.ask(Method::PATCH, &location(&first)).header(header::CONTENT_RANGE, "9-11").body("xyz");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), at.expected(Point::ChunkOutOfOrder));
        if !at.is_real {
            assert_eq!(text(&answer, "range"), "0-4", "the client is told where it goes on");
            assert_eq!(at.patch(&location(&answer), b" world").await.status(), 202);
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_digest_makes_no_blob_and_ends_the_upload() {
    both(async |at| {
        let wrong = Digest::of(b"other").to_string();
        let upload = at.open("a").await;
        assert_eq!(error(at.put(&upload, &wrong, "hello").await).await, is(400, "DIGEST_INVALID"));
        assert!(!at.has(&format!("a/blobs/{wrong}")).await);
        assert!(!at.has(&format!("a/blobs/{}", Digest::of(b"hello"))).await);
        assert_eq!(at.put(&upload, &wrong, "hello").await.status(), 404);
    })
    .await;
}

#[tokio::test]
async fn an_upload_without_a_digest_is_not_finished() {
    both(async |at| {
        let upload = at.open("a").await;
        let request = at.ask(Method::PUT, &upload).body("hello");
        assert_eq!(error(request.send().await.unwrap()).await, is(400, "DIGEST_INVALID"));
        let upload = at.open("a").await;
        assert_eq!(error(at.put(&upload, "sha256:no", "hello").await).await, is(400, "DIGEST_INVALID"));
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_upload_is_over() {
    both(async |at| {
        let upload = at.open("a").await;
        assert_eq!(at.delete(&upload).await.status(), 204);
        assert_eq!(error(at.get(&upload).await).await, is(404, "BLOB_UPLOAD_UNKNOWN"));
        assert_eq!(at.put(&upload, &Digest::of(b"x").to_string(), "x").await.status(), 404);
    })
    .await;
}

#[tokio::test]
async fn an_upload_belongs_to_its_repository() {
    both(async |at| {
        let upload = at.open("a").await.replace("/v2/a/", "/v2/b/");
        assert_eq!(at.put(&upload, &Digest::of(b"x").to_string(), "x").await.status(), 404);
    })
    .await;
}

#[tokio::test]
async fn two_uploads_of_one_blob_both_succeed() {
    both(async |at| {
        let digest = Digest::of(b"twice");
        let name = digest.to_string();
        let (one, two) = (at.open("a").await, at.open("a").await);
        let (one, two) = tokio::join!(at.put(&one, &name, "twice"), at.put(&two, &name, "twice"));
        created(&one, &digest);
        created(&two, &digest);
    })
    .await;
}

#[tokio::test]
async fn the_blob_in_the_first_request() {
    both(async |at| {
        let digest = Digest::of(b"at once");
        let request = at.ask(Method::POST, "a/blobs/uploads/").query(&[("digest", digest.to_string())]).body("at once");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), at.expected(Point::SinglePost));
        assert_eq!(at.has(&format!("a/blobs/{digest}")).await, !at.is_real);
    })
    .await;
}

#[tokio::test]
async fn another_algorithm_names_a_blob_too() {
    both(async |at| {
        let mut hasher = Algorithm::Sha512.hasher();
        hasher.update(b"hello");
        let digest = hasher.finish();
        let upload = at.open("a").await;
        assert_eq!(at.put(&upload, &digest.to_string(), "hello").await.status(), 201);
        assert!(at.has(&format!("a/blobs/{digest}")).await);
    })
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_off_makes_no_blob() {
    both(async |at| {
        let digest = Digest::of(b"hello world");
        let upload = at.base.join(&at.open("a").await).unwrap();
        let mut stream = std::net::TcpStream::connect(at.base.socket_addrs(|| None).unwrap()[0]).unwrap();
        let sign = if upload.query().is_some() { '&' } else { '?' };
        let path = &upload.as_str()[at.base.as_str().len() - 1..];
        write!(stream, "PUT {path}{sign}digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello")
            .unwrap();
        drop(stream);
        at.push_blob("a", *b"something that takes its time").await;
        assert!(!at.has(&format!("a/blobs/{digest}")).await);
        assert!(!at.has(&format!("a/blobs/{}", Digest::of(b"hello"))).await);
    })
    .await;
}
