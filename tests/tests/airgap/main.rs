//! Over the air gap: stage into a directory, carry it, load it, with real registries on both sides.

mod archives;
mod carrying;
mod complete;
mod crashing;
mod delta;
mod foreign;
mod harbor;
mod managing;
mod room;
mod signing;
#[cfg(target_os = "linux")]
mod sweeping;
mod telling;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sealift_conformance::images::{Image, image, index};
use sealift_core::content::Digest;
use sealift_e2e::program::Folder;
use sealift_oci_layout::{Layout, Writer, WriterOptions, entry_name};
use sealift_serve::sample::{Recipe, Sample};
use sealift_testkit::{content::Content, registry::Registry};

fn folder() -> Folder {
    Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"))
}

/// Two registries that let everybody in; none if there is no real registry here.
fn sites() -> Option<(Registry, Registry)> {
    Some((Registry::start()?, Registry::start()?))
}

/// An image for two platforms; all versions share their bases.
fn app(version: &str) -> Image {
    index(&[
        ("linux/amd64", &image("linux/amd64", &["base amd64", version])),
        ("linux/arm64", &image("linux/arm64", &["base arm64", version])),
    ])
}

/// Two versions of `shop/app` and one `shop/tool` that shares a base with them.
async fn shop(from: &Registry) -> Content {
    let source = Content::at(&from.url());
    source.put("shop/app", "v1", &app("v1")).await;
    source.put("shop/app", "v2", &app("v2")).await;
    source.put("shop/tool", "a__b", &image("linux/amd64", &["base amd64", "tool"])).await;
    source
}

/// Writes images with real layers into the directory `ours`.
async fn ours(folder: &Folder) -> Vec<Sample> {
    let recipe = Recipe { repositories: 1, tags: 2, ..Recipe::default() };
    let samples: Vec<Sample> = recipe.images().collect();
    let writer = Writer::create(folder.path("ours"), WriterOptions { sync: false }).await.unwrap();
    for sample in &samples {
        sample.write(&writer).await.unwrap();
    }
    writer.commit().await.unwrap();
    samples
}

/// What is carried: a copy of the directory, as `cp` makes one.
fn carry(from: &Path, to: PathBuf) -> PathBuf {
    std::fs::create_dir_all(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => drop(carry(&entry.path(), target)),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
    to
}

/// Says that everything that is listed is there and right, each blob hashed; gives back the names and digests.
async fn judged(dir: &Path) -> BTreeMap<String, Digest> {
    let layout = Layout::open(dir).await.unwrap();
    let mut images = BTreeMap::new();
    for entry in layout.entries() {
        let name = entry_name(&entry).unwrap().to_owned();
        assert!(layout.has_image(&entry).await.unwrap(), "{name} is listed and not whole");
        let mut open = vec![entry.clone()];
        while let Some(item) = open.pop() {
            let manifest = layout.manifest(&item).await.unwrap();
            open.extend(manifest.children().cloned());
            for blob in manifest.blobs() {
                assert!(layout.has(blob).await.unwrap(), "{name}: {} is missing or wrong", blob.digest);
            }
        }
        images.insert(name, entry.digest);
    }
    images
}
