//! The role `fetch`, and its capabilities.

use std::{collections::BTreeSet, time::SystemTime};

use async_trait::async_trait;

use crate::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag},
    error::Result,
    job::Resolved,
};

/// The part of an image to resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveMode {
    /// The descriptor only: one small request.
    Descriptor,
    /// The manifest: read by the name that was given, with no question before it.
    Manifest,
}

/// Reads images.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Resolves a name to its content.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved>;

    /// Reads a manifest by digest. What comes back has that digest.
    ///
    /// # Errors
    /// If it is not there, cannot be read, or is something else.
    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest>;

    /// Opens a blob for reading. Resumes by itself where the source can.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob>;

    /// Returns the registries that it reads from beside those that the list names, or `None` if they are not known before.
    /// Must be quick. Default: `None`.
    fn registries(&self) -> Option<BTreeSet<String>> {
        None
    }

    /// Returns what else the source can do. Called before each use of a capability, so it must be cheap.
    fn capabilities(&self) -> FetchCapabilities<'_>;
}

capabilities! {
    /// What a source can do besides reading images. Default: nothing.
    FetchCapabilities {
        referrers: Referrers,
        tag_list: TagList,
        push_times: PushTimes,
        blob_check: BlobCheck,
        mount_hints: MountHints,
        read_hints: ReadHints,
    }
}

/// Lists what is about an image. Without it no referrers are copied.
#[async_trait]
pub trait Referrers: Send + Sync {
    /// Returns the manifests that are about `subject`: signatures, SBOMs.
    ///
    /// # Errors
    /// If they cannot be listed.
    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>>;

    /// Returns the tags of a repository that are about `subject` by their name ([`Tag::referenced_digest`]), apart from the
    /// fallback tag of [`Referrers::referrers`]: cosign's `sha256-<hex>.sig`, `.att` and `.sbom`. A source whose list
    /// hands out such tags with the images that they are about returns none.
    ///
    /// # Errors
    /// If that cannot be found out.
    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>>;
}

/// Lists tags, for the hint of an error about a tag that is not there. Without it the hint is left out.
#[async_trait]
pub trait TagList: Send + Sync {
    /// Returns the tags of a repository, in the order of the source.
    ///
    /// # Errors
    /// If they cannot be listed; the hint is then left out.
    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>>;
}

/// Tells when tags were pushed. Without it filters by that time fail.
#[async_trait]
pub trait PushTimes: Send + Sync {
    /// Returns the time at which a tag was last pushed; none if there is no such tag, or it is a digest.
    ///
    /// # Errors
    /// If the source does not tell.
    async fn pushed(&self, image: &ImageRef) -> Result<Option<SystemTime>>;
}

/// Checks blobs for a plan. Without it a plan assumes that each blob can be read.
#[async_trait]
pub trait BlobCheck: Send + Sync {
    /// Returns an error if a blob cannot be read, as far as that is known without a request.
    ///
    /// # Errors
    /// As [`Fetch::blob`].
    async fn check_blob(&self, repository: &Repository, item: &Descriptor) -> Result<()>;
}

/// Names repositories that have a blob which was left out of what was carried.
#[async_trait]
pub trait MountHints: Send + Sync {
    /// Returns repositories said to have a blob that cannot be read here. A destination that has those repositories, too,
    /// may take it from there.
    async fn mount_hints(&self, item: &Descriptor) -> Vec<Repository>;
}

/// Takes hints about coming reads.
pub trait ReadHints: Send + Sync {
    /// Announces that images of a repository will be read, where the list knows it beforehand.
    fn announce(&self, repository: &Repository);
}
