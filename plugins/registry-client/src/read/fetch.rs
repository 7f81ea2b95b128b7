//! `fetch "registry"`.

use std::sync::Arc;

use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag},
    error::Result,
    job::Resolved,
    stage::{Fetch, Want},
};

use super::Head;
use crate::{
    auth::{Access, Scopes},
    doing::Doing,
    host::Host,
    quirks::Quirks,
    registries::Registries,
};

/// Reads images from registries.
#[derive(Debug)]
pub struct RegistryFetch {
    registries: Arc<Registries>,
}

impl RegistryFetch {
    /// Reads with these settings and connections.
    pub fn new(registries: Arc<Registries>) -> Self {
        Self { registries }
    }
}

#[async_trait]
impl Fetch for RegistryFetch {
    fn expect(&self, repository: &Repository) {
        self.registries.expect(repository, Access::Pull);
    }

    async fn resolve(&self, image: &ImageRef, want: Want) -> Result<Resolved> {
        let host = self.registries.host(&image.repository);
        let resolved = |descriptor, manifest| Resolved { image: image.clone(), descriptor, manifest };
        if want == Want::Manifest {
            let manifest = read(&host, image).await?;
            return Ok(resolved(manifest.descriptor(), Some(manifest)));
        }
        if !Quirks::is_set(&host.quirks.head_is_useless) {
            let scopes = Scopes::pull(&image.repository);
            if let Head::Found(found) = host.head_manifest(image, Doing::ReadManifest(image), scopes).await? {
                return Ok(resolved(*found, None));
            }
        }
        // Whatever HEAD said: GET is what counts, and what explains itself.
        let manifest = read(&host, image).await?;
        Quirks::set(&host.quirks.head_is_useless);
        Ok(resolved(manifest.descriptor(), Some(manifest)))
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        read(&self.registries.host(repository), &repository.at(&item.digest)).await
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        self.registries.host(repository).blob(repository, item).await
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.registries.host(repository).referrers(repository, subject, Scopes::pull(repository)).await
    }

    async fn tags_about(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        self.registries.host(repository).cosign_tags(repository, subject).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        Ok(self.registries.tags(repository).await?.tags)
    }
}

async fn read(host: &Host, image: &ImageRef) -> Result<Manifest> {
    host.get_manifest(image, Doing::ReadManifest(image), Scopes::pull(&image.repository)).await
}
