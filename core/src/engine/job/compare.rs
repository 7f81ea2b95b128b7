//! Compares what stands at the targets of a job with what its source has.

use std::{collections::HashMap, future::ready};

use futures::{
    StreamExt, TryStreamExt,
    future::{OptionFuture, join, join_all},
    stream,
};

use super::{Goal, Goals, JobRun, bare, skip_present};
use crate::{
    content::{Descriptor, Digest, ImageRef, Manifest},
    engine::{
        destination::{Ended, Target},
        inflight::Inflight,
        outline::{Outline, PresentParts},
        presence::{Presence, presence},
        run_state::RunMode,
    },
    error::{Error, ErrorKind, Result},
    job::{Outcome, Resolved, Skip},
    spec::Compare,
    stage::{Fetch, RepositoryTags, ResolveMode},
};

/// Manifests of one image that are looked for at the same time.
const LOOKS: usize = 16;

/// The hint for a destination with a digest.
const OTHER_DIGEST: &str = "a filter that drops platforms gives an index a new digest: let the destination have a tag, or \
                            copy this image without the filter";

impl JobRun<'_> {
    /// Returns the presence of each target as known before the source is asked; targets that fail at this are ended.
    pub(super) async fn presences(&self, places: Vec<Target>, ended: &mut Ended) -> Vec<Goal> {
        let asked = join_all(places.iter().map(|place| async {
            let push = self.push(place.push);
            match self.work.contested {
                None if self.writes_anyway() => Ok(Presence::Absent),
                None => presence(&self.engine.surveys, place.push, push, &place.at, &self.work.batch).await,
                // Another job of this run wrote it, or would, so nothing that was known before counts.
                Some(_) => match self.engine.plans.foreseen(place.push, &place.at) {
                    Some(image) => Ok(Presence::Is(bare(&image.digest))),
                    None => push.resolve(&place.at).await.map(|current| match current {
                        Some(descriptor) => Presence::Is(descriptor),
                        None => Presence::Absent,
                    }),
                },
            }
        }));
        let asked = asked.await;
        let mut goals = Vec::new();
        for (place, presence) in places.into_iter().zip(asked) {
            match presence {
                Ok(presence) => goals.push(Goal { place, presence, there: PresentParts::Nothing, named: false }),
                Err(error) => ended.end(place, Outcome::Failed(error)),
            }
        }
        goals
    }

    /// Asks both sides at the same time, and takes out what is the same on both. Nothing comes back if nothing is
    /// left.
    pub(super) async fn compare(&self, goals: &mut Goals, ended: &mut Ended) -> Result<Option<Resolved>> {
        let fetch = &self.kept;
        let source = &self.work.job.source;
        if goals.open.iter().all(|goal| goal.presence == Presence::Absent) {
            return fetch.resolve(source, ResolveMode::Manifest).await.map(Some);
        }
        // A digest is its own answer; only a filter needs to know whether it is that of an index.
        let pinned = source.reference.digest().filter(|_| !self.rewrites);
        let ask_source = OptionFuture::from(pinned.is_none().then(|| fetch.resolve(source, ResolveMode::Descriptor)));
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
            if self.engine.options().compare == Compare::Digest {
                self.keep_others(goals, ended);
            }
        }
        if goals.open.is_empty() {
            return Ok(None);
        }
        match resolved {
            Some(resolved) => Ok(Some(resolved)),
            None => fetch.resolve(source, ResolveMode::Manifest).await.map(Some),
        }
    }

    /// Asks the targets of which nothing is known yet.
    async fn ask_targets(&self, goals: &mut Goals, ended: &mut Ended) {
        let currents = join_all(goals.open.iter().map(|goal| async {
            match goal.presence {
                Presence::Ask => self.push(goal.place.push).resolve(&goal.place.at).await.map(Some),
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
            looks |= may_be_index && self.wants_referrers(goal);
        }
        let source = &self.work.job.source.repository;
        let outline = match root {
            Some(root) if looks => Outline::of(root, source, &self.kept).await?,
            None if looks => {
                let root = self.root(found).await?;
                if *root.digest() != found.digest {
                    // The targets have what a HEAD of the source named, and the source serves another image.
                    goals.open.iter_mut().for_each(|goal| goal.named = false);
                    return Ok(());
                }
                Outline::of(&root, source, &self.kept).await?
            }
            _ => Outline::bare(found),
        };
        let others: Vec<Goal> = goals.open.extract_if(.., |goal| !goal.named).collect();
        self.sort_out(outline, goals, ended).await;
        goals.open.extend(others);
        Ok(())
    }

    /// Compares what stands at the targets with what shall be written, and finds out what of it is there.
    pub(super) async fn match_up(&self, outline: Outline, goals: &mut Goals, ended: &mut Ended) {
        self.refuse_other_digests(&outline.root.digest, goals, ended);
        let entries = self.engine.options().compare == Compare::Entries && !self.writes_anyway();
        for goal in goals.open.iter_mut().filter(|goal| !goal.named) {
            let differs = matches!(goal.presence, Presence::Is(_));
            goal.named =
                goal.stands_for(&outline.root.digest) || (entries && differs && self.has_same(goal, &outline).await);
        }
        self.keep_others(goals, ended);
        self.sort_out(outline, goals, ended).await;
    }

    /// Returns true if names are written that stand for the image already.
    pub(super) fn writes_anyway(&self) -> bool {
        let options = self.engine.options();
        options.force && options.overwrites()
    }

    /// Takes out tags that stand for other images, if these are not to be replaced.
    fn keep_others(&self, goals: &mut Goals, ended: &mut Ended) {
        if self.engine.options().overwrites() {
            return;
        }
        let is_another = |goal: &mut Goal| {
            let has_another = matches!(goal.presence, Presence::Is(_)) && !goal.named;
            has_another && goal.place.at.reference.tag().is_some()
        };
        for goal in goals.open.extract_if(.., is_another) {
            if let Presence::Is(current) = goal.presence {
                ended.end(goal.place, Outcome::Skipped(Skip::Kept { digest: current.digest }));
            }
        }
    }

    /// Returns true if a target has an index with the same entries. One that cannot be read counts as different.
    async fn has_same(&self, goal: &Goal, outline: &Outline) -> bool {
        let at = &goal.place.at;
        let read = self
            .push(goal.place.push)
            .call_if("read a manifest", |push| Some(push.capabilities().manifest_reader?.read_back(at)));
        read.await.ok().flatten().is_some_and(|manifest| outline.has_the_entries_of(&manifest))
    }

    /// Takes out targets that demand another digest.
    fn refuse_other_digests(&self, digest: &Digest, goals: &mut Goals, ended: &mut Ended) {
        let demands_another =
            |goal: &&Goal| goal.place.at.reference.digest().is_some_and(|demanded| demanded != digest);
        let demanding = goals.open.iter().filter(demands_another);
        let demanding: HashMap<_, ImageRef> = demanding.map(|goal| (goal.site(), goal.place.at.clone())).collect();
        // A target with tag and digest is two goals, and the tag must not be written for another digest.
        for goal in goals.open.extract_if(.., |goal| demanding.contains_key(&goal.site())) {
            let at = &demanding[&goal.site()];
            let message = format!("`{at}` demands another digest than `{digest}`, which would be pushed");
            let error = Error::new(ErrorKind::Conflict, message).with_hint(OTHER_DIGEST);
            ended.end(goal.place, Outcome::Failed(error));
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
                true if self.wants_referrers(&goal) => goals.whole.push(goal),
                true => skip_present(goal, ended),
                false => goals.open.push(goal),
            }
        }
        goals.outline = Some(outline);
    }

    /// Returns the parts of the image that the repository of a target has. Fails only for a target that has the name
    /// and does not tell which manifests it has; otherwise an error only means that everything is offered.
    async fn look(&self, goal: &Goal, outline: &Outline) -> Result<PresentParts> {
        if goal.named {
            return match self.must_look_below(goal) {
                true => self.below(goal, outline).await,
                false => Ok(PresentParts::Whole),
            };
        }
        if self.engine.mode == RunMode::Plan || self.writes_anyway() || !self.may_have_parts(goal).await {
            return Ok(PresentParts::Nothing);
        }
        let Target { push, at } = &goal.place;
        let told = self.work.batch.known(*push, &at.repository, |known| known.points_to(&outline.root.digest));
        let has_root = told.unwrap_or(false) || self.has(goal, &outline.root).await.unwrap_or(false);
        Ok(match (has_root, self.must_look_below(goal)) {
            (true, false) => PresentParts::Whole,
            (true, true) => self.below(goal, outline).await.unwrap_or_default(),
            (false, _) => match self.below(goal, outline).await.unwrap_or_default() {
                PresentParts::Whole => {
                    PresentParts::Parts(outline.below.iter().map(|item| item.digest.clone()).collect())
                }
                parts => parts,
            },
        })
    }

    /// Returns those of the manifests below the root that a repository has.
    async fn below(&self, goal: &Goal, outline: &Outline) -> Result<PresentParts> {
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
            return Ok(PresentParts::Whole);
        }
        Ok(PresentParts::Parts(
            answers.iter().filter(|(_, there)| *there).map(|(item, _)| item.digest.clone()).collect(),
        ))
    }

    async fn has(&self, goal: &Goal, item: &Descriptor) -> Result<bool> {
        let Target { push, at } = &goal.place;
        self.work.batch.has(*push, self.push(*push), &at.repository, item).await
    }

    /// Returns true if a destination may have an index without all that is below it.
    fn must_look_below(&self, goal: &Goal) -> bool {
        let at = &goal.place.at.repository;
        !self.push(goal.place.push).hint("said whether it keeps children", |push| {
            Some(push.capabilities().child_retention?.keeps_children(at))
        })
    }

    /// Returns true if a repository may have some manifest of the image: not if it is known to be empty, and not if
    /// nothing at all is known of it.
    async fn may_have_parts(&self, goal: &Goal) -> bool {
        let Target { push, at } = &goal.place;
        if matches!(goal.presence, Presence::Is(_)) {
            return true;
        }
        let told = self.work.batch.known(*push, &at.repository, RepositoryTags::has_tags).flatten();
        match (told, self.push(*push).store(&at.repository)) {
            (Some(told), _) => told,
            (None, Ok(store)) => Inflight::has_heard_of(self.engine, &store, &at.repository).await,
            (None, Err(_)) => false,
        }
    }
}
