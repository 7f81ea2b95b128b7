//! The source of a run: the fetch, isolated.
//!
//! The content that it returns is compared with the request ([`identity`]).

use std::time::SystemTime;

use async_trait::async_trait;

use super::{identity, stages::isolated};
use crate::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag},
    error::{Result, Retry},
    isolate::Isolated,
    job::Resolved,
    limit::{Limiter, Pool, TransferPermits},
    spec::Named,
    stage::{BlobCheck, Fetch, FetchCapabilities, MountHints, PushTimes, Referrers, ResolveMode, StoreId, TagList},
};

/// Attempts to open a blob while its store asks for pauses.
const ATTEMPTS: u32 = 5;

/// Reads from the fetch of the pipeline.
pub(super) struct IsolatedFetch {
    fetch: Isolated<dyn Fetch>,
    /// Grants the permits for blobs that are no part of a transfer.
    limiter: Limiter,
}

impl IsolatedFetch {
    pub(super) fn new(fetch: Named<dyn Fetch>, limiter: Limiter) -> Self {
        Self { fetch: isolated("fetch", fetch), limiter }
    }

    pub(super) fn kind(&self) -> &str {
        self.fetch.kind()
    }

    /// Announces that a repository will be read. Nothing depends on it: a fetch that breaks here breaks again later.
    pub(super) fn announce(&self, repository: &Repository) {
        self.fetch.hint("heard what will be read", |fetch| {
            fetch.capabilities().read_hints.map(|hints| hints.announce(repository))
        });
    }

    /// Opens a blob for a transfer, which has the permits.
    pub(super) async fn open(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        let blob = self.fetch.call("opened a blob", |fetch| fetch.blob(repository, item)).await?;
        identity::blob(self.kind(), item, blob)
    }
}

#[async_trait]
impl Fetch for IsolatedFetch {
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        let resolved = self.fetch.call("resolved a name", |fetch| fetch.resolve(image, want)).await?;
        identity::resolved(self.kind(), image, resolved)
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        let manifest = self.fetch.call("read a manifest", |fetch| fetch.manifest(repository, item)).await?;
        identity::manifest(self.kind(), item, manifest)
    }

    /// Opens a blob that is no part of a transfer, such as a config that a filter reads. The permit is held until it is
    /// open.
    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        let store = StoreId::new(repository.registry());
        let mut attempt = 1;
        loop {
            let permits = TransferPermits::new(self.limiter.acquire(&self.limiter.demand(&store, Pool::Reads)).await);
            let opened = permits.source(self.open(repository, item)).await;
            drop(permits);
            match opened {
                Err(error) if attempt < ATTEMPTS && matches!(error.retry(), Retry::After(_)) => attempt += 1,
                opened => return opened,
            }
        }
    }

    /// Those of the fetch, isolated. Hints come from the engine alone.
    fn capabilities(&self) -> FetchCapabilities<'_> {
        let known = self.fetch.ask("said what it can do", |fetch| fetch.capabilities()).unwrap_or_default();
        FetchCapabilities {
            referrers: known.referrers.map(|_| self as &dyn Referrers),
            tag_list: known.tag_list.map(|_| self as &dyn TagList),
            push_times: known.push_times.map(|_| self as &dyn PushTimes),
            blob_check: known.blob_check.map(|_| self as &dyn BlobCheck),
            mount_hints: known.mount_hints.map(|_| self as &dyn MountHints),
            read_hints: None,
        }
    }
}

#[async_trait]
impl Referrers for IsolatedFetch {
    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.fetch
            .call_if("listed referrers", |fetch| Some(fetch.capabilities().referrers?.referrers(repository, subject)))
            .await
    }

    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        self.fetch
            .call_if("listed tags about an image", |fetch| {
                Some(fetch.capabilities().referrers?.referrer_tags(repository, subject))
            })
            .await
    }
}

#[async_trait]
impl TagList for IsolatedFetch {
    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        self.fetch.call_if("listed tags", |fetch| Some(fetch.capabilities().tag_list?.tags(repository))).await
    }
}

#[async_trait]
impl PushTimes for IsolatedFetch {
    async fn pushed(&self, image: &ImageRef) -> Result<Option<SystemTime>> {
        self.fetch
            .call_if("looked up when a tag was pushed", |fetch| Some(fetch.capabilities().push_times?.pushed(image)))
            .await
    }
}

#[async_trait]
impl BlobCheck for IsolatedFetch {
    async fn check_blob(&self, repository: &Repository, item: &Descriptor) -> Result<()> {
        self.fetch
            .call_if("looked for a blob", |fetch| Some(fetch.capabilities().blob_check?.check_blob(repository, item)))
            .await
    }
}

#[async_trait]
impl MountHints for IsolatedFetch {
    async fn mount_hints(&self, item: &Descriptor) -> Vec<Repository> {
        let hints = self.fetch.call_if("said where a blob is", |fetch| {
            let hints = fetch.capabilities().mount_hints?;
            Some(async move { Ok(hints.mount_hints(item).await) })
        });
        hints.await.unwrap_or_default()
    }
}
