//! Repositories that had a blob when an earlier run ended: it is mounted from there, instead of being sent again.
//!
//! That may be outdated: if the destination cannot mount a blob, it answers so and the blob is uploaded. A repository
//! that turns out not to have a blob is not tried again in this run.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write,
};

use crate::{
    cache::{Cache, Namespace},
    content::{Digest, Repository},
    stage::StoreId,
};

/// Blobs that are remembered for each store: about two MiB of memory.
const MOST: usize = 10_000;

/// The mount candidates of one store.
#[derive(Default)]
pub(super) struct MountCandidates {
    repositories: Vec<Repository>,
    blobs: HashMap<Digest, u32>,
    wrong: HashSet<u32>,
}

impl MountCandidates {
    /// Reads the notes of earlier runs. Lines that cannot be parsed are left out.
    pub(super) fn read(notes: &Cache, store: &StoreId) -> Self {
        let note = notes.get(Namespace::Blobs, &store.to_string()).unwrap_or_default();
        let mut found = Self::default();
        for line in std::str::from_utf8(&note).unwrap_or_default().lines().take(2 * MOST) {
            if let Some(repository) = line.strip_prefix("in ") {
                let Ok(repository) = repository.parse() else { break };
                found.repositories.push(repository);
            } else if let (Ok(digest), Some(last)) = (line.parse(), found.repositories.len().checked_sub(1)) {
                found.blobs.insert(digest, u32::try_from(last).unwrap_or(u32::MAX));
            }
        }
        found
    }

    /// Another repository than `at` that is said to have a blob.
    pub(super) fn of(&self, digest: &Digest, at: &Repository) -> Option<&Repository> {
        let place = self.blobs.get(digest).filter(|place| !self.wrong.contains(place))?;
        self.repositories.get(*place as usize).filter(|repository| *repository != at)
    }

    /// Returns true if a repository is said to have some blob.
    pub(super) fn names(&self, repository: &Repository) -> bool {
        self.repositories.contains(repository)
    }

    /// This repository did not have what it was said to have.
    pub(super) fn mistrust(&mut self, repository: &Repository) {
        let places = self.repositories.iter().enumerate().filter(|(_, known)| *known == repository);
        self.wrong.extend(places.filter_map(|(place, _)| u32::try_from(place).ok()));
    }

    /// Notes what this run saw, and what is still believed of earlier ones as far as there is room.
    pub(super) fn write<'a>(
        &'a self,
        notes: &Cache,
        store: &StoreId,
        seen: impl Iterator<Item = (&'a Repository, &'a Digest)>,
    ) {
        let mut by_repository: BTreeMap<&Repository, Vec<&Digest>> = BTreeMap::new();
        let mut known = HashSet::new();
        let before = self.blobs.iter().filter(|(_, place)| !self.wrong.contains(place));
        let before = before.filter_map(|(digest, place)| Some((self.repositories.get(*place as usize)?, digest)));
        // In an order of their own, so that the same runs leave the same notes.
        let sorted = |mut found: Vec<(&'a Repository, &'a Digest)>| {
            found.sort_unstable();
            found
        };
        for (repository, digest) in sorted(seen.collect()).into_iter().chain(sorted(before.collect())) {
            if known.len() < MOST && known.insert(digest) {
                by_repository.entry(repository).or_default().push(digest);
            }
        }
        if known.is_empty() {
            return;
        }
        let mut text = String::new();
        for (repository, digests) in by_repository {
            let _ = writeln!(text, "in {repository}"); // a text takes everything
            digests.iter().for_each(|digest| _ = writeln!(text, "{digest}"));
        }
        notes.put(Namespace::Blobs, &store.to_string(), text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::cache::CacheStore;

    #[derive(Default)]
    struct Page(Mutex<Option<bytes::Bytes>>);

    impl CacheStore for Page {
        fn get(&self, _: Namespace, _: &str) -> Option<bytes::Bytes> {
            self.0.lock().unwrap().clone()
        }

        fn put(&self, _: Namespace, _: &str, note: &[u8]) {
            *self.0.lock().unwrap() = Some(bytes::Bytes::copy_from_slice(note));
        }
    }

    fn repository(path: &str) -> Repository {
        Repository::new("r.io", path).unwrap()
    }

    fn digest(number: usize) -> Digest {
        Digest::of(number.to_string().as_bytes())
    }

    #[test]
    fn what_was_seen_is_known_to_the_next_run_and_what_it_did_not_touch_stays_known() {
        let (notes, store) = (Cache::new(Arc::new(Page::default())), StoreId::new("r.io"));
        let (a, b) = (repository("a"), repository("b"));
        MountCandidates::default().write(&notes, &store, [(&a, &digest(1)), (&a, &digest(2))].into_iter());
        MountCandidates::read(&notes, &store).write(&notes, &store, [(&b, &digest(2)), (&b, &digest(3))].into_iter());
        let known = MountCandidates::read(&notes, &store);
        let other = repository("c");
        let found: Vec<_> = (1..5).map(|number| known.of(&digest(number), &other)).collect();
        assert_eq!(found, [Some(&a), Some(&b), Some(&b), None]);
        assert_eq!(known.of(&digest(1), &a), None, "it would be no news there");
    }

    #[test]
    fn a_repository_that_did_not_have_one_is_not_asked_for_others_nor_noted_again() {
        let (notes, store) = (Cache::new(Arc::new(Page::default())), StoreId::new("r.io"));
        let (a, b) = (repository("a"), repository("b"));
        MountCandidates::default().write(&notes, &store, [(&a, &digest(1)), (&b, &digest(2))].into_iter());
        let mut known = MountCandidates::read(&notes, &store);
        known.mistrust(&a);
        assert_eq!((known.of(&digest(1), &b), known.of(&digest(2), &a)), (None, Some(&b)));
        known.write(&notes, &store, std::iter::empty());
        assert_eq!(MountCandidates::read(&notes, &store).of(&digest(1), &b), None);
    }

    #[test]
    fn no_more_is_noted_than_there_is_room_for_and_news_go_first() {
        let (notes, store) = (Cache::new(Arc::new(Page::default())), StoreId::new("r.io"));
        let (old, new) = (repository("old"), repository("new"));
        let digests: Vec<Digest> = (0..MOST + 50).map(digest).collect();
        MountCandidates::default().write(&notes, &store, digests[..MOST].iter().map(|digest| (&old, digest)));
        let known = MountCandidates::read(&notes, &store);
        known.write(&notes, &store, digests[MOST..].iter().map(|digest| (&new, digest)));
        let known = MountCandidates::read(&notes, &store);
        assert_eq!(known.blobs.len(), MOST);
        assert!(digests[MOST..].iter().all(|digest| known.of(digest, &old) == Some(&new)));
    }
}
