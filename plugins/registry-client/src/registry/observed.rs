//! Behavior of a registry that was observed in this run.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use sealift_core::{
    cache::{Cache, Namespace},
    content::{Descriptor, Digest, Repository},
};
use tokio::sync::OnceCell;

use super::foreign_uploads::ForeignUploads;
use crate::operation::project_of;

/// The observed behavior of one registry.
pub(crate) struct ObservedBehavior {
    /// The registry, as the key of notes.
    name: Arc<str>,
    notes: Cache,
    /// HEAD of a manifest does not tell what GET does.
    pub(crate) head_is_useless: AtomicBool,
    /// It refuses lists of tags that are asked for in pages of a certain size.
    pub(crate) pages_of_its_own: AtomicBool,
    /// There is no referrers API; the fallback tags are looked at instead.
    pub(crate) no_referrers: AtomicBool,
    /// There is a referrers API.
    pub(crate) has_referrers: AtomicBool,
    /// A blob that was read in several ranges was not what its name says.
    pub(crate) wrong_ranges: AtomicBool,
    /// Held by who finds out which of both it is.
    pub(crate) first_referrers: tokio::sync::Mutex<()>,
    /// A manifest with a subject was taken without a word of it (`OCI-Subject`): the fallback tags are ours to keep.
    pub(crate) no_subjects: AtomicBool,
    presence: AtomicU8,
    /// The note of an earlier run, used until this one knows better.
    noted_presence: OnceCell<PresenceCheck>,
    asked_for_presence: AtomicBool,
    /// Repositories that did not exist when this run looked: nothing needs to be looked for there.
    new: Mutex<HashSet<Repository>>,
    /// Pairs of repositories, of which the first may not take blobs from the second.
    barred: Mutex<HashSet<(Repository, Repository)>>,
    pub(crate) uploads: ForeignUploads,
    confirms: AtomicU8,
    /// Only for Harbor: what is known to stand, seen or brought in this run.
    mountable: Mutex<HashSet<(Repository, Digest)>>,
    /// Projects that took something in this run, so that they are there.
    wrote: Mutex<HashSet<String>>,
    /// Projects that refused something because of their quota, each with the smallest size that was refused.
    full: Mutex<HashMap<String, u64>>,
}

/// Notes of how to find out whether a repository has a blob.
const BY_MOUNT: &[u8] = b"blobs are found by mounting";
const BY_HEAD: &[u8] = b"blobs are found by HEAD";

/// The way to find out whether a repository has a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresenceCheck {
    /// Not known yet: the answer to a mount counts if it is yes; after a no the blob is sent, which is always right.
    Unknown,
    /// Mounting a blob from its own repository tells.
    Mount,
    /// Mounting always opens an upload, even if the blob is there: ask by HEAD.
    Head,
}

impl ObservedBehavior {
    /// Returns the behavior of the registry `name`, of which nothing was observed yet in this run.
    pub(crate) fn new(name: &str, notes: Cache) -> Self {
        Self {
            name: name.into(),
            notes,
            wrong_ranges: AtomicBool::default(),
            head_is_useless: AtomicBool::default(),
            pages_of_its_own: AtomicBool::default(),
            no_referrers: AtomicBool::default(),
            has_referrers: AtomicBool::default(),
            first_referrers: tokio::sync::Mutex::default(),
            no_subjects: AtomicBool::default(),
            presence: AtomicU8::default(),
            noted_presence: OnceCell::default(),
            asked_for_presence: AtomicBool::default(),
            new: Mutex::default(),
            barred: Mutex::default(),
            uploads: ForeignUploads::default(),
            confirms: AtomicU8::default(),
            mountable: Mutex::default(),
            wrote: Mutex::default(),
            full: Mutex::default(),
        }
    }

    /// Returns how to find out whether a repository has a blob: as learned in this run, else as noted by an earlier
    /// one. A wrong note costs requests.
    pub(crate) async fn blob_check(&self) -> PresenceCheck {
        let read = || async {
            match self.notes.get(Namespace::Hosts, &self.name).await.as_deref() {
                Some(BY_MOUNT) => PresenceCheck::Mount,
                Some(BY_HEAD) => PresenceCheck::Head,
                _ => PresenceCheck::Unknown,
            }
        };
        let noted = *self.noted_presence.get_or_init(read).await;
        match self.learned_presence() {
            PresenceCheck::Unknown => noted,
            learned => learned,
        }
    }

    /// Returns what this run learned itself.
    pub(crate) fn learned_presence(&self) -> PresenceCheck {
        match self.presence.load(Ordering::Relaxed) {
            0 => PresenceCheck::Unknown,
            1 => PresenceCheck::Mount,
            _ => PresenceCheck::Head,
        }
    }

    /// Keeps an observation for the rest of the run, and notes it for the next one. A false negative of the registry
    /// overrides positive observations.
    pub(crate) async fn learn_blob_check(&self, check: PresenceCheck) {
        let (value, note) = match check {
            PresenceCheck::Unknown => return,
            PresenceCheck::Mount => (1, BY_MOUNT),
            PresenceCheck::Head => (2, BY_HEAD),
        };
        if self.presence.fetch_max(value, Ordering::Relaxed) < value && self.noted_presence.get() != Some(&check) {
            self.notes.put(Namespace::Hosts, &self.name, note).await;
        }
    }

    /// Returns true once, if it is unknown: the caller finds out.
    pub(crate) fn may_ask_for_presence(&self) -> bool {
        self.learned_presence() == PresenceCheck::Unknown && !self.asked_for_presence.swap(true, Ordering::Relaxed)
    }

    /// A repository does not exist yet.
    pub(crate) fn note_new(&self, repository: &Repository) {
        lock(&self.new).insert(repository.clone());
    }

    /// Returns true if a repository did not exist when this run looked.
    pub(crate) fn is_new(&self, repository: &Repository) -> bool {
        lock(&self.new).contains(repository)
    }

    /// A mount was refused outright, by rights or because the registry knows none.
    pub(crate) fn note_barred(&self, at: &Repository, from: &Repository) {
        lock(&self.barred).insert((at.clone(), from.clone()));
    }

    /// Returns true if a mount between these was refused outright before.
    pub(crate) fn is_barred(&self, at: &Repository, from: &Repository) -> bool {
        lock(&self.barred).contains(&(at.clone(), from.clone()))
    }

    /// Returns true if it named the digest of every blob that it accepted so far, and accepted one.
    pub(crate) fn confirms(&self) -> bool {
        self.confirms.load(Ordering::Relaxed) == 1
    }

    /// It took a blob, and confirmed its digest or did not. One time that it did not weighs more than all others.
    pub(crate) fn learn_confirms(&self, confirmed: bool) {
        self.confirms.fetch_max(if confirmed { 1 } else { 2 }, Ordering::Relaxed);
    }

    /// A project took something.
    pub(crate) fn note_write(&self, at: &Repository) {
        let mut wrote = lock(&self.wrote);
        if !wrote.contains(project_of(at)) {
            wrote.insert(project_of(at).to_owned());
        }
    }

    /// Returns true if the project of a repository accepted a write in this run.
    pub(crate) fn took_a_write(&self, at: &Repository) -> bool {
        lock(&self.wrote).contains(project_of(at))
    }

    /// Notes that a project refused so many bytes because of its quota: from then on only less is sent there, so that
    /// an image whose layers are in may still get its config. At 0 nothing is sent any more.
    pub(crate) fn note_full(&self, at: &Repository, size: u64) {
        let mut full = lock(&self.full);
        let smallest = full.entry(project_of(at).to_owned()).or_insert(size);
        *smallest = size.min(*smallest);
    }

    /// Returns true if a project has refused so many bytes, or fewer, because of its quota.
    pub(crate) fn is_full_for(&self, at: &Repository, size: u64) -> bool {
        lock(&self.full).get(project_of(at)).is_some_and(|smallest| size >= *smallest)
    }

    /// Notes that a repository has a blob that is not about to be deleted.
    pub(crate) fn note_mountable(&self, item: &Descriptor, at: &Repository) {
        lock(&self.mountable).insert((at.clone(), item.digest.clone()));
    }

    /// Returns true if this run saw a blob in a repository, or brought it there.
    pub(crate) fn is_mountable(&self, item: &Descriptor, from: &Repository) -> bool {
        lock(&self.mountable).contains(&(from.clone(), item.digest.clone()))
    }

    pub(crate) fn is_set(flag: &AtomicBool) -> bool {
        flag.load(Ordering::Relaxed)
    }

    pub(crate) fn set(flag: &AtomicBool) {
        flag.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
