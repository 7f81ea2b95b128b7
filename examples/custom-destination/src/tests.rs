use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use sealift_conformance::images::{Image, image, index};
use sealift_core::content::{Descriptor, Digest, ImageRef};
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
fn names(path: &Path) -> Vec<String> {
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

/// The directories in which blobs wait.
fn waiting(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let is_one = |entry: &fs::DirEntry| entry.file_name().to_str().unwrap().starts_with(".incoming-");
    entries.filter(is_one).map(|entry| entry.path()).collect()
}

/// It kept everything twice until the end of the run.
#[test]
fn what_was_written_is_kept_once_and_further_images_read_it_from_there() {
    let directory = TempDir::new().unwrap();
    let (one, two) = (image("linux/amd64", &["shared", "one"]), image("linux/amd64", &["shared", "two"]));
    let incoming = arrived(&directory, &one);
    archive::write(&directory.path().join("one.tar"), &at(), &one.manifest, &incoming).unwrap();
    let [waits] = &waiting(directory.path())[..] else { panic!("there is one directory") };
    assert_eq!(fs::read_dir(waits).unwrap().count(), 1, "the lock alone is left");
    // The layer that both have does not come again.
    let shared = one.blobs.iter().find(|(blob, _)| two.blobs.iter().any(|(other, _)| other.digest == blob.digest));
    assert!(incoming.has(&shared.unwrap().0.digest));
    incoming.put(two.manifest.digest(), two.manifest.bytes()).unwrap();
    for (blob, bytes) in two.blobs.iter().filter(|(blob, _)| !incoming.has(&blob.digest)) {
        incoming.put(&blob.digest, bytes).unwrap();
    }
    let path = directory.path().join("two.tar");
    archive::write(&path, &at(), &two.manifest, &incoming).unwrap();
    assert_eq!(fs::read_dir(waits).unwrap().count(), 1);
    let mut tar = tar::Archive::new(File::open(path).unwrap());
    let mut found = 0;
    for entry in tar.entries().unwrap().skip(2) {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        assert_eq!(Digest::of(&bytes).hex(), name);
        found += 1;
    }
    assert_eq!(found, 1 + two.blobs.len());
}

#[test]
fn what_a_replaced_file_had_is_there_for_further_images() {
    let directory = TempDir::new().unwrap();
    let (old, new) = (image("linux/amd64", &["old"]), image("linux/amd64", &["new"]));
    let incoming = arrived(&directory, &old);
    let path = directory.path().join("v1.tar");
    archive::write(&path, &at(), &old.manifest, &incoming).unwrap();
    incoming.put(new.manifest.digest(), new.manifest.bytes()).unwrap();
    new.blobs.iter().for_each(|(blob, bytes)| incoming.put(&blob.digest, bytes).unwrap());
    archive::write(&path, &at(), &new.manifest, &incoming).unwrap();
    archive::write(&directory.path().join("v0.tar"), &at(), &old.manifest, &incoming).unwrap();
    let found = ["v1.tar", "v0.tar"].map(|name| archive::read(&directory.path().join(name)).unwrap().unwrap().digest);
    assert_eq!(found, [new.manifest.digest().clone(), old.manifest.digest().clone()]);
}

/// After `kill -9` its directory stayed for ever.
#[test]
fn what_a_killed_run_left_is_removed_by_the_next_and_what_a_living_one_has_is_not() {
    let directory = TempDir::new().unwrap();
    let alive = Incoming::below(directory.path()).unwrap();
    let digest = Digest::of(b"alive");
    alive.put(&digest, b"alive").unwrap();
    // As a killed run leaves it: the lock is free, for its process is gone.
    let left = directory.path().join(".incoming-killed");
    fs::create_dir(&left).unwrap();
    ["sealift-archive.lock", ".tmp1", "sha256-1"].iter().for_each(|name| fs::write(left.join(name), "").unwrap());
    // Not one of ours.
    let other = directory.path().join(".incoming-mail");
    fs::create_dir(&other).unwrap();
    let next = Incoming::below(directory.path()).unwrap();
    assert!(!left.exists() && other.exists());
    assert!(alive.open(&digest).is_ok());
    drop((alive, next));
    assert_eq!(waiting(directory.path()), [other]);
}
