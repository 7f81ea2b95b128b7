//! `fetch "registry"`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use futures::future::BoxFuture;
use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag},
    error::Result,
    job::Resolved,
    stage::{Fetch, FetchCapabilities, PushTimes, ReadHints, Referrers, ResolveMode, TagList},
};

use crate::{
    api::{blobs, inventory, manifests},
    auth::RepositoryAccess,
    client::Client,
    operation::Operation,
    registry::Registry,
    scope::Scopes,
};

/// Reads images from registries.
#[derive(Debug)]
pub struct RegistryFetch {
    client: Arc<Client>,
    /// Of repositories with mirrors, the place that answered last.
    answered: Mutex<HashMap<Repository, Repository>>,
}

impl RegistryFetch {
    /// Reads with these settings and connections.
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, answered: Mutex::default() }
    }
}

/// A read from one of the places of an image.
type Reading<'s, T> = BoxFuture<'s, Result<T>>;

impl RegistryFetch {
    /// Asks the places of a repository one after the other until one answers, that which answered before first.
    async fn at_first<'s, T>(
        &'s self,
        repository: &Repository,
        by_digest: bool,
        ask: impl Fn(Repository) -> Reading<'s, T> + Send + Sync,
    ) -> Result<T> {
        let mut places = self.client.sources(repository, by_digest);
        if places.len() == 1 {
            return ask(places.remove(0)).await;
        }
        let known = lock(&self.answered).get(repository).cloned();
        if let Some(at) = places.iter().position(|place| Some(place) == known.as_ref()) {
            places[..=at].rotate_right(1);
        }
        let mut failed = Vec::new();
        for place in places {
            match ask(place.clone()).await {
                Ok(answer) => {
                    lock(&self.answered).insert(repository.clone(), place);
                    return Ok(answer);
                }
                Err(error) => failed.push(error),
            }
        }
        let last = failed.pop().expect("there is at least one place");
        let others: Vec<String> = failed.iter().map(|error| error.message().to_owned()).collect();
        Err(last.with_context(format!("its mirrors fail, too ({})", others.join("; "))))
    }

    async fn resolve_at(&self, image: ImageRef, want: ResolveMode) -> Result<(Descriptor, Option<Manifest>)> {
        let registry = self.client.registry(&image.repository);
        if want == ResolveMode::Manifest {
            let manifest = read(&registry, &image).await?;
            return Ok((manifest.descriptor(), Some(manifest)));
        }
        if let Some(known) = inventory::at_source(&registry, &image).await {
            return Ok((known, None));
        }
        manifests::resolve(&registry, &image).await
    }
}

#[async_trait]
impl Fetch for RegistryFetch {
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        let by_digest = image.reference.digest().is_some();
        let ask = |repository| -> Reading<'_, _> {
            Box::pin(self.resolve_at(ImageRef { repository, reference: image.reference.clone() }, want))
        };
        let (descriptor, manifest) = self.at_first(&image.repository, by_digest, ask).await?;
        Ok(Resolved { image: image.clone(), descriptor, manifest })
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        let ask = |at: Repository| -> Reading<'_, _> {
            let image = at.with_digest(&item.digest);
            Box::pin(async move { read(&self.client.registry(&image.repository), &image).await })
        };
        self.at_first(repository, true, ask).await
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        let ask = |at: Repository| -> Reading<'_, _> {
            let item = item.clone();
            Box::pin(async move { blobs::open_in_transfer(&self.client.registry(&at), &at, &item).await })
        };
        self.at_first(repository, true, ask).await
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        Some(BTreeSet::new()) // those of the list
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default().referrers(self).tag_list(self).push_times(self).read_hints(self)
    }
}

impl ReadHints for RegistryFetch {
    fn announce(&self, repository: &Repository) {
        for place in self.client.sources(repository, false) {
            self.client.announce(&place, RepositoryAccess::Pull);
        }
    }
}

#[async_trait]
impl Referrers for RegistryFetch {
    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        let mut failed = None;
        let places = self.client.sources(repository, true);
        let last = places.len() - 1;
        // A mirror of images need not have what is about them.
        for (number, at) in places.into_iter().enumerate() {
            match self.client.referrers(&at, subject).await {
                Ok(found) if !found.is_empty() || (number == last && failed.is_none()) => return Ok(found),
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(Vec::new()), Err)
    }

    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        let at = self.client.sources(repository, false).pop().unwrap_or_else(|| repository.clone());
        self.client.referrer_tags().of_cosign(&self.client.registry(&at), &at, subject).await
    }
}

#[async_trait]
impl TagList for RegistryFetch {
    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        Ok(self.client.tags(repository).await?.tags)
    }
}

#[async_trait]
impl PushTimes for RegistryFetch {
    async fn pushed(&self, image: &ImageRef) -> Result<Option<SystemTime>> {
        let ask = |repository| -> Reading<'_, _> {
            let image = ImageRef { repository, reference: image.reference.clone() };
            Box::pin(async move { inventory::pushed(&self.client.registry(&image.repository), &image).await })
        };
        self.at_first(&image.repository, false, ask).await
    }
}

async fn read(registry: &Registry, image: &ImageRef) -> Result<Manifest> {
    manifests::get(registry, image, Operation::ReadManifest(image), Scopes::pull(&image.repository)).await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
