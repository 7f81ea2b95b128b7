//! `manifest.json`, by which `docker load`, `ctr image import` and podman know the images of an archive.

use std::collections::BTreeMap;

use sealift_core::{
    content::{Descriptor, Digest, Manifest, well_known},
    error::{Error, ErrorKind, Result},
};
use serde::Serialize;

use crate::{name::entry_name, storage::blob_name};

/// An image as the list has it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DockerImage {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Reads a manifest that was written before.
type ReadManifest<'a> = dyn Fn(&Descriptor) -> Result<Option<Manifest>> + 'a;

/// Returns the list of the images among some entries.
pub(super) fn list(entries: &[Descriptor], read: &ReadManifest<'_>) -> Result<String> {
    let mut images: BTreeMap<String, DockerImage> = BTreeMap::new();
    for entry in entries {
        let Some(root) = read(entry)? else { continue };
        let Some((digest, saved)) = saved(&root, entry, read)? else { continue };
        let image = images.entry(digest.to_string()).or_insert(saved);
        let name = entry_name(entry).unwrap_or_default();
        if !name.contains('@') && !name.is_empty() {
            image.repo_tags.push(name.to_owned());
        }
    }
    Ok(serde_json::to_string(&images.into_values().collect::<Vec<_>>()).expect("it is JSON"))
}

/// Returns what the list says of an image, with the digest of its manifest; none for a signature, which is no image
/// for Docker.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if it has several platforms, or is no image that can be run.
pub(super) fn saved(
    root: &Manifest,
    entry: &Descriptor,
    read: &ReadManifest<'_>,
) -> Result<Option<(Digest, DockerImage)>> {
    let name = entry_name(entry).unwrap_or_default();
    if root.subject().is_some() {
        return Ok(None);
    }
    let Some(manifest) = single(root, read)? else {
        let message = format!("`{name}` has several platforms, and `docker load` takes one");
        return Err(Error::new(ErrorKind::Unsupported, message)
            .with_hint("choose one with `--platform`, such as `--platform linux/amd64`"));
    };
    let is_image =
        |config: &&Descriptor| [well_known::OCI_CONFIG, well_known::DOCKER_CONFIG].contains(&config.media_type);
    let Some(config) = manifest.config().filter(is_image) else {
        let message = format!("`{name}` is no image that `docker load` takes");
        return Err(
            Error::new(ErrorKind::Unsupported, message).with_hint("write it as `oci-archive:FILE` or into a directory")
        );
    };
    let layers: Vec<String> = manifest.blobs().filter(|blob| blob.digest != config.digest).map(path).collect();
    let saved = DockerImage { config: path(config), repo_tags: Vec::new(), layers };
    Ok(Some((manifest.digest().clone(), saved)))
}

/// The manifest of an image with one platform; attestations do not count.
fn single(root: &Manifest, read: &ReadManifest<'_>) -> Result<Option<Manifest>> {
    if root.children().next().is_none() {
        return Ok(Some(root.clone()));
    }
    let is_image = |child: &&Descriptor| child.platform.as_ref().is_none_or(|platform| !platform.is_unknown());
    let mut children = root.children().filter(is_image);
    let Some(only) = children.next().filter(|_| children.next().is_none()) else { return Ok(None) };
    match read(only)? {
        Some(manifest) => single(&manifest, read),
        None => Ok(None),
    }
}

fn path(blob: &Descriptor) -> String {
    blob_name(&blob.digest)
}
