//! Facts remembered between runs, so that the next one needs fewer requests.
//!
//! Core does no disk I/O: the caller stores the notes in a [`CacheStore`]. A note is a hint. It may be old, wrong or
//! gone, so it is used only where being wrong costs a request and nothing else: a manifest is found by its digest and
//! checked against it, a repository that is said to have a blob is only asked whether it can be mounted from. Nothing
//! secret is noted.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use crate::content::{Digest, Manifest, MediaType};

/// Keeps notes between runs. Reading and writing may take as long as a disk does, so both are asynchronous.
#[async_trait]
pub trait CacheStore: Send + Sync {
    /// Returns the note under a key; none if there is none or it cannot be read.
    async fn get(&self, namespace: Namespace, key: &str) -> Option<Bytes>;

    /// Notes something, in place of what was noted before. It may be forgotten at any time.
    async fn put(&self, namespace: Namespace, key: &str, note: Bytes);
}

/// The subject of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Indexes at sources, by digest: what filters would make of one that is known needs no request.
    Manifests,
    /// The blobs known in the repositories of a store, by store.
    Blobs,
    /// Properties of registries, by host.
    Hosts,
    /// Uploads that were begun, by repository and digest.
    Uploads,
}

impl Namespace {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Manifests, Self::Blobs, Self::Hosts, Self::Uploads];

    /// Its name, fit for a file or folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifests => "manifests",
            Self::Blobs => "blobs",
            Self::Hosts => "hosts",
            Self::Uploads => "uploads",
        }
    }
}

/// A store of notes, or none: then nothing is remembered.
#[derive(Clone, Default)]
pub struct Cache(Option<Arc<dyn CacheStore>>);

impl Cache {
    /// Keeps notes in this store.
    pub fn new(store: Arc<dyn CacheStore>) -> Self {
        Self(Some(store))
    }

    /// Returns true if notes are kept.
    pub fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the note under a key.
    pub async fn get(&self, namespace: Namespace, key: &str) -> Option<Bytes> {
        self.0.as_ref()?.get(namespace, key).await
    }

    /// Notes something.
    pub async fn put(&self, namespace: Namespace, key: &str, note: impl Into<Bytes>) {
        if let Some(store) = &self.0 {
            store.put(namespace, key, note.into()).await;
        }
    }

    /// Returns a manifest that was noted, if it is what its digest says.
    pub(crate) async fn manifest(&self, digest: &Digest) -> Option<Manifest> {
        let note = self.get(Namespace::Manifests, &digest.to_string()).await?;
        let at = note.iter().position(|byte| *byte == b'\n')?;
        let served_as = MediaType::from_header(std::str::from_utf8(&note[..at]).ok()?);
        Manifest::parse_expecting(note.slice(at + 1..), &served_as, digest).ok()
    }

    /// Notes a manifest.
    pub(crate) async fn put_manifest(&self, manifest: &Manifest) {
        if self.0.is_some() {
            let served_as = manifest.media_type().as_str().as_bytes();
            let note = [served_as, b"\n", manifest.bytes()].concat();
            self.put(Namespace::Manifests, &manifest.digest().to_string(), note).await;
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({})", if self.0.is_some() { "kept" } else { "none" })
    }
}

#[cfg(test)]
mod tests;
