//! The fetch keeps the rules that all fetches keep, on a store that has the samples of the suite.

use my_plugin as _;

use std::{fs, path::Path};

use sealift_conformance::{Given, images::Image, samples};
use sealift_core::content::Digest;

fn given() -> Given {
    let stage = "[fetch]\nuse = \"my-plugin\"\npath = \"store\"\n";
    let given = Given::new(stage).holds("store.example.com");
    let store = given.directory().join("store");
    fs::create_dir_all(store.join("content")).unwrap();
    for (name, image) in samples() {
        let (repository, tag) = name.split_once(':').unwrap();
        let names = store.join("names/store.example.com").join(repository);
        fs::create_dir_all(&names).unwrap();
        put(&store, &names, &image);
        point(&names, tag, &image);
    }
    given
}

/// Puts an image with all that is below it into the store.
fn put(store: &Path, names: &Path, image: &Image) {
    let content = |digest: &Digest| {
        store
            .join("content")
            .join(digest.to_string().replace(':', "-"))
    };
    fs::write(content(image.manifest.digest()), image.manifest.bytes()).unwrap();
    point(names, &image.manifest.digest().to_string(), image);
    for (item, bytes) in &image.blobs {
        fs::write(content(&item.digest), bytes).unwrap();
    }
    for child in &image.children {
        put(store, names, child);
    }
}

fn point(names: &Path, version: &str, image: &Image) {
    let note = format!(
        "{} {}\n",
        image.manifest.digest(),
        image.manifest.media_type()
    );
    fs::write(names.join(format!("@{}", version.replace(':', "@"))), note).unwrap();
}

sealift_conformance::conformance!(fetch: given());
