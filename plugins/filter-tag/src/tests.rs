//! A source that tells when tags were pushed.

use std::time::{Duration, SystemTime};

use sealift_conformance::memory::Memory;
use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, ImageRef, Manifest, Repository},
    error::Result,
    job::Resolved,
    stage::{Fetch, FetchCapabilities, PushTimes, ResolveMode},
};

/// A registry in memory. The tag `N-days` was pushed so many days ago.
pub(crate) struct Telling(pub(crate) Memory);

#[async_trait]
impl Fetch for Telling {
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        self.0.resolve(image, want).await
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        self.0.manifest(repository, item).await
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        self.0.blob(repository, item).await
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default().push_times(self)
    }
}

#[async_trait]
impl PushTimes for Telling {
    async fn pushed(&self, image: &ImageRef) -> Result<Option<SystemTime>> {
        let days = image.reference.to_string().split_once("-days").and_then(|(days, _)| days.parse::<u64>().ok());
        Ok(days.map(|days| SystemTime::now() - Duration::from_secs(days * 24 * 3600 + 60)))
    }
}
