//! The operations of a client that is used without a pipeline.

use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag},
    error::{Error, ErrorKind, Result, Retry},
    limit::Pool,
    stage::UploadStart,
};

use super::{Client, ClientBuilder};
use crate::{
    api::{blobs, delete, manifests, put_manifest, referrers, uploads},
    operation::Operation,
    scope::Scopes,
};

impl Client {
    /// Returns a builder with the usual settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Returns the descriptor of the manifest that a reference stands for.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
    pub async fn resolve(&self, image: &ImageRef) -> Result<Descriptor> {
        Ok(manifests::resolve(&self.registry(&image.repository), image).await?.0)
    }

    /// Returns the manifest that a reference stands for. Its digest is verified.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none, [`ErrorKind::Corrupt`] if its bytes have another digest.
    pub async fn manifest(&self, image: &ImageRef) -> Result<Manifest> {
        let (registry, scopes) = (self.registry(&image.repository), Scopes::pull(&image.repository));
        manifests::get(&registry, image, Operation::ReadManifest(image), scopes).await
    }

    /// Opens a blob. Its digest is verified while it is read, and a stream that breaks off is continued.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
    pub async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        blobs::open(&self.registry(repository), repository, item).await
    }

    /// Returns the descriptors of the manifests that refer to `subject`, such as signatures.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        let (registry, scopes) = (self.registry(repository), Scopes::pull(repository));
        if let Some(found) = referrers::list(&registry, repository, subject, &scopes).await? {
            return Ok(found);
        }
        let Some(tag) = Tag::referrers_tag(subject) else { return Ok(Vec::new()) };
        match self.referrer_tags().list(&registry, repository).await {
            Some(tags) if !tags.contains(&tag) => Ok(Vec::new()),
            _ => referrers::list_by_tag(&registry, repository, subject, scopes).await,
        }
    }

    /// Pushes a blob, unless the repository has it. Returns true if bytes were sent.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] if the login may not push, [`ErrorKind::Corrupt`] if the bytes have another digest than
    /// their descriptor.
    pub async fn push_blob(&self, at: &Repository, blob: Blob) -> Result<bool> {
        let (registry, item) = (self.registry(at), blob.descriptor().clone());
        let mut attempts = registry.retry.attempts(registry.retry.policy().requests);
        loop {
            let permit = registry.permit(Pool::Writes).await?;
            match uploads::offer(&registry, at, &item, None).await {
                Ok(UploadStart::Upload(upload)) => return upload.write(blob).await.map(|()| true),
                Ok(_) => return Ok(false),
                // The pause that the host asked for is waited for without a permit.
                Err(error) if matches!(error.retry(), Retry::After(_)) => {
                    drop(permit);
                    attempts.pause(&registry.retry, &error).ok_or(error)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Pushes a manifest by its digest or under a tag. The manifests and blobs that it refers to must be there.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] if the login may not push, [`ErrorKind::NotFound`] if something that it refers to is
    /// missing, [`ErrorKind::Conflict`] if the tag is immutable.
    pub async fn push_manifest(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        put_manifest::put(&self.registry(&at.repository), at, manifest).await
    }

    /// Deletes a manifest with all of its tags. `at` must have a digest: deleting by tag is not portable.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none, [`ErrorKind::Unsupported`] if the registry does not delete or `at` has
    /// no digest.
    pub async fn delete_manifest(&self, at: &ImageRef) -> Result<()> {
        if at.reference.digest().is_none() {
            let what = format!("{}: it has no digest", Operation::DeleteManifest(at));
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        delete::manifest(&self.registry(&at.repository), at).await
    }
}
