//! The once-map: what a store has, and what is on its way there.
//!
//! Per digest and store it knows the repositories that have the blob, and those that are getting it. Who is told to
//! wait waits outside of any transfer slot; if the mover fails, one of those who wait takes over. A blob whose
//! attempts are used up is not started again in the same round.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex},
};

use tokio::sync::{Notify, OnceCell};

use super::mount_candidates::MountCandidates;
use crate::{
    cache::{Cache, Namespace},
    content::{Digest, Repository},
    error::Error,
    lock::lock,
    stage::StoreId,
};

#[derive(Default)]
pub(super) struct Inflight {
    hasher: RandomState,
    stores: Mutex<HashMap<StoreId, StoreBlobs>>,
}

#[derive(Default)]
struct StoreBlobs {
    there: HashMap<Digest, Locations>,
    coming: HashMap<Digest, Uploads>,
    spent: HashMap<Digest, Error>,
    /// Blobs that a destination took without verifying their digest.
    doubted: HashSet<Digest>,
    /// Repositories that got some blob first; all that a mount can be asked from.
    firsts: Vec<Repository>,
    /// Mount candidates from earlier runs, read when they are needed first.
    candidates: MountCandidates,
    /// Set when they were read.
    recalled: Arc<OnceCell<()>>,
    /// Repositories that gave nothing when they were said to have a blob.
    mistrusted: HashSet<Repository>,
}

/// Repositories that have a blob. Kept small: there is one for each unique blob of a run and store, and most of them
/// have one repository.
struct Locations {
    first: u32,
    /// True if this run sent the blob.
    sent: bool,
    #[expect(
        clippy::box_collection,
        reason = "8 bytes instead of 24 where there are no others, which is most of the time"
    )]
    others: Option<Box<Vec<u64>>>,
}

/// Uploads of one blob in progress.
#[derive(Default)]
struct Uploads {
    to: Vec<u64>,
    news: Arc<Notify>,
}

/// The next step for a job that needs a blob in a repository.
pub(super) enum BlobState {
    /// Nothing: it is there; `sent` if this run brought it.
    Present { sent: bool },
    /// Move it, and say how that went.
    Go(Lease),
    /// Wait for who is moving it, then ask again.
    Wait(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>),
    /// Nothing: its attempts are used up in this round.
    Spent(Error),
}

/// The right to move one blob to one repository. Dropped without a result, it passes to another job.
pub(super) struct Lease {
    engine: Arc<super::RunState>,
    store: StoreId,
    repository: Repository,
    digest: Digest,
    /// A repository of the same store that has the blob.
    pub(super) known_in: Option<Repository>,
    /// True if `known_in` is not certain: it is from the notes of an earlier run, or the image's own source.
    pub(super) is_unconfirmed: bool,
    /// Unverified bytes may be stored under this digest, so its presence proves nothing.
    pub(super) in_doubt: bool,
}

impl Inflight {
    /// Asks what to do about a blob that these repositories need. [`Inflight::recall`] comes before. They ask together, so that
    /// no other job gets the blob for some of them and reads it, too.
    pub(super) fn turns<'s>(
        engine: &Arc<super::RunState>,
        sites: impl IntoIterator<Item = (&'s StoreId, &'s Repository)>,
        digest: &Digest,
    ) -> Vec<BlobState> {
        let mut stores = lock(&engine.once.stores);
        let turn = |(store, repository): (&StoreId, &Repository)| {
            let known = stores.entry(store.clone()).or_default();
            Self::turn(engine, known, store, repository, digest)
        };
        sites.into_iter().map(turn).collect()
    }

    fn turn(
        engine: &Arc<super::RunState>,
        known: &mut StoreBlobs,
        store: &StoreId,
        repository: &Repository,
        digest: &Digest,
    ) -> BlobState {
        let name = engine.once.hasher.hash_one(repository);
        if let Some(error) = known.spent.get(digest) {
            return BlobState::Spent(error.clone());
        }
        let there = known.there.get(digest);
        if let Some(there) = there.filter(|there| there.has(known, repository, name)) {
            return BlobState::Present { sent: there.sent };
        }
        if let Some(coming) = known.coming.get(digest) {
            // The first upload to a store is waited for: afterwards the blob can be mounted.
            if there.is_none() || coming.to.contains(&name) {
                return BlobState::Wait(Box::pin(Arc::clone(&coming.news).notified_owned()));
            }
        }
        let seen_in = there.map(|there| known.firsts[there.first as usize].clone());
        let is_unconfirmed = seen_in.is_none();
        let known_in = seen_in.or_else(|| known.candidates.of(digest, Some(repository)).cloned());
        let in_doubt = known.doubted.contains(digest);
        known.coming.entry(digest.clone()).or_default().to.push(name);
        let engine = Arc::clone(engine);
        let (store, repository, digest) = (store.clone(), repository.clone(), digest.clone());
        BlobState::Go(Lease { engine, store, repository, digest, known_in, is_unconfirmed, in_doubt })
    }

    /// A new round: what was used up may be tried again.
    pub(super) fn forgive(&self) {
        lock(&self.stores).values_mut().for_each(|store| store.spent.clear());
    }
}

impl Inflight {
    /// Reads what earlier runs noted of a store, once.
    pub(super) async fn recall(engine: &super::RunState, store: &StoreId) {
        let recalled = Arc::clone(&lock(&engine.once.stores).entry(store.clone()).or_default().recalled);
        let read = || async {
            let candidates = MountCandidates::read(&engine.cache, store).await;
            lock(&engine.once.stores).entry(store.clone()).or_default().candidates = candidates;
        };
        recalled.get_or_init(read).await;
    }

    /// Returns true if an earlier run saw blobs in a repository, or this one did.
    pub(super) async fn has_heard_of(engine: &super::RunState, store: &StoreId, repository: &Repository) -> bool {
        Self::recall(engine, store).await;
        let mut stores = lock(&engine.once.stores);
        let known = stores.entry(store.clone()).or_default();
        known.candidates.names(repository) || known.firsts.contains(repository)
    }

    /// Returns repositories of a store that are said to have a blob, by this run or an earlier one.
    pub(super) async fn may_be_in(engine: &super::RunState, store: &StoreId, digest: &Digest) -> Vec<Repository> {
        Self::recall(engine, store).await;
        let mut stores = lock(&engine.once.stores);
        let known = stores.entry(store.clone()).or_default();
        let seen = known.there.get(digest).map(|there| &known.firsts[there.first as usize]);
        seen.into_iter().chain(known.candidates.of(digest, None)).cloned().collect()
    }

    /// Notes that a repository has a blob that was looked for.
    pub(super) fn note(&self, store: &StoreId, repository: &Repository, digest: &Digest) {
        let name = self.hasher.hash_one(repository);
        lock(&self.stores).entry(store.clone()).or_default().note(digest, repository, name, false);
    }

    /// Forgets that a repository has these blobs, because the registry misses one of them.
    pub(super) fn forget<'d>(
        &self,
        store: &StoreId,
        repository: &Repository,
        blobs: impl IntoIterator<Item = &'d Digest>,
    ) {
        let name = self.hasher.hash_one(repository);
        let mut stores = lock(&self.stores);
        let Some(StoreBlobs { there, firsts, .. }) = stores.get_mut(store) else { return };
        for digest in blobs {
            let Some(found) = there.get_mut(digest) else { continue };
            match firsts[found.first as usize] == *repository {
                // Other repositories are asked again, too.
                true => drop(there.remove(digest)),
                false => found.others.iter_mut().for_each(|others| others.retain(|other| *other != name)),
            }
        }
    }

    /// Notes which repositories have which blobs, for later runs.
    pub(super) async fn write_down(&self, cache: &Cache) {
        let notes: Vec<_> =
            lock(&self.stores).iter().filter_map(|(id, store)| Some((id.clone(), store.note_for_later()?))).collect();
        for (id, note) in notes {
            cache.put(Namespace::Blobs, &id.to_string(), note).await;
        }
    }
}

impl Locations {
    fn has(&self, store: &StoreBlobs, repository: &Repository, name: u64) -> bool {
        store.firsts[self.first as usize] == *repository
            || self.others.as_ref().is_some_and(|others| others.contains(&name))
    }
}

impl StoreBlobs {
    /// Returns the note of this store for later runs; none if earlier ones were not needed, because it would replace theirs.
    fn note_for_later(&self) -> Option<String> {
        let seen = self.there.iter().map(|(digest, there)| (&self.firsts[there.first as usize], digest));
        self.recalled.initialized().then(|| self.candidates.note(seen)).flatten()
    }

    /// Notes that a repository has a blob.
    fn note(&mut self, digest: &Digest, repository: &Repository, name: u64, sent: bool) {
        if let Some(there) = self.there.get_mut(digest) {
            return there.others.get_or_insert_default().push(name);
        }
        // Blobs come repository by repository, so it is nearly always the last one.
        if self.firsts.last() != Some(repository) {
            self.firsts.push(repository.clone());
        }
        let first = u32::try_from(self.firsts.len() - 1).expect("fewer than four billion repositories");
        self.there.insert(digest.clone(), Locations { first, sent, others: None });
    }
}

impl Lease {
    /// The repository has it now; `sent` if that is this run's work.
    pub(super) fn done(self, sent: bool) {
        let name = self.name();
        self.change(|store| {
            store.doubted.remove(&self.digest);
            store.note(&self.digest, &self.repository, name, sent);
        });
    }

    /// Marks the blob as stored without verification, so that it is sent again.
    pub(super) fn doubt(&mut self) {
        self.in_doubt = true;
        self.change(|store| _ = store.doubted.insert(self.digest.clone()));
    }

    /// The repository that was said to have it did not, as far as one could see: it is not asked again.
    pub(super) fn mistrust_candidate(&self) {
        if let Some(repository) = self.known_in.as_ref().filter(|_| self.is_unconfirmed) {
            self.change(|store| {
                store.candidates.mistrust(repository);
                store.mistrusted.insert(repository.clone());
            });
        }
    }

    /// Names the repository of the same store that the image is copied from: it most likely has the blob. What this run
    /// saw itself is better, and a repository that gave nothing before is not asked again.
    pub(super) fn prefer(&mut self, source: &Repository) {
        let mut trusted = true;
        self.change(|store| trusted = !store.mistrusted.contains(source));
        if trusted && (self.known_in.is_none() || self.is_unconfirmed) {
            (self.known_in, self.is_unconfirmed) = (Some(source.clone()), true);
        } else if self.is_unconfirmed && self.known_in.as_ref() == Some(source) {
            self.known_in = None;
        }
    }

    /// It cannot be moved in this round.
    pub(super) fn spent(self, error: Error) {
        self.change(|store| drop(store.spent.insert(self.digest.clone(), error)));
    }

    fn name(&self) -> u64 {
        self.engine.once.hasher.hash_one(&self.repository)
    }

    fn change(&self, change: impl FnOnce(&mut StoreBlobs)) {
        if let Some(store) = lock(&self.engine.once.stores).get_mut(&self.store) {
            change(store);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let name = self.name();
        self.change(|store| {
            let Some(coming) = store.coming.get_mut(&self.digest) else { return };
            coming.to.retain(|to| *to != name);
            coming.news.notify_waiters();
            if coming.to.is_empty() {
                store.coming.remove(&self.digest);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_blob_stays_under_two_hundred_bytes() {
        let slot = size_of::<(Digest, Locations)>() + 1; // one control byte in the hash map
        let at_worst = slot * 16 / 7; // right after the map grew
        assert!(at_worst <= 150, "{at_worst}");
    }
}
