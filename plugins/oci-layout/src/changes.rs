//! The changes of this process to an index, so that other programs do not undo them silently.
//!
//! skopeo, umoci and crane read `index.json`, work for a while and write it back without a lock, which removes entries
//! that were written in between. Such entries are put back. A name that another program gave to something new stays,
//! and is reported at the end.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sealift_core::content::Descriptor;

use crate::index::{Index, IndexChange};

/// The changes of this process, by name.
#[derive(Clone, Default)]
pub(crate) struct OwnChanges {
    changes: HashMap<String, OwnChange>,
    /// The time for which a change is put back when it is undone. Default: no limit.
    limit: Option<Duration>,
    count: u64,
}

#[derive(Clone)]
struct OwnChange {
    /// The entry under this name; none if it was removed.
    now: Option<Descriptor>,
    /// The entries that other programs may have read before, from any version of the file.
    before: Vec<Option<Descriptor>>,
    since: Instant,
    number: u64,
}

impl OwnChanges {
    /// Limits the time for which changes are put back. A process that lives for days cannot tell an entry that was lost
    /// from one that was removed on purpose.
    pub(crate) fn limit(&mut self, limit: Duration) {
        self.limit = Some(limit);
    }

    /// Makes a change and remembers it; returns false if it changes nothing.
    pub(crate) fn make(&mut self, index: &mut Index, change: &IndexChange) -> bool {
        let find = |index: &Index| change.name().and_then(|name| index.find(name)).cloned();
        let before = find(index);
        let changed = index.apply(change);
        if changed && let Some(name) = change.name() {
            self.note(name, before, find(index));
        }
        changed
    }

    /// Takes over the changes of a trial that went well.
    pub(crate) fn take_over(&mut self, other: Self) {
        let mut changes: Vec<_> = other.changes.into_iter().collect();
        changes.sort_by_key(|(_, changed)| changed.number);
        for (name, changed) in changes {
            for before in changed.before {
                self.note(&name, before, changed.now.clone());
            }
        }
    }

    fn note(&mut self, name: &str, before: Option<Descriptor>, now: Option<Descriptor>) {
        self.count += 1;
        let (since, number) = (Instant::now(), self.count);
        let fresh = || OwnChange { now: None, before: Vec::new(), since, number };
        let known = self.changes.entry(name.to_owned()).or_insert_with(fresh);
        known.before.retain(|known| *known != now);
        if before != now && !known.before.contains(&before) {
            known.before.push(before);
        }
        (known.now, known.since) = (now, since);
    }

    /// Makes those changes again that a file of others lacks; returns true if there were any. Names of `pending`
    /// changes are left to those.
    pub(crate) fn put_back(&mut self, index: &mut Index, pending: &[IndexChange]) -> bool {
        if let Some(limit) = self.limit {
            self.changes.retain(|_, changed| changed.since.elapsed() < limit);
        }
        let pending: Vec<&str> = pending.iter().filter_map(IndexChange::name).collect();
        let pending: std::collections::HashSet<&str> = pending.into_iter().collect();
        let is_lost = |(name, changed): &(&String, &OwnChange)| {
            let there = index.find(name).cloned();
            !pending.contains(name.as_str()) && there != changed.now && changed.before.contains(&there)
        };
        let mut lost: Vec<_> = self.changes.iter().filter(is_lost).collect();
        lost.sort_by_key(|(_, changed)| changed.number);
        let changes: Vec<IndexChange> = lost
            .into_iter()
            .map(|(name, changed)| match &changed.now {
                Some(entry) => IndexChange::Put(Box::new(entry.clone())),
                None => IndexChange::Remove(name.clone()),
            })
            .collect();
        changes.iter().filter(|change| index.apply(change)).count() > 0 // each is applied
    }

    /// Returns true if this process wrote an entry of this name.
    pub(crate) fn has_set(&self, name: &str) -> bool {
        self.changes.get(name).is_some_and(|changed| changed.now.is_some())
    }

    /// Returns true if this process removed the entry of this name.
    pub(crate) fn has_removed(&self, name: &str) -> bool {
        self.changes.get(name).is_some_and(|changed| changed.now.is_none())
    }

    /// The names that this process gave to something and that stand for something else, or for nothing, in an index.
    pub(crate) fn overruled(&self, index: &Index) -> Vec<String> {
        let is_overruled =
            |(name, changed): &(&String, &OwnChange)| changed.now.is_some() && index.find(name) != changed.now.as_ref();
        let mut names: Vec<String> = self.changes.iter().filter(is_overruled).map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }
}
