//! What a job would do.

use std::{collections::HashMap, sync::Arc};

use super::{Goal, Goals, JobRun, Todo, skip_present};
use crate::{
    content::{Descriptor, Digest, Repository},
    engine::{
        destination::{Destination, Ended, Target},
        inflight::Inflight,
        outline::Outline,
        plans::{Draft, Foreseen, PlannedBlob},
        presence::Presence,
        referrers::{self, Lacking},
        tree::Tree,
    },
    error::{Error, Result},
    event::{PlannedImage, PlannedTarget},
    job::Outcome,
    stage::{BlobCheck, MountHints, PlannedName, Push},
};

/// What refers to an image and is not at a repository of a push.
type PlannedReferrers = HashMap<(usize, Repository), Lacking>;

impl JobRun<'_> {
    /// Says what would be done. Targets for which a run would fail fail here.
    pub(super) async fn plan(&self, todo: Option<Todo>, goals: Goals, ended: &mut Ended) -> Result<()> {
        let Goals { open, whole, outline } = goals;
        let tree = todo.as_ref().and_then(|todo| todo.tree.as_ref());
        let referrers = match &outline {
            Some(outline) => {
                let goals = open.iter().chain(&whole).filter(|goal| self.wants_referrers(goal));
                self.referrers(outline, goals).await?
            }
            None => PlannedReferrers::new(),
        };
        let of = |goal: &Goal| referrers.get(&goal.site()).map_or((0, &[][..]), |it| (it.manifests, &it.blobs[..]));
        let Some(outline) = &outline else { return Ok(()) };
        let written = outline.root.digest.clone();
        let (mut targets, mut blobs) = (Vec::new(), Vec::new());
        for goal in whole {
            match of(&goal) {
                (0, _) => skip_present(goal, ended),
                (count, needed) => {
                    blobs.extend(self.to_store(&goal, needed.to_vec()).await?);
                    targets.push(PlannedTarget { again: false, ..self.planned(goal, count, &written).await });
                }
            }
        }
        for goal in open {
            let (count, about) = of(&goal);
            let needed = match tree {
                Some(tree) => self.to_send(tree, &goal).await,
                None => Ok(Vec::new()),
            };
            match needed {
                Ok(needed) => {
                    blobs.extend(self.to_store(&goal, [&needed[..], about].concat()).await?);
                    self.name(&goal, outline, tree, about);
                    targets.push(self.planned(goal, count, &written).await);
                }
                Err(error) => ended.end(goal.place, Outcome::Failed(error)),
            }
        }
        if targets.is_empty() {
            return Ok(());
        }
        let source_digest = todo.as_ref().and_then(Todo::changed_from);
        let image = PlannedImage {
            source: self.work.source().clone(),
            digest: source_digest.clone().unwrap_or_else(|| written.clone()),
            becomes: source_digest.map(|_| written),
            platforms: tree.map(Tree::platforms).unwrap_or_default(),
            dropped: tree.map(|tree| tree.dropped.clone()).unwrap_or_default(),
            bytes: 0,
            blobs: 0,
            manifests: tree.map_or(0, |tree| tree.children_first().len() as u64),
            targets,
            foreign: tree.map(|tree| tree.blobs().1.clone()).unwrap_or_default(),
        };
        self.engine.plans.add(self.work.job.id, Draft { image, blobs });
        Ok(())
    }

    /// Returns what refers to the image and is not at the repositories of these goals.
    async fn referrers<'g>(
        &self,
        outline: &Outline,
        goals: impl Iterator<Item = &'g Goal>,
    ) -> Result<PlannedReferrers> {
        let mut sites: Vec<Destination<'_>> = Vec::new();
        for goal in goals {
            let (push, repository) = goal.site();
            let known = sites.iter().position(|site| (site.push, &site.repository) == (push, &repository));
            let at = known.unwrap_or(sites.len());
            if known.is_none() {
                sites.push(Destination::new(push, self.push(push), &repository)?);
            }
            sites[at].had_the_image |= goal.named || goal.there.is_whole();
        }
        if sites.is_empty() {
            return Ok(PlannedReferrers::new());
        }
        let lacking = referrers::lacking(&self.as_copy(), outline.digests(), &sites).await?;
        Ok(sites.into_iter().map(|site| (site.push, site.repository.clone())).zip(lacking).collect())
    }

    /// Returns those of these blobs that would be sent to the store of a target at most.
    async fn to_store(&self, goal: &Goal, blobs: Vec<Descriptor>) -> Result<Vec<PlannedBlob>> {
        let (push, repository) = goal.site();
        let store = self.push(push).store(&repository)?;
        let mut sent = Vec::new();
        for item in blobs {
            if !self.is_in_directory(goal, &item).await {
                sent.push(PlannedBlob { push, store: store.clone(), repository: repository.clone(), item });
            }
        }
        Ok(sent)
    }

    /// Notes a name that would be written, for a destination that is told how the run ends.
    fn name(&self, goal: &Goal, outline: &Outline, tree: Option<&Tree>, about: &[Descriptor]) {
        let Target { push, at } = &goal.place;
        let concludes = |push: &dyn Push| Some(push.capabilities().conclusion.is_some());
        if self.push(*push).hint("said whether it wants to know the end", concludes) {
            let blobs = tree.map(|tree| &tree.blobs().0[..]).unwrap_or_default();
            let content = outline.below.iter().chain([&outline.root]).chain(blobs).chain(about).cloned().collect();
            let name = PlannedName::new(at.clone(), outline.root.digest.clone(), content);
            self.engine.plans.name(*push, name);
        }
    }

    async fn planned(&self, goal: Goal, referrers: u64, written: &Digest) -> PlannedTarget {
        let Target { push, at } = goal.place;
        let current = match goal.presence {
            Presence::Is(current) => Some(current),
            // It was not asked for, because it is written whatever is there.
            _ if self.writes_anyway() => self.push(push).resolve(&at).await.unwrap_or_default(),
            _ => None,
        };
        let current = current.map(|current| current.digest);
        let image = Foreseen { digest: written.clone(), source: self.work.job.source.clone() };
        let location = self.engine.location(push);
        if location.is_none() {
            self.engine.plans.foresee(push, &at.repository.with_digest(written), image.clone());
        }
        self.engine.plans.foresee(push, &at, image);
        PlannedTarget {
            push: Arc::clone(self.push(push).kind()),
            location,
            target: at,
            again: current.as_ref() == Some(written),
            current,
            skip: None,
            referrers,
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
        let (push, at) = (self.push(goal.place.push), &goal.place.at.repository);
        let store = push.store(at)?;
        let mut places = vec![at.clone()];
        places.extend(self.engine.source.mount_hints(blob).await);
        places.push(self.work.job.source.repository.clone());
        places.extend(Inflight::may_be_in(self.engine, &store, &blob.digest).await);
        // What another registry has cannot be taken from there.
        places.retain(|place| push.store(place).is_ok_and(|other| other == store));
        for place in &places {
            let found = match push.blob_exists(place, blob).await {
                // Other places are only looked at because they may have it.
                Err(_) if place != at => false,
                found => found?,
            };
            if found {
                self.engine.once.note(&store, place, &blob.digest);
                return Ok(());
            }
        }
        Err(error)
    }
}
