//! Writes what the targets of a job lack, and says how each of them ended.

use super::{Goal, Goals, JobRun, Todo};
use crate::{
    engine::{
        copy::Copy,
        destination::{Destination, Ended, Target},
        presence::Presence,
        referrers,
        run_state::RunState,
    },
    error::Result,
    job::{CopyStats, Outcome, Skip},
};

impl<'a> JobRun<'a> {
    pub(super) async fn copy(&self, todo: Option<Todo>, goals: Goals, ended: &mut Ended) -> Result<()> {
        let Goals { open, whole, outline } = goals;
        let mut sites: Vec<Destination<'_>> = Vec::new();
        for goal in open.into_iter().chain(whole) {
            self.add(goal, &mut sites)?;
        }
        let Some(outline) = outline.filter(|_| !sites.is_empty()) else { return Ok(()) };
        let copy = self.as_copy();
        if let Some(todo) = &todo {
            self.write(&copy, todo, &sites).await;
        }
        let (taking, others): (Vec<_>, Vec<_>) =
            sites.into_iter().partition(|site| self.engine.wants_referrers(site.push));
        if !taking.is_empty() {
            referrers::copy(&copy, outline.digests(), &taking).await;
        }
        let digests = CopyStats {
            digest: Some(outline.root.digest.clone()),
            changed_from: todo.as_ref().and_then(Todo::changed_from),
            ..CopyStats::default()
        };
        for site in taking.into_iter().chain(others) {
            conclude(self.engine, &digests, site, ended);
        }
        Ok(())
    }

    /// Returns the context of a copy.
    pub(super) fn as_copy(&self) -> Copy<'_> {
        Copy {
            engine: self.engine,
            route: &self.route,
            flow: &self.flow,
            job: &self.work.job,
            kept: &self.kept,
            batch: &self.work.batch,
        }
    }

    /// Adds a target to the site of its repository.
    fn add(&self, goal: Goal, sites: &mut Vec<Destination<'a>>) -> Result<()> {
        let Goal { place: Target { push, at }, presence, there, named } = goal;
        let known = sites.iter().position(|site| site.push == push && site.repository == at.repository);
        let number = known.unwrap_or(sites.len());
        if known.is_none() {
            sites.push(Destination::new(push, self.push(push), &at.repository)?);
        }
        let site = &mut sites[number];
        site.had_the_image |= named || there.is_whole();
        match presence {
            Presence::Is(current) if named && there.is_whole() => site.standing.push((at, current.digest)),
            _ => site.targets.push(at),
        }
        site.learn(there);
        Ok(())
    }

    /// Writes what the sites lack of the image.
    async fn write(&self, copy: &Copy<'_>, todo: &Todo, sites: &[Destination<'_>]) {
        let lacking: Vec<&Destination<'_>> = sites.iter().filter(|site| !site.targets.is_empty()).collect();
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
}

/// Says how the copy to one site ended, for each of its names. What was moved counts for the first name only.
fn conclude(engine: &RunState, digests: &CopyStats, site: Destination<'_>, ended: &mut Ended) {
    if site.is_deferred() {
        if engine.mark_laggard(&site.store) {
            let store = &site.store;
            engine
                .events
                .warn(format!("`{store}` is much slower than the other destinations and is served beside them"));
        }
        let names = site.targets.iter().chain(site.standing.iter().map(|(at, _)| at));
        ended.deferred.extend(names.map(|at| Target { push: site.push, at: at.clone() }));
        return;
    }
    let error = site.error();
    let mut moved =
        Some(CopyStats { digest: digests.digest.clone(), changed_from: digests.changed_from.clone(), ..site.moved() });
    for at in site.targets {
        let outcome = match &error {
            Some(error) => Outcome::Failed(error.clone()),
            None => Outcome::Copied(moved.take().unwrap_or_else(|| digests.clone())),
        };
        ended.end(Target { push: site.push, at }, outcome);
    }
    for (at, digest) in site.standing {
        let brought = moved.take().filter(|moved| moved.referrers > 0);
        let outcome = match (&error, brought) {
            (Some(error), _) => Outcome::Failed(error.clone()),
            (None, Some(moved)) => Outcome::Copied(CopyStats { digest: Some(digest), changed_from: None, ..moved }),
            (None, None) => Outcome::Skipped(Skip::Present { digest }),
        };
        ended.end(Target { push: site.push, at }, outcome);
    }
}
