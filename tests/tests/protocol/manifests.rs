//! Manifests.

use reqwest::{Method, header};
use sealift_core::content::{Digest, MediaType, well_known};
use sealift_serve::sample::{Image, ImageFormat, Recipe, assortment, layer};
use serde_json::json;

use crate::{
    deviations::Point,
    subject::{Subject, both, created, error, is, layer as descriptor, text},
};

fn image() -> Image {
    Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer("x", 100)])
}

/// Puts a manifest whose blobs are there, with this text, and says what came of it.
async fn put(at: &Subject, tag: &str, media_type: &MediaType, text: &str) -> reqwest::Response {
    at.push_blob("a", *b"{}").await;
    at.push_blob("a", *b"layer").await;
    at.put_manifest(&format!("a/manifests/{tag}"), media_type, text).await
}

fn manifest_text(more: serde_json::Value) -> String {
    let config = sealift_core::content::Descriptor::of_bytes(well_known::OCI_CONFIG, b"{}");
    let mut text = json!({ "schemaVersion": 2, "config": config, "layers": [descriptor(b"layer")] });
    text.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    text.to_string()
}

#[tokio::test]
async fn a_manifest_comes_back_byte_by_byte() {
    both(async |at| {
        let text = format!(" {}\n\n", manifest_text(json!({ "x-unknown": [1, 2.50, "ü"] })));
        let digest = Digest::of(text.as_bytes());
        created(&put(at, "v1", &well_known::OCI_MANIFEST, &text).await, &digest);
        for reference in ["v1", &digest.to_string()] {
            let path = format!("a/manifests/{reference}");
            let head = at.head(&path).await;
            assert_eq!(head.status(), 200);
            assert_eq!(
                text_of(&head),
                (well_known::OCI_MANIFEST.to_string(), digest.to_string(), text.len().to_string())
            );
            let got = at.get(&path).await;
            assert_eq!(
                text_of(&got),
                (well_known::OCI_MANIFEST.to_string(), digest.to_string(), text.len().to_string())
            );
            assert_eq!(got.text().await.unwrap(), text);
        }
    })
    .await;
}

fn text_of(response: &reqwest::Response) -> (String, String, String) {
    (text(response, "content-type"), text(response, "docker-content-digest"), text(response, "content-length"))
}

#[tokio::test]
async fn every_kind_of_image_is_taken_and_given() {
    both(async |at| {
        let docker = Recipe { repositories: 1, tags: 1, dialect: ImageFormat::Docker, ..Recipe::default() };
        for sample in assortment().into_iter().chain(docker.images()) {
            let tags: Vec<&str> = sample.tags.iter().map(|tag| tag.as_str()).collect();
            let by_digest = [sample.image.root().digest().to_string()];
            let names = if tags.is_empty() { vec![by_digest[0].as_str()] } else { tags };
            at.push(&sample.repository, &names, &sample.image).await;
            let got = at.get(&format!("{}/manifests/{}", sample.repository, names[0])).await;
            assert_eq!(text(&got, "content-type"), sample.image.root().media_type().as_str());
            assert_eq!(got.bytes().await.unwrap(), sample.image.root().bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn an_index_without_entries_is_an_index() {
    both(async |at| {
        let text = json!({ "schemaVersion": 2, "mediaType": well_known::OCI_INDEX, "manifests": [] }).to_string();
        created(&put(at, "empty", &well_known::OCI_INDEX, &text).await, &Digest::of(text.as_bytes()));
    })
    .await;
}

#[tokio::test]
async fn a_manifest_under_the_digest_of_another_is_refused() {
    both(async |at| {
        let wrong = Digest::of(b"other").to_string();
        let answer = put(at, &wrong, &well_known::OCI_MANIFEST, &manifest_text(json!({}))).await;
        assert_eq!(error(answer).await, is(400, "DIGEST_INVALID"));
    })
    .await;
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused() {
    both(async |at| {
        for (media_type, text) in [
            (well_known::OCI_MANIFEST, manifest_text(json!({ "manifests": [] }))),
            (well_known::OCI_INDEX, manifest_text(json!({ "manifests": [] }))),
            (well_known::OCI_MANIFEST, manifest_text(json!({ "mediaType": well_known::DOCKER_MANIFEST }))),
            (well_known::OCI_MANIFEST, "{".to_owned()),
            (MediaType::from_static("text/html"), manifest_text(json!({}))),
        ] {
            assert_eq!(put(at, "v1", &media_type, &text).await.status(), 400, "{media_type} {text}");
        }
        let untyped = at.ask(Method::PUT, "a/manifests/v1").body(manifest_text(json!({}))).send().await.unwrap();
        assert_eq!(error(untyped).await, is(400, "MANIFEST_INVALID"));
        assert!(!at.has("a/manifests/v1").await);
    })
    .await;
}

#[tokio::test]
async fn a_manifest_that_is_too_long_is_refused() {
    both(async |at| {
        let text = format!("{}{}", manifest_text(json!({})), " ".repeat(4 << 20));
        let answer = put(at, "v1", &well_known::OCI_MANIFEST, &text).await;
        assert_eq!(error(answer).await, is(at.expected(Point::ManifestTooLarge), "MANIFEST_INVALID"));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_manifest_is_unknown() {
    both(async |at| {
        at.push("a", &["v1"], &image()).await;
        for path in
            ["a/manifests/v2".to_owned(), "b/manifests/v1".to_owned(), format!("a/manifests/{}", Digest::of(b"x"))]
        {
            assert_eq!(at.head(&path).await.status(), 404);
            assert_eq!(error(at.get(&path).await).await, is(404, "MANIFEST_UNKNOWN"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_manifest_takes_its_tags_along() {
    both(async |at| {
        let image = image();
        at.push("a", &["v1", "v2"], &image).await;
        let path = format!("a/manifests/{}", image.root().digest());
        assert_eq!(at.delete(&path).await.status(), 202);
        for gone in [path.as_str(), "a/manifests/v1", "a/manifests/v2"] {
            assert!(!at.has(gone).await, "{gone}");
        }
        assert_eq!(error(at.delete(&path).await).await, is(404, "MANIFEST_UNKNOWN"));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_tag_leaves_its_manifest() {
    both(async |at| {
        let image = image();
        at.push("a", &["v1", "v2"], &image).await;
        assert_eq!(at.delete("a/manifests/v1").await.status(), at.expected(Point::DeleteTag));
        assert_eq!(at.has("a/manifests/v1").await, at.is_real);
        assert!(at.has("a/manifests/v2").await);
        assert!(at.has(&format!("a/manifests/{}", image.root().digest())).await);
    })
    .await;
}

#[tokio::test]
async fn a_tag_moves_and_the_old_manifest_stays() {
    both(async |at| {
        let (old, new) = (image(), Image::single(ImageFormat::Oci, &"linux/arm64".parse().unwrap(), &[]));
        at.push("a", &["v1"], &old).await;
        at.push("a", &["v1"], &new).await;
        assert_eq!(text(&at.head("a/manifests/v1").await, "docker-content-digest"), new.root().digest().to_string());
        assert!(at.has(&format!("a/manifests/{}", old.root().digest())).await);
    })
    .await;
}

#[tokio::test]
async fn a_layer_that_is_had_elsewhere() {
    both(async |at| {
        let mut foreign = descriptor(b"not here");
        foreign.media_type = MediaType::from_static("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
        foreign.urls = vec!["https://example.com/layer".to_owned()];
        let text = manifest_text(json!({ "mediaType": well_known::DOCKER_MANIFEST, "layers": [foreign] }));
        let answer = put(at, "v1", &well_known::DOCKER_MANIFEST, &text).await;
        assert_eq!(answer.status(), at.expected(Point::ForeignLayer));
    })
    .await;
}

#[tokio::test]
async fn a_manifest_that_the_client_has_is_not_sent() {
    both(async |at| {
        at.push("a", &["v1"], &image()).await;
        let tag = text(&at.head("a/manifests/v1").await, "etag");
        let request = at.ask(Method::GET, "a/manifests/v1").header(header::IF_NONE_MATCH, tag);
        let accepted = request.header(header::ACCEPT, well_known::OCI_MANIFEST.as_str());
        assert_eq!(accepted.send().await.unwrap().status(), 304);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_possible_is_said() {
    both(async |at| {
        assert_eq!(at.post("a/manifests/v1").await.status(), 405);
        assert_eq!(at.delete("a/tags/list").await.status(), 405);
    })
    .await;
}
