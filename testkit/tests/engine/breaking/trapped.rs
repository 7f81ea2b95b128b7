//! Stages that break at one method, and are a registry in memory at all others.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use async_trait::async_trait;
use sealift_conformance::memory::Memory;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag},
    error::Result,
    job::{Job, Resolved},
    stage::{
        Admission, BeginUpload, BlobCheck, ChildRetention, Conclusion, DigestVerification, DiskLocation,
        DistinctTargets, Fetch, FetchCapabilities, Lost, ManifestReader, MountHints, Notices, Push, PushCapabilities,
        PushTimes, PutManifest, Quotas, ReadHints, ReferrerPresence, ReferrerSupport, Referrers, ReferrersTag, Removed,
        RepositoryTags, ResolveMode, RunEnd, StoreId, TagInventory, TagList, TagRequest, Upload, UploadStart,
        WriteHints,
    },
};

use super::How;

/// What is asked of this repository never breaks.
const SPARED: &str = "other";

/// Where something breaks and how, and which methods were asked so far.
#[derive(Clone)]
pub(super) struct Trap {
    method: &'static str,
    how: How,
    asked: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Trap {
    pub(super) fn at(method: &'static str, how: How) -> Self {
        Self { method, how, asked: Arc::default() }
    }

    pub(super) fn asked(&self) -> BTreeSet<&'static str> {
        self.asked.lock().unwrap().clone()
    }

    /// Whether this call breaks.
    fn shuts(&self, method: &'static str, at: &Repository) -> bool {
        self.asked.lock().unwrap().insert(method);
        method == self.method && at.path() != SPARED
    }

    async fn step(&self, method: &'static str, at: &Repository) {
        if self.shuts(method, at) {
            self.how.happen().await;
        }
    }

    /// For methods that cannot wait, so they cannot hang either.
    fn step_at_once(&self, method: &'static str, at: &Repository) {
        assert!(!self.shuts(method, at), "told to");
    }
}

/// A stage of either role over a registry in memory.
pub(super) struct Trapped {
    memory: Memory,
    trap: Trap,
    /// Stands for all repositories, where a question is of none.
    all: Repository,
}

impl Trapped {
    pub(super) fn new(memory: &Memory, trap: &Trap) -> Self {
        Self { memory: memory.clone(), trap: trap.clone(), all: "any.io/all".parse().unwrap() }
    }

    fn fetch(&self) -> &dyn Fetch {
        &self.memory
    }

    fn push(&self) -> &dyn Push {
        &self.memory
    }

    fn read(&self) -> FetchCapabilities<'_> {
        self.fetch().capabilities()
    }

    fn write(&self) -> PushCapabilities<'_> {
        self.push().capabilities()
    }
}

#[async_trait]
impl Fetch for Trapped {
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        let method = if want == ResolveMode::Descriptor { "resolve a digest" } else { "resolve" };
        self.trap.step(method, &image.repository).await;
        self.fetch().resolve(image, want).await
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        self.trap.step("manifest", repository).await;
        self.fetch().manifest(repository, item).await
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        self.trap.step("blob", repository).await;
        self.fetch().blob(repository, item).await
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        self.trap.step_at_once("capabilities", &self.all);
        self.read().referrers(self).tag_list(self).push_times(self).blob_check(self).mount_hints(self).read_hints(self)
    }
}

impl ReadHints for Trapped {
    fn announce(&self, repository: &Repository) {
        self.trap.step_at_once("announce", repository);
    }
}

#[async_trait]
impl Referrers for Trapped {
    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.trap.step("referrers", repository).await;
        self.read().referrers.unwrap().referrers(repository, subject).await
    }

    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        self.trap.step("referrer_tags", repository).await;
        self.read().referrers.unwrap().referrer_tags(repository, subject).await
    }
}

#[async_trait]
impl TagList for Trapped {
    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        self.trap.step("tags", repository).await;
        self.read().tag_list.unwrap().tags(repository).await
    }
}

#[async_trait]
impl PushTimes for Trapped {
    async fn pushed(&self, image: &ImageRef) -> Result<Option<SystemTime>> {
        self.trap.step("pushed", &image.repository).await;
        Ok(None)
    }
}

#[async_trait]
impl BlobCheck for Trapped {
    async fn check_blob(&self, repository: &Repository, _: &Descriptor) -> Result<()> {
        self.trap.step("check_blob", repository).await;
        Ok(())
    }
}

#[async_trait]
impl MountHints for Trapped {
    async fn mount_hints(&self, _: &Descriptor) -> Vec<Repository> {
        self.trap.step("mount_hints", &self.all).await;
        vec![format!("to.io/{SPARED}").parse().unwrap()]
    }
}

#[async_trait]
impl Push for Trapped {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        self.trap.step_at_once("targets", &job.source.repository);
        self.push().targets(job)
    }

    fn store(&self, at: &Repository) -> StoreId {
        self.trap.step_at_once("store", at);
        self.push().store(at)
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        self.trap.step("resolve a target", &at.repository).await;
        self.push().resolve(at).await
    }

    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.trap.step("blob_exists", at).await;
        self.push().blob_exists(at, item).await
    }

    async fn begin_upload(&self, request: &BeginUpload<'_>) -> Result<UploadStart> {
        let at = request.repository;
        self.trap.step(if request.replace { "begin_upload again" } else { "begin_upload" }, at).await;
        Ok(match self.push().begin_upload(request).await? {
            UploadStart::Upload(upload) => {
                UploadStart::Upload(Box::new(TrappedUpload { upload, trap: self.trap.clone(), at: at.clone() }))
            }
            other => other,
        })
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        let step = match (request.root_of, request.tag) {
            (Some(_), _) => "put_manifest of a root",
            (None, Some(_)) => "put_manifest with a tag",
            (None, None) => "put_manifest",
        };
        self.trap.step(step, request.repository).await;
        self.push().put_manifest(request).await
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        self.trap.step_at_once("capabilities", &self.all);
        let capabilities =
            self.write().distinct_targets(self).tag_inventory(self).admission(self).manifest_reader(self);
        let capabilities =
            capabilities.referrer_support(self).referrers_tag(self).referrer_presence(self).child_retention(self);
        capabilities
            .digest_verification(self)
            .write_hints(self)
            .disk_location(self)
            .quotas(self)
            .conclusion(self)
            .notices(self)
    }

    async fn close(&self) -> Result<()> {
        self.trap.step("close", &self.all).await;
        self.push().close().await
    }
}

impl DistinctTargets for Trapped {
    fn keeps_apart(&self) -> bool {
        self.trap.step_at_once("keeps_apart", &self.all);
        self.write().distinct_targets.unwrap().keeps_apart()
    }
}

impl WriteHints for Trapped {
    fn announce(&self, source: &Repository, _: &[Repository], _: &[ImageRef]) {
        self.trap.step_at_once("announce", source);
    }
}

#[async_trait]
impl TagInventory for Trapped {
    async fn tags(&self, at: &Repository, request: TagRequest) -> Result<RepositoryTags> {
        let step = if request == TagRequest::Names { "tags by name" } else { "tags by digest" };
        self.trap.step(step, at).await;
        self.write().tag_inventory.unwrap().tags(at, request).await
    }
}

#[async_trait]
impl Admission for Trapped {
    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>, blobs: &[Descriptor]) -> Result<()> {
        self.trap.step("prepare", &at.repository).await;
        self.write().admission.unwrap().prepare(at, replaces, blobs).await
    }
}

#[async_trait]
impl ManifestReader for Trapped {
    async fn read_back(&self, at: &ImageRef) -> Result<Option<Manifest>> {
        self.trap.step("read_back", &at.repository).await;
        self.write().manifest_reader.unwrap().read_back(at).await
    }
}

impl ReferrerSupport for Trapped {
    fn takes_referrers(&self) -> bool {
        self.trap.step_at_once("takes_referrers", &self.all);
        true
    }
}

#[async_trait]
impl ReferrersTag for Trapped {
    async fn add_referrers(&self, at: &Repository, _: &Digest, _: &[&Manifest]) -> Result<()> {
        self.trap.step("add_referrers", at).await;
        Ok(())
    }
}

#[async_trait]
impl ReferrerPresence for Trapped {
    async fn present_referrers(
        &self,
        at: &Repository,
        subject: &Digest,
        referrers: &[Descriptor],
    ) -> Result<HashSet<Digest>> {
        self.trap.step("present_referrers", at).await;
        self.write().referrer_presence.unwrap().present_referrers(at, subject, referrers).await
    }
}

impl ChildRetention for Trapped {
    fn keeps_children(&self, at: &Repository) -> bool {
        self.trap.step_at_once("keeps_children", at);
        self.write().child_retention.unwrap().keeps_children(at)
    }
}

impl DigestVerification for Trapped {
    fn verifies_digest(&self, at: &Repository) -> bool {
        self.trap.step_at_once("verifies_digest", at);
        self.write().digest_verification.unwrap().verifies_digest(at)
    }
}

impl DiskLocation for Trapped {
    fn location(&self) -> Option<String> {
        self.trap.step_at_once("location", &self.all);
        None
    }

    fn free_space(&self) -> Option<u64> {
        self.trap.step_at_once("free_space", &self.all);
        Some(1)
    }
}

#[async_trait]
impl Quotas for Trapped {
    async fn quota(&self, at: &Repository) -> Result<Option<(String, u64)>> {
        self.trap.step("quota", at).await;
        Ok(Some(("all".to_owned(), 1)))
    }
}

#[async_trait]
impl Conclusion for Trapped {
    fn conclude(&self, _: &RunEnd<'_>) {
        self.trap.step_at_once("conclude", &self.all);
    }

    fn lost(&self) -> Vec<Lost> {
        self.trap.step_at_once("lost", &self.all);
        Vec::new()
    }

    async fn removed(&self) -> Result<Removed> {
        self.trap.step("removed", &self.all).await;
        Ok(Removed::default())
    }

    async fn changes_notes(&self) -> Result<bool> {
        self.trap.step("changes_notes", &self.all).await;
        Ok(false)
    }
}

impl Notices for Trapped {
    fn notices(&self) -> Vec<String> {
        self.trap.step_at_once("notices", &self.all);
        vec!["something to know".to_owned()]
    }
}

struct TrappedUpload {
    upload: Box<dyn Upload>,
    trap: Trap,
    at: Repository,
}

#[async_trait]
impl Upload for TrappedUpload {
    async fn write(self: Box<Self>, blob: Blob) -> Result<()> {
        self.trap.step("write", &self.at).await;
        self.upload.write(blob).await
    }
}
