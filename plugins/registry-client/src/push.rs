//! The push that all registry destinations are made of.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use sealift_core::{
    async_trait,
    content::{Descriptor, Digest, ImageRef, Manifest, MediaType, Reference, Repository},
    error::{ErrorKind, Result},
    job::Job,
    stage::{
        BeginUpload, ChildRetention, DigestVerification, DistinctTargets, ManifestReader, Push, PushCapabilities,
        PutManifest, ReferrerPresence, ReferrersTag, RepositoryTags, StoreId, TagInventory, TagRequest, UploadStart,
        WriteHints,
    },
};

mod naming;
mod referrers_tag;

pub use naming::TargetNaming;

use self::referrers_tag::ReferrersTagLocks;
use crate::{
    api::{
        blob_existence, harbor, inventory,
        manifests::{self, ManifestHead},
        put_manifest, referrers, tags, uploads,
    },
    auth::RepositoryAccess,
    client::Client,
    operation::Operation,
    registry::Registry,
    scope::Scopes,
};

/// Writes images to registries.
#[derive(Debug)]
pub struct RegistryPush {
    client: Arc<Client>,
    naming: TargetNaming,
    harbor: bool,
    referrers_tags: ReferrersTagLocks,
}

impl RegistryPush {
    /// Writes with these settings and connections.
    pub fn new(client: Arc<Client>, naming: TargetNaming) -> Self {
        Self { client, naming, harbor: false, referrers_tags: ReferrersTagLocks::default() }
    }

    /// The same for registries that are Harbors, which is known here before they say so.
    #[must_use]
    pub fn at_harbor(self) -> Self {
        Self { harbor: true, ..self }
    }

    /// Returns the repositories that the images of a source go to, if its rule names these targets.
    pub fn repositories(&self, source: &Repository, targets: &[Repository]) -> Vec<Repository> {
        self.naming.repositories(source, targets)
    }

    fn registry(&self, at: &Repository) -> Arc<Registry> {
        if self.harbor { self.client.harbor(at) } else { self.client.registry(at) }
    }
}

#[async_trait]
impl Push for RegistryPush {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        self.naming.of(job)
    }

    fn store(&self, at: &Repository) -> StoreId {
        StoreId::new(at.registry())
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        let registry = self.registry(&at.repository);
        // `dest "harbor"` has looked the repository over before.
        if !registry.has_projects()
            && let Some(known) = inventory::known(&registry, at).await
        {
            return Ok(Some(known));
        }
        let scopes = Scopes::push(&at.repository);
        match manifests::look(&registry, at, Operation::CheckManifest(at), scopes).await? {
            ManifestHead::Found(found) => Ok(Some(*found)),
            ManifestHead::Missing => Ok(None),
            ManifestHead::Barred => match &at.reference {
                // It is there under this very digest.
                Reference::Digest(digest) => {
                    Ok(Some(Descriptor::new(MediaType::default(), digest.clone(), Descriptor::UNSIZED)))
                }
                // Where the login may not ask, the tag counts as missing: writing what stands there changes nothing.
                Reference::Tag(_) => harbor::artifact(&registry, at).await,
            },
        }
    }

    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        if item.media_type.is_manifest() {
            return Ok(self.resolve(&at.with_digest(&item.digest)).await?.is_some());
        }
        blob_existence::stands(&self.registry(at), at, item).await
    }

    async fn begin_upload(&self, request: &BeginUpload<'_>) -> Result<UploadStart> {
        let BeginUpload { repository: at, item, replace, .. } = *request;
        let registry = self.registry(at);
        match replace {
            true => {
                registry.open_uploads.forget(at, item).await;
                uploads::begin(&registry, at, item).await
            }
            false => request.try_each(|known_in| uploads::offer(&registry, at, item, known_in)).await,
        }
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        let (registry, target) = (self.registry(request.repository), request.target());
        registry.known_tags.forget(&target).await;
        put_manifest::put(&registry, &target, request.manifest).await
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        Some(self.naming.registry().map(ToOwned::to_owned).into_iter().collect())
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default()
            .distinct_targets(self)
            .tag_inventory(self)
            .manifest_reader(self)
            .referrers_tag(self)
            .referrer_presence(self)
            .child_retention(self)
            .digest_verification(self)
            .write_hints(self)
    }

    async fn close(&self) -> Result<()> {
        self.client.end_uploads().await;
        Ok(())
    }
}

impl DistinctTargets for RegistryPush {
    fn keeps_apart(&self) -> bool {
        self.naming.keeps_apart()
    }
}

impl WriteHints for RegistryPush {
    fn announce(&self, source: &Repository, targets: &[Repository], _: &[ImageRef]) {
        for at in self.repositories(source, targets) {
            self.client.announce(&at, RepositoryAccess::Push);
        }
    }
}

#[async_trait]
impl TagInventory for RegistryPush {
    async fn tags(&self, at: &Repository, request: TagRequest) -> Result<RepositoryTags> {
        if request != TagRequest::Names {
            return Ok(RepositoryTags::Unknown);
        }
        match tags::list(&self.registry(at), at, Scopes::push(at)).await {
            Ok(found) => Ok(RepositoryTags::Names(found.tags.into_iter().collect())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.registry(at).observed.note_new(at);
                Ok(RepositoryTags::Empty)
            }
            // Who may push need not be allowed to list, and not every registry can. One that could not this time fails
            // the questions for the single tags, too, or answers them.
            Err(error) if error.is_cancelled() => Err(error),
            Err(_) => Ok(RepositoryTags::Unknown),
        }
    }
}

impl ChildRetention for RegistryPush {
    /// Harbor deletes no artifact that another one lists ("referenced by others"); of other registries nothing is known.
    fn keeps_children(&self, at: &Repository) -> bool {
        self.registry(at).has_projects()
    }
}

impl DigestVerification for RegistryPush {
    fn verifies_digest(&self, at: &Repository) -> bool {
        self.registry(at).observed.confirms()
    }
}

#[async_trait]
impl ManifestReader for RegistryPush {
    async fn read_back(&self, at: &ImageRef) -> Result<Option<Manifest>> {
        let registry = self.registry(&at.repository);
        match manifests::get(&registry, at, Operation::CheckManifest(at), Scopes::push(&at.repository)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }
}

#[async_trait]
impl ReferrersTag for RegistryPush {
    async fn add_referrers(&self, at: &Repository, subject: &Digest, referrers: &[&Manifest]) -> Result<()> {
        self.referrers_tags.add(&self.registry(at), at, subject, referrers).await
    }
}

#[async_trait]
impl ReferrerPresence for RegistryPush {
    async fn present_referrers(
        &self,
        at: &Repository,
        subject: &Digest,
        referrers: &[Descriptor],
    ) -> Result<HashSet<Digest>> {
        let (registry, scopes) = (self.registry(at), Scopes::push(at));
        // The tags of a destination are not listed for this: one request for the fallback tag is less.
        let listed = match referrers::list(&registry, at, subject, &scopes).await? {
            Some(found) => found,
            None => referrers::list_by_tag(&registry, at, subject, scopes).await?,
        };
        let listed: HashSet<Digest> = listed.into_iter().map(|entry| entry.digest).collect();
        Ok(referrers.iter().map(|entry| entry.digest.clone()).filter(|digest| listed.contains(digest)).collect())
    }
}
