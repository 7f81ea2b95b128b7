//! The push that all registry destinations are made of.

use std::{collections::HashSet, sync::Arc};

use sealift_core::{
    async_trait,
    content::{Descriptor, Digest, ImageRef, Manifest, MediaType, Repository, Version},
    error::{ErrorKind, Result},
    job::Job,
    stage::{Known, Offer, Push, StoreId},
};

use super::Place;
use crate::{
    auth::{Access, Scopes},
    doing::Doing,
    host::Host,
    quirks::Quirks,
    read::Head,
    registries::Registries,
};

/// Writes images to registries.
#[derive(Debug)]
pub struct RegistryPush {
    registries: Arc<Registries>,
    place: Place,
    harbor: bool,
}

impl RegistryPush {
    /// Writes with these settings and connections.
    pub fn new(registries: Arc<Registries>, place: Place) -> Self {
        Self { registries, place, harbor: false }
    }

    /// The same for registries that are Harbors, which is known here before they say so.
    #[must_use]
    pub fn at_harbor(self) -> Self {
        Self { harbor: true, ..self }
    }

    fn host(&self, at: &Repository) -> Arc<Host> {
        let host = self.registries.host(at);
        if self.harbor {
            Quirks::set(&host.quirks.harbor);
        }
        host
    }
}

#[async_trait]
impl Push for RegistryPush {
    fn place(&self, job: &Job) -> Result<Vec<ImageRef>> {
        self.place.of(job)
    }

    fn keeps_apart(&self) -> bool {
        self.place.keeps_apart()
    }

    fn store(&self, at: &Repository) -> StoreId {
        StoreId::new(at.registry())
    }

    fn expect(&self, source: &Repository, targets: &[Repository]) {
        for at in self.place.repositories(source, targets) {
            self.registries.expect(&at, Access::Push);
        }
    }

    async fn survey(&self, at: &Repository) -> Result<Known> {
        match self.host(at).tags(at, Scopes::push(at)).await {
            Ok(found) => Ok(Known::Names(found.tags.into_iter().collect())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.host(at).quirks.note_new(at);
                Ok(Known::Nothing)
            }
            // Who may push need not be allowed to list, and not every registry can. One that could not this time fails
            // the questions for the single tags, too, or answers them.
            Err(error) if error.is_cancelled() => Err(error),
            Err(_) => Ok(Known::Ask),
        }
    }

    async fn current(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        let host = self.host(&at.repository);
        let scopes = Scopes::push(&at.repository);
        match host.head_manifest(at, Doing::Look(at), scopes.clone()).await? {
            Head::Found(found) => Ok(Some(*found)),
            Head::Missing => Ok(None),
            Head::Barred => match &at.version {
                // It is there under this very digest.
                Version::Digest(digest) => {
                    Ok(Some(Descriptor::new(MediaType::default(), digest.clone(), Descriptor::UNSIZED)))
                }
                // Where the login may not ask, the tag counts as missing: writing what stands there changes nothing.
                Version::Tag(_) => host.artifact(at).await,
            },
            Head::Inconclusive => match host.get_manifest(at, Doing::Look(at), scopes).await {
                Ok(manifest) => Ok(Some(manifest.descriptor())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    async fn has(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        if item.media_type.is_manifest() {
            return Ok(self.current(&at.at(&item.digest)).await?.is_some());
        }
        self.host(at).has_blob(at, item).await
    }

    /// Harbor deletes no artifact that another one lists ("referenced by others"); of other registries nothing is known.
    fn keeps_children(&self, at: &Repository) -> bool {
        self.host(at).is_harbor()
    }

    async fn read_back(&self, at: &ImageRef) -> Result<Option<Manifest>> {
        let host = self.host(&at.repository);
        match host.get_manifest(at, Doing::Look(at), Scopes::push(&at.repository)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    async fn offer(&self, at: &Repository, item: &Descriptor, known_in: Option<&Repository>) -> Result<Offer> {
        self.host(at).offer(at, item, known_in).await
    }

    fn confirms(&self, at: &Repository) -> bool {
        self.host(at).quirks.confirms()
    }

    async fn renew(&self, at: &Repository, item: &Descriptor) -> Result<Offer> {
        self.host(at).begin(at, item).await
    }

    async fn put_manifest(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        self.host(at).put_manifest(&at.at(manifest.digest()), manifest).await
    }

    async fn tag(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.host(&at.repository).put_manifest(at, manifest).await
    }

    async fn relate(&self, at: &Repository, subject: &Digest, referrers: &[&Manifest]) -> Result<()> {
        self.host(at).relate(at, subject, referrers).await
    }

    async fn related(&self, at: &Repository, subject: &Digest, referrers: &[Descriptor]) -> Result<HashSet<Digest>> {
        let listed = self.host(at).referrers_pushed(at, subject).await?;
        let listed: HashSet<Digest> = listed.into_iter().map(|entry| entry.digest).collect();
        Ok(referrers.iter().map(|entry| entry.digest.clone()).filter(|digest| listed.contains(digest)).collect())
    }
}
