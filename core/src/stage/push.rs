//! The role `push`, and its requests.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{PushCapabilities, StoreId};
use crate::{
    blob::Blob,
    content::{Descriptor, ImageRef, Manifest, Repository, Tag},
    error::Result,
    job::Job,
};

/// Writes images.
#[async_trait]
pub trait Push: Send + Sync {
    /// Returns the targets of a job. Pure: the same job, the same targets. An empty list means that the rule names
    /// other destinations only; an image that no destination has a place for fails.
    ///
    /// # Errors
    /// If there is no name for it.
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>>;

    /// Returns the store of a repository: repositories with the same id share blobs.
    fn store(&self, at: &Repository) -> StoreId;

    /// Returns the content that a name points to now.
    ///
    /// # Errors
    /// If it cannot be asked; "nothing" is no error.
    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>>;

    /// Returns true if the repository has a blob or manifest. Reads only.
    ///
    /// A manifest counts with the blobs that it lists: where this says yes of one, they are not sent. A destination
    /// that takes manifests without looking for their blobs looks for them here, or says no.
    ///
    /// # Errors
    /// If it cannot be asked.
    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool>;

    /// Begins to write a blob: the repository has it, or takes it from one of the candidates, or waits for its bytes.
    ///
    /// # Errors
    /// If it can do neither.
    async fn begin_upload(&self, request: &BeginUpload<'_>) -> Result<UploadStart>;

    /// Writes a manifest, and lets a tag point to it if the request names one, in one step.
    ///
    /// # Errors
    /// If it is not taken.
    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()>;

    /// Returns the registries that it writes to beside those of the targets that the list names, or `None` if they are
    /// not known before. Must be quick. Default: `None`.
    fn registries(&self) -> Option<BTreeSet<String>> {
        None
    }

    /// Returns what else the destination can do. Called before each use of a capability, so it must be cheap.
    fn capabilities(&self) -> PushCapabilities<'_>;

    /// Ends the work, after the last job. Called once.
    ///
    /// # Errors
    /// If what was written cannot be made to last.
    async fn close(&self) -> Result<()>;
}

/// A blob that is to be written.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BeginUpload<'a> {
    /// The repository that needs it.
    pub repository: &'a Repository,
    /// The blob.
    pub item: &'a Descriptor,
    /// Repositories of the same store that may have it, the likeliest first.
    pub mount_from: &'a [Repository],
    /// True if it is sent even if one is stored under its digest, because the stored one is in doubt.
    pub replace: bool,
}

impl<'a> BeginUpload<'a> {
    /// A blob without candidates.
    pub fn new(repository: &'a Repository, item: &'a Descriptor) -> Self {
        Self { repository, item, mount_from: &[], replace: false }
    }

    /// Sets the repositories that may have the blob.
    #[must_use]
    pub fn mount_from(self, mount_from: &'a [Repository]) -> Self {
        Self { mount_from, ..self }
    }

    /// Asks for an upload even if the blob is stored.
    #[must_use]
    pub fn replacing(self) -> Self {
        Self { replace: true, ..self }
    }

    /// Calls `begin` with one candidate after the other, or once without one, until the blob need not be sent.
    ///
    /// # Errors
    /// Those of `begin`.
    pub async fn try_each<F: Future<Output = Result<UploadStart>>>(
        &self,
        begin: impl Fn(Option<&'a Repository>) -> F,
    ) -> Result<UploadStart> {
        let mut candidates = self.mount_from.iter();
        let mut start = begin(candidates.next()).await?;
        for candidate in candidates {
            if !matches!(start, UploadStart::Upload(_)) {
                break;
            }
            start = begin(Some(candidate)).await?;
        }
        Ok(start)
    }
}

/// The answer to a blob that is to be written.
#[non_exhaustive]
pub enum UploadStart {
    /// It is there already.
    Present,
    /// It was taken from another repository of the same store.
    Mounted,
    /// Its bytes are waited for.
    Upload(Box<dyn Upload>),
}

/// An upload of one blob.
#[async_trait]
pub trait Upload: Send {
    /// Writes the blob: whole, or not at all. Nothing may be visible before [`Blob`] gave its last chunk.
    ///
    /// # Errors
    /// If the blob cannot be read or not be written. The upload is used up either way.
    async fn write(self: Box<Self>, blob: Blob) -> Result<()>;
}

/// A manifest that is to be written.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PutManifest<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The tag that shall point to it; none for a child of an index, a referrer, and a root that goes by its digest.
    pub tag: Option<&'a Tag>,
    /// The job whose root it is; none for everything else.
    pub root_of: Option<&'a Job>,
}

impl<'a> PutManifest<'a> {
    /// A manifest without a tag.
    pub fn new(repository: &'a Repository, manifest: &'a Manifest) -> Self {
        Self { repository, manifest, tag: None, root_of: None }
    }

    /// A manifest under the tag of this name, if it has one.
    pub fn named(at: &'a ImageRef, manifest: &'a Manifest) -> Self {
        Self { tag: at.reference.tag(), ..Self::new(&at.repository, manifest) }
    }

    /// Sets the job whose root it is.
    #[must_use]
    pub fn root_of(self, job: &'a Job) -> Self {
        Self { root_of: Some(job), ..self }
    }

    /// Returns the name that will stand for the manifest: by its tag, or else by its digest.
    pub fn target(&self) -> ImageRef {
        match self.tag {
            Some(tag) => self.repository.with_tag(tag),
            None => self.repository.with_digest(self.manifest.digest()),
        }
    }
}
