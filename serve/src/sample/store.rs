//! Writing samples to registries and layouts.

use sealift_core::{
    blob::Blob,
    content::{ImageRef, Reference, Repository},
    error::Result,
    stage::{BeginUpload, Push, PutManifest, UploadStart},
};
use sealift_oci_layout::{NamedEntry, RefStyle, Writer};

use super::{Image, Sample};

impl Image {
    /// Pushes it: blobs, children, then the root with its tag.
    ///
    /// # Errors
    /// If the destination does not take something.
    pub async fn push(&self, to: &dyn Push, at: &ImageRef) -> Result<()> {
        for (item, bytes) in self.blobs() {
            if let UploadStart::Upload(slot) = to.begin_upload(&BeginUpload::new(&at.repository, item)).await? {
                slot.write(Blob::from_bytes(item.clone(), bytes.clone())).await?;
            }
        }
        for child in self.children() {
            to.put_manifest(&PutManifest::new(&at.repository, child)).await?;
        }
        to.put_manifest(&PutManifest::named(at, self.root())).await
    }

    /// Writes it into a layout, with an entry in the index. A commit has to follow.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn write(&self, to: &Writer, repository: &str, version: &Reference) -> Result<()> {
        for (item, bytes) in self.blobs() {
            to.put_bytes(item, bytes.clone()).await?;
        }
        for manifest in self.children().iter().chain([self.root()]) {
            to.put_bytes(&manifest.descriptor(), manifest.bytes().clone()).await?;
        }
        to.set(NamedEntry::new(self.root().descriptor(), repository, version, RefStyle::Full))
    }
}

impl Sample {
    /// Pushes it under all its tags to a registry; without tags by digest.
    ///
    /// # Errors
    /// If the destination does not take something, or the registry's name is no host.
    pub async fn push(&self, to: &dyn Push, registry: &str) -> Result<()> {
        let repository = Repository::new(registry, &self.repository)?;
        for version in self.versions() {
            self.image.push(to, &ImageRef { repository: repository.clone(), reference: version }).await?;
        }
        Ok(())
    }

    /// Writes it into a layout, for each of its tags. A commit has to follow.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn write(&self, to: &Writer) -> Result<()> {
        for version in self.versions() {
            self.image.write(to, &self.repository, &version).await?;
        }
        Ok(())
    }

    fn versions(&self) -> Vec<Reference> {
        if self.tags.is_empty() {
            return vec![Reference::Digest(self.image.root().digest().clone())];
        }
        self.tags.iter().cloned().map(Reference::Tag).collect()
    }
}
