//! A fetch that remembers what a filter read, so that the copy does not read it again.

use std::{collections::HashMap, sync::Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use super::state::lock;
use crate::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::Result,
    job::Resolved,
    stage::{Fetch, Want},
};

/// Blobs up to this many bytes are kept; configs are, layers are not.
const KEEP: u64 = 1 << 20;

/// Reads through to the real fetch, and keeps manifests and small blobs of one image.
pub(super) struct Kept<'a> {
    fetch: &'a dyn Fetch,
    manifests: Mutex<HashMap<Digest, Manifest>>,
    blobs: Mutex<HashMap<Digest, Bytes>>,
}

impl<'a> Kept<'a> {
    pub(super) fn new(fetch: &'a dyn Fetch) -> Self {
        Self { fetch, manifests: Mutex::default(), blobs: Mutex::default() }
    }

    /// Keeps a manifest that was read on another way.
    pub(super) fn keep(&self, manifest: &Manifest) {
        lock(&self.manifests).insert(manifest.digest().clone(), manifest.clone());
    }

    /// Opens a blob for a copy: from memory if a filter read it, else from the source without keeping it.
    pub(super) async fn stream(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        let kept = lock(&self.blobs).get(&item.digest).cloned();
        match kept {
            Some(bytes) => Ok(Blob::from_bytes(item.clone(), bytes)),
            None => self.fetch.blob(repository, item).await,
        }
    }
}

#[async_trait]
impl Fetch for Kept<'_> {
    async fn resolve(&self, image: &ImageRef, want: Want) -> Result<Resolved> {
        self.fetch.resolve(image, want).await
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        let kept = lock(&self.manifests).get(&item.digest).cloned();
        if let Some(manifest) = kept {
            return Ok(manifest);
        }
        let manifest = self.fetch.manifest(repository, item).await?;
        self.keep(&manifest);
        Ok(manifest)
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        if item.size > KEEP {
            return self.fetch.blob(repository, item).await;
        }
        let kept = lock(&self.blobs).get(&item.digest).cloned();
        let bytes = match kept {
            Some(bytes) => bytes,
            None => self.fetch.blob(repository, item).await?.read_to_end(KEEP).await?,
        };
        lock(&self.blobs).insert(item.digest.clone(), bytes.clone());
        Ok(Blob::from_bytes(item.clone(), bytes))
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.fetch.referrers(repository, subject).await
    }

    async fn elsewhere(&self, item: &Descriptor) -> Vec<Repository> {
        self.fetch.elsewhere(item).await
    }
}
