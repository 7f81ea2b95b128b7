//! The filters and the pushes of a run, isolated: a call that breaks fails an image, a repository or a destination like any
//! other error does, and the run goes on. Calls that are made in several places have a method here.

use std::{
    fmt::Display,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures::FutureExt;

use crate::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::{Error, ErrorKind, Result},
    isolate::{Isolated, hung},
    panic::panic_message,
    spec::Named,
    stage::{Filter, Push, PutManifest, StoreId, Upload},
};

/// Longer than everything that a stage may wait for: the commit of a blob at an object store, pauses that a registry
/// asks for, and a few tries of those.
pub(super) const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Isolates a stage.
pub(super) fn isolated<S: ?Sized>(role: &'static str, Named { kind, stage }: Named<S>) -> Isolated<S> {
    Isolated::new(role, kind, LIMIT, stage)
}

/// A filter, and what it says of itself.
pub(super) struct ActiveFilter {
    pub(super) calls: Isolated<dyn Filter>,
    pub(super) drops_attestations: bool,
    pub(super) drops_entries: bool,
    pub(super) may_leave_nothing: bool,
    pub(super) summary: Option<String>,
}

impl ActiveFilter {
    pub(super) fn new(filter: Named<dyn Filter>) -> Self {
        let calls = isolated("filter", filter);
        Self {
            drops_attestations: calls
                .hint("said whether it drops attestations", |filter| Some(filter.drops_attestations())),
            drops_entries: calls.ask("said whether it rewrites", |filter| filter.drops_entries()).unwrap_or(true),
            may_leave_nothing: calls
                .hint("said whether it may leave nothing", |filter| Some(filter.may_leave_nothing())),
            summary: calls.hint("said what it keeps", |filter| Some(filter.summary())),
            calls,
        }
    }
}

impl Isolated<dyn Push> {
    pub(super) fn store(&self, at: &Repository) -> Result<StoreId> {
        self.ask("named its store", |push| push.store(at))
    }

    pub(super) async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        self.call("looked a name up", |push| push.resolve(at)).await
    }

    pub(super) async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.call("looked for a blob", |push| push.blob_exists(at, item)).await
    }

    pub(super) async fn put_manifest(&self, request: PutManifest<'_>) -> Result<()> {
        let operation = match (request.root_of, request.tag) {
            (Some(_), _) => "wrote a root",
            (None, Some(_)) => "wrote a tag",
            (None, None) => "wrote a manifest",
        };
        self.call(operation, |push| async move { push.put_manifest(&request).await }).await
    }

    pub(super) async fn add_referrers(&self, at: &Repository, subject: &Digest, referrers: &[&Manifest]) -> Result<()> {
        self.call_if("listed what refers to an image", |push| {
            Some(push.capabilities().referrers_tag?.add_referrers(at, subject, referrers))
        })
        .await
    }

    /// Sends a blob. A panic fails the blob; how long it may stand still is judged by the bytes that pass.
    pub(super) async fn write(&self, upload: Box<dyn Upload>, blob: Blob) -> Result<()> {
        // Reading is done within: the source may be the one that broke.
        let written = std::panic::AssertUnwindSafe(upload.write(blob)).catch_unwind().await;
        written.unwrap_or_else(|panic| {
            let (kind, text) = (self.kind(), panic_message(&*panic));
            Err(Error::new(ErrorKind::Bug, format!("a stage broke while a blob went to the push `{kind}`: {text}")))
        })
    }
}

/// Ends with an error when no byte passed for a long time; only then it is asked what of.
pub(super) async fn standing_still<D: Display>(passed: &AtomicU64, what: impl FnOnce() -> D) -> Error {
    let mut before = passed.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(LIMIT).await;
        let now = passed.load(Ordering::Relaxed);
        if now == before {
            return hung(format_args!("no byte of {} passed", what()), LIMIT);
        }
        before = now;
    }
}
