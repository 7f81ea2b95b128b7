//! What a registry turned out to do in its own way, learned in this run and never assumed.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use sealift_core::{
    content::{Descriptor, Digest, Repository},
    notes::Room,
};

use crate::{host::Host, write::Uploads};

/// What was learned of one registry.
#[derive(Debug, Default)]
pub(crate) struct Quirks {
    /// HEAD of a manifest does not tell what GET does.
    pub(crate) head_is_useless: AtomicBool,
    /// It refuses lists of tags that are asked for in pages of a certain size.
    pub(crate) pages_of_its_own: AtomicBool,
    /// It is a Harbor, says the pipeline.
    pub(crate) harbor: AtomicBool,
    /// There is no referrers API; the fallback tags are looked at instead.
    pub(crate) no_referrers: AtomicBool,
    /// There is a referrers API.
    pub(crate) has_referrers: AtomicBool,
    /// Held by who finds out which of both it is.
    pub(crate) first_referrers: tokio::sync::Mutex<()>,
    /// A manifest with a subject was taken without a word of it (`OCI-Subject`): the fallback tags are ours to keep.
    pub(crate) no_subjects: AtomicBool,
    presence: AtomicU8,
    /// What an earlier run noted of that; it counts until this one knows better.
    noted_presence: OnceLock<Presence>,
    asked_for_presence: AtomicBool,
    /// Repositories that did not exist when this run looked: nothing needs to be looked for there.
    new: Mutex<HashSet<Repository>>,
    /// Pairs of repositories, of which the first may not take blobs from the second.
    barred: Mutex<HashSet<(Repository, Repository)>>,
    pub(crate) uploads: Uploads,
    confirms: AtomicU8,
    /// Only for Harbor: what is known to stand, seen or brought in this run.
    mountable: Mutex<HashSet<(Repository, Digest)>>,
    /// Projects that took something in this run, so that they are there.
    wrote: Mutex<HashSet<String>>,
    /// Projects that refused something because of their quota, each with the smallest size that was refused.
    full: Mutex<HashMap<String, u64>>,
}

/// The first element of a repository's path, which is the project at Harbor.
pub(crate) fn project_of(at: &Repository) -> &str {
    at.path().split('/').next().unwrap_or_default()
}

/// Notes of how to find out whether a repository has a blob.
const BY_MOUNT: &[u8] = b"blobs are found by mounting";
const BY_HEAD: &[u8] = b"blobs are found by HEAD";

/// How to find out whether a repository has a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Not known yet: the answer to a mount counts if it is yes; after a no the blob is sent, which is always right.
    Unknown,
    /// Mounting a blob from its own repository tells.
    ByMount,
    /// Mounting always opens an upload, even if the blob is there: ask by HEAD.
    ByHead,
}

impl Quirks {
    /// What this run learned, or else what an earlier one noted.
    pub(crate) fn presence(&self) -> Presence {
        match self.learned_presence() {
            Presence::Unknown => self.noted_presence.get().copied().unwrap_or(Presence::Unknown),
            learned => learned,
        }
    }

    /// What this run learned itself.
    pub(crate) fn learned_presence(&self) -> Presence {
        match self.presence.load(Ordering::Relaxed) {
            0 => Presence::Unknown,
            1 => Presence::ByMount,
            _ => Presence::ByHead,
        }
    }

    /// What was learned counts for the rest of the run. That a host once did not see what is there weighs more than
    /// that it saw it another time.
    ///
    /// Returns true if that is news.
    fn learn_presence(&self, presence: Presence) -> bool {
        let value = match presence {
            Presence::Unknown => 0,
            Presence::ByMount => 1,
            Presence::ByHead => 2,
        };
        self.presence.fetch_max(value, Ordering::Relaxed) < value
    }

    /// Whether nobody knows yet, and nobody is finding out.
    pub(crate) fn may_ask_for_presence(&self) -> bool {
        self.learned_presence() == Presence::Unknown && !self.asked_for_presence.swap(true, Ordering::Relaxed)
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

    /// Whether it named the digest of every blob that it took so far, and took one.
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

    /// Whether the project of a repository took something in this run.
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

    pub(crate) fn is_set(flag: &AtomicBool) -> bool {
        flag.load(Ordering::Relaxed)
    }

    pub(crate) fn set(flag: &AtomicBool) {
        flag.store(true, Ordering::Relaxed);
    }
}

impl Host {
    /// How to find out whether a repository has a blob; an earlier run may have noted it. A wrong note costs requests.
    pub(crate) fn presence(&self) -> Presence {
        if self.is_harbor() {
            return Presence::ByHead;
        }
        self.quirks.noted_presence.get_or_init(|| match self.shared.notes.get(Room::Hosts, &self.name).as_deref() {
            Some(BY_MOUNT) => Presence::ByMount,
            Some(BY_HEAD) => Presence::ByHead,
            _ => Presence::Unknown,
        });
        self.quirks.presence()
    }

    /// What was learned of that counts for the rest of the run, and is noted for the next one.
    pub(crate) fn learned_presence(&self, presence: Presence) {
        let note = match presence {
            _ if !self.quirks.learn_presence(presence) => return,
            Presence::Unknown => return,
            Presence::ByMount => BY_MOUNT,
            Presence::ByHead => BY_HEAD,
        };
        if self.quirks.noted_presence.get() != Some(&presence) {
            self.shared.notes.put(Room::Hosts, &self.name, note);
        }
    }

    /// Whether it is a Harbor, which has ways of its own: the pipeline says so, or its token service does.
    pub(crate) fn is_harbor(&self) -> bool {
        Quirks::is_set(&self.quirks.harbor) || self.auth.is_harbor()
    }

    /// Notes that a repository has a blob that nobody is about to sweep.
    pub(crate) fn remember_mountable(&self, item: &Descriptor, at: &Repository) {
        if self.is_harbor() {
            lock(&self.quirks.mountable).insert((at.clone(), item.digest.clone()));
        }
    }

    /// Whether this run saw a blob in a repository, or brought it there.
    pub(crate) fn is_mountable(&self, item: &Descriptor, from: &Repository) -> bool {
        lock(&self.quirks.mountable).contains(&(from.clone(), item.digest.clone()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
