//! The images that the suites move.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, ImageRef, Reference, Repository, well_known},
    error::{Error, Result},
    job::Job,
    stage::{BeginUpload, Push, PutManifest, UploadStart},
};
use serde_json::json;

use super::Violation;
use crate::images::{Image, artifact, index};

/// The images that a source for the suite of a fetch has, by name.
///
/// They are small, but larger than one chunk. The JSON of the manifests has an unusual format, which reveals a plugin
/// that serializes them again. Two names have the same image, and one image has an empty layer.
pub fn samples() -> Vec<(&'static str, Image)> {
    let app = image("linux/amd64", "one");
    vec![
        ("kit/app:v1", app.clone()),
        ("kit/app:same", app),
        (
            "kit/app:v2",
            index(&[("linux/amd64", &image("linux/amd64", "two")), ("linux/arm64", &image("linux/arm64", "two"))]),
        ),
        ("kit/empty:v1", artifact(well_known::OCI_CONFIG, &config("linux/amd64", "empty"), &[""], &[])),
    ]
}

/// An image with a layer of its own, larger than one chunk.
pub(super) fn image(platform: &str, name: &str) -> Image {
    let layer = format!("{name} for {platform} ").repeat(20_000);
    let annotations = json!({ "org.example.kit": name });
    artifact(
        well_known::OCI_CONFIG,
        &config(platform, name),
        &[&layer, "a layer for all"],
        &[("annotations", annotations)],
    )
}

fn config(platform: &str, name: &str) -> String {
    let (os, architecture) = platform.split_once('/').unwrap_or_default();
    json!({ "os": os, "architecture": architecture, "created": "2024-05-06T07:08:09Z", "config": { "name": name } })
        .to_string()
}

/// A blob of these bytes, in chunks that take a moment each.
pub(super) fn blob(item: &Descriptor, bytes: &Bytes) -> Blob {
    Blob::new(item.clone(), chunks(bytes).map(Ok))
}

/// Chunks that take a moment each.
pub(super) fn chunks(bytes: &Bytes) -> impl futures::Stream<Item = Bytes> + Send + 'static {
    let all: Vec<Bytes> = bytes.chunks(64 << 10).map(|chunk| bytes.slice_ref(chunk)).collect();
    stream::iter(all).then(|chunk| async {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        chunk
    })
}

/// A job for an image that is called `name` at a registry that does not exist.
pub(super) fn job(name: &str) -> Job {
    let source = format!("source.example/{name}").parse().expect("the samples have names");
    Job { rule: Arc::from("conformance"), ..Job::new(source) }
}

/// Returns the place of an image of this name in a push.
pub(super) fn place(push: &dyn Push, name: &str) -> std::result::Result<ImageRef, Violation> {
    let placed = push.targets(&job(name)).map_err(told("targets"))?;
    placed.into_iter().next().ok_or_else(|| format!("`targets` has no place for `source.example/{name}`"))
}

/// Prepares a push for an image, if it wants to be.
pub(super) async fn prepare(
    push: &dyn Push,
    at: &ImageRef,
    blobs: &[Descriptor],
) -> std::result::Result<(), Violation> {
    match push.capabilities().admission {
        Some(admission) => admission.prepare(at, None, blobs).await.map_err(told("prepare")),
        None => Ok(()),
    }
}

/// Says what was being done when an error came.
pub(super) fn told(doing: &str) -> impl Fn(Error) -> Violation + '_ {
    move |error| format!("`{doing}` failed: {error}")
}

/// Writes a blob, unless it is there.
pub(super) async fn put_blob(push: &dyn Push, at: &Repository, item: &Descriptor, bytes: &Bytes) -> Result<()> {
    match push.begin_upload(&BeginUpload::new(at, item)).await? {
        UploadStart::Upload(upload) => upload.write(blob(item, bytes)).await,
        _ => Ok(()),
    }
}

/// Writes what is below a root: blobs, then children.
async fn put_below(push: &dyn Push, at: &Repository, image: &Image) -> Result<()> {
    for (item, bytes) in &image.blobs {
        put_blob(push, at, item, bytes).await?;
    }
    for child in &image.children {
        Box::pin(put_below(push, at, child)).await?;
        push.put_manifest(&PutManifest::new(at, &child.manifest)).await?;
    }
    Ok(())
}

/// Writes an image under the name that the push gives it, in the order in which the engine does it.
pub(super) async fn put(push: &dyn Push, name: &str, image: &Image) -> std::result::Result<ImageRef, Violation> {
    let at = place(push, name)?;
    put_at(push, name, &at, image).await?;
    match at.reference {
        Reference::Tag(_) => Ok(at),
        Reference::Digest(_) => Err(format!("`targets` gave the tag of `{name}` away: `{at}`")),
    }
}

fn blobs(image: &Image) -> Vec<Descriptor> {
    let own = image.blobs.iter().map(|(item, _)| item.clone());
    own.chain(image.children.iter().flat_map(blobs)).collect()
}

/// Writes an image to a place.
pub(super) async fn put_at(
    push: &dyn Push,
    name: &str,
    at: &ImageRef,
    image: &Image,
) -> std::result::Result<(), Violation> {
    prepare(push, at, &blobs(image)).await?;
    put_below(push, &at.repository, image).await.map_err(|error| format!("`{name}` was not taken: {error}"))?;
    let root = PutManifest::named(at, &image.manifest);
    push.put_manifest(&root.root_of(&job(name))).await.map_err(told("put_manifest"))
}
