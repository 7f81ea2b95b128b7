//! What is served and what is on the disk, compared after every change.

use std::{collections::BTreeMap, path::Path};

use sealift_core::content::Tag;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::sample::{Image, ImageFormat, layer};

/// Everything that a registry says of what is in its index.
type Said = BTreeMap<String, Vec<String>>;

async fn said(store: &Arc<RepositoryStore>) -> Said {
    let mut all = Said::new();
    for path in store.names() {
        let known = store.repository(&path).unwrap().known(store).await;
        assert!(known.gap.is_none());
        all.insert(path, known.content.summary());
    }
    all
}

async fn open(dir: &Path) -> Arc<RepositoryStore> {
    let options = ServeOptions::new(dir).writable().throwaway().named("bundle");
    Arc::new(RepositoryStore::open(&options, TaskTracker::new()).await.unwrap())
}

/// What a registry would say that starts now.
async fn after_a_restart(dir: &Path) -> Said {
    let options = ServeOptions::new(dir).named("bundle");
    said(&Arc::new(RepositoryStore::open(&options, TaskTracker::new()).await.unwrap())).await
}

fn image(name: &str) -> Image {
    Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer(name, 20)])
}

/// A few images of all kinds, written to a directory, and an index of others that names them in every way.
async fn found(seed: u64) -> (TempDir, Vec<Image>) {
    let dir = tempfile::tempdir().unwrap();
    let mut images: Vec<_> = ["a", "b", "c", "d"].map(image).into();
    images.push(Image::index(ImageFormat::Oci, [image("a"), image("e")]));
    images.push(Image::index(ImageFormat::Oci, [image("b"), image("a")]));
    images.push(image("a").referrer("x/sig", bytes::Bytes::from_static(b"s")));
    let writer = Writer::create(dir.path(), WriterOptions { sync: false }).await.unwrap();
    for image in &images {
        image.write(&writer, "none", &Reference::Tag("v1".parse().unwrap())).await.unwrap();
    }
    drop(writer);
    let mut random = Random(seed);
    let names = [
        None,
        None,
        Some("v1"),
        Some("v2"),
        Some("bundle:v1"),
        Some("bundle:v2"),
        Some("bundle:latest"),
        Some("latest"),
        Some("localhost:5000/a:v1"),
        Some("localhost_5000/a:v1"),
        Some("localhost_5000/a"),
        Some("not a name!"),
    ];
    let entries: Vec<Value> = (0..random.below(9))
        .map(|_| {
            let mut entry = serde_json::to_value(images[random.below(images.len())].root().descriptor()).unwrap();
            if let Some(name) = names[random.below(names.len())] {
                let key = [sealift_oci_layout::REF_NAME, sealift_oci_layout::CONTAINERD_NAME][random.below(2)];
                entry["annotations"] = json!({ key: name });
            }
            entry
        })
        .collect();
    let index = json!({ "schemaVersion": 2, "manifests": entries });
    std::fs::write(dir.path().join("index.json"), index.to_string()).unwrap();
    (dir, images)
}

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

// Seen: pushes and deletions of tags that were written in another way, or without a name, were undone by a restart.
#[tokio::test]
async fn after_every_change_the_disk_says_what_is_served() {
    for seed in 0..60 {
        let (dir, images) = found(seed).await;
        let mut random = Random(seed + 1000);
        let store = open(dir.path()).await;
        assert_eq!(said(&store).await, after_a_restart(dir.path()).await, "seed {seed}");
        for step in 0..12 {
            let path = ["bundle", "localhost_5000/a", "new/one"][random.below(3)];
            let image = &images[random.below(images.len())];
            let tag: Tag = ["v1", "v2", "latest"][random.below(3)].parse().unwrap();
            let at = match random.below(2) {
                0 => Reference::Tag(tag),
                _ => Reference::Digest(image.root().digest().clone()),
            };
            let what = format!("seed {seed}, step {step}: {path} {at}");
            if random.below(2) == 0 {
                for (blob, _) in image.blobs() {
                    store.add_blob(path, &blob.digest);
                }
                let untagged = Reference::Digest(image.root().digest().clone());
                for child in image.children() {
                    let by_digest = Reference::Digest(child.digest().clone());
                    store.put_manifest(path, &by_digest, child).await.unwrap();
                }
                let at = if random.below(3) == 0 { &untagged } else { &at };
                store.put_manifest(path, at, image.root()).await.unwrap();
            } else {
                let _ = store.delete_manifest(path, &at).await; // a child of an index is not deleted
            }
            assert_eq!(said(&store).await, after_a_restart(dir.path()).await, "{what}");
        }
    }
}

// Seen: a wrong size was taken, and made the images of others with the same blob look damaged.
#[tokio::test]
async fn a_size_that_is_not_that_of_the_content_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let image = image("a");
    for (blob, bytes) in image.blobs() {
        store.writer().unwrap().put_bytes(blob, bytes.clone()).await.unwrap();
        store.add_blob("a", &blob.digest);
    }
    let v1 = Reference::Tag("v1".parse().unwrap());
    let refused = async |change: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_slice(image.root().bytes()).unwrap();
        change(&mut document);
        let manifest = Manifest::parse(document.to_string(), image.root().media_type()).unwrap();
        let refused = store.put_manifest("a", &v1, &manifest).await;
        matches!(refused, Err(ChangeError::Objection(Objection::WrongSize { .. })))
    };
    let foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    assert!(refused(&|document| document["layers"][0]["size"] = 1.into()).await);
    assert!(refused(&|document| document["config"]["size"] = (1_u64 << 62).into()).await);
    assert!(
        refused(&|document| {
            document["layers"][0]["size"] = 1.into();
            document["layers"][0]["mediaType"] = foreign.into();
            document["layers"][0]["urls"] = json!(["https://example.com/layer"]);
        })
        .await,
        "a layer that need not be here, and is"
    );
    assert!(store.names().is_empty());
    store.put_manifest("a", &v1, image.root()).await.unwrap();
}

#[tokio::test]
async fn a_blob_whose_file_is_gone_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let image = image("a");
    for (blob, _) in image.blobs() {
        store.add_blob("a", &blob.digest);
    }
    let refused = store.put_manifest("a", &Reference::Tag("v1".parse().unwrap()), image.root()).await;
    assert!(matches!(refused, Err(ChangeError::Objection(Objection::Missing(_)))), "{refused:?}");
}

// Seen: a push that was refused, or one blob, made the short name of another image 404 until a restart.
#[tokio::test]
async fn only_a_manifest_changes_what_a_short_name_means() {
    let dir = tempfile::tempdir().unwrap();
    let (nginx, other) = (image("a"), image("b"));
    let v1 = Reference::Tag("v1".parse().unwrap());
    let writer = Writer::create(dir.path(), WriterOptions { sync: false }).await.unwrap();
    nginx.write(&writer, "docker.io/library/nginx", &v1).await.unwrap();
    writer.commit().await.unwrap();
    drop(writer);
    let store = open(dir.path()).await;
    let meant = || store.find("library/nginx", None);
    store.add_blob("evil.io/library/nginx", &other.blobs()[0].0.digest);
    assert!(store.put_manifest("evil.io/library/nginx", &v1, other.root()).await.is_err());
    assert_eq!(meant().unwrap(), "docker.io/library/nginx");
    // A push that began at the short path before goes on there, and hides nothing until it has a manifest.
    store.add_blob("library/nginx", &other.blobs()[0].0.digest);
    assert_eq!(meant().unwrap(), "docker.io/library/nginx");
    assert_eq!(store.find_for_push("library/nginx", None).unwrap(), "library/nginx");
    for (blob, bytes) in other.blobs() {
        store.writer().unwrap().put_bytes(blob, bytes.clone()).await.unwrap();
        store.add_blob("evil.io/library/nginx", &blob.digest);
    }
    store.put_manifest("evil.io/library/nginx", &v1, other.root()).await.unwrap();
    assert!(meant().is_err(), "now there are two");
    store.delete_manifest("evil.io/library/nginx", &Reference::Digest(other.root().digest().clone())).await.unwrap();
    assert_eq!(meant().unwrap(), "docker.io/library/nginx");
}
