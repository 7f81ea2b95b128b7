//! What a job would do.

use std::{collections::HashSet, sync::Arc};

use super::{Goal, JobRun};
use crate::{
    content::Descriptor,
    engine::{presence::Presence, tree::Tree},
    event::{Event, PlannedImage, PlannedTarget},
    stage::StoreId,
};

impl JobRun<'_> {
    /// Says what would be done.
    pub(super) async fn plan(&self, tree: &Tree, goals: &[Goal]) {
        if goals.is_empty() {
            return;
        }
        let (blobs, bytes) = self.to_send(tree, goals).await;
        let source_digest = tree.changed_from.clone();
        self.engine.events.tell(&Event::Planned {
            job: self.work.job.id,
            image: PlannedImage {
                source: self.work.job.source.clone(),
                digest: source_digest.clone().unwrap_or_else(|| tree.manifest.digest().clone()),
                becomes: source_digest.map(|_| tree.manifest.digest().clone()),
                platforms: tree.platforms(),
                dropped: tree.dropped.clone(),
                bytes,
                blobs,
                manifests: tree.children_first().len() as u64,
                targets: goals.iter().map(|goal| self.planned(goal)).collect(),
                foreign: tree.blobs().1.clone(),
            },
        });
    }

    fn planned(&self, goal: &Goal) -> PlannedTarget {
        PlannedTarget {
            target: goal.place.at.clone(),
            push: Arc::clone(&self.engine.pipeline.pushes[goal.place.push].kind),
            location: self.engine.location(goal.place.push),
            current: match &goal.presence {
                Presence::Is(current) => Some(current.digest.clone()),
                _ => None,
            },
            skip: None,
        }
    }

    /// Returns the number of blobs that would be sent at most, and their bytes: each blob once to each store that is not
    /// known to have it.
    async fn to_send(&self, tree: &Tree, goals: &[Goal]) -> (u64, u64) {
        let (mut blobs, mut bytes) = (0, 0);
        let mut stores: HashSet<StoreId> = HashSet::new();
        for goal in goals {
            let store = self.stage(goal.place.push).store(&goal.place.at.repository);
            if !stores.insert(store.clone()) {
                continue;
            }
            let needed = tree.needed(&goal.there);
            for blob in tree.blobs().0.iter().filter(|blob| needed.contains(&blob.digest)) {
                if self.engine.counts(&store, &blob.digest) && !self.is_in_directory(goal, blob).await {
                    blobs += 1;
                    bytes += blob.known_size().unwrap_or_default();
                }
            }
        }
        (blobs, bytes)
    }

    /// Returns true if a destination on a disk has a blob, or leaves it out. A registry is not asked for each.
    async fn is_in_directory(&self, goal: &Goal, blob: &Descriptor) -> bool {
        if self.engine.location(goal.place.push).is_none() {
            return false;
        }
        let stage = self.stage(goal.place.push);
        stage.blob_exists(&goal.place.at.repository, blob).await.unwrap_or_default()
    }
}
