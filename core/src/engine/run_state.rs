//! State that the jobs of one run share.

use std::{
    collections::HashSet,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    CancelHandle, events::Events, inflight::Inflight, name_ownership::NameOwnership, presence::Surveys,
    tag_suggestions::TagSuggestions,
};
use crate::{
    blob::TeeOptions,
    content::{Digest, ImageRef},
    event::EventListener,
    lock::lock,
    spec::{OpenPipeline, RunOptions},
    stage::StoreId,
};

/// The mode of a run: only `Copy` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunMode {
    Copy,
    Plan,
}

/// Jobs that run at once, and transfers that they may have.
///
/// There are two lanes, so that a destination much slower than the others does not take up their slots.
pub(super) struct Lane {
    pub(super) jobs: Arc<Semaphore>,
    pub(super) transfers: Semaphore,
}

/// Transfers at once, at most, where the pipeline does not say. How many of them a host takes is found out by who speaks
/// with it.
const TRANSFERS: usize = 20;

/// Attempts per blob in one round. Most network faults are over by then; the others are retried in the next round.
pub(super) const ATTEMPTS: u32 = 3;

impl Lane {
    fn new(transfers: usize, requests: Option<NonZeroUsize>) -> Self {
        // Twice as many jobs as transfers, because a job also waits for small responses.
        let jobs = (transfers * 2).clamp(2, 40).min(requests.map_or(usize::MAX, NonZeroUsize::get));
        Self { jobs: Arc::new(Semaphore::new(jobs)), transfers: Semaphore::new(transfers) }
    }
}

/// State that the jobs of one run share.
pub(super) struct RunState {
    pub(super) pipeline: OpenPipeline,
    pub(super) mode: RunMode,
    pub(super) cancel: CancelHandle,
    pub(super) events: Events,
    pub(super) main: Lane,
    pub(super) slow: Lane,
    pub(super) once: Inflight,
    pub(super) surveys: Surveys,
    pub(super) claims: NameOwnership,
    pub(super) nearby: TagSuggestions,
    pub(super) tee: TeeOptions,
    laggards: Mutex<HashSet<StoreId>>,
    counted: Mutex<HashSet<Digest>>,
    overlaps: Mutex<HashSet<(Arc<str>, Arc<str>)>>,
    transfers_made: AtomicU64,
}

impl RunState {
    pub(super) fn new(
        pipeline: OpenPipeline,
        cancel: &CancelHandle,
        observer: &Arc<dyn EventListener>,
        mode: RunMode,
    ) -> Arc<Self> {
        let transfers = pipeline.run.transfers.map_or(TRANSFERS, NonZeroUsize::get);
        let requests = pipeline.run.requests;
        Arc::new(Self {
            pipeline: super::fence::around(pipeline),
            mode,
            cancel: cancel.clone(),
            events: Events::new(observer),
            main: Lane::new(transfers, requests),
            slow: Lane::new((transfers / 4).max(1), requests),
            once: Inflight::default(),
            surveys: Surveys::default(),
            claims: NameOwnership::default(),
            nearby: TagSuggestions::default(),
            tee: TeeOptions::default(),
            laggards: Mutex::default(),
            counted: Mutex::default(),
            overlaps: Mutex::default(),
            transfers_made: AtomicU64::new(0),
        })
    }

    pub(super) fn options(&self) -> &RunOptions {
        &self.pipeline.run
    }

    /// Returns the time that running transfers get after the first request to stop; default: 20 seconds.
    pub(super) fn grace(&self) -> Duration {
        Duration::from_secs(self.options().grace_s.unwrap_or(20))
    }

    pub(super) fn next_transfer(&self) -> u64 {
        self.transfers_made.fetch_add(1, Ordering::Relaxed)
    }

    /// From now on this store is served in the slow lane.
    pub(super) fn mark_laggard(&self, store: &StoreId) -> bool {
        lock(&self.laggards).insert(store.clone())
    }

    pub(super) fn is_laggard(&self, store: &StoreId) -> bool {
        lock(&self.laggards).contains(store)
    }

    /// Warns, once for two rules, that the later one of them gets a name that both want.
    pub(super) fn tell_overlap(&self, at: &ImageRef, earlier: &Arc<str>, later: &Arc<str>) {
        if lock(&self.overlaps).insert((Arc::clone(earlier), Arc::clone(later))) {
            self.events.warn(format!("`{at}` is written by two rules, {earlier} and {later}: the later one counts"));
        }
    }

    /// Returns true if a plan counts this blob for the first time.
    pub(super) fn counts(&self, digest: &Digest) -> bool {
        lock(&self.counted).insert(digest.clone())
    }
}
