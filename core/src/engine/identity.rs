//! Bytes are identity: what a fetch hands on must be what it was asked for.
//!
//! A manifest knows its own digest and a blob verifies itself, but only against the descriptor that the stage gave it.
//! Here that is compared with what the engine asked for. Every read of a run passes here, those of filters as well.

use std::fmt::Display;

use crate::{
    blob::Blob,
    content::{Descriptor, ImageRef, Manifest},
    error::{Error, ErrorKind, Result, Retry},
    job::Resolved,
};

/// Compares an answer to [`Fetch::resolve`](crate::stage::Fetch::resolve) with the digest in the name, if there is one,
/// and with the manifest that came along.
pub(super) fn resolved(fetch: &str, image: &ImageRef, resolved: Resolved) -> Result<Resolved> {
    let found = &resolved.descriptor;
    if let Some(asked) = image.reference.digest().filter(|asked| **asked != found.digest) {
        return Err(other(fetch, format_args!("image `{asked}`"), &found.digest));
    }
    if let Some(manifest) = &resolved.manifest {
        same_manifest(fetch, found, manifest)?;
    }
    Ok(resolved)
}

/// Compares a manifest with the descriptor that it was read by.
pub(super) fn manifest(fetch: &str, item: &Descriptor, manifest: Manifest) -> Result<Manifest> {
    same_manifest(fetch, item, &manifest)?;
    Ok(manifest)
}

/// Makes a blob verify itself against the descriptor that it was opened by.
pub(super) fn blob(fetch: &str, item: &Descriptor, blob: Blob) -> Result<Blob> {
    let found = blob.descriptor();
    if found.digest != item.digest {
        return Err(other(fetch, format_args!("blob `{}`", item.digest), &found.digest));
    }
    if let (Some(asked), Some(found)) = (item.known_size(), found.known_size())
        && asked != found
    {
        return Err(other_size(format_args!("blob `{}`", item.digest), found, asked));
    }
    Ok(blob.verified_against(item))
}

fn same_manifest(fetch: &str, item: &Descriptor, manifest: &Manifest) -> Result<()> {
    if *manifest.digest() != item.digest {
        return Err(other(fetch, format_args!("manifest `{}`", item.digest), manifest.digest()));
    }
    let found = manifest.bytes().len() as u64;
    match item.known_size().filter(|asked| *asked != found) {
        None => Ok(()),
        Some(asked) => Err(other_size(format_args!("manifest `{}`", item.digest), found, asked)),
    }
}

fn other(fetch: &str, asked: impl Display, found: impl Display) -> Error {
    let message = format!("the fetch `{fetch}` was asked for the {asked} and handed on `{found}`");
    Error::new(ErrorKind::Bug, message)
        .with_hint("this is a mistake in the plugin: the bytes of an image may not change")
}

/// Programs that pull compare sizes, and would refuse content of another size than its descriptor says.
fn other_size(what: impl Display, found: u64, asked: u64) -> Error {
    let message = format!("the {what} has {found} bytes, and its descriptor says {asked}");
    Error::new(ErrorKind::Corrupt, message).with_retry(Retry::Never)
}
