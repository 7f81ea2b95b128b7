//! Isolation of plugins: contains their panics and hangs.
//!
//! Around each stage stands a fence: a call that panics, or that neither answers nor fails for half an hour, becomes an
//! error that names the stage and what it was asked. Then it fails an image, a repository or a destination like any
//! other error does, and the run goes on. What a fence cannot do is take a thread back from a plugin that blocks it.
//! The content that a fetch returns is compared with the request ([`identity`]).

use std::{
    any::Any,
    collections::HashSet,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::FutureExt;

use super::identity;
use crate::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag},
    error::{Error, ErrorKind, Result, Retry},
    job::{Job, Listing, Resolved},
    limit::{Limiter, Pool},
    panic::panic_message,
    spec::{Named, OpenPipeline},
    stage::{
        Fetch, Filter, Lost, Push, Removed, RepositoryTags, ResolveMode, RunEnd, StoreId, Upload, UploadStart, Verdict,
    },
};

/// Longer than everything that a stage may wait for: the commit of a blob at an object store, pauses that a registry
/// asks for, and a few tries of those.
pub(super) const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Attempts to open a blob while its store asks for pauses.
const ATTEMPTS: u32 = 5;

/// Returns a fetch whose blobs are opened without permits, for transfers, which have them.
pub(super) fn without_permits(fetch: Named<dyn Fetch>) -> Arc<dyn Fetch> {
    Arc::new(Fence::new("fetch", fetch))
}

/// The pipeline with a fence around its filters, its fetch and its pushes. The list has a task of its own instead.
pub(super) fn around(pipeline: OpenPipeline) -> OpenPipeline {
    let OpenPipeline { filters, fetch, pushes, limiter, .. } = pipeline.clone();
    OpenPipeline {
        filters: filters
            .into_iter()
            .map(|filter| Fence::new("filter", filter).named(|fence| Arc::new(fence)))
            .collect(),
        fetch: Fence { limiter: Some(limiter), ..Fence::new("fetch", fetch) }.named(|fence| Arc::new(fence)),
        pushes: pushes.into_iter().map(|push| Fence::new("push", push).named(|fence| Arc::new(fence))).collect(),
        ..pipeline
    }
}

/// The panic payload that carries an error through a function that cannot return one.
struct Broken(Error);

/// Turns the payload of a caught panic into an error.
pub(super) fn error_of(panic: &(dyn Any + Send)) -> Error {
    match panic.downcast_ref::<Broken>() {
        Some(Broken(error)) => error.clone(),
        None => {
            Error::new(ErrorKind::Bug, format!("a stage broke while it worked on this image: {}", panic_message(panic)))
        }
    }
}

/// Ends with an error when no byte passed for a long time; only then it is asked what of.
pub(super) async fn standing_still<D: Display>(passed: &AtomicU64, what: impl FnOnce() -> D) -> Error {
    let mut before = passed.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(LIMIT).await;
        let now = passed.load(Ordering::Relaxed);
        if now == before {
            return hung(format_args!("no byte of {} passed", what()));
        }
        before = now;
    }
}

/// Returns the error of an operation that made no progress within the time limit.
pub(super) fn hung(what: impl Display) -> Error {
    Error::new(ErrorKind::Bug, format!("{what} for {} minutes", LIMIT.as_secs() / 60))
        .with_hint("a plugin must answer or fail; its own limits should be shorter than this one")
}

/// A slot that fails the blob when it breaks. How long it may stand still while it is filled is judged by the bytes
/// that pass.
struct FencedSlot {
    fence: Fence<dyn Push>,
    inner: Box<dyn Upload>,
}

#[async_trait]
impl Upload for FencedSlot {
    async fn write(self: Box<Self>, blob: Blob) -> Result<()> {
        let Self { fence, inner } = *self;
        // Reading is done within: the source may be the one that broke.
        AssertUnwindSafe(inner.write(blob)).catch_unwind().await.unwrap_or_else(|panic| {
            let (push, text) = (&fence.inner.kind, panic_message(&*panic));
            Err(Error::new(ErrorKind::Bug, format!("a stage broke while a blob went to the push `{push}`: {text}")))
        })
    }
}

impl Fence<dyn Push> {
    fn around_slot(&self, offer: UploadStart) -> UploadStart {
        match offer {
            UploadStart::Upload(inner) => {
                let fence = Fence::new(self.role, self.inner.clone());
                UploadStart::Upload(Box::new(FencedSlot { fence, inner }))
            }
            other => other,
        }
    }
}

struct Fence<S: ?Sized> {
    role: &'static str,
    inner: Named<S>,
    /// Grants the permits for blobs that are opened.
    limiter: Option<Limiter>,
}

impl<S: ?Sized> Fence<S> {
    fn new(role: &'static str, inner: Named<S>) -> Self {
        Self { role, inner, limiter: None }
    }

    fn named(self, stage: impl FnOnce(Self) -> Arc<S>) -> Named<S> {
        Named { kind: Arc::clone(&self.inner.kind), stage: stage(self) }
    }

    fn stage(&self) -> &S {
        &self.inner.stage
    }

    fn broke(&self, doing: &str, panic: &(dyn Any + Send)) -> Error {
        let message =
            format!("the {} `{}` broke while it {doing}: {}", self.role, self.inner.kind, panic_message(panic));
        Error::new(ErrorKind::Bug, message)
    }

    /// A call that may wait.
    async fn call<T>(&self, doing: &str, answer: impl Future<Output = Result<T>> + Send) -> Result<T> {
        match tokio::time::timeout(LIMIT, AssertUnwindSafe(answer).catch_unwind()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => Err(self.broke(doing, &*panic)),
            Err(_) => Err(hung(format_args!("the {} `{}` {doing}, without an answer,", self.role, self.inner.kind))),
        }
    }

    /// A call that answers at once.
    fn ask<T>(&self, doing: &str, answer: impl FnOnce() -> T) -> Result<T> {
        catch_unwind(AssertUnwindSafe(answer)).map_err(|panic| self.broke(doing, &*panic))
    }

    /// The same where no error can be returned: who catches the panic learns by [`error_of`] what it was.
    fn or_pass_on<T>(&self, doing: &str, answer: impl FnOnce() -> T) -> T {
        self.ask(doing, answer).unwrap_or_else(|error| resume_unwind(Box::new(Broken(error))))
    }
}

#[async_trait]
impl Filter for Fence<dyn Filter> {
    fn filter_tags(&self, listing: &mut Listing) {
        self.or_pass_on("looked at names", || self.stage().filter_tags(listing));
    }

    async fn select(&self, listing: &mut Listing, from: &dyn Fetch) -> Result<()> {
        self.call("chose versions", self.stage().select(listing, from)).await
    }

    fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
        self.or_pass_on("looked at the entries of an index", || self.stage().filter_entries(entries));
    }

    fn drops_attestations(&self) -> bool {
        self.ask("said whether it drops attestations", || self.stage().drops_attestations()).unwrap_or_default()
    }

    fn drops_entries(&self) -> bool {
        self.ask("said whether it rewrites", || self.stage().drops_entries()).unwrap_or(true)
    }

    fn may_leave_nothing(&self) -> bool {
        self.ask("said whether it may leave nothing", || self.stage().may_leave_nothing()).unwrap_or(false)
    }

    fn summary(&self) -> Option<String> {
        self.ask("said what it keeps", || self.stage().summary()).unwrap_or_default()
    }

    async fn check(&self, image: &Resolved, from: &dyn Fetch) -> Result<Verdict> {
        self.call("judged an image", self.stage().check(image, from)).await
    }
}

#[async_trait]
impl Fetch for Fence<dyn Fetch> {
    fn announce(&self, repository: &Repository) {
        // Nothing depends on it: what is broken breaks again when it is asked.
        let _ = self.ask("heard what will be read", || self.stage().announce(repository));
    }

    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        let resolved = self.call("resolved a name", self.stage().resolve(image, want)).await?;
        identity::resolved(&self.inner.kind, image, resolved)
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        let manifest = self.call("read a manifest", self.stage().manifest(repository, item)).await?;
        identity::manifest(&self.inner.kind, item, manifest)
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        let open = || self.call("opened a blob", self.stage().blob(repository, item));
        let blob = match &self.limiter {
            Some(limiter) => open_with_permit(limiter, &StoreId::new(repository.registry()), open).await?,
            None => open().await?,
        };
        identity::blob(&self.inner.kind, item, blob)
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.call("listed referrers", self.stage().referrers(repository, subject)).await
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        self.call("listed tags", self.stage().tags(repository)).await
    }

    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        self.call("listed tags about an image", self.stage().referrer_tags(repository, subject)).await
    }

    async fn check_blob(&self, repository: &Repository, item: &Descriptor) -> Result<()> {
        self.call("looked for a blob", self.stage().check_blob(repository, item)).await
    }

    async fn mount_hints(&self, item: &Descriptor) -> Vec<Repository> {
        let answer = async { Ok(self.stage().mount_hints(item).await) };
        self.call("said where a blob is", answer).await.unwrap_or_default()
    }
}

#[async_trait]
impl Push for Fence<dyn Push> {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        self.ask("named an image", || self.stage().targets(job)).and_then(|places| places)
    }

    fn keeps_apart(&self) -> bool {
        self.ask("said whether it keeps images apart", || self.stage().keeps_apart()).unwrap_or(false)
    }

    fn store(&self, at: &Repository) -> StoreId {
        self.or_pass_on("named its store", || self.stage().store(at))
    }

    fn announce(&self, source: &Repository, targets: &[Repository]) {
        let _ = self.ask("heard what will be written", || self.stage().announce(source, targets));
    }

    fn announce_images(&self, source: &Repository, images: &[ImageRef]) {
        let _ = self.ask("heard which images will come", || self.stage().announce_images(source, images));
    }

    async fn overview(&self, at: &Repository, wanted: usize) -> Result<RepositoryTags> {
        self.call("looked a repository over", self.stage().overview(at, wanted)).await
    }

    async fn survey(&self, at: &Repository) -> Result<RepositoryTags> {
        self.call("listed what a repository has", self.stage().survey(at)).await
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        self.call("looked a name up", self.stage().resolve(at)).await
    }

    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.call("looked for a blob", self.stage().blob_exists(at, item)).await
    }

    fn free_space(&self) -> Option<u64> {
        self.ask("said how much is free", || self.stage().free_space()).ok().flatten()
    }

    fn keeps_children(&self, at: &Repository) -> bool {
        self.ask("said whether it keeps children", || self.stage().keeps_children(at)).unwrap_or(false)
    }

    async fn read_back(&self, at: &ImageRef) -> Result<Option<Manifest>> {
        self.call("read a manifest", self.stage().read_back(at)).await
    }

    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>, blobs: &[Descriptor]) -> Result<()> {
        self.call("prepared for an image", self.stage().prepare(at, replaces, blobs)).await
    }

    async fn offer(&self, at: &Repository, item: &Descriptor, known_in: Option<&Repository>) -> Result<UploadStart> {
        let offer = self.call("was offered a blob", self.stage().offer(at, item, known_in)).await?;
        Ok(self.around_slot(offer))
    }

    fn verifies_digest(&self, at: &Repository) -> bool {
        self.ask("said whether it confirms digests", || self.stage().verifies_digest(at)).unwrap_or(false)
    }

    async fn renew(&self, at: &Repository, item: &Descriptor) -> Result<UploadStart> {
        let offer = self.call("was offered a blob again", self.stage().renew(at, item)).await?;
        Ok(self.around_slot(offer))
    }

    async fn put_manifest(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        self.call("wrote a manifest", self.stage().put_manifest(at, manifest)).await
    }

    async fn tag(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.call("wrote a tag", self.stage().tag(at, manifest)).await
    }

    async fn root(&self, job: &Job, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.call("wrote a root", self.stage().root(job, at, manifest)).await
    }

    async fn add_referrers(&self, at: &Repository, subject: &Digest, referrers: &[&Manifest]) -> Result<()> {
        self.call("listed what refers to an image", self.stage().add_referrers(at, subject, referrers)).await
    }

    async fn related(&self, at: &Repository, subject: &Digest, referrers: &[Descriptor]) -> Result<HashSet<Digest>> {
        self.call("looked for referrers", self.stage().related(at, subject, referrers)).await
    }

    fn location(&self) -> Option<String> {
        self.ask("named its directory", || self.stage().location()).unwrap_or_default()
    }

    fn conclude(&self, end: &RunEnd<'_>) {
        let _ = self.ask("heard how the run ended", || self.stage().conclude(end));
    }

    async fn close(&self) -> Result<()> {
        self.call("finished", self.stage().close()).await
    }

    async fn removed(&self) -> Result<Removed> {
        self.call("said what it removes", self.stage().removed()).await
    }

    fn lost(&self) -> Vec<Lost> {
        self.ask("said what was lost", || self.stage().lost()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;

/// Opens a blob that is no part of a transfer, such as a config that a filter reads. The permit is held until it is open.
async fn open_with_permit<F: Future<Output = Result<Blob>>>(
    limiter: &Limiter,
    store: &StoreId,
    open: impl Fn() -> F,
) -> Result<Blob> {
    let mut attempt = 1;
    loop {
        let permit = limiter.acquire(&limiter.demand(store, Pool::Reads)).await;
        let opened = open().await;
        drop(permit);
        match opened {
            Err(error) if attempt < ATTEMPTS && matches!(error.retry(), Retry::After(_)) => attempt += 1,
            opened => return opened,
        }
    }
}
