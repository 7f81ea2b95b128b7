//! Layouts that lost something on their way.

use sealift_conformance::images::image;
use sealift_core::{
    content::{Digest, Manifest, Reference},
    error::{ErrorKind, Retry},
    stage::ResolveMode,
};
use serde_json::json;

use super::*;

async fn damaged(shared: &str) -> (Made, Image, Image) {
    let mut made = Made::new().await;
    let (one, two) = (image("linux/amd64", &[shared, "1"]), image("linux/amd64", &[shared, "2"]));
    made.ours(&one, "q.io/one:v1", "").await;
    made.ours(&two, "q.io/two:v1", "").await;
    (made, one, two)
}

fn layer(image: &Image, at: usize) -> Descriptor {
    image.blobs[at + 1].0.clone()
}

async fn read(made: &Made, item: &Descriptor) -> Result<()> {
    let (_, fetch) = stages(json!({}), &made.path()).unwrap();
    let repository = "q.io/one".parse().unwrap();
    fetch.blob(&repository, item).await?.read_to_end(1000).await.map(drop)
}

#[tokio::test]
async fn a_missing_blob_is_named_with_all_who_need_it() {
    let (made, one, _) = damaged("shared").await;
    let item = layer(&one, 0);
    std::fs::remove_file(made.file(&item)).unwrap();
    let error = read(&made, &item).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!error.is_retryable());
    let path = made.path();
    assert_eq!(
        error.message(),
        format!(
            "`{}` (6 bytes) is not in `{}`; it is needed by `q.io/one:v1`, `q.io/two:v1`",
            item.digest,
            path.display()
        )
    );
    assert!(error.hint().unwrap().contains("sealift verify"), "{error}");
    let error = read(&made, &Descriptor { digest: Digest::of(b"never heard of"), ..item }).await.unwrap_err();
    assert!(error.message().ends_with(&format!("is not in `{}`", path.display())), "{error}");
}

#[tokio::test]
async fn a_missing_manifest_is_named_with_its_image() {
    let (made, one, _) = damaged("shared").await;
    std::fs::remove_file(made.file(&one.manifest.descriptor())).unwrap();
    let (_, fetch) = stages(json!({}), &made.path()).unwrap();
    let error = fetch.resolve(&"q.io/one:v1".parse().unwrap(), ResolveMode::Manifest).await.unwrap_err();
    assert!(error.message().contains(&one.manifest.digest().to_string()), "{error}");
    assert!(error.message().ends_with("needed by `q.io/one:v1`"), "{error}");
}

#[tokio::test]
async fn a_corrupt_blob_is_told_with_its_file_and_not_read_again() {
    let (made, one, _) = damaged("shared").await;
    let item = layer(&one, 0);
    for (content, says) in [
        ("Shared", "has digest `sha256:"),
        ("short", "has 5 bytes instead of 6"),
        ("longest", "has 7 bytes instead of 6"),
    ] {
        std::fs::write(made.file(&item), content).unwrap();
        let error = read(&made, &item).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{content}");
        assert_eq!(error.retry(), Retry::Never);
        assert!(error.message().starts_with(&format!("`{}`", made.file(&item).display())), "{error}");
        assert!(error.message().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_corrupt_manifest_is_told_with_its_file() {
    let (made, one, _) = damaged("shared").await;
    let item = one.manifest.descriptor();
    let mut bytes = one.manifest.bytes().to_vec();
    *bytes.last_mut().unwrap() = b' ';
    std::fs::write(made.file(&item), bytes).unwrap();
    let (_, fetch) = stages(json!({}), &made.path()).unwrap();
    let error = fetch.manifest(&"q.io/one".parse().unwrap(), &item).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!error.is_retryable());
    assert!(error.message().contains(&made.file(&item).display().to_string()), "{error}");
}

#[tokio::test]
async fn links_out_of_the_layout_are_not_followed() {
    let (made, one, _) = damaged("shared").await;
    let item = layer(&one, 0);
    let outside = made.dir.path().join("outside");
    std::fs::write(&outside, "shared").unwrap();
    std::fs::remove_file(made.file(&item)).unwrap();
    std::os::unix::fs::symlink(&outside, made.file(&item)).unwrap();
    let error = read(&made, &item).await.unwrap_err();
    assert!(error.message().contains("symbolic link"), "{error}");
}

#[tokio::test]
async fn what_is_not_listed_but_there_can_be_had_by_digest() {
    let mut made = Made::new().await;
    let (child, other) = (image("linux/arm64", &["1"]), image("linux/amd64", &["2"]));
    let all = sealift_conformance::images::index(&[("linux/arm64", &child), ("linux/amd64", &other)]);
    made.ours(&all, "q.io/a:v1", "").await;
    let (_, fetch) = stages(json!({}), &made.path()).unwrap();
    let repository: sealift_core::content::Repository = "q.io/a".parse().unwrap();
    let resolved =
        fetch.resolve(&repository.with_digest(child.manifest.digest()), ResolveMode::Descriptor).await.unwrap();
    assert_eq!(resolved.descriptor, child.manifest.descriptor());
    assert_eq!(resolved.manifest.as_ref().map(Manifest::digest), Some(child.manifest.digest()));
    let error = fetch.resolve(&"q.io/a:v2".parse().unwrap(), ResolveMode::Descriptor).await.unwrap_err();
    assert_eq!((error.kind(), error.hint()), (ErrorKind::NotFound, Some("did you mean `q.io/a:v1`?")));
    let unknown = ImageRef { repository, reference: Reference::Digest(Digest::of(b"nothing")) };
    assert_eq!(fetch.resolve(&unknown, ResolveMode::Descriptor).await.unwrap_err().kind(), ErrorKind::NotFound);
}
