//! What a job would do.

use std::sync::Arc;

use super::{Goal, JobRun};
use crate::{
    content::Descriptor,
    engine::{destination::Ended, plans::Draft, presence::Presence, tree::Tree},
    error::{Error, Result},
    event::{PlannedImage, PlannedTarget},
    job::Outcome,
    stage::{BlobCheck, MountHints},
};

impl JobRun<'_> {
    /// Says what would be done. Targets for which a run would fail fail here.
    pub(super) async fn plan(&self, tree: &Tree, goals: Vec<Goal>, ended: &mut Ended) {
        let (mut targets, mut blobs) = (Vec::new(), Vec::new());
        for goal in goals {
            let store = self.push(goal.place.push).store(&goal.place.at.repository);
            match (self.to_send(tree, &goal).await, store) {
                (Ok(needed), Ok(store)) => {
                    blobs.extend(needed.into_iter().map(|blob| (goal.place.push, store.clone(), blob)));
                    targets.push(self.planned(goal));
                }
                (Err(error), _) | (_, Err(error)) => ended.end(goal.place, Outcome::Failed(error)),
            }
        }
        if targets.is_empty() {
            return;
        }
        let source_digest = tree.changed_from.clone();
        let image = PlannedImage {
            source: self.work.job.source.clone(),
            digest: source_digest.clone().unwrap_or_else(|| tree.manifest.digest().clone()),
            becomes: source_digest.map(|_| tree.manifest.digest().clone()),
            platforms: tree.platforms(),
            dropped: tree.dropped.clone(),
            bytes: 0,
            blobs: 0,
            manifests: tree.children_first().len() as u64,
            targets,
            foreign: tree.blobs().1.clone(),
        };
        self.engine.plans.add(self.work.job.id, Draft { image, blobs });
    }

    fn planned(&self, goal: Goal) -> PlannedTarget {
        PlannedTarget {
            push: Arc::clone(self.push(goal.place.push).kind()),
            location: self.engine.location(goal.place.push),
            target: goal.place.at,
            current: match goal.presence {
                Presence::Is(current) => Some(current.digest),
                _ => None,
            },
            skip: None,
        }
    }

    /// Returns the blobs that would be sent to a target at most. Fails if the source is known to lack one that the
    /// destination does not have either.
    async fn to_send(&self, tree: &Tree, goal: &Goal) -> Result<Vec<Descriptor>> {
        let (fetch, source) = (&self.engine.source, &self.work.job.source.repository);
        let needed = tree.needed(&goal.there);
        let mut blobs = Vec::new();
        for blob in tree.blobs().0.iter().filter(|blob| needed.contains(&blob.digest)) {
            if self.is_in_directory(goal, blob).await {
                continue;
            }
            match fetch.check_blob(source, blob).await {
                Ok(()) => blobs.push(blob.clone()),
                Err(error) => self.find_elsewhere(goal, blob, error).await?,
            }
        }
        Ok(blobs)
    }

    /// Returns true if a destination on a disk has a blob, or leaves it out. A registry is not asked for each.
    async fn is_in_directory(&self, goal: &Goal, blob: &Descriptor) -> bool {
        if self.engine.location(goal.place.push).is_none() {
            return false;
        }
        let push = self.push(goal.place.push);
        push.blob_exists(&goal.place.at.repository, blob).await.unwrap_or_default()
    }

    /// Looks for a blob that the source lacks at the destination, for which it may have been left out.
    async fn find_elsewhere(&self, goal: &Goal, blob: &Descriptor, error: Error) -> Result<()> {
        let push = self.push(goal.place.push);
        let hints = self.engine.source.mount_hints(blob).await;
        let at = &goal.place.at.repository;
        // What another registry has cannot be taken from there.
        let hints = hints.iter().filter(|hint| hint.registry() == at.registry());
        for place in std::iter::once(at).chain(hints) {
            if push.blob_exists(place, blob).await? {
                return Ok(());
            }
        }
        Err(error)
    }
}
