//! Plans of images: their blobs are counted for each store, in the order of the list however the jobs end.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    mem,
    sync::Mutex,
};

use crate::{
    content::{Descriptor, Digest, ImageRef, Repository},
    event::PlannedImage,
    lock::lock,
    stage::{PlannedName, StoreId},
};

/// The plan of one image, before its blobs are counted.
pub(super) struct Draft {
    pub(super) image: PlannedImage,
    /// The blobs that a run would send at most.
    pub(super) blobs: Vec<PlannedBlob>,
}

/// A blob that a run would send at most.
pub(super) struct PlannedBlob {
    pub(super) push: usize,
    pub(super) store: StoreId,
    pub(super) repository: Repository,
    pub(super) item: Descriptor,
}

/// The image that a run would write to a name.
#[derive(Clone)]
pub(super) struct Foreseen {
    pub(super) digest: Digest,
    /// The image that it is read from.
    pub(super) source: ImageRef,
}

/// The plans of a run.
#[derive(Default)]
pub(super) struct Plans(Mutex<PlanState>);

#[derive(Default)]
struct PlanState {
    /// The job that is counted next.
    next: u64,
    /// Jobs from there on, with their drafts; true once they are through.
    waiting: BTreeMap<u64, (Vec<Draft>, bool)>,
    counted: HashMap<StoreId, HashSet<Digest>>,
    /// What would be written at each push, by the hashes of names.
    foreseen: HashMap<usize, HashMap<u64, Foreseen>>,
    hasher: RandomState,
    sums: BTreeMap<(usize, StoreId), u64>,
    by_repository: BTreeMap<(usize, Repository), u64>,
    /// The names that would be written at each push that wants to know them.
    names: HashMap<usize, Vec<PlannedName>>,
}

impl Plans {
    /// Takes the draft of a job.
    pub(super) fn add(&self, job: u64, draft: Draft) {
        lock(&self.0).waiting.entry(job).or_default().0.push(draft);
    }

    /// Notes a name that a run would write at a push, with its content.
    pub(super) fn name(&self, push: usize, name: PlannedName) {
        lock(&self.0).names.entry(push).or_default().push(name);
    }

    /// Returns the names that a run would write at a push.
    pub(super) fn names(&self, push: usize) -> Vec<PlannedName> {
        lock(&self.0).names.remove(&push).unwrap_or_default()
    }

    /// Notes what would be written to a name.
    pub(super) fn foresee(&self, push: usize, at: &ImageRef, image: Foreseen) {
        let mut state = lock(&self.0);
        let name = state.hasher.hash_one(at);
        state.foreseen.entry(push).or_default().insert(name, image);
    }

    /// Returns what would be written to a name; none if nothing would, and in a run.
    pub(super) fn foreseen(&self, push: usize, at: &ImageRef) -> Option<Foreseen> {
        let state = lock(&self.0);
        state.foreseen.get(&push)?.get(&state.hasher.hash_one(at)).cloned()
    }

    /// Returns true if something would be written to a destination, referrers included.
    pub(super) fn writes_to(&self, push: usize) -> bool {
        lock(&self.0).foreseen.contains_key(&push)
    }

    /// Notes that a job is through. Returns the plans that are counted now, with their jobs.
    pub(super) fn finish(&self, job: u64) -> Vec<(u64, PlannedImage)> {
        let mut state = lock(&self.0);
        state.waiting.entry(job).or_default().1 = true;
        let mut counted = Vec::new();
        while state.waiting.first_key_value().is_some_and(|(first, (_, through))| *first == state.next && *through) {
            counted.extend(state.count_first());
            state.next += 1;
        }
        counted
    }

    /// Returns the plans of a run that was stopped before its end.
    pub(super) fn rest(&self) -> Vec<(u64, PlannedImage)> {
        let mut state = lock(&self.0);
        let mut counted = Vec::new();
        while !state.waiting.is_empty() {
            counted.extend(state.count_first());
        }
        counted
    }

    /// Returns the bytes that a run would send at most, by push and store.
    pub(super) fn sums(&self) -> BTreeMap<(usize, StoreId), u64> {
        mem::take(&mut lock(&self.0).sums)
    }

    /// The same by push and repository; what several of them share is counted at the first.
    pub(super) fn sums_by_repository(&self) -> BTreeMap<(usize, Repository), u64> {
        mem::take(&mut lock(&self.0).by_repository)
    }
}

impl PlanState {
    fn count_first(&mut self) -> Vec<(u64, PlannedImage)> {
        let Some((job, (drafts, _))) = self.waiting.pop_first() else { return Vec::new() };
        drafts.into_iter().map(|draft| (job, self.count(draft))).collect()
    }

    fn count(&mut self, Draft { mut image, blobs }: Draft) -> PlannedImage {
        for PlannedBlob { push, store, repository, item } in blobs {
            if self.counted.entry(store.clone()).or_default().insert(item.digest.clone()) {
                let size = item.known_size().unwrap_or_default();
                image.blobs += 1;
                image.bytes += size;
                *self.sums.entry((push, store)).or_default() += size;
                *self.by_repository.entry((push, repository)).or_default() += size;
            }
        }
        image
    }
}
