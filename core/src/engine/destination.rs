//! The destinations of one job: names to write, repositories that take part in a copy, and how each name ended.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use super::{outline::PresentParts, presence::JobGroup};
use crate::{
    content::{Digest, ImageRef, Repository},
    error::{Error, ErrorKind, Result},
    isolate::Isolated,
    job::{CopyStats, Job, Outcome, Skip},
    lock::lock,
    stage::{Push, StoreId},
};

/// A name at a destination.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) push: usize,
    pub(super) at: ImageRef,
}

/// A job that is to be done, in a first pass or once more.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) job: Job,
    pub(super) batch: Arc<JobGroup>,
    /// Targets that are still to be written.
    pub(super) places: Vec<Target>,
    /// True if it goes to destinations that are too slow for others.
    pub(super) slow: bool,
    /// The image that it is about by its name. It starts after that one: Harbor makes an accessory of it only then.
    pub(super) about: Option<Digest>,
    /// The source by the name that the list gave it. A plan reads an image that the run itself would bring from where
    /// another job reads it.
    pub(super) called: Option<ImageRef>,
    /// The rule that has given the places to another image. Then nothing is written: it is only looked at whether both
    /// are the same.
    pub(super) contested: Option<Arc<str>>,
}

impl Work {
    /// Returns the image as the list names it.
    pub(super) fn source(&self) -> &ImageRef {
        self.called.as_ref().unwrap_or(&self.job.source)
    }
}

/// The outcome of a job for one target; `place` is None if the job failed before it had a target.
pub(super) struct TargetEnd {
    pub(super) place: Option<Target>,
    pub(super) outcome: Outcome,
}

/// The outcomes of a job, and the targets that are left to jobs of their own.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) ends: Vec<TargetEnd>,
    pub(super) deferred: Vec<Target>,
}

impl Ended {
    /// Returns the digests that images turned out to have, at the source and as they were written.
    pub(super) fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.ends
            .iter()
            .flat_map(|end| match &end.outcome {
                Outcome::Copied(moved) => [moved.digest.as_ref(), moved.changed_from.as_ref()],
                Outcome::Skipped(Skip::Present { digest }) => [Some(digest), None],
                _ => [None, None],
            })
            .flatten()
    }

    pub(super) fn end(&mut self, place: Target, outcome: Outcome) {
        self.ends.push(TargetEnd { place: Some(place), outcome });
    }
}

/// One repository of one destination, and the names that the image gets there.
pub(super) struct Destination<'a> {
    pub(super) push: usize,
    pub(super) stage: &'a Isolated<dyn Push>,
    pub(super) repository: Repository,
    pub(super) store: StoreId,
    /// Names to be written.
    pub(super) targets: Vec<ImageRef>,
    /// Names that stand for the image already, and what they point to.
    pub(super) standing: Vec<(ImageRef, Digest)>,
    /// The parts of the image that the repository has.
    there: PresentParts,
    /// True if the repository had the image before this run, so that it may have referrers of it, too.
    pub(super) had_the_image: bool,
    /// True once the destination refuted `there`, which then counts as nothing.
    mistrusted: AtomicBool,
    failed: Mutex<Option<Error>>,
    moved: Mutex<CopyStats>,
    deferred: AtomicBool,
}

impl<'a> Destination<'a> {
    pub(super) fn new(push: usize, stage: &'a Isolated<dyn Push>, repository: &Repository) -> Result<Self> {
        Ok(Self {
            push,
            stage,
            repository: repository.clone(),
            store: stage.store(repository)?,
            targets: Vec::new(),
            standing: Vec::new(),
            there: PresentParts::default(),
            had_the_image: false,
            mistrusted: AtomicBool::new(false),
            failed: Mutex::default(),
            moved: Mutex::default(),
            deferred: AtomicBool::new(false),
        })
    }

    /// Notes what else of the image is there.
    pub(super) fn learn(&mut self, there: PresentParts) {
        self.there = std::mem::take(&mut self.there).and(there);
    }

    /// Returns the parts of the image that the repository has; nothing once that was refuted.
    pub(super) fn there(&self) -> &PresentParts {
        if self.mistrusted.load(Ordering::Relaxed) { &PresentParts::Nothing } else { &self.there }
    }

    /// Takes an error of a manifest; returns true if it says that what was believed to be there is not, so that
    /// everything is to be offered again.
    pub(super) fn mistrust(&self, error: Error) -> bool {
        let refutes = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported | ErrorKind::Corrupt);
        let believed = !matches!(self.there(), PresentParts::Nothing);
        if refutes && believed {
            self.mistrusted.store(true, Ordering::Relaxed);
            return true;
        }
        self.fail(error);
        false
    }

    /// Nothing more is to be done here: it failed, or it is served later.
    pub(super) fn is_over(&self) -> bool {
        self.is_deferred() || lock(&self.failed).is_some()
    }

    pub(super) fn fail(&self, error: Error) {
        lock(&self.failed).get_or_insert(error);
    }

    pub(super) fn error(&self) -> Option<Error> {
        lock(&self.failed).clone()
    }

    /// Leaves it to a job of its own, because it is too slow for the others.
    pub(super) fn defer(&self) {
        self.deferred.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_deferred(&self) -> bool {
        self.deferred.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut CopyStats)) {
        add(&mut lock(&self.moved));
    }

    pub(super) fn moved(&self) -> CopyStats {
        lock(&self.moved).clone()
    }
}
