//! The story of one job: where it goes, what is there, what the source has, what must be done.

use std::{collections::HashMap, future::ready, sync::Arc};

use futures::{
    StreamExt, TryStreamExt,
    future::{OptionFuture, join, join_all},
    stream,
};

use super::{
    copy::{Copy, Site},
    kept::Kept,
    once::OnceMap,
    outline::{Outline, There},
    places::{self, Place},
    presence::{Batch, Presence, presence},
    referrers,
    rounds::MAY_BE_EMPTY,
    state::{Engine, Lane, Mode},
    tree::{Reader, Tree},
};
use crate::{
    content::{Descriptor, Digest, ImageRef, Manifest, MediaType, Repository},
    error::{Error, ErrorKind, Result},
    event::{Event, PlannedImage, PlannedTarget},
    job::{Job, Moved, Outcome, Resolved, Skip},
    spec::Compare,
    stage::{Fetch, Known, Push, Verdict, Want},
};

/// Manifests of one image that are looked for at the same time.
const LOOKS: usize = 16;

/// A job that is to be done, in a first pass or once more.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) job: Job,
    pub(super) batch: Arc<Batch>,
    /// Which targets are left to be written.
    pub(super) places: Vec<Place>,
    /// Whether it runs beside the main lane.
    pub(super) slow: bool,
    /// The rule that has given the places to another image. Then nothing is written: it is only looked at whether both
    /// are the same.
    pub(super) contested: Option<Arc<str>>,
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
    /// What the repository has of the image, apart from the name.
    there: There,
    /// Whether the name stands for the image already.
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

/// What is to be written.
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
    fn needed(&self, there: &There) -> Vec<Descriptor> {
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

impl Ended {
    pub(super) fn end(&mut self, place: Place, outcome: Outcome) {
        self.ends.push(End { place: Some(place), outcome });
    }

    fn fail_all(&mut self, goals: Vec<Goal>, error: &Error) {
        for goal in goals {
            self.end(goal.place, Outcome::Failed(error.clone()));
        }
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
    let kept = Kept::new(&*engine.pipeline.fetch.stage, &engine.pipeline.notes);
    let doing = Doing { engine, work, rewrites, kept };
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
        let open = self.presences(places, &mut ended).await;
        let mut goals = Goals { open, ..Goals::default() };
        let todo = match self.find_out(&mut goals, &mut ended).await {
            Ok(todo) => todo,
            Err(error) => {
                ended.fail_all(std::mem::take(&mut goals.open), &error);
                None
            }
        };
        if let Some(other) = &self.work.contested {
            self.settle_contest(goals, other, &mut ended);
            return ended;
        }
        match (self.engine.mode, todo) {
            (Mode::Plan, todo) => {
                if let Some(tree) = todo.and_then(|todo| todo.tree) {
                    self.plan(&tree, &goals.open);
                }
                goals.whole.into_iter().for_each(|goal| skip_present(goal, &mut ended));
            }
            (Mode::Copy, todo) => {
                if let Some(todo) = &todo {
                    goals.open = self.prepare(todo, goals.open, &mut ended).await;
                }
                self.copy(todo, goals, &mut ended).await;
            }
        }
        ended
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
                true => skip_present(goal, ended),
                false => {
                    let error = places::taken(&goal.place.at, other, &self.work.job.rule);
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
        let fetch = &*self.engine.pipeline.fetch.stage;
        self.engine.nearby.explain(fetch, &self.work.job.source, error).await
    }

    fn stage(&self, push: usize) -> &'a dyn Push {
        &*self.engine.pipeline.pushes[push].stage
    }

    /// What is known of each target before the source is asked.
    async fn presences(&self, places: Vec<Place>, ended: &mut Ended) -> Vec<Goal> {
        let asked = join_all(places.iter().map(|place| async {
            let stage = self.stage(place.push);
            match self.work.contested {
                None => presence(self.engine, place.push, stage, &place.at, &self.work.batch).await,
                // Another job of this run wrote it, so nothing that was known before counts.
                Some(_) => stage.current(&place.at).await.map(|current| match current {
                    Some(descriptor) => Presence::Is(descriptor),
                    None => Presence::Absent,
                }),
            }
        }));
        let asked = asked.await;
        let mut goals = Vec::new();
        for (place, presence) in places.into_iter().zip(asked) {
            match presence {
                Ok(presence) => goals.push(Goal { place, presence, there: There::Nothing, named: false }),
                Err(error) => ended.end(place, Outcome::Failed(error)),
            }
        }
        goals
    }

    /// Asks both sides at the same time, and takes out what is the same on both. Nothing comes back if nothing is
    /// left.
    async fn compare(&self, goals: &mut Goals, ended: &mut Ended) -> Result<Option<Resolved>> {
        let fetch = &self.engine.pipeline.fetch.stage;
        let source = &self.work.job.source;
        if goals.open.iter().all(|goal| goal.presence == Presence::Absent) {
            return fetch.resolve(source, Want::Manifest).await.map(Some);
        }
        // A digest is its own answer; only a filter needs to know whether it is that of an index.
        let pinned = source.version.digest().filter(|_| !self.rewrites);
        let ask_source = OptionFuture::from(pinned.is_none().then(|| fetch.resolve(source, Want::Digest)));
        let (resolved, ()) = join(ask_source, self.ask_targets(goals, ended)).await;
        let resolved = resolved.transpose()?;
        let found = match (&resolved, pinned) {
            (Some(resolved), _) => resolved.descriptor.clone(),
            (None, Some(digest)) => goals.described(digest),
            (None, None) => unreachable!("what is not pinned was resolved"),
        };
        if !(self.rewrites && found.media_type.is_index()) {
            self.take_out_same(&found, resolved.as_ref().and_then(|resolved| resolved.manifest.as_ref()), goals, ended)
                .await?;
        }
        if goals.open.is_empty() {
            return Ok(None);
        }
        match resolved {
            Some(resolved) => Ok(Some(resolved)),
            None => fetch.resolve(source, Want::Manifest).await.map(Some),
        }
    }

    /// Asks the targets of which nothing is known yet.
    async fn ask_targets(&self, goals: &mut Goals, ended: &mut Ended) {
        let currents = join_all(goals.open.iter().map(|goal| async {
            match goal.presence {
                Presence::Ask => self.stage(goal.place.push).current(&goal.place.at).await.map(Some),
                _ => ready(Ok(None)).await,
            }
        }));
        let currents = currents.await;
        for (mut goal, current) in std::mem::take(&mut goals.open).into_iter().zip(currents) {
            match current {
                Ok(Some(None)) => goal.presence = Presence::Absent,
                Ok(Some(Some(descriptor))) => goal.presence = Presence::Is(descriptor),
                Ok(None) => {}
                Err(error) => {
                    ended.end(goal.place, Outcome::Failed(error));
                    continue;
                }
            }
            goals.open.push(goal);
        }
    }

    /// Takes out targets that have what the source has. Of an index its manifests are looked for, too.
    async fn take_out_same(
        &self,
        found: &Descriptor,
        root: Option<&Manifest>,
        goals: &mut Goals,
        ended: &mut Ended,
    ) -> Result<()> {
        let may_be_index = found.media_type.is_index() || found.media_type.is_empty();
        let mut looks = false;
        for goal in goals.open.iter_mut().filter(|goal| goal.stands_for(&found.digest)) {
            goal.named = true;
            looks |= may_be_index && self.must_look_below(goal);
            looks |= may_be_index && self.wants_referrers();
        }
        let source = &self.work.job.source.repository;
        let outline = match root {
            Some(root) if looks => Outline::of(root, source, &self.kept).await?,
            None if looks => Outline::of(&self.kept.manifest(source, found).await?, source, &self.kept).await?,
            _ => Outline::bare(found),
        };
        let others: Vec<Goal> = goals.open.extract_if(.., |goal| !goal.named).collect();
        self.sort_out(outline, goals, ended).await;
        goals.open.extend(others);
        Ok(())
    }

    /// Reads the image and asks the filters. Nothing comes back if they do not want it, or if no target is open any
    /// more.
    async fn read(&self, resolved: Resolved, goals: &mut Goals, ended: &mut Ended) -> Result<Option<Todo>> {
        let source = &self.work.job.source.repository;
        let root: Manifest = match &resolved.manifest {
            Some(manifest) => manifest.clone(),
            None => self.kept.manifest(source, &resolved.descriptor).await?,
        };
        self.kept.keep(&root);
        let resolved = Resolved { descriptor: root.descriptor(), manifest: Some(root.clone()), ..resolved };
        for (at, filter) in self.engine.pipeline.filters.iter().enumerate() {
            if let Verdict::Drop(reason) = filter.stage.admit(&resolved, &self.kept).await? {
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

    /// Ends targets, because the filter at this position does not want the image.
    fn skip_filtered(&self, open: &mut Vec<Goal>, at: usize, reason: &str, ended: &mut Ended) {
        let filter = &self.engine.pipeline.filters[at];
        let kind = &filter.kind;
        if self.work.job.named && !filter.stage.may_leave_nothing() {
            let Job { source, rule, .. } = &self.work.job;
            let keeps = filter.stage.summary().map(|keeps| format!(" ({keeps})")).unwrap_or_default();
            let message = format!("`{source}` was named by {rule}, and the filter `{kind}`{keeps} drops it: {reason}");
            if !self.engine.options().allow_empty {
                let error = Error::new(ErrorKind::Unsupported, message).hint(MAY_BE_EMPTY);
                return open.drain(..).for_each(|goal| ended.end(goal.place, Outcome::Failed(error.clone())));
            }
            self.engine.events.warn(message);
        }
        for goal in open.drain(..) {
            let skip = Skip::Filtered { filter: kind.to_string(), at, reason: reason.to_owned() };
            ended.end(goal.place, Outcome::Skipped(skip));
        }
    }

    fn reader(&self) -> Reader<'_> {
        let source = &self.work.job.source.repository;
        Reader::new(source, &self.kept, &self.engine.pipeline.filters, self.engine.options().index)
    }

    /// Compares what stands at the targets with what shall be written, and finds out what of it is there.
    async fn match_up(&self, outline: Outline, goals: &mut Goals, ended: &mut Ended) {
        self.refuse_other_digests(&outline.root.digest, goals, ended);
        let entries = self.engine.options().compare == Compare::Entries && !self.engine.options().force;
        for goal in goals.open.iter_mut().filter(|goal| !goal.named) {
            let differs = matches!(goal.presence, Presence::Is(_));
            goal.named =
                goal.stands_for(&outline.root.digest) || (entries && differs && self.has_same(goal, &outline).await);
        }
        self.sort_out(outline, goals, ended).await;
    }

    /// Returns true if a target has an index with the same entries. One that cannot be read counts as different.
    async fn has_same(&self, goal: &Goal, outline: &Outline) -> bool {
        let read = self.stage(goal.place.push).read_back(&goal.place.at).await;
        read.ok().flatten().is_some_and(|manifest| outline.has_the_entries_of(&manifest))
    }

    /// Takes out targets that demand another digest.
    fn refuse_other_digests(&self, digest: &Digest, goals: &mut Goals, ended: &mut Ended) {
        let demands_another = |goal: &&Goal| goal.place.at.version.digest().is_some_and(|demanded| demanded != digest);
        let demanding = goals.open.iter().filter(demands_another);
        let demanding: HashMap<_, ImageRef> = demanding.map(|goal| (goal.site(), goal.place.at.clone())).collect();
        // A target with tag and digest is two goals, and the tag must not be written for another digest.
        for goal in goals.open.extract_if(.., |goal| demanding.contains_key(&goal.site())) {
            let at = &demanding[&goal.site()];
            let message = format!("`{at}` demands another digest than `{digest}`, which would be pushed");
            ended.end(goal.place, Outcome::Failed(Error::new(ErrorKind::Conflict, message)));
        }
    }

    /// Finds out what the open targets have of the image. Those that have it all under the right name need nothing but
    /// perhaps its referrers.
    async fn sort_out(&self, outline: Outline, goals: &mut Goals, ended: &mut Ended) {
        let looked = join_all(goals.open.iter().map(|goal| self.look(goal, &outline))).await;
        for (mut goal, there) in std::mem::take(&mut goals.open).into_iter().zip(looked) {
            match there {
                Ok(there) => goal.there = there,
                Err(error) => {
                    ended.end(goal.place, Outcome::Failed(error));
                    continue;
                }
            }
            match goal.named && goal.there.is_whole() {
                true if self.wants_referrers() => goals.whole.push(goal),
                true => skip_present(goal, ended),
                false => goals.open.push(goal),
            }
        }
        goals.outline = Some(outline);
    }

    /// What the repository of a target has of the image. Errors are those of a target that has the name and does not
    /// tell the rest; else an error only means that everything is offered.
    async fn look(&self, goal: &Goal, outline: &Outline) -> Result<There> {
        if goal.named {
            return match self.must_look_below(goal) {
                true => self.below(goal, outline).await,
                false => Ok(There::Whole),
            };
        }
        if self.engine.mode == Mode::Plan || self.engine.options().force || !self.may_have_parts(goal) {
            return Ok(There::Nothing);
        }
        let Place { push, at } = &goal.place;
        let told = self.work.batch.known(*push, &at.repository, |known| known.points_to(&outline.root.digest));
        let has_root = told.unwrap_or(false) || self.has(goal, &outline.root).await.unwrap_or(false);
        Ok(match (has_root, self.must_look_below(goal)) {
            (true, false) => There::Whole,
            (true, true) => self.below(goal, outline).await.unwrap_or_default(),
            (false, _) => match self.below(goal, outline).await.unwrap_or_default() {
                There::Whole => There::Parts(outline.below.iter().map(|item| item.digest.clone()).collect()),
                parts => parts,
            },
        })
    }

    /// Which of the manifests below the root a repository has.
    async fn below(&self, goal: &Goal, outline: &Outline) -> Result<There> {
        let asked = stream::iter(outline.below.clone()).map(|item| async move {
            match self.has(goal, &item).await {
                Ok(there) => Ok((item, there)),
                Err(error) if error.is_retryable() || error.is_cancelled() => Err(error),
                // It does not tell, so it gets it again.
                Err(_) => Ok((item, false)),
            }
        });
        let answers: Vec<(Descriptor, bool)> = asked.buffered(LOOKS).try_collect().await?;
        if answers.iter().all(|(_, there)| *there) {
            return Ok(There::Whole);
        }
        Ok(There::Parts(answers.iter().filter(|(_, there)| *there).map(|(item, _)| item.digest.clone()).collect()))
    }

    async fn has(&self, goal: &Goal, item: &Descriptor) -> Result<bool> {
        let Place { push, at } = &goal.place;
        self.work.batch.has(*push, self.stage(*push), &at.repository, item).await
    }

    /// Returns true if a destination may have an index without all that is below it.
    fn must_look_below(&self, goal: &Goal) -> bool {
        !self.stage(goal.place.push).keeps_children(&goal.place.at.repository)
    }

    /// Returns true if a repository may have some manifest of the image: not if it is known to be empty, and not if
    /// nothing at all is known of it.
    fn may_have_parts(&self, goal: &Goal) -> bool {
        let Place { push, at } = &goal.place;
        if matches!(goal.presence, Presence::Is(_)) {
            return true;
        }
        let told = self.work.batch.known(*push, &at.repository, Known::has_tags).flatten();
        told.unwrap_or_else(|| {
            let store = self.stage(*push).store(&at.repository);
            OnceMap::has_heard_of(self.engine, &store, &at.repository)
        })
    }

    fn wants_referrers(&self) -> bool {
        self.engine.mode == Mode::Copy && self.engine.options().referrers.unwrap_or(true)
    }

    /// Takes out targets that would refuse the image in the end, before anything of it is sent.
    async fn prepare(&self, todo: &Todo, goals: Vec<Goal>, ended: &mut Ended) -> Vec<Goal> {
        let asked = join_all(goals.iter().map(|goal| async {
            let replaces = match &goal.presence {
                Presence::Is(current) => Some(&current.digest),
                _ => None,
            };
            let blobs = todo.needed(&goal.there);
            self.stage(goal.place.push).prepare(&goal.place.at, replaces, &blobs).await
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

    async fn copy(&self, todo: Option<Todo>, goals: Goals, ended: &mut Ended) {
        let Goals { open, whole, outline } = goals;
        let mut sites: Vec<Site<'_>> = Vec::new();
        for goal in open.into_iter().chain(whole) {
            self.add(goal, &mut sites);
        }
        let Some(outline) = outline.filter(|_| !sites.is_empty()) else { return };
        let lane: &Lane = if self.work.slow { &self.engine.slow } else { &self.engine.main };
        let copy = Copy { engine: self.engine, lane, job: &self.work.job, kept: &self.kept, batch: &self.work.batch };
        if let Some(todo) = &todo {
            self.write(&copy, todo, &sites).await;
        }
        if self.wants_referrers() {
            referrers::copy(&copy, outline.digests(), &sites).await;
        }
        let digests = Moved {
            digest: Some(outline.root.digest.clone()),
            changed_from: todo.as_ref().and_then(Todo::changed_from),
            ..Moved::default()
        };
        for site in sites {
            conclude(self.engine, &digests, site, ended);
        }
    }

    /// Adds a target to the site of its repository.
    fn add(&self, goal: Goal, sites: &mut Vec<Site<'a>>) {
        let Goal { place: Place { push, at }, presence, there, named } = goal;
        let known = sites.iter().position(|site| site.push == push && site.repository == at.repository);
        let number = known.unwrap_or_else(|| {
            sites.push(Site::new(push, self.stage(push), &at.repository));
            sites.len() - 1
        });
        let site = &mut sites[number];
        site.had_the_image |= named || there.is_whole();
        match presence {
            Presence::Is(current) if named && there.is_whole() => site.standing.push((at, current.digest)),
            _ => site.targets.push(at),
        }
        site.learn(there);
    }

    /// Writes what the sites lack of the image.
    async fn write(&self, copy: &Copy<'_>, todo: &Todo, sites: &[Site<'_>]) {
        let lacking: Vec<&Site<'_>> = sites.iter().filter(|site| !site.targets.is_empty()).collect();
        if let Some(tree) = &todo.tree {
            return copy.run(tree, &lacking).await;
        }
        let wrong = copy.name(&todo.root, &lacking).await;
        if wrong.is_empty() {
            return;
        }
        match self.reader().read(todo.source.clone()).await {
            Ok(Some(tree)) => copy.run(&tree, &wrong).await,
            Ok(None) => {}
            Err(error) => wrong.iter().for_each(|site| site.fail(error.clone())),
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
                Presence::Is(current) => Some(current.digest.clone()),
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

impl Goal {
    /// Returns true if its name stands for this digest.
    fn stands_for(&self, digest: &Digest) -> bool {
        matches!(&self.presence, Presence::Is(current) if current.digest == *digest)
    }
}

impl Goals {
    /// What is known of a digest that some target stands for.
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

/// Says how the copy to one site ended, for each of its names. What was moved counts for the first name only.
fn conclude(engine: &Engine, digests: &Moved, site: Site<'_>, ended: &mut Ended) {
    if site.is_deferred() {
        if engine.mark_laggard(&site.store) {
            let store = &site.store;
            engine
                .events
                .warn(format!("`{store}` is much slower than the other destinations and is served beside them"));
        }
        let names = site.targets.iter().chain(site.standing.iter().map(|(at, _)| at));
        ended.deferred.extend(names.map(|at| Place { push: site.push, at: at.clone() }));
        return;
    }
    let error = site.error();
    let mut moved =
        Some(Moved { digest: digests.digest.clone(), changed_from: digests.changed_from.clone(), ..site.moved() });
    for at in site.targets {
        let outcome = match &error {
            Some(error) => Outcome::Failed(error.clone()),
            None => Outcome::Copied(moved.take().unwrap_or_else(|| digests.clone())),
        };
        ended.end(Place { push: site.push, at }, outcome);
    }
    for (at, digest) in site.standing {
        let brought = moved.take().filter(|moved| moved.referrers > 0);
        let outcome = match (&error, brought) {
            (Some(error), _) => Outcome::Failed(error.clone()),
            (None, Some(moved)) => Outcome::Copied(Moved { digest: Some(digest), changed_from: None, ..moved }),
            (None, None) => Outcome::Skipped(Skip::Present { digest }),
        };
        ended.end(Place { push: site.push, at }, outcome);
    }
}
