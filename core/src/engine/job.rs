//! The story of one job: where it goes, what is there, what the source has, what must be done.

mod compare;
mod plan;
mod write;

use std::sync::Arc;

use futures::future::join_all;

use super::{
    destination::{Ended, Target, Work},
    kept::Kept,
    manifest_room::ManifestRoom,
    outline::{Outline, PresentParts},
    placement,
    presence::Presence,
    run_state::{RunMode, RunState},
    tree::{Tree, TreeReader},
    yields::MAY_BE_EMPTY,
};
use crate::{
    content::{Descriptor, Digest, Manifest, MediaType, Repository},
    error::{Error, ErrorKind, Result},
    event::Event,
    isolate::Isolated,
    job::{Job, Outcome, Resolved, Skip},
    limit::Flow,
    stage::{Fetch, Push, ResolveMode, StoreId, Verdict},
};

/// A target that is still open, and what stands there.
struct Goal {
    place: Target,
    presence: Presence,
    /// The parts of the image that the repository has, apart from the name.
    there: PresentParts,
    /// True if the name refers to the image already.
    named: bool,
}

/// The targets of a job while it is found out what they need.
#[derive(Default)]
struct Goals {
    /// Something is to be written there.
    open: Vec<Goal>,
    /// The image is there; referrers of it may not be.
    whole: Vec<Goal>,
    /// The manifests of the image, once they are known.
    outline: Option<Outline>,
}

/// The image that is to be written.
struct Todo {
    /// The root as the source has it.
    source: Manifest,
    /// The root as it shall be written.
    root: Manifest,
    /// Everything below it; none if all targets have that.
    tree: Option<Tree>,
}

impl Todo {
    /// The digest at the source, where another one is written.
    fn changed_from(&self) -> Option<Digest> {
        (self.source.digest() != self.root.digest()).then(|| self.source.digest().clone())
    }

    /// The blobs that a target needs, without foreign layers.
    fn needed(&self, there: &PresentParts) -> Vec<Descriptor> {
        let Some(tree) = &self.tree else { return Vec::new() };
        let needed = tree.needed(there);
        tree.blobs().0.iter().filter(|blob| needed.contains(&blob.digest)).cloned().collect()
    }
}

impl Goal {
    /// The destination and its repository.
    fn site(&self) -> (usize, Repository) {
        (self.place.push, self.place.at.repository.clone())
    }
}

impl Goals {
    /// Ends all open targets with an error.
    fn fail_all(&mut self, error: &Error, ended: &mut Ended) {
        for goal in self.open.drain(..) {
            ended.end(goal.place, Outcome::Failed(error.clone()));
        }
    }
}

/// Does a job.
pub(super) async fn run(engine: &Arc<RunState>, work: &Work) -> Result<Ended> {
    let mut ended = Ended::default();
    let (slow, mut places) = placement::split_by_speed(engine, work);
    ended.deferred = slow;
    for place in places.extract_if(.., |place| work.batch.carried(place.push, &place.at)) {
        ended.end(place, Outcome::Skipped(Skip::Duplicate));
    }
    if places.is_empty() {
        return Ok(ended);
    }
    engine.events.tell(&Event::JobStarted { job: work.job.id, source: work.job.source.clone() });
    // Only a filter that may cut an index makes one worth looking at again.
    let rewrites = engine.filters.iter().any(|filter| filter.drops_entries);
    let route = engine.route(&work.job, places.iter())?;
    let kept = Kept::new(&engine.source, &engine.cache, ManifestRoom::new(&engine.limiter, &route));
    let flow = engine.limiter.flow(engine.demand(&route[0], route[1..].iter()));
    JobRun { engine, work, rewrites, kept, route, flow }.run(places, ended).await
}

struct JobRun<'a> {
    engine: &'a Arc<RunState>,
    work: &'a Work,
    /// True if a filter may drop entries of an index, so that the written digest may differ from the one at the source.
    rewrites: bool,
    kept: Kept<'a>,
    /// The stores that the job reads from and writes to, the source first.
    route: Vec<StoreId>,
    /// The transfers of the job, which share stores with those of others.
    flow: Flow,
}

impl<'a> JobRun<'a> {
    async fn run(&self, places: Vec<Target>, mut ended: Ended) -> Result<Ended> {
        let open = self.presences(places, &mut ended).await;
        let mut goals = Goals { open, ..Goals::default() };
        let todo = match self.find_out(&mut goals, &mut ended).await {
            Ok(todo) => todo,
            Err(error) => {
                goals.fail_all(&error, &mut ended);
                None
            }
        };
        if let Some(other) = &self.work.contested {
            self.settle_contest(goals, other, &mut ended);
            return Ok(ended);
        }
        match (self.engine.mode, todo) {
            (RunMode::Plan, todo) => self.plan(todo, goals, &mut ended).await?,
            (RunMode::Copy, todo) => {
                if let Some(todo) = &todo {
                    goals.open = self.prepare(todo, goals.open, &mut ended).await;
                }
                self.copy(todo, goals, &mut ended).await?;
            }
        }
        Ok(ended)
    }

    /// Finds out what must be written. Nothing comes back if no target is open any more.
    async fn find_out(&self, goals: &mut Goals, ended: &mut Ended) -> Result<Option<Todo>> {
        if goals.open.is_empty() {
            return Ok(None);
        }
        let compared = self.compare(goals, ended).await;
        match compared {
            Ok(Some(resolved)) => self.read(resolved, goals, ended).await,
            Ok(None) => Ok(None),
            Err(error) => Err(self.explain(error).await),
        }
    }

    /// Ends targets that belong to another image: what is the same image is there, anything else is a mistake.
    fn settle_contest(&self, goals: Goals, other: &str, ended: &mut Ended) {
        for goal in goals.whole.into_iter().chain(goals.open) {
            match goal.named {
                true if self.engine.plans.foreseen(goal.place.push, &goal.place.at).is_some() => {
                    ended.end(goal.place, Outcome::Skipped(Skip::Duplicate));
                }
                true => skip_present(goal, ended),
                false => {
                    let error = placement::taken(&goal.place.at, other, &self.work.job.rule);
                    ended.end(goal.place, Outcome::Failed(error));
                }
            }
        }
    }

    /// The error of a source that could not be resolved, with what may have been meant.
    async fn explain(&self, error: Error) -> Error {
        if self.engine.cancel.is_stopping() {
            return error;
        }
        self.engine.nearby.explain(&self.engine.source, &self.work.job.source, error).await
    }

    fn push(&self, push: usize) -> &'a Isolated<dyn Push> {
        &self.engine.pushes[push]
    }

    /// Reads the image and asks the filters. Nothing comes back if they do not want it, or if no target is open any
    /// more.
    async fn read(&self, resolved: Resolved, goals: &mut Goals, ended: &mut Ended) -> Result<Option<Todo>> {
        let root = match &resolved.manifest {
            Some(manifest) => manifest.clone(),
            None => self.root(&resolved.descriptor).await?,
        };
        self.kept.keep(&root).await;
        let resolved = Resolved { descriptor: root.descriptor(), manifest: Some(root.clone()), ..resolved };
        for (at, filter) in self.engine.filters.iter().enumerate() {
            let verdict = filter.calls.call("judged an image", |filter| filter.check(&resolved, &self.kept)).await?;
            if let Verdict::Drop { reason } = verdict {
                self.skip_filtered(&mut goals.open, at, &reason, ended);
                return Ok(None);
            }
        }
        let foretold = self.reader().foretell(&root).await?;
        if let Some(outline) = foretold.clone() {
            self.match_up(outline, goals, ended).await;
            if goals.open.is_empty() {
                return Ok(None);
            }
            let written = foretold.as_ref().and_then(|outline| outline.manifest.clone());
            // Below a single image there is nothing to read.
            let written = written.filter(|written| written.media_type().is_index());
            if let Some(written) = written.filter(|_| goals.open.iter().all(|goal| goal.there.is_whole())) {
                return Ok(Some(Todo { source: root, root: written, tree: None }));
            }
        }
        let platforms = platforms_of(&root);
        let reader = self.reader();
        let Some(tree) = reader.read(root.clone()).await? else {
            let filter = reader.emptied_by().unwrap_or_default();
            self.skip_filtered(&mut goals.open, filter, &none_is_wanted(&platforms), ended);
            return Ok(None);
        };
        if foretold.is_none_or(|outline| outline.root.digest != *tree.manifest.digest()) {
            self.match_up(tree.outline(), goals, ended).await;
        }
        let todo = Todo { source: root, root: tree.manifest.clone(), tree: Some(tree) };
        Ok((!goals.open.is_empty()).then_some(todo))
    }

    /// Reads the manifest that the source's name stands for, by its digest. One that cannot be had by it is read by the name:
    /// a registry that converts what it serves may tell a digest by HEAD that it does not have.
    async fn root(&self, found: &Descriptor) -> Result<Manifest> {
        let source = &self.work.job.source;
        let error = match self.kept.manifest(&source.repository, found).await {
            Ok(manifest) => return Ok(manifest),
            Err(error) => error,
        };
        let passes = error.is_retryable_now() && error.kind() != ErrorKind::Corrupt;
        if passes || error.is_cancelled() || source.reference.tag().is_none() {
            return Err(error);
        }
        let by_name = self.engine.source.resolve(source, ResolveMode::Manifest).await;
        by_name.ok().and_then(|resolved| resolved.manifest).ok_or(error)
    }

    /// Ends targets, because the filter at this position does not want the image.
    fn skip_filtered(&self, open: &mut Vec<Goal>, at: usize, reason: &str, ended: &mut Ended) {
        let filter = &self.engine.filters[at];
        let kind = filter.calls.kind();
        if self.work.job.named && !filter.may_leave_nothing {
            let Job { source, rule, .. } = &self.work.job;
            let keeps = filter.summary.as_ref().map(|keeps| format!(" ({keeps})")).unwrap_or_default();
            let message = format!("`{source}` was named by {rule}, and the filter `{kind}`{keeps} drops it: {reason}");
            if !self.engine.options().allow_empty {
                let error = Error::new(ErrorKind::Unsupported, message).with_hint(MAY_BE_EMPTY);
                return open.drain(..).for_each(|goal| ended.end(goal.place, Outcome::Failed(error.clone())));
            }
            self.engine.events.warn(message);
        }
        for goal in open.drain(..) {
            let skip = Skip::Filtered { filter: kind.to_string(), at, reason: reason.to_owned() };
            ended.end(goal.place, Outcome::Skipped(skip));
        }
    }

    fn reader(&self) -> TreeReader<'_> {
        let source = &self.work.job.source.repository;
        TreeReader::new(source, &self.kept, &self.engine.filters, self.engine.options().index)
    }

    fn wants_referrers(&self, goal: &Goal) -> bool {
        self.engine.wants_referrers(goal.place.push)
    }

    /// Takes out targets that would refuse the image in the end, before anything of it is sent.
    async fn prepare(&self, todo: &Todo, goals: Vec<Goal>, ended: &mut Ended) -> Vec<Goal> {
        let asked = join_all(goals.iter().map(|goal| async {
            let replaces = match &goal.presence {
                Presence::Is(current) => Some(&current.digest),
                _ => None,
            };
            let blobs = todo.needed(&goal.there);
            let (at, blobs) = (&goal.place.at, &blobs);
            let prepare = self.push(goal.place.push).call_if("prepared for an image", |push| {
                Some(push.capabilities().admission?.prepare(at, replaces, blobs))
            });
            prepare.await
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
}

impl Goal {
    /// Returns true if its name stands for this digest.
    fn stands_for(&self, digest: &Digest) -> bool {
        matches!(&self.presence, Presence::Is(current) if current.digest == *digest)
    }
}

impl Goals {
    /// Returns the descriptor of a digest, with the media type if a target that refers to it has told it, without size.
    fn described(&self, digest: &Digest) -> Descriptor {
        let there = self.open.iter().filter_map(|goal| match &goal.presence {
            Presence::Is(current) if current.digest == *digest => Some(current),
            _ => None,
        });
        let there = there.max_by_key(|current| !current.media_type.is_empty()).cloned();
        Descriptor { size: Descriptor::UNSIZED, ..there.unwrap_or_else(|| bare(digest)) }
    }
}

/// A pointer to something of which only the digest is known.
fn bare(digest: &Digest) -> Descriptor {
    Descriptor::new(MediaType::default(), digest.clone(), Descriptor::UNSIZED)
}

/// Ends a target that has the image already.
fn skip_present(goal: Goal, ended: &mut Ended) {
    if let Presence::Is(current) = goal.presence {
        ended.end(goal.place, Outcome::Skipped(Skip::Present { digest: current.digest }));
    }
}

/// The platforms that the entries of an index name.
fn platforms_of(index: &Manifest) -> Vec<String> {
    let named = index.entries().iter().filter_map(|entry| entry.platform.as_ref());
    named.filter(|platform| !platform.is_unknown()).map(ToString::to_string).collect()
}

/// Says that a filter left nothing of an index.
fn none_is_wanted(platforms: &[String]) -> String {
    const TOLD: usize = 16;
    let mut told = platforms.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    match platforms.len() {
        0 => return "none of its platforms is wanted".to_owned(),
        more if more > TOLD => told.push_str(", …"),
        _ => {}
    }
    format!("none of its platforms is wanted, which are {told}")
}
