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

use super::{
    CancelHandle, RunSettings,
    destination::Target,
    events::Events,
    inflight::Inflight,
    name_ownership::NameOwnership,
    plans::Plans,
    presence::Surveys,
    source::IsolatedFetch,
    stages::{ActiveFilter, isolated},
    tag_suggestions::TagSuggestions,
};
use crate::{
    blob::TeeOptions,
    cache::Cache,
    content::ImageRef,
    counters::Counters,
    error::Result,
    isolate::Isolated,
    job::Job,
    limit::{Demand, Limiter, Permit, Pool},
    lock::lock,
    spec::{Named, OpenPipeline, RunOptions},
    stage::{List, Push, StoreId},
};

/// The mode of a run: only `Copy` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunMode {
    Copy,
    Plan,
}

/// Default of transfers at once. The limiter finds out how many of them a store takes.
const TRANSFERS: usize = 32;

/// Jobs of one route at once: more than transfers, because a job also waits for small responses.
const JOBS: usize = 40;

/// Attempts per blob in one round. Most network faults are over by then; the others are retried in the next round.
pub(super) const ATTEMPTS: u32 = 3;

/// State that the jobs of one run share.
pub(super) struct RunState {
    /// The name of the pipeline.
    pub(super) name: String,
    options: RunOptions,
    pub(super) list: Named<dyn List>,
    pub(super) filters: Vec<ActiveFilter>,
    pub(super) source: IsolatedFetch,
    pub(super) pushes: Vec<Isolated<dyn Push>>,
    pub(super) counters: Counters,
    pub(super) cache: Cache,
    pub(super) limiter: Limiter,
    pub(super) mode: RunMode,
    pub(super) cancel: CancelHandle,
    pub(super) events: Events,
    /// Transfers at once, over all stores.
    transfers: usize,
    pub(super) once: Inflight,
    pub(super) surveys: Surveys,
    pub(super) claims: NameOwnership,
    pub(super) nearby: TagSuggestions,
    pub(super) tee: TeeOptions,
    slow_stores: Mutex<HashSet<StoreId>>,
    /// Tags that stand for other images and were left alone: their number, and the first of them.
    left_alone: Mutex<Option<(u64, ImageRef)>>,
    pub(super) plans: Plans,
    overlaps: Mutex<HashSet<(Arc<str>, Arc<str>)>>,
    transfers_made: AtomicU64,
    blobs_sent: AtomicU64,
    bytes_sent: AtomicU64,
    /// The directory or file of each destination.
    locations: Vec<Option<Arc<str>>>,
    /// The destinations where referrers have no place.
    without_referrers: Vec<bool>,
}

impl RunState {
    pub(super) fn new(pipeline: OpenPipeline, settings: RunSettings, mode: RunMode) -> Arc<Self> {
        let OpenPipeline { name, run, list, filters, fetch, pushes, observers, counters, cache, limiter } = pipeline;
        let RunSettings { cancel, observers: mut all, warnings } = settings;
        all.extend(observers);
        let pushes: Vec<_> = pushes.into_iter().map(|push| isolated("push", push)).collect();
        let location = |push: &Isolated<dyn Push>| {
            let named: Option<String> =
                push.hint("named its directory", |push| Some(push.capabilities().disk_location?.location()));
            named.map(Arc::from)
        };
        let has_no_referrers = |push: &Isolated<dyn Push>| {
            push.hint("said whether it takes referrers", |push| {
                Some(!push.capabilities().referrer_support?.takes_referrers())
            })
        };
        Arc::new(Self {
            name,
            transfers: run.transfers.map_or(TRANSFERS, NonZeroUsize::get),
            options: run,
            list,
            filters: filters.into_iter().map(ActiveFilter::new).collect(),
            source: IsolatedFetch::new(fetch, limiter.clone()),
            locations: pushes.iter().map(location).collect(),
            without_referrers: pushes.iter().map(has_no_referrers).collect(),
            pushes,
            counters,
            cache,
            limiter,
            mode,
            cancel,
            events: Events::new(&all, warnings),
            once: Inflight::default(),
            surveys: Surveys::default(),
            claims: NameOwnership::default(),
            nearby: TagSuggestions::default(),
            tee: TeeOptions::default(),
            slow_stores: Mutex::default(),
            left_alone: Mutex::default(),
            plans: Plans::default(),
            overlaps: Mutex::default(),
            transfers_made: AtomicU64::new(0),
            blobs_sent: AtomicU64::new(0),
            bytes_sent: AtomicU64::new(0),
        })
    }

    pub(super) fn options(&self) -> &RunOptions {
        &self.options
    }

    /// Returns the time that running transfers get after the first request to stop; default: 20 seconds.
    pub(super) fn grace(&self) -> Duration {
        Duration::from_secs(self.options().grace_s.unwrap_or(20))
    }

    pub(super) fn next_transfer(&self) -> u64 {
        self.transfers_made.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the directory or file of a destination.
    pub(super) fn location(&self, push: usize) -> Option<Arc<str>> {
        self.locations[push].clone()
    }

    /// Returns true if referrers of images are written to a destination.
    pub(super) fn wants_referrers(&self, push: usize) -> bool {
        self.options.referrers.unwrap_or(true) && !self.without_referrers[push]
    }

    /// Warns of destinations where referrers that are wanted have no place.
    pub(super) fn tell_referrers_without_place(&self) {
        let without = self.pushes.iter().zip(&self.without_referrers).filter(|(_, has_none)| **has_none);
        for (push, _) in without.filter(|_| self.options.referrers.unwrap_or(true)) {
            let kind = push.kind();
            self.events.warn(format!(
                "signatures and other referrers have no place at the destination `{kind}` and are left behind; with \
                 `referrers = false` in [run] nothing is said of it"
            ));
        }
    }

    /// Counts a blob that a destination took.
    pub(super) fn count_sent(&self, bytes: u64) {
        self.blobs_sent.fetch_add(1, Ordering::Relaxed);
        self.bytes_sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns the number of blobs that destinations took, and their bytes.
    pub(super) fn sent(&self) -> (u64, u64) {
        (self.blobs_sent.load(Ordering::Relaxed), self.bytes_sent.load(Ordering::Relaxed))
    }

    /// Returns the stores that a job reads from and writes to, the source first. A source that is a directory counts as
    /// the registry that its images came from.
    pub(super) fn route<'t>(&self, job: &Job, targets: impl Iterator<Item = &'t Target>) -> Result<Vec<StoreId>> {
        let store = |target: &Target| self.pushes[target.push].store(&target.at.repository);
        let mut route: Vec<StoreId> = targets.map(store).collect::<Result<_>>()?;
        route.sort();
        route.dedup();
        route.insert(0, StoreId::new(job.source.repository.registry()));
        Ok(route)
    }

    /// Waits until a job of this route may start. The bound holds for each route, so that a slow or paused store holds up
    /// its own jobs only; nothing else is held meanwhile.
    pub(super) async fn start_on(&self, route: &[StoreId]) -> Permit {
        let limiter = &self.limiter;
        let requests = limiter.requests().map_or(usize::MAX, NonZeroUsize::get);
        let most = (self.transfers * 2).clamp(2, JOBS).min(requests);
        // A single request at once is asked for to go easy on a fragile host, which jobs of other routes disturb as well.
        let route: Vec<String> = if most == 1 { Vec::new() } else { route.iter().map(StoreId::to_string).collect() };
        let mut demand = Demand::default();
        limiter.require_bound(&mut demand, &format!("jobs {}", route.join(" ")), most);
        limiter.acquire(&demand).await
    }

    /// Returns the permits that a transfer needs: one of the source, one of each destination, and one of all transfers.
    pub(super) fn demand<'s>(&self, source: &StoreId, destinations: impl Iterator<Item = &'s StoreId>) -> Demand {
        let limiter = &self.limiter;
        let mut demand = Demand::default();
        limiter.require(&mut demand, source, Pool::Reads);
        destinations.for_each(|store| limiter.require(&mut demand, store, Pool::Writes));
        limiter.require_bound(&mut demand, "transfers", self.transfers);
        demand
    }

    /// Returns the image that a run would copy to this name at a registry, where the plan knows of one.
    pub(super) fn origin(&self, at: &ImageRef) -> Option<ImageRef> {
        let registries = (0..self.pushes.len()).filter(|push| self.locations[*push].is_none());
        registries.filter_map(|push| self.plans.foreseen(push, at)).next().map(|image| image.source)
    }

    /// Notes a tag that stands for another image and was left alone.
    pub(super) fn note_left_alone(&self, at: &ImageRef) {
        lock(&self.left_alone).get_or_insert_with(|| (0, at.clone())).0 += 1;
    }

    /// Returns the number of tags that were left alone and the first of them, if there are any.
    pub(super) fn left_alone(&self) -> Option<(u64, ImageRef)> {
        lock(&self.left_alone).clone()
    }

    /// Notes that a store is much slower than the others of its transfers, and is served apart from them from now on.
    /// Returns true if that is news.
    pub(super) fn mark_laggard(&self, store: &StoreId) -> bool {
        lock(&self.slow_stores).insert(store.clone())
    }

    pub(super) fn is_laggard(&self, store: &StoreId) -> bool {
        lock(&self.slow_stores).contains(store)
    }

    /// Warns, once for two rules, that the later one of them gets a name that both want.
    pub(super) fn tell_overlap(&self, at: &ImageRef, earlier: &Arc<str>, later: &Arc<str>) {
        if lock(&self.overlaps).insert((Arc::clone(earlier), Arc::clone(later))) {
            let by = match earlier == later {
                true => format!("twice by {later}: the last image counts"),
                false => format!("by two rules, {earlier} and {later}: the later one counts"),
            };
            self.events.warn(format!("`{at}` is written {by}"));
        }
    }
}
