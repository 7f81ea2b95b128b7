//! What repositories have, and how blobs get from one to another.

use sealift_core::content::Digest;
use sealift_serve::sample::{Image, ImageFormat, layer};

use crate::subject::{both, created, error, is, location};

#[tokio::test]
async fn a_blob_is_unknown_in_a_repository_until_it_is_mounted_there() {
    both(async |at| {
        let digest = at.push_blob("a", *b"shared").await;
        assert!(!at.has(&format!("b/blobs/{digest}")).await);
        created(&at.post(&format!("b/blobs/uploads/?mount={digest}&from=a")).await, &digest);
        assert!(at.has(&format!("b/blobs/{digest}")).await);
    })
    .await;
}

#[tokio::test]
async fn a_repository_that_mounts_from_itself_learns_what_it_has() {
    both(async |at| {
        let digest = at.push_blob("a", *b"mine").await;
        created(&at.post(&format!("a/blobs/uploads/?mount={digest}&from=a")).await, &digest);
        let other = Digest::of(b"not yet");
        let answer = at.post(&format!("a/blobs/uploads/?mount={other}&from=a")).await;
        assert_eq!(answer.status(), 202);
        created(&at.put(&location(&answer), &other.to_string(), "not yet").await, &other);
    })
    .await;
}

#[tokio::test]
async fn a_mount_that_cannot_be_is_an_upload() {
    both(async |at| {
        let digest = at.push_blob("a", *b"shared").await;
        let never = Digest::of(b"never");
        for query in [
            format!("mount={never}&from=a"),
            format!("mount={digest}&from=nobody"),
            format!("mount={digest}&from=NOT/VALID"),
            format!("mount={digest}"),
            "mount=sha256:no&from=a".to_owned(),
        ] {
            let answer = at.post(&format!("b/blobs/uploads/?{query}")).await;
            assert_eq!(answer.status(), 202, "{query}");
            assert_eq!(at.delete(&location(&answer)).await.status(), 204);
        }
        assert!(!at.has(&format!("b/blobs/{digest}")).await);
    })
    .await;
}

#[tokio::test]
async fn a_manifest_whose_blobs_are_elsewhere_is_refused() {
    both(async |at| {
        let image = Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer("x", 100)]);
        at.push("a", &["v1"], &image).await;
        let put =
            async || at.put_manifest("b/manifests/v1", image.root().media_type(), image.root().bytes().to_vec()).await;
        assert_eq!(error(put().await).await, is(400, "MANIFEST_BLOB_UNKNOWN"));
        assert!(!at.has("b/manifests/v1").await);
        for (blob, _) in image.blobs() {
            at.post(&format!("b/blobs/uploads/?mount={}&from=a", blob.digest)).await;
        }
        created(&put().await, image.root().digest());
    })
    .await;
}

#[tokio::test]
async fn an_index_whose_children_are_elsewhere_is_refused() {
    both(async |at| {
        let child = Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer("x", 100)]);
        let index = Image::index(ImageFormat::Oci, [child.clone()]);
        at.push("a", &["v1"], &index).await;
        let put =
            async || at.put_manifest("b/manifests/v1", index.root().media_type(), index.root().bytes().to_vec()).await;
        assert_eq!(error(put().await).await, is(400, "MANIFEST_BLOB_UNKNOWN"));
        at.push("b", &["child"], &child).await;
        created(&put().await, index.root().digest());
    })
    .await;
}
