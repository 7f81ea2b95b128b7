//! Tags that refer to a digest by their name: fallback tags of referrers, and cosign's.
//!
//! They are looked up in the tag list of the repository. If the list of a run has read that, no request is needed; else
//! it is read, which is less than a request for each manifest and kind of tag. It is read again in a run that takes long.
//! It only saves requests: where it fails or takes long, each name is asked for.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sealift_core::{
    content::{Digest, ImageRef, Reference, Repository, Tag},
    error::{ErrorKind, Result},
};
use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, timeout},
};

use crate::{
    api::{manifests, tags},
    operation::Operation,
    registry::Registry,
    scope::Scopes,
};

/// None where the tags cannot be listed, so that each must be asked for.
type KnownTags = Option<Arc<TagHashes>>;

/// The time limit of a list that is read for this alone. Without it each manifest costs four requests more.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time for which a list is believed: it does not have what was signed since.
const LIFETIME: Duration = Duration::from_secs(600);

/// The tags of repositories that refer to digests by their names.
#[derive(Debug, Default)]
pub(crate) struct ReferrerTags {
    known: Mutex<HashMap<Repository, Arc<AsyncMutex<Option<ListedTags>>>>>,
    hasher: RandomState,
}

/// The tags of a repository, and the time at which they were read.
#[derive(Debug)]
struct ListedTags {
    tags: KnownTags,
    read: Instant,
}

/// Names of tags as sorted hashes. A repository may have a hundred thousand signatures, and eight bytes for each are
/// kept during a run. A name that is taken for another costs one request.
#[derive(Debug)]
pub(crate) struct TagHashes {
    hashes: Box<[u64]>,
    hasher: RandomState,
}

impl TagHashes {
    /// Keeps the tags that refer to a digest by their name.
    fn of(tags: &[Tag], hasher: &RandomState) -> Arc<Self> {
        let about = tags.iter().filter(|tag| tag.referenced_digest().is_some());
        let mut hashes: Box<[u64]> = about.map(|tag| hasher.hash_one(tag)).collect();
        hashes.sort_unstable();
        Arc::new(Self { hashes, hasher: hasher.clone() })
    }

    pub(crate) fn contains(&self, tag: &Tag) -> bool {
        self.hashes.binary_search(&self.hasher.hash_one(tag)).is_ok()
    }
}

/// The endings of cosign's tags: signatures, attestations, SBOMs.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];

impl ReferrerTags {
    /// Takes the tags from a list that was read for another reason.
    pub(crate) fn note(&self, repository: &Repository, tags: &[Tag]) {
        // If it is locked, it is being read.
        if let Ok(mut known) = self.of(repository).try_lock() {
            *known = Some(ListedTags { tags: Some(TagHashes::of(tags, &self.hasher)), read: Instant::now() });
        }
    }

    /// Returns the tags of a repository that refer to digests; none if they cannot be listed.
    pub(crate) async fn list(&self, registry: &Registry, repository: &Repository) -> KnownTags {
        // Many images of a repository come at once, and one list serves all of them.
        let cell = self.of(repository);
        let mut known = cell.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.read.elapsed() < LIFETIME) {
            return known.tags.clone();
        }
        let read = Instant::now();
        let tags = match timeout(PATIENCE, tags::list(registry, repository, Scopes::pull(repository))).await {
            Ok(Ok(found)) => Some(TagHashes::of(&found.tags, &self.hasher)),
            Ok(Err(error)) => {
                tracing::debug!(%repository, %error, "tags cannot be listed, so signatures are asked for by name");
                None
            }
            Err(_) => {
                tracing::debug!(%repository, "listing tags takes long, so signatures are asked for by name");
                None
            }
        };
        known.insert(ListedTags { tags, read }).tags.clone()
    }

    /// Returns cosign's tags about a digest.
    pub(crate) async fn of_cosign(
        &self,
        registry: &Registry,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Tag>> {
        let Some(stem) = Tag::referrers_tag(subject) else { return Ok(Vec::new()) };
        let mut tags: Vec<Tag> = COSIGN.iter().filter_map(|kind| format!("{stem}.{kind}").parse().ok()).collect();
        if let Some(known) = self.list(registry, repository).await {
            tags.retain(|tag| known.contains(tag));
            return Ok(tags);
        }
        let mut found = Vec::new();
        for tag in tags {
            let image = ImageRef { repository: repository.clone(), reference: Reference::Tag(tag.clone()) };
            let operation = Operation::ReadManifest(&image);
            // By GET: a registry whose HEAD says that nothing is there would lose its signatures without a word.
            match manifests::get(registry, &image, operation, Scopes::pull(repository)).await {
                Ok(_) => found.push(tag),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn of(&self, repository: &Repository) -> Arc<AsyncMutex<Option<ListedTags>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(repository) {
            Some(cell) => Arc::clone(cell),
            None => Arc::clone(known.entry(repository.clone()).or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    // As texts, 800,000 of them took 139 MiB.
    #[test]
    fn eight_bytes_are_kept_for_a_tag_about_a_digest() {
        let hex = |number: usize| format!("{number:064x}");
        let tags = (0..500).flat_map(|n| [tag(&format!("sha256-{}.sig", hex(n))), tag(&format!("v-{n}"))]);
        let known = TagHashes::of(&tags.collect::<Vec<_>>(), &RandomState::new());
        assert_eq!(size_of_val(&*known.hashes), 500 * 8);
        assert!((0..500).all(|n| known.contains(&tag(&format!("sha256-{}.sig", hex(n))))));
        assert!((0..500).all(|n| !known.contains(&tag(&format!("sha256-{}.att", hex(n))))));
        assert!(!known.contains(&tag("v-1")));
    }
}
