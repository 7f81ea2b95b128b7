//! What was not found and may come, because other jobs of the same run write it: chains of rules from A to B and from B to C.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    mem,
};

use super::{Run, Unlisted};
use crate::{
    content::Repository,
    engine::{
        destination::{TargetEnd, Work},
        run_state::RunMode,
    },
    error::{Error, ErrorKind},
    job::Job,
};

/// Images and listings that were not found when they were read.
#[derive(Default)]
pub(super) struct Awaited {
    pub(super) images: Vec<(Work, Vec<TargetEnd>)>,
    pub(super) listings: Vec<(Repository, Error)>,
    pub(super) targets: WrittenRepositories,
}

/// Repositories that this run writes for images of other names, as hashes: a wrong one costs one request more.
#[derive(Default)]
pub(super) struct WrittenRepositories {
    hasher: RandomState,
    names: HashSet<u64>,
}

impl WrittenRepositories {
    pub(super) fn insert(&mut self, repository: &Repository) {
        self.names.insert(self.hasher.hash_one(repository));
    }

    fn contains(&self, repository: &Repository) -> bool {
        self.names.contains(&self.hasher.hash_one(repository))
    }
}

impl Run {
    /// Plans images that the run itself would bring, as in a chain of rules, by what is there where they come from.
    pub(super) async fn follow_chains(&mut self) {
        while self.engine.mode == RunMode::Plan {
            let (mut coming, mut absent) = (Vec::new(), Vec::new());
            for (work, ends) in mem::take(&mut self.awaited.images) {
                match self.engine.origin(&work.job.source).filter(|_| work.called.is_none()) {
                    Some(origin) => coming.push((work, ends, origin)),
                    None => absent.push((work, ends)),
                }
            }
            self.awaited.images = absent;
            if coming.is_empty() {
                return;
            }
            for (work, ends, origin) in coming {
                let places = ends.into_iter().filter_map(|end| end.place).collect();
                let called = Some(work.job.source.clone());
                let job = Job { source: origin, ..work.job };
                self.start_later(Work { job, places, called, ..work }).await;
            }
            self.drain().await;
        }
    }

    /// Decides, now that everything ran once, which of what was not there is worth another round: what another job of
    /// this run wrote, as in a chain of rules from A to B and from B to C.
    pub(super) fn settle_awaited(&mut self) {
        let may_repeat = !self.is_stopping();
        let Awaited { images, listings, targets } = &mut self.awaited;
        let (images, listings) = (mem::take(images), mem::take(listings));
        let comes = |repository: &Repository| may_repeat && targets.contains(repository);
        let images: Vec<_> =
            images.into_iter().map(|(work, ends)| (comes(&work.job.source.repository), work, ends)).collect();
        let listings: Vec<_> =
            listings.into_iter().map(|(repository, error)| (comes(&repository), repository, error)).collect();
        let empty: Vec<_> = self.yields.empty_repositories().filter(|at| comes(at)).cloned().collect();
        for (comes, work, ends) in images {
            self.take_in_as(&work, ends, |_| comes);
        }
        let plan = self.engine.mode == RunMode::Plan;
        for (comes, repository, error) in listings {
            match plan && comes {
                true => self.not_listed_yet(&repository),
                false => self.listing_failed_as(Some(repository), error, comes),
            }
        }
        if plan && self.may_bring() {
            for repository in empty {
                self.yields.forget(&repository);
                self.not_listed_yet(&repository);
            }
            return;
        }
        if self.round < self.rounds() && !self.is_stopping() {
            for repository in empty {
                self.yields.forget(&repository);
                self.unlisted.push(Unlisted::Found(repository));
            }
        }
    }

    /// Tells that a plan cannot list a repository that the run itself would fill.
    fn not_listed_yet(&self, repository: &Repository) {
        self.engine.events.warn(format!(
            "the run itself brings what it then lists in `{repository}`: what becomes of that is not planned"
        ));
    }

    /// Returns true if what was not there may come in this run.
    pub(super) fn may_hope(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::NotFound && !error.is_retryable() && (self.has_rounds_left() || self.may_bring())
    }

    /// Returns true for a plan of a run that would look again for what it brings itself.
    fn may_bring(&self) -> bool {
        let plan = self.engine.mode == RunMode::Plan && self.engine.options().retries != Some(0);
        plan && !self.is_stopping() && !self.is_over
    }
}
