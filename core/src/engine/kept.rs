//! A source that remembers what a filter read, so that the copy does not read it again, and indexes that earlier runs
//! read.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::OnceCell;

use super::{manifest_room::ManifestRoom, source::IsolatedFetch};
use crate::{
    blob::Blob,
    cache::Cache,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::Result,
    job::Resolved,
    lock::lock,
    stage::{Fetch, FetchCapabilities, ResolveMode},
};

/// Blobs up to this many bytes are kept; configs are, layers are not.
const KEEP: u64 = 1 << 20;

/// Reads through to the source, and keeps manifests and small blobs of one image.
pub(super) struct Kept<'a> {
    source: &'a IsolatedFetch,
    /// The notes that keep indexes: a rerun looks for the manifests that they list.
    notes: &'a Cache,
    room: ManifestRoom,
    /// In a cell, because two indexes of one image may ask for the same child at the same time.
    manifests: Mutex<HashMap<Digest, Arc<OnceCell<Manifest>>>>,
    blobs: Mutex<HashMap<Digest, Bytes>>,
}

impl<'a> Kept<'a> {
    pub(super) fn new(source: &'a IsolatedFetch, notes: &'a Cache, room: ManifestRoom) -> Self {
        Self { source, notes, room, manifests: Mutex::default(), blobs: Mutex::default() }
    }

    /// Returns one for something that refers to the image.
    pub(super) fn of_referrer(&self) -> Self {
        Self::new(self.source, self.notes, self.room.of_referrer())
    }

    /// Keeps a manifest that was read on another way.
    pub(super) async fn keep(&self, manifest: &Manifest) {
        if self.cell(manifest.digest()).set(manifest.clone()).is_ok() {
            self.note(manifest).await;
        }
    }

    fn cell(&self, digest: &Digest) -> Arc<OnceCell<Manifest>> {
        Arc::clone(lock(&self.manifests).entry(digest.clone()).or_default())
    }

    async fn note(&self, manifest: &Manifest) {
        if manifest.media_type().is_index() {
            self.notes.put_manifest(manifest).await;
        }
    }

    /// Returns an index that an earlier run read.
    async fn noted(&self, item: &Descriptor) -> Option<Manifest> {
        if item.media_type.is_index() { self.notes.manifest(&item.digest).await } else { None }
    }

    /// Reads a manifest from the notes or the source.
    async fn read(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        if let Some(manifest) = self.noted(item).await {
            return Ok(manifest);
        }
        let manifest = self.source.manifest(repository, item).await?;
        self.note(&manifest).await;
        Ok(manifest)
    }

    /// Returns a blob that a filter read.
    pub(super) fn kept_blob(&self, item: &Descriptor) -> Option<Blob> {
        let kept = lock(&self.blobs).get(&item.digest).cloned();
        kept.map(|bytes| Blob::from_bytes(item.clone(), bytes))
    }
}

#[async_trait]
impl Fetch for Kept<'_> {
    /// A manifest for which there is no room yet is let go of, and read again later.
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        let mut resolved = self.source.resolve(image, want).await?;
        resolved.manifest = resolved.manifest.filter(|manifest| self.room.fits(length(manifest)));
        Ok(resolved)
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        let read = || async {
            let announced = item.known_size().unwrap_or_default();
            self.room.take(announced).await;
            let manifest = self.read(repository, item).await?;
            let more = length(&manifest).saturating_sub(announced);
            if self.room.fits(more) {
                return Ok(manifest);
            }
            drop(manifest);
            self.room.take(more).await;
            self.read(repository, item).await
        };
        self.cell(&item.digest).get_or_try_init(read).await.cloned()
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        if item.size > KEEP {
            return self.source.blob(repository, item).await;
        }
        let kept = lock(&self.blobs).get(&item.digest).cloned();
        let bytes = match kept {
            Some(bytes) => bytes,
            None => self.source.blob(repository, item).await?.read_to_end(KEEP).await?,
        };
        lock(&self.blobs).insert(item.digest.clone(), bytes.clone());
        Ok(Blob::from_bytes(item.clone(), bytes))
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        self.source.capabilities()
    }
}

fn length(manifest: &Manifest) -> u64 {
    manifest.bytes().len() as u64
}
