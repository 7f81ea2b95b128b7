use std::{fs::File, io::Read};

use sealift_conformance::images::{Image, image, index};
use sealift_core::content::{Descriptor, ImageRef};
use tempfile::TempDir;

use super::{archive, incoming::Incoming};

/// Everything of an image, as if it had arrived.
fn arrived(directory: &TempDir, image: &Image) -> Incoming {
    fn put(incoming: &Incoming, image: &Image) {
        incoming.put(image.manifest.digest(), image.manifest.bytes()).unwrap();
        image.blobs.iter().for_each(|(item, bytes)| incoming.put(&item.digest, bytes).unwrap());
        image.children.iter().for_each(|child| put(incoming, child));
    }
    let incoming = Incoming::below(directory.path()).unwrap();
    put(&incoming, image);
    incoming
}

fn at() -> ImageRef {
    "quay.io/acme/app:v1".parse().unwrap()
}

/// The names in a tar.
fn names(path: &std::path::Path) -> Vec<String> {
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
}

#[test]
fn a_file_has_all_that_belongs_to_the_image_and_says_what_it_is() {
    let directory = TempDir::new().unwrap();
    let both = index(&[("linux/amd64", &image("linux/amd64", &["a"])), ("linux/arm64", &image("linux/arm64", &["a"]))]);
    let incoming = arrived(&directory, &both);
    let path = directory.path().join("app/v1.tar");
    archive::write(&path, &at(), &both.manifest, &incoming).unwrap();
    // Two images share a layer, so: the index, two manifests, two configs, one layer.
    assert_eq!(names(&path).len(), 2 + 6, "{:?}", names(&path));
    let found: Descriptor = archive::read(&path).unwrap().unwrap();
    assert_eq!(found.digest, *both.manifest.digest());
    assert_eq!(found.annotations["io.containerd.image.name"], "quay.io/acme/app:v1");
}

#[test]
fn the_same_image_makes_the_same_file() {
    let directory = TempDir::new().unwrap();
    let image = image("linux/amd64", &["a", "b"]);
    let incoming = arrived(&directory, &image);
    let files = ["one.tar", "two.tar"].map(|name| {
        let path = directory.path().join(name);
        archive::write(&path, &at(), &image.manifest, &incoming).unwrap();
        let mut bytes = Vec::new();
        File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    });
    assert!(files[0] == files[1]);
}

#[test]
fn an_image_with_a_missing_layer_leaves_no_file() {
    let directory = TempDir::new().unwrap();
    let image = image("linux/amd64", &["a", "b"]);
    let incoming = Incoming::below(directory.path()).unwrap();
    let (config, bytes) = &image.blobs[0];
    incoming.put(&config.digest, bytes).unwrap();
    let path = directory.path().join("app/v1.tar");
    assert!(archive::write(&path, &at(), &image.manifest, &incoming).is_err());
    assert!(archive::read(&path).unwrap().is_none() && !path.exists());
}

#[test]
fn what_is_no_archive_of_ours_is_written_anew() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("v1.tar");
    for content in ["", "no tar at all", &"x".repeat(4096)] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(archive::read(&path).unwrap(), None, "{content:.20}");
    }
}
