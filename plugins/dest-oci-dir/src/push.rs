//! The stage.

use std::path::PathBuf;

use async_trait::async_trait;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, ImageRef, Manifest, Repository, Version},
    error::Result,
    job::Job,
    stage::{Offer, Push, Slot, StoreId},
};
use sealift_oci_layout::{Layout, Named, RefStyle, Writer, WriterOptions, named};
use tokio::sync::OnceCell;

/// A directory that images are written to.
pub(crate) struct OciDir {
    path: PathBuf,
    /// Opened by the first write, so that a plan, which only reads, makes no directory and takes no lock.
    writer: OnceCell<Writer>,
}

impl OciDir {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, writer: OnceCell::new() }
    }

    async fn writer(&self) -> Result<&Writer> {
        self.writer.get_or_try_init(|| Writer::create(&self.path, WriterOptions::default())).await
    }

    /// What there is to read; none if there is no layout yet.
    async fn layout(&self) -> Result<Option<Layout>> {
        match self.writer.get() {
            Some(writer) => Ok(Some(writer.layout().clone())),
            None => Layout::open_if_there(&self.path).await,
        }
    }

    /// Writes a manifest, and an entry for it in the index, which follows within a second.
    async fn list(&self, manifest: &Manifest, entry: Named) -> Result<()> {
        let writer = self.writer().await?;
        writer.put_bytes(&manifest.descriptor(), manifest.bytes().clone()).await?;
        writer.set(entry);
        writer.commit_soon();
        Ok(())
    }
}

fn entry(at: &ImageRef, manifest: &Manifest) -> Named {
    named(manifest.descriptor(), &at.repository.to_string(), &at.version, RefStyle::Full)
}

#[async_trait]
impl Push for OciDir {
    fn place(&self, job: &Job) -> Result<Vec<ImageRef>> {
        Ok(vec![job.source.clone()])
    }

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new(&format!("oci-dir:{}", self.path.display()))
    }

    async fn current(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        let Some(layout) = self.layout().await? else { return Ok(None) };
        let Some(entry) = layout.find(&at.to_string()) else { return Ok(None) };
        // An entry may be more than what is there: others write in this directory, and clean it up.
        Ok(layout.has_image(&entry).await?.then_some(entry))
    }

    async fn has(&self, _: &Repository, item: &Descriptor) -> Result<bool> {
        match self.layout().await? {
            Some(layout) => layout.has(item).await,
            None => Ok(false),
        }
    }

    async fn offer(&self, _: &Repository, item: &Descriptor, _: Option<&Repository>) -> Result<Offer> {
        let writer = self.writer().await?;
        if writer.has(item).await? {
            return Ok(Offer::Have);
        }
        Ok(Offer::Want(Box::new(DirSlot(writer.clone()))))
    }

    async fn put_manifest(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        if manifest.subject().is_some() {
            // Nothing points to a signature: without an entry a tool that cleans up would take it away.
            return self.list(manifest, entry(&at.at(manifest.digest()), manifest)).await;
        }
        self.writer().await?.put_bytes(&manifest.descriptor(), manifest.bytes().clone()).await
    }

    async fn tag(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.list(manifest, entry(at, manifest)).await
    }

    async fn root(&self, job: &Job, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        let at = match &at.version {
            Version::Tag(_) => at.clone(),
            Version::Digest(_) => at.repository.at(manifest.digest()),
        };
        self.list(manifest, entry(&at, manifest).source(&job.source).targets(&job.targets)).await
    }

    async fn finish(&self) -> Result<()> {
        match self.writer.get() {
            Some(writer) => writer.commit().await,
            None => Ok(()), // nothing was written
        }
    }
}

/// A place for one blob.
struct DirSlot(Writer);

#[async_trait]
impl Slot for DirSlot {
    async fn fill(self: Box<Self>, blob: Blob) -> Result<()> {
        self.0.put_blob(blob).await
    }
}

#[cfg(test)]
mod tests;
