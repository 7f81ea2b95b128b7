//! The story of one job: where it goes, what is there, what the source has, what must be done.

use std::{future::ready, sync::Arc};

use futures::future::{OptionFuture, join, join_all};

use super::{
    copy::{Copy, Site},
    kept::Kept,
    places::{self, Place},
    presence::{Batch, Presence, presence},
    referrers,
    state::{Engine, Lane, Mode},
    tree::{Reader, Tree},
};
use crate::{
    content::{Digest, Manifest, Version},
    error::{Error, ErrorKind, Result},
    event::{Event, PlannedImage, PlannedTarget},
    job::{Job, Moved, Outcome, Resolved, Skip},
    stage::{Fetch, Push, Verdict, Want},
};

/// A job that is to be done, in a first pass or once more.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) job: Job,
    pub(super) batch: Arc<Batch>,
    /// Which targets are left to be written.
    pub(super) places: Vec<Place>,
    /// Whether it runs beside the main lane.
    pub(super) slow: bool,
}

/// How a job ended for one target; none if it failed before there was one.
pub(super) struct End {
    pub(super) place: Option<Place>,
    pub(super) outcome: Outcome,
}

/// How a job ended, and what is left to the slow lane.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) ends: Vec<End>,
    pub(super) deferred: Vec<Place>,
}

/// A target that is still open, and what stands there.
struct Goal {
    place: Place,
    presence: Presence,
}

impl Ended {
    pub(super) fn end(&mut self, place: Place, outcome: Outcome) {
        self.ends.push(End { place: Some(place), outcome });
    }

    fn fail_all(mut self, goals: Vec<Goal>, error: &Error) -> Self {
        for goal in goals {
            self.end(goal.place, Outcome::Failed(error.clone()));
        }
        self
    }
}

/// Does a job.
pub(super) async fn run(engine: &Arc<Engine>, work: &Work) -> Ended {
    let mut ended = Ended::default();
    let (slow, places) = places::split_by_speed(engine, work);
    ended.deferred = slow;
    if places.is_empty() {
        return ended;
    }
    engine.events.tell(&Event::JobStarted { job: work.job.id, source: work.job.source.clone() });
    // Only a filter that may cut an index makes one worth looking at again.
    let rewrites = engine.pipeline.filters.iter().any(|filter| filter.stage.rewrites());
    let notes = rewrites.then_some(&engine.pipeline.notes);
    let doing = Doing { engine, work, rewrites, kept: Kept::new(&*engine.pipeline.fetch.stage, notes) };
    doing.run(places, ended).await
}

struct Doing<'a> {
    engine: &'a Arc<Engine>,
    work: &'a Work,
    /// Whether some filter may cut an index, so that another digest is written than is read.
    rewrites: bool,
    kept: Kept<'a>,
}

impl<'a> Doing<'a> {
    async fn run(&self, places: Vec<Place>, mut ended: Ended) -> Ended {
        let mut goals = self.presences(places, &mut ended).await;
        if goals.is_empty() {
            return ended;
        }
        let resolved = match self.compare(&mut goals, &mut ended).await {
            Ok(Some(resolved)) => resolved,
            Ok(None) => return ended,
            Err(error) => return ended.fail_all(goals, &self.explain(error).await),
        };
        let tree = match self.read(resolved, &mut goals, &mut ended).await {
            Ok(Some(tree)) => tree,
            Ok(None) => return ended,
            Err(error) => return ended.fail_all(goals, &error),
        };
        let goals = self.drop_what_is_there(&tree, goals, &mut ended);
        match self.engine.mode {
            Mode::Plan => self.plan(&tree, &goals),
            Mode::Copy => {
                let goals = self.prepare(&tree, goals, &mut ended).await;
                self.copy(&tree, goals, &mut ended).await;
            }
        }
        ended
    }

    /// The error of a source that could not be resolved, with what may have been meant.
    async fn explain(&self, error: Error) -> Error {
        if self.engine.cancel.is_stopping() {
            return error;
        }
        let fetch = &*self.engine.pipeline.fetch.stage;
        self.engine.nearby.explain(fetch, &self.work.job.source, error).await
    }

    fn stage(&self, push: usize) -> &'a dyn Push {
        &*self.engine.pipeline.pushes[push].stage
    }

    /// What is known of each target before the source is asked.
    async fn presences(&self, places: Vec<Place>, ended: &mut Ended) -> Vec<Goal> {
        let asked = join_all(
            places
                .iter()
                .map(|place| presence(self.engine, place.push, self.stage(place.push), &place.at, &self.work.batch)),
        );
        let asked = asked.await;
        let mut goals = Vec::new();
        for (place, presence) in places.into_iter().zip(asked) {
            match presence {
                Ok(presence) => goals.push(Goal { place, presence }),
                Err(error) => ended.end(place, Outcome::Failed(error)),
            }
        }
        goals
    }

    /// Asks both sides at the same time, and takes out what is the same on both. Nothing comes back if nothing is
    /// left.
    async fn compare(&self, goals: &mut Vec<Goal>, ended: &mut Ended) -> Result<Option<Resolved>> {
        let fetch = &self.engine.pipeline.fetch.stage;
        let source = &self.work.job.source;
        if goals.iter().all(|goal| goal.presence == Presence::Absent) {
            return fetch.resolve(source, Want::Manifest).await.map(Some);
        }
        let rewrites = self.rewrites;
        // A digest is its own answer; only a filter needs to know whether it is that of an index.
        let pinned = source.version.digest().filter(|_| !rewrites);
        let ask_source = OptionFuture::from(pinned.is_none().then(|| fetch.resolve(source, Want::Digest)));
        let ask_targets = join_all(goals.iter().map(|goal| async {
            match goal.presence {
                Presence::Ask => self.stage(goal.place.push).current(&goal.place.at).await.map(Some),
                _ => ready(Ok(None)).await,
            }
        }));
        let (resolved, currents) = join(ask_source, ask_targets).await;
        let mut open = Vec::new();
        for (mut goal, current) in goals.drain(..).zip(currents) {
            match current {
                Ok(Some(None)) => goal.presence = Presence::Absent,
                Ok(Some(Some(descriptor))) => goal.presence = Presence::Is(descriptor.digest),
                Ok(None) => {}
                Err(error) => {
                    ended.end(goal.place, Outcome::Failed(error));
                    continue;
                }
            }
            open.push(goal);
        }
        *goals = open;
        let resolved = resolved.transpose()?;
        let (digest, may_change) = match (&resolved, pinned) {
            (Some(resolved), _) => (&resolved.descriptor.digest, rewrites && resolved.descriptor.media_type.is_index()),
            (None, Some(digest)) => (digest, false),
            (None, None) => unreachable!("what is not pinned was resolved"),
        };
        if !may_change {
            skip_same(goals, digest, ended);
        }
        if goals.is_empty() {
            return Ok(None);
        }
        match resolved {
            Some(resolved) => Ok(Some(resolved)),
            None => fetch.resolve(source, Want::Manifest).await.map(Some),
        }
    }

    /// Reads the image and asks the filters. Nothing comes back if they do not want it.
    async fn read(&self, resolved: Resolved, goals: &mut Vec<Goal>, ended: &mut Ended) -> Result<Option<Tree>> {
        let source = &self.work.job.source.repository;
        let root: Manifest = match &resolved.manifest {
            Some(manifest) => manifest.clone(),
            None => self.kept.manifest(source, &resolved.descriptor).await?,
        };
        self.kept.keep(&root);
        let resolved = Resolved { descriptor: root.descriptor(), manifest: Some(root.clone()), ..resolved };
        let filters = &self.engine.pipeline.filters;
        for (at, filter) in filters.iter().enumerate() {
            if let Verdict::Drop(reason) = filter.stage.admit(&resolved, &self.kept).await? {
                self.skip_filtered(goals, at, &reason, ended);
                return Ok(None);
            }
        }
        let reader = Reader::new(source, &self.kept, filters, self.engine.options().index);
        if let Some(digest) = reader.foretell(&root)?.filter(|_| !self.engine.options().force) {
            skip_same(goals, &digest, ended);
            if goals.is_empty() {
                return Ok(None);
            }
        }
        let tree = reader.read(root).await?;
        if tree.is_none() {
            let filter = reader.emptied_by().unwrap_or_default();
            self.skip_filtered(goals, filter, "none of its platforms is wanted", ended);
        }
        Ok(tree)
    }

    /// Ends all targets, because the filter at this position does not want the image.
    fn skip_filtered(&self, goals: &mut Vec<Goal>, at: usize, reason: &str, ended: &mut Ended) {
        let kind = &self.engine.pipeline.filters[at].kind;
        for goal in goals.drain(..) {
            let skip = Skip::Filtered { filter: kind.to_string(), at, reason: reason.to_owned() };
            ended.end(goal.place, Outcome::Skipped(skip));
        }
    }

    /// Takes out targets that have the filtered image already, and those that demand another digest.
    fn drop_what_is_there(&self, tree: &Tree, mut goals: Vec<Goal>, ended: &mut Ended) -> Vec<Goal> {
        let digest = tree.manifest.digest();
        if !self.engine.options().force {
            skip_same(&mut goals, digest, ended);
        }
        let (open, wrong): (Vec<_>, Vec<_>) = goals.into_iter().partition(|goal| match &goal.place.at.version {
            Version::Digest(demanded) => demanded == digest,
            Version::Tag(_) => true,
        });
        for goal in wrong {
            let message = format!("`{}` demands another digest than `{digest}`, which would be pushed", goal.place.at);
            ended.end(goal.place, Outcome::Failed(Error::new(ErrorKind::Conflict, message)));
        }
        open
    }

    /// Takes out targets that would refuse the image in the end, before anything of it is sent.
    async fn prepare(&self, tree: &Tree, goals: Vec<Goal>, ended: &mut Ended) -> Vec<Goal> {
        let (blobs, _) = tree.blobs();
        let asked = join_all(goals.iter().map(|Goal { place, presence }| {
            let replaces = match presence {
                Presence::Is(digest) => Some(digest),
                _ => None,
            };
            self.stage(place.push).prepare(&place.at, replaces, blobs)
        }));
        let mut open = Vec::new();
        for (answer, goal) in asked.await.into_iter().zip(goals) {
            match answer {
                Ok(()) => open.push(goal),
                Err(error) => ended.end(goal.place, Outcome::Failed(error)),
            }
        }
        open
    }

    async fn copy(&self, tree: &Tree, goals: Vec<Goal>, ended: &mut Ended) {
        let mut sites: Vec<Site<'_>> = Vec::new();
        for Goal { place: Place { push, at }, .. } in goals {
            let known = sites.iter_mut().find(|site| site.push == push && site.repository == at.repository);
            match known {
                Some(site) => site.targets.push(at),
                None => {
                    let mut site = Site::new(push, self.stage(push), &at.repository);
                    site.targets.push(at);
                    sites.push(site);
                }
            }
        }
        let lane: &Lane = if self.work.slow { &self.engine.slow } else { &self.engine.main };
        let copy = Copy { engine: self.engine, lane, job: &self.work.job, kept: &self.kept, batch: &self.work.batch };
        copy.run(tree, &sites).await;
        if self.engine.options().referrers.unwrap_or(true) {
            referrers::copy(&copy, tree, &sites).await;
        }
        for site in sites {
            conclude(self.engine, tree, site, ended);
        }
    }

    /// Says what would be done.
    fn plan(&self, tree: &Tree, goals: &[Goal]) {
        if goals.is_empty() {
            return;
        }
        let (blobs, foreign) = tree.blobs();
        let new: Vec<_> = blobs.iter().filter(|blob| self.engine.counts(&blob.digest)).collect();
        let target = |goal: &Goal| PlannedTarget {
            target: goal.place.at.clone(),
            push: Arc::clone(&self.engine.pipeline.pushes[goal.place.push].kind),
            current: match &goal.presence {
                Presence::Is(digest) => Some(digest.clone()),
                _ => None,
            },
            skip: None,
        };
        let source_digest = tree.changed_from.clone();
        self.engine.events.tell(&Event::Planned {
            job: self.work.job.id,
            image: PlannedImage {
                source: self.work.job.source.clone(),
                digest: source_digest.clone().unwrap_or_else(|| tree.manifest.digest().clone()),
                becomes: source_digest.map(|_| tree.manifest.digest().clone()),
                platforms: tree.platforms(),
                dropped: tree.dropped.clone(),
                bytes: new.iter().filter_map(|blob| blob.known_size()).sum(),
                blobs: new.len() as u64,
                manifests: tree.children_first().len() as u64,
                targets: goals.iter().map(target).collect(),
                foreign: foreign.clone(),
            },
        });
    }
}

/// Ends the targets that have this digest already.
fn skip_same(goals: &mut Vec<Goal>, digest: &Digest, ended: &mut Ended) {
    let same = |goal: &mut Goal| matches!(&goal.presence, Presence::Is(current) if current == digest);
    for goal in goals.extract_if(.., same) {
        ended.end(goal.place, Outcome::Skipped(Skip::Present { digest: digest.clone() }));
    }
}

/// Says how the copy to one site ended, for each of its names. What was moved counts for the first name only.
fn conclude(engine: &Engine, tree: &Tree, site: Site<'_>, ended: &mut Ended) {
    if site.is_deferred() {
        if engine.mark_laggard(&site.store) {
            let store = &site.store;
            engine
                .events
                .warn(format!("`{store}` is much slower than the other destinations and is served beside them"));
        }
        ended.deferred.extend(site.targets.iter().map(|at| Place { push: site.push, at: at.clone() }));
        return;
    }
    let error = site.error();
    let digests = Moved {
        digest: Some(tree.manifest.digest().clone()),
        changed_from: tree.changed_from.clone(),
        ..Moved::default()
    };
    let mut moved =
        Moved { digest: digests.digest.clone(), changed_from: digests.changed_from.clone(), ..site.moved() };
    for at in site.targets {
        let outcome = match &error {
            Some(error) => Outcome::Failed(error.clone()),
            None => Outcome::Copied(std::mem::replace(&mut moved, digests.clone())),
        };
        ended.end(Place { push: site.push, at }, outcome);
    }
}
