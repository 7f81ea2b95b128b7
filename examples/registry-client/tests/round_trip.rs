//! The example against `serve` on loopback.

use std::process::Command;

use example_registry_client::{pull, push};
use sealift_core::{content::Repository, error::ErrorKind};
use sealift_registry_client::Client;
use sealift_serve::{ServeOptions, Server};

#[tokio::test]
async fn an_image_is_pushed_listed_pulled_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(ServeOptions::new(dir.path()).writable()).await.unwrap();
    let client = Client::builder().without_environment().build().unwrap();
    let repository: Repository = format!("{}/demo/hello", server.host()).parse().unwrap();
    let image = repository.with_tag(&"v1".parse().unwrap());

    let manifest = push(&client, &image, b"hello").await.unwrap();
    assert_eq!(client.resolve(&image).await.unwrap().digest, *manifest.digest());
    assert_eq!(client.tags(&repository).await.unwrap().tags, ["v1".parse().unwrap()]);
    assert_eq!(pull(&client, &image).await.unwrap(), [&b"hello"[..]]);
    assert!(client.referrers(&repository, manifest.digest()).await.unwrap().is_empty());

    client.delete_manifest(&repository.with_digest(manifest.digest())).await.unwrap();
    assert_eq!(client.manifest(&image).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(client.delete_manifest(&image).await.unwrap_err().kind(), ErrorKind::Unsupported, "a tag");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_program_says_what_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(ServeOptions::new(dir.path()).writable()).await.unwrap();
    let repository = format!("{}/demo/hello", server.host());
    let run = move || Command::new(env!("CARGO_BIN_EXE_example-registry-client")).arg(&repository).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("tags: hello\npulled 5 bytes\ndeleted sha256:"), "{text}");
    server.shutdown().await.unwrap();
}
