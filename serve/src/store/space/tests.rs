use std::path::Path;

use sealift_core::content::{Manifest, Reference};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use super::*;
use crate::{
    options::ServeOptions,
    sample::{Image, ImageFormat, layer},
    store::{ChangeError, Objection},
};

fn image(layers: &[&str]) -> Image {
    let layers: Vec<_> = layers.iter().map(|name| layer(name, 20)).collect();
    Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &layers)
}

fn tag(name: &str) -> Reference {
    Reference::Tag(name.parse().unwrap())
}

async fn open(options: ServeOptions) -> Arc<RepositoryStore> {
    Arc::new(RepositoryStore::open(&options.writable().throwaway(), TaskTracker::new()).await.unwrap())
}

async fn serving() -> (TempDir, Arc<RepositoryStore>) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(ServeOptions::new(dir.path())).await;
    (dir, store)
}

async fn bring(store: &Arc<RepositoryStore>, path: &str, image: &Image) {
    for (blob, bytes) in image.blobs() {
        let mut incoming = store.writer().unwrap().begin().await.unwrap();
        incoming.write(bytes.clone()).await.unwrap();
        store.take_blob(path, incoming, &blob.digest).await.unwrap();
    }
    store.put_manifest(path, &tag("v1"), image.root()).await.unwrap();
}

async fn delete(store: &Arc<RepositoryStore>, path: &str, manifest: &Manifest) {
    let by_digest = Reference::Digest(manifest.digest().clone());
    assert!(store.delete_manifest(path, &by_digest).await.unwrap());
}

fn is_there(dir: &Path, digest: &Digest) -> bool {
    dir.join("blobs/sha256").join(digest.hex()).exists()
}

/// Returns true if manifest and blobs are on the disk, false if none is.
fn stands(dir: &Path, image: &Image) -> bool {
    let content = image.blobs().iter().map(|(blob, _)| &blob.digest).chain([image.root().digest()]);
    let there: HashSet<bool> = content.map(|digest| is_there(dir, digest)).collect();
    assert_eq!(there.len(), 1, "a part of it is there");
    there.contains(&true)
}

#[tokio::test(start_paused = true)]
async fn the_files_of_a_deleted_image_go_after_a_few_seconds() {
    let (dir, store) = serving().await;
    let image = image(&["a"]);
    bring(&store, "team/app", &image).await;
    assert!(store.delete_manifest("team/app", &tag("v1")).await.unwrap());
    tokio::time::sleep(2 * DELAY).await;
    assert!(stands(dir.path(), &image), "without its tag it can still be pulled by digest");
    delete(&store, "team/app", image.root()).await;
    assert!(stands(dir.path(), &image));
    tokio::time::sleep(2 * DELAY).await;
    assert!(!stands(dir.path(), &image));
    // What is gone can be brought again.
    bring(&store, "team/app", &image).await;
    assert!(stands(dir.path(), &image));
}

#[tokio::test]
async fn what_something_needs_stays() {
    let (dir, store) = serving().await;
    let (image, sibling, foreign) = (image(&["a", "shared"]), image(&["b", "shared"]), image(&["c"]));
    let [a, shared] = ["a", "shared"].map(|name| Digest::of(&layer(name, 20).bytes));
    bring(&store, "team/app", &image).await;
    bring(&store, "team/other", &sibling).await;
    // Another program was interrupted here, and goes on later with what it has brought.
    let (orphan, bytes) = &foreign.blobs()[0];
    store.writer().unwrap().put_bytes(orphan, bytes.clone()).await.unwrap();
    // A push that has begun elsewhere relies on the layer.
    assert!(store.mount("team/new", &a, "team/app").await.unwrap());
    delete(&store, "team/app", image.root()).await;
    assert!(!store.has_blob("team/app", &shared).await.unwrap(), "as after a restart");
    store.close().await.unwrap();
    assert!(stands(dir.path(), &sibling) && is_there(dir.path(), &orphan.digest) && is_there(dir.path(), &a));
    assert!(!is_there(dir.path(), image.root().digest()));
    assert!(store.forget_blob("team/new", &a).await.unwrap());
    store.close().await.unwrap();
    assert!(!is_there(dir.path(), &a));
}

#[tokio::test]
async fn nothing_goes_while_it_is_not_known_what_is_needed() {
    let (dir, store) = serving().await;
    let (first, second) = (image(&["a"]), image(&["b"]));
    bring(&store, "team/app", &first).await;
    bring(&store, "team/other", &second).await;
    let damaged = dir.path().join("blobs/sha256").join(second.root().digest().hex());
    let bytes = std::fs::read(&damaged).unwrap();
    std::fs::remove_file(&damaged).unwrap();
    delete(&store, "team/app", first.root()).await;
    store.give_back().await;
    assert!(stands(dir.path(), &first), "the other image may need its layers");
    std::fs::write(&damaged, bytes).unwrap();
    store.give_back().await;
    assert!(!stands(dir.path(), &first), "it is not forgotten");
}

#[tokio::test]
async fn a_manifest_whose_content_is_missing_is_taken_only_if_that_was_said() {
    let (_dir, store) = serving().await;
    let index = Image::index(ImageFormat::Oci, [image(&["a"]), image(&["b"])]);
    let refused = store.put_manifest("team/app", &tag("v1"), index.root()).await;
    assert!(matches!(refused, Err(ChangeError::Objection(Objection::Missing(_)))), "{refused:?}");

    let dir = tempfile::tempdir().unwrap();
    let store = open(ServeOptions::new(dir.path()).sparse()).await;
    let first = index.children()[0].clone();
    for (blob, bytes) in index.blobs() {
        store.writer().unwrap().put_bytes(blob, bytes.clone()).await.unwrap();
        store.add_blob("team/app", &blob.digest);
    }
    store.put_manifest("team/app", &Reference::Digest(first.digest().clone()), &first).await.unwrap();
    store.put_manifest("team/app", &tag("v1"), index.root()).await.unwrap();
    let layers_missing = image(&["not brought"]);
    store.put_manifest("team/app", &tag("v2"), layers_missing.root()).await.unwrap();
    let repository = store.repository("team/app").unwrap();
    assert_eq!(repository.tags().unwrap().len(), 2);
    assert!(store.layout().open_blob(&layers_missing.blobs()[0].0.digest).await.unwrap().is_none());
    // What came later is served.
    let (layer, bytes) = &layers_missing.blobs()[0];
    store.writer().unwrap().put_bytes(layer, bytes.clone()).await.unwrap();
    assert!(store.has_blob("team/app", &layer.digest).await.unwrap());
}
