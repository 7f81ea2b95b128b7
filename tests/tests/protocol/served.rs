//! What only the registry of this project can be asked, because it is about its directory.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

use reqwest::{Method, header};
use sealift_core::content::{Digest, Reference};
use sealift_oci_layout::{Layout, Writer, WriterOptions};
use sealift_serve::{
    ServeOptions, Server,
    access::RequestKind,
    sample::{Image, ImageFormat, layer},
};

use crate::subject::{Subject, error, is, location, text};

fn image(name: &str) -> Image {
    Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer(name, 100)])
}

fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}

async fn writable(dir: &Path) -> (Server, Subject) {
    let server = Server::start(ServeOptions::new(dir).writable().throwaway().record()).await.unwrap();
    let subject = Subject::new(&server.url(), false);
    (server, subject)
}

async fn writer(dir: &Path) -> Writer {
    Writer::create(dir, WriterOptions { sync: false }).await.unwrap()
}

#[tokio::test]
async fn a_registry_that_only_reads_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let layout = writer(dir.path()).await;
    image("x").write(&layout, "a", &tag("v1")).await.unwrap();
    layout.commit().await.unwrap();
    let before = std::fs::read(dir.path().join("index.json")).unwrap();
    // Reading does not need the lock, so somebody may go on writing.
    let server = Server::start(ServeOptions::new(dir.path())).await.unwrap();
    let at = Subject::new(&server.url(), false);
    assert!(at.has("a/manifests/v1").await);
    assert_eq!(error(at.post("a/blobs/uploads/").await).await, is(405, "UNSUPPORTED"));
    assert_eq!(at.delete("a/manifests/v1").await.status(), 405);
    assert_eq!(at.put("/v2/a/manifests/v2", "", "{}").await.status(), 405);
    assert_eq!(std::fs::read(dir.path().join("index.json")).unwrap(), before);
}

#[tokio::test]
async fn there_is_nothing_to_read_in_a_directory_that_is_no_layout() {
    let dir = tempfile::tempdir().unwrap();
    let error = Server::start(ServeOptions::new(dir.path())).await.err().unwrap();
    assert!(error.message().contains("is no OCI image layout"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn names_that_are_no_paths_are_served_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let layout = writer(dir.path()).await;
    image("x").write(&layout, "localhost:5000/a/b", &tag("v1")).await.unwrap();
    image("y").write(&layout, "docker.io/library/nginx", &tag("a__b")).await.unwrap();
    layout.commit().await.unwrap();
    drop(layout);
    let (server, at) = writable(dir.path()).await;
    assert!(at.has("localhost_5000/a/b/manifests/v1").await);
    assert!(at.has("docker.io/library/nginx/manifests/a__b").await);
    at.push("localhost_5000/a/b", &["v1", "v2"], &image("z")).await;
    server.shutdown().await.unwrap();
    let layout = Layout::open(dir.path()).await.unwrap();
    let moved = layout.find("localhost:5000/a/b:v1").unwrap();
    assert_eq!(moved.digest, *image("z").root().digest(), "the entry is the same, and points to the new image");
    assert!(layout.find("localhost_5000/a/b:v2").is_some());
    assert!(layout.find("localhost_5000/a/b:v1").is_none());
}

#[tokio::test]
async fn what_a_layout_lacks_is_not_served_and_the_rest_is() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (image("1"), image("2"));
    let layout = writer(dir.path()).await;
    Image::index(ImageFormat::Oci, [one.clone(), two.clone()]).write(&layout, "a", &tag("v1")).await.unwrap();
    layout.commit().await.unwrap();
    drop(layout);
    let lost = one.root().digest();
    std::fs::remove_file(dir.path().join("blobs/sha256").join(lost.hex())).unwrap();
    let (_server, at) = writable(dir.path()).await;
    assert!(at.has("a/manifests/v1").await);
    assert!(at.has(&format!("a/manifests/{}", two.root().digest())).await);
    assert!(!at.has(&format!("a/manifests/{lost}")).await);
}

#[tokio::test]
async fn membership_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let image = image("x");
    let (server, at) = writable(dir.path()).await;
    at.push("a", &["v1"], &image).await;
    at.push_blob("b", *b"of no manifest").await;
    server.shutdown().await.unwrap();
    let (_server, at) = writable(dir.path()).await;
    for (blob, _) in image.blobs() {
        assert!(at.has(&format!("a/blobs/{}", blob.digest)).await);
        assert!(!at.has(&format!("b/blobs/{}", blob.digest)).await);
    }
    assert_eq!(at.get("b/tags/list").await.status(), 404);
}

#[tokio::test]
async fn a_directory_has_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = writable(dir.path()).await;
    let error = Server::start(ServeOptions::new(dir.path()).writable()).await.err().unwrap();
    assert!(error.message().contains("is writing to"), "{error}");
    server.shutdown().await.unwrap();
    writable(dir.path()).await;
}

#[tokio::test]
async fn requests_are_recorded_with_what_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (server, at) = writable(dir.path()).await;
    at.push("a", &["v1"], &image("x")).await;
    let requests = server.requests();
    assert_eq!(
        (requests.count("POST", RequestKind::Upload), requests.count("PUT", RequestKind::Upload)),
        (2, 2),
        "{requests}"
    );
    assert_eq!(requests.count("PUT", RequestKind::Manifest), 1);
    server.reset();
    let length = at.get("a/manifests/v1").await.bytes().await.unwrap().len() as u64;
    at.head("a/manifests/v1").await;
    let requests = server.requests();
    let bytes: Vec<_> = requests.iter().map(|request| (request.status, request.bytes)).collect();
    assert_eq!(bytes, [(200, length), (200, 0)]);
}

#[tokio::test]
async fn an_upload_that_broke_off_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (server, at) = writable(dir.path()).await;
    let upload = at.open("a").await;
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    write!(stream, "PATCH {upload} HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello").unwrap();
    drop(stream);
    let status = loop {
        // Until the server noticed, the upload is in use.
        let status = at.get(&upload).await;
        if status.status() == 204 && text(&status, "range") == "0-4" {
            break status;
        }
        tokio::task::yield_now().await;
    };
    let digest = Digest::of(b"hello world");
    // The request that broke off may still have hold of the upload; one that says where it goes on takes over.
    let request = at.ask(Method::PUT, &location(&status)).query(&[("digest", digest.to_string())]);
    let request = request.header(header::CONTENT_RANGE, "5-10").body(" world");
    assert_eq!(request.send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_server_that_is_dropped_answers_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = writable(dir.path()).await;
    let addr = server.addr();
    let mut open = TcpStream::connect(addr).unwrap();
    drop(server);
    tokio::task::spawn_blocking(move || {
        assert_eq!(open.read(&mut [0]).unwrap_or(0), 0, "open connections are closed");
        assert!(TcpStream::connect(addr).is_err());
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_shutdown_lets_a_request_end() {
    let dir = tempfile::tempdir().unwrap();
    let (server, at) = writable(dir.path()).await;
    let upload = at.open("a").await;
    let mut stream = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    let digest = Digest::of(b"hello");
    let head = format!("PUT {upload}?digest={digest} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    while text(&at.get(&upload).await, "range") != "0-1" {
        tokio::task::yield_now().await; // until the request has hold of the upload
    }
    let stopping = tokio::spawn(server.shutdown());
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"llo").await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    stopping.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tags_pushed_at_the_same_time_are_all_there() {
    let dir = tempfile::tempdir().unwrap();
    let (server, at) = writable(dir.path()).await;
    let image = image("x");
    at.push("a", &["v0"], &image).await;
    let (media_type, bytes) = (image.root().media_type().to_string(), image.root().bytes().to_vec());
    let all = (1..200).map(|number| {
        let put = at.ask(Method::PUT, &format!("a/manifests/v{number}")).header(header::CONTENT_TYPE, &media_type);
        tokio::spawn(put.body(bytes.clone()).send())
    });
    for put in all.collect::<Vec<_>>() {
        assert_eq!(put.await.unwrap().unwrap().status(), 201);
    }
    // What was answered is in the directory, also if nobody says goodbye.
    assert_eq!(Layout::open(dir.path()).await.unwrap().entries().len(), 200);
    drop(server);
}
