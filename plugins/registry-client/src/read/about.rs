//! The tags of a repository that are about a digest by their name: fallback tags of referrers, and cosign's.
//!
//! They are looked up in the tag list of the repository. Where the list of a run has read that, there is nothing more
//! to ask; else it is read once, which is less than a question for each manifest and kind of tag. It is a saving only:
//! where it fails or takes long, each name is asked for.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sealift_core::{
    content::{Digest, ImageRef, Repository, Tag, Version},
    error::Result,
};
use tokio::{sync::OnceCell, time::timeout};

use super::Head;
use crate::{auth::Scopes, doing::Doing, host::Host};

/// None where the tags cannot be listed, so that each must be asked for.
pub(super) type Found = Option<Arc<HashSet<Tag>>>;

/// How long a list is waited for that nothing but this needs. Without it each manifest costs four questions more.
const PATIENCE: Duration = Duration::from_secs(20);

/// Those tags of the repositories of one registry.
#[derive(Debug, Default)]
pub(crate) struct TagsAbout(Mutex<HashMap<Repository, Arc<OnceCell<Found>>>>);

/// What cosign puts behind the name of a digest: signatures, attestations, SBOMs.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];

impl TagsAbout {
    /// Takes the tags from a list that was read for another reason.
    pub(super) fn note(&self, repository: &Repository, tags: &[Tag]) {
        let about = tags.iter().filter(|tag| tag.about().is_some()).cloned().collect();
        let _ = self.of(repository).set(Some(Arc::new(about))); // the first list of a run counts
    }

    fn of(&self, repository: &Repository) -> Arc<OnceCell<Found>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(repository) {
            Some(cell) => Arc::clone(cell),
            None => Arc::clone(known.entry(repository.clone()).or_default()),
        }
    }
}

impl Host {
    /// The tags of a repository that are about digests; none if they cannot be listed.
    pub(super) async fn tags_about(&self, repository: &Repository) -> Found {
        let cell = self.about.of(repository);
        if let Some(known) = cell.get() {
            return known.clone();
        }
        // Many images of a repository come at once, and one list serves all of them.
        let read = || async {
            match timeout(PATIENCE, self.tags(repository, Scopes::pull(repository))).await {
                Ok(Ok(found)) => {
                    Some(Arc::new(found.tags.into_iter().filter(|tag| tag.about().is_some()).collect::<HashSet<_>>()))
                }
                Ok(Err(error)) => {
                    tracing::debug!(%repository, %error, "tags cannot be listed, so signatures are asked for by name");
                    None
                }
                Err(_) => {
                    tracing::debug!(%repository, "listing tags takes long, so signatures are asked for by name");
                    None
                }
            }
        };
        cell.get_or_init(read).await.clone()
    }

    /// Cosign's tags about a digest.
    pub(super) async fn cosign_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        let Some(stem) = Tag::of_referrers(subject) else { return Ok(Vec::new()) };
        let mut tags: Vec<Tag> = COSIGN.iter().filter_map(|kind| format!("{stem}.{kind}").parse().ok()).collect();
        if let Some(known) = self.tags_about(repository).await {
            tags.retain(|tag| known.contains(tag));
            return Ok(tags);
        }
        let mut found = Vec::new();
        for tag in tags {
            let image = ImageRef { repository: repository.clone(), version: Version::Tag(tag.clone()) };
            let head = self.head_manifest(&image, Doing::ReadManifest(&image), Scopes::pull(repository)).await?;
            if matches!(head, Head::Found(_) | Head::Barred) {
                found.push(tag);
            }
        }
        Ok(found)
    }
}
