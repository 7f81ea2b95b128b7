//! Tags, repositories, referrers.

use std::collections::BTreeSet;

use sealift_core::content::{Digest, well_known};
use sealift_serve::sample::{Image, ImageFormat, layer};
use serde_json::Value;

use crate::{
    deviations::Point,
    subject::{Subject, both, error, is, text},
};

fn image(name: &str) -> Image {
    Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer(name, 100)])
}

async fn list(at: &Subject, path: &str, key: &str) -> Vec<String> {
    let body: Value = at.get(path).await.json().await.unwrap();
    body[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_tags_of_a_repository_are_listed() {
    both(async |at| {
        at.push("a/b", &["v2", "v1", "Z", "_x"], &image("x")).await;
        let mut tags = list(at, "a/b/tags/list", "tags").await;
        tags.sort();
        assert_eq!(tags, ["Z", "_x", "v1", "v2"]);
        let body: Value = at.get("a/b/tags/list").await.json().await.unwrap();
        assert_eq!(body["name"], "a/b");
    })
    .await;
}

#[tokio::test]
async fn the_tags_come_in_pages_if_that_is_asked_for() {
    both(async |at| {
        at.push("a", &["v1", "v2", "v3", "v4", "v5"], &image("x")).await;
        let first = at.get("a/tags/list?n=2").await;
        let link = first.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let body: Value = first.json().await.unwrap();
        assert_eq!(body["tags"].as_array().unwrap().len(), usize::from(at.expected(Point::PagingOfTags)));
        assert_eq!(list(at, "a/tags/list?n=0", "tags").await.len(), usize::from(at.expected(Point::ZeroTags)));
        assert_eq!(link.is_some(), !at.is_real);
        if let Some(link) = link {
            let next = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
            assert_eq!(list(at, next, "tags").await, ["v3", "v4"]);
            assert_eq!(list(at, "a/tags/list?last=v4", "tags").await, ["v5"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_repository_that_never_had_a_manifest_is_unknown() {
    both(async |at| {
        assert_eq!(error(at.get("nobody/tags/list").await).await, is(404, "NAME_UNKNOWN"));
        at.push_blob("blobs/only", *b"blob").await;
        assert_eq!(error(at.get("blobs/only/tags/list").await).await, is(404, "NAME_UNKNOWN"));
    })
    .await;
}

#[tokio::test]
async fn a_repository_whose_last_tag_went_has_no_tags() {
    both(async |at| {
        let image = image("x");
        at.push("a", &["v1"], &image).await;
        at.delete(&format!("a/manifests/{}", image.root().digest())).await;
        let body: Value = at.get("a/tags/list").await.json().await.unwrap();
        assert!(body["tags"].as_array().is_none_or(Vec::is_empty));
    })
    .await;
}

#[tokio::test]
async fn the_repositories_are_listed_in_pages() {
    both(async |at| {
        for repository in ["c", "a/b", "b"] {
            at.push(repository, &["v1"], &image("x")).await;
        }
        assert_eq!(list(at, "_catalog", "repositories").await, ["a/b", "b", "c"]);
        let first = at.get("_catalog?n=2").await;
        assert!(text(&first, "link").contains("rel=\"next\""));
        assert_eq!(list(at, "_catalog?n=2&last=b", "repositories").await, ["c"]);
    })
    .await;
}

#[tokio::test]
async fn names_and_digests_that_cannot_be_are_refused() {
    both(async |at| {
        assert_eq!(at.get("A/b/tags/list").await.status(), at.expected(Point::NameInvalid));
        let long = "t".repeat(129);
        assert_eq!(at.get(&format!("a/manifests/{long}")).await.status(), 404);
        assert_ne!(at.get("a/blobs/sha256:..%2f..%2f..%2fetc").await.status(), 200);
        assert_eq!(at.get("nothing").await.status(), 404);
    })
    .await;
}

#[tokio::test]
async fn referrers_are_listed() {
    both(async |at| {
        let image = image("x");
        at.push("a", &["v1"], &image).await;
        let signature = image.referrer("application/x.signature", bytes::Bytes::from_static(b"signed"));
        let sbom = image.referrer("application/x.sbom", bytes::Bytes::from_static(b"parts"));
        let mut says_subject = 0;
        for referrer in [&signature, &sbom] {
            at.push("a", &[], referrer).await;
            let path = format!("a/manifests/{}", referrer.root().digest());
            let taken = at.put_manifest(&path, referrer.root().media_type(), referrer.root().bytes().to_vec()).await;
            assert_eq!(taken.status(), 201);
            says_subject += u16::from(
                taken.headers().get("oci-subject").is_some_and(|at| *at == *image.root().digest().to_string()),
            );
        }
        assert_eq!(says_subject, 2 * at.expected(Point::Subject));
        let path = format!("a/referrers/{}", image.root().digest());
        let answer = at.get(&path).await;
        assert_eq!(answer.status(), at.expected(Point::Referrers));
        if at.is_real {
            return;
        }
        assert_eq!(text(&answer, "content-type"), well_known::OCI_INDEX.as_str());
        assert_eq!(digests(answer).await, BTreeSet::from([digest(&signature), digest(&sbom)]));
        let filtered = at.get(&format!("{path}?artifactType=application/x.sbom")).await;
        assert_eq!(text(&filtered, "oci-filters-applied"), "artifactType");
        assert_eq!(digests(filtered).await, BTreeSet::from([digest(&sbom)]));
        let none = at.get(&format!("b/referrers/{}", Digest::of(b"nobody"))).await;
        assert_eq!(digests(none).await, BTreeSet::new());
    })
    .await;
}

fn digest(image: &Image) -> String {
    image.root().digest().to_string()
}

async fn digests(answer: reqwest::Response) -> BTreeSet<String> {
    let body: Value = answer.json().await.unwrap();
    body["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}
