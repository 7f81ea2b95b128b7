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
    pub(super) async fn read(notes: &Cache, store: &StoreId) -> Self {
        let note = notes.get(Namespace::Blobs, &store.to_string()).await.unwrap_or_default();
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

    /// Returns a repository that is said to have a blob, other than `but`.
    pub(super) fn of(&self, digest: &Digest, but: Option<&Repository>) -> Option<&Repository> {
        let place = self.blobs.get(digest).filter(|place| !self.wrong.contains(place))?;
        self.repositories.get(*place as usize).filter(|repository| Some(*repository) != but)
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

    /// Returns the note for later runs: what this run saw, and what is still believed of earlier ones as far as there is
    /// room. None: nothing is known.
    pub(super) fn note<'a>(&'a self, seen: impl Iterator<Item = (&'a Repository, &'a Digest)>) -> Option<String> {
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
            return None;
        }
        let mut text = String::new();
        for (repository, digests) in by_repository {
            let _ = writeln!(text, "in {repository}"); // a text takes everything
            digests.iter().for_each(|digest| _ = writeln!(text, "{digest}"));
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;

    use super::*;
    use crate::cache::CacheStore;

    #[derive(Default)]
    struct Page(Mutex<Option<bytes::Bytes>>);

    #[async_trait]
    impl CacheStore for Page {
        async fn get(&self, _: Namespace, _: &str) -> Option<bytes::Bytes> {
            self.0.lock().unwrap().clone()
        }

        async fn put(&self, _: Namespace, _: &str, note: bytes::Bytes) {
            *self.0.lock().unwrap() = Some(note);
        }
    }

    /// Ends a run that knew `candidates` and saw more, and begins the next one.
    async fn next_run<'a>(
        candidates: &'a MountCandidates,
        seen: impl IntoIterator<Item = (&'a Repository, &'a Digest)>,
    ) -> MountCandidates {
        let (cache, store) = (Cache::new(Arc::new(Page::default())), StoreId::new("r.io"));
        let note = candidates.note(seen.into_iter()).unwrap_or_default();
        cache.put(Namespace::Blobs, &store.to_string(), note).await;
        MountCandidates::read(&cache, &store).await
    }

    fn repository(path: &str) -> Repository {
        Repository::new("r.io", path).unwrap()
    }

    fn digest(number: usize) -> Digest {
        Digest::of(number.to_string().as_bytes())
    }

    #[tokio::test]
    async fn what_was_seen_is_known_to_the_next_run_and_what_it_did_not_touch_stays_known() {
        let (a, b) = (repository("a"), repository("b"));
        let known = next_run(&MountCandidates::default(), [(&a, &digest(1)), (&a, &digest(2))]).await;
        let known = next_run(&known, [(&b, &digest(2)), (&b, &digest(3))]).await;
        let other = repository("c");
        let found: Vec<_> = (1..5).map(|number| known.of(&digest(number), Some(&other))).collect();
        assert_eq!(found, [Some(&a), Some(&b), Some(&b), None]);
        assert_eq!(known.of(&digest(1), Some(&a)), None, "it would be no news there");
    }

    #[tokio::test]
    async fn a_repository_that_did_not_have_one_is_not_asked_for_others_nor_noted_again() {
        let (a, b) = (repository("a"), repository("b"));
        let mut known = next_run(&MountCandidates::default(), [(&a, &digest(1)), (&b, &digest(2))]).await;
        known.mistrust(&a);
        assert_eq!((known.of(&digest(1), Some(&b)), known.of(&digest(2), Some(&a))), (None, Some(&b)));
        assert_eq!(next_run(&known, []).await.of(&digest(1), Some(&b)), None);
    }

    #[tokio::test]
    async fn no_more_is_noted_than_there_is_room_for_and_news_go_first() {
        let (old, new) = (repository("old"), repository("new"));
        let digests: Vec<Digest> = (0..MOST + 50).map(digest).collect();
        let known = MountCandidates::default();
        let known = next_run(&known, digests[..MOST].iter().map(|digest| (&old, digest))).await;
        let known = next_run(&known, digests[MOST..].iter().map(|digest| (&new, digest))).await;
        assert_eq!(known.blobs.len(), MOST);
        assert!(digests[MOST..].iter().all(|digest| known.of(digest, Some(&old)) == Some(&new)));
    }
}
