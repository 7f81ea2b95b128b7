//! Stages that break at one method, and are a registry in memory at all others.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use sealift_conformance::memory::Memory;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Reference, Repository, Tag},
    error::Result,
    job::{Job, Resolved},
    stage::{Fetch, Lost, Push, Removed, RepositoryTags, ResolveMode, RunEnd, StoreId, Upload, UploadStart},
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

    fn slot(&self, at: &Repository, offer: UploadStart) -> UploadStart {
        match offer {
            UploadStart::Upload(slot) => {
                UploadStart::Upload(Box::new(TrappedSlot { slot, trap: self.trap.clone(), at: at.clone() }))
            }
            other => other,
        }
    }
}

#[async_trait]
impl Fetch for Trapped {
    fn announce(&self, repository: &Repository) {
        self.trap.step_at_once("announce", repository);
    }

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

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.trap.step("referrers", repository).await;
        self.fetch().referrers(repository, subject).await
    }

    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        self.trap.step("referrer_tags", repository).await;
        self.fetch().referrer_tags(repository, subject).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        self.trap.step("tags", repository).await;
        self.fetch().tags(repository).await
    }

    async fn check_blob(&self, repository: &Repository, _: &Descriptor) -> Result<()> {
        self.trap.step("check_blob", repository).await;
        Ok(())
    }

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

    fn announce(&self, source: &Repository, _: &[Repository]) {
        self.trap.step_at_once("announce", source);
    }

    fn announce_images(&self, source: &Repository, _: &[ImageRef]) {
        self.trap.step_at_once("announce_images", source);
    }

    async fn overview(&self, at: &Repository, wanted: usize) -> Result<RepositoryTags> {
        self.trap.step("overview", at).await;
        self.push().overview(at, wanted).await
    }

    async fn survey(&self, at: &Repository) -> Result<RepositoryTags> {
        self.trap.step("survey", at).await;
        self.push().survey(at).await
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        self.trap.step("resolve a target", &at.repository).await;
        self.push().resolve(at).await
    }

    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.trap.step("blob_exists", at).await;
        self.push().blob_exists(at, item).await
    }

    fn free_space(&self) -> Option<u64> {
        self.trap.step_at_once("free_space", &self.all);
        Some(1)
    }

    fn keeps_children(&self, at: &Repository) -> bool {
        self.trap.step_at_once("keeps_children", at);
        self.push().keeps_children(at)
    }

    async fn read_back(&self, at: &ImageRef) -> Result<Option<Manifest>> {
        self.trap.step("read_back", &at.repository).await;
        self.push().read_back(at).await
    }

    async fn related(&self, at: &Repository, subject: &Digest, referrers: &[Descriptor]) -> Result<HashSet<Digest>> {
        self.trap.step("related", at).await;
        self.push().related(at, subject, referrers).await
    }

    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>, blobs: &[Descriptor]) -> Result<()> {
        self.trap.step("prepare", &at.repository).await;
        self.push().prepare(at, replaces, blobs).await
    }

    async fn offer(&self, at: &Repository, item: &Descriptor, known_in: Option<&Repository>) -> Result<UploadStart> {
        self.trap.step("offer", at).await;
        Ok(self.slot(at, self.push().offer(at, item, known_in).await?))
    }

    async fn renew(&self, at: &Repository, item: &Descriptor) -> Result<UploadStart> {
        self.trap.step("renew", at).await;
        Ok(self.slot(at, self.push().renew(at, item).await?))
    }

    async fn put_manifest(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        self.trap.step("put_manifest", at).await;
        self.push().put_manifest(at, manifest).await
    }

    async fn tag(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.trap.step("tag", &at.repository).await;
        self.push().tag(at, manifest).await
    }

    async fn root(&self, _: &Job, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.trap.step("root", &at.repository).await;
        match &at.reference {
            Reference::Tag(_) => self.tag(at, manifest).await,
            Reference::Digest(_) => self.put_manifest(&at.repository, manifest).await,
        }
    }

    fn keeps_apart(&self) -> bool {
        self.trap.step_at_once("keeps_apart", &self.all);
        self.push().keeps_apart()
    }

    fn verifies_digest(&self, at: &Repository) -> bool {
        self.trap.step_at_once("verifies_digest", at);
        self.push().verifies_digest(at)
    }

    async fn add_referrers(&self, at: &Repository, subject: &Digest, referrers: &[&Manifest]) -> Result<()> {
        self.trap.step("add_referrers", at).await;
        self.push().add_referrers(at, subject, referrers).await
    }

    fn location(&self) -> Option<String> {
        self.trap.step_at_once("location", &self.all);
        self.push().location()
    }

    async fn removed(&self) -> Result<Removed> {
        self.trap.step("removed", &self.all).await;
        self.push().removed().await
    }

    fn conclude(&self, _: &RunEnd<'_>) {
        self.trap.step_at_once("conclude", &self.all);
    }

    async fn close(&self) -> Result<()> {
        self.trap.step("close", &self.all).await;
        self.push().close().await
    }

    fn lost(&self) -> Vec<Lost> {
        self.trap.step_at_once("lost", &self.all);
        self.push().lost()
    }
}

struct TrappedSlot {
    slot: Box<dyn Upload>,
    trap: Trap,
    at: Repository,
}

#[async_trait]
impl Upload for TrappedSlot {
    async fn write(self: Box<Self>, blob: Blob) -> Result<()> {
        self.trap.step("write", &self.at).await;
        self.slot.write(blob).await
    }
}
