//! `manifest.json`, by which `docker load`, `ctr image import` and podman know the images of an archive.

use std::collections::{BTreeMap, HashMap};

use sealift_core::{
    content::{Descriptor, Digest, Manifest},
    error::{Error, ErrorKind, Result},
};
use serde::Serialize;

use crate::{index::Index, name::entry_name, storage::blob_name};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Returns the list of the images in an index, each of which has one platform.
pub(super) fn list(index: &Index, manifests: &HashMap<Digest, Manifest>) -> Result<String> {
    let mut images: BTreeMap<String, Saved> = BTreeMap::new();
    for entry in index.entries() {
        let name = entry_name(entry).unwrap_or_default();
        let Some(root) = manifests.get(&entry.digest) else { continue };
        if root.subject().is_some() {
            continue; // a signature is no image for Docker
        }
        let manifest = single(root, manifests).ok_or_else(|| {
            let message = format!("`{name}` has several platforms, and `docker load` takes one");
            Error::new(ErrorKind::Unsupported, message)
                .with_hint("choose one with `--platform`, such as `--platform linux/amd64`")
        })?;
        let Some(config) = manifest.config() else { continue };
        let layers: Vec<String> = manifest.blobs().filter(|blob| blob.digest != config.digest).map(path).collect();
        let saved = Saved { config: path(config), repo_tags: Vec::new(), layers };
        let image = images.entry(manifest.digest().to_string()).or_insert(saved);
        if !name.contains('@') && !name.is_empty() {
            image.repo_tags.push(name.to_owned());
        }
    }
    Ok(serde_json::to_string(&images.into_values().collect::<Vec<_>>()).expect("it is JSON"))
}

/// The manifest of an image with one platform; attestations do not count.
fn single<'a>(root: &'a Manifest, manifests: &'a HashMap<Digest, Manifest>) -> Option<&'a Manifest> {
    if root.children().next().is_none() {
        return Some(root);
    }
    let is_image = |child: &&Descriptor| child.platform.as_ref().is_none_or(|platform| !platform.is_unknown());
    let mut children = root.children().filter(is_image);
    let only = children.next().filter(|_| children.next().is_none())?;
    single(manifests.get(&only.digest)?, manifests)
}

fn path(blob: &Descriptor) -> String {
    blob_name(&blob.digest)
}
