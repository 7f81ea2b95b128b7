//! Counts the outcomes of jobs, tells them to observers and puts them into the report.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::Run;
use crate::{
    content::{ImageRef, Repository},
    engine::{
        destination::{Target, Work},
        yields::{MAY_BE_EMPTY, Nothing},
    },
    error::{Error, ErrorKind, Result, Retry},
    event::{Event, PlannedImage},
    job::{Outcome, Skip},
    report::{FailedItem, Failure, Report},
    stage::{Lost, Removed},
    text,
};

impl Run {
    pub(super) fn tell_end(&self, work: &Work, place: Option<&Target>, outcome: &Outcome, again: bool) {
        let push = place.map_or_else(|| "".into(), |place| Arc::clone(self.engine.pushes[place.push].kind()));
        self.engine.events.tell(&Event::TargetFinished {
            job: work.job.id,
            source: work.source().clone(),
            target: place.map(|place| place.at.clone()),
            push,
            location: place.and_then(|place| self.engine.location(place.push)),
            outcome: outcome.clone(),
            again: again && place.is_some(),
        });
    }

    pub(super) fn count(&mut self, work: &Work, target: Option<ImageRef>, outcome: &Outcome) {
        match outcome {
            Outcome::Failed(error) if error.is_cancelled() => self.report.unfinished += 1,
            Outcome::Failed(error) => {
                let what = FailedItem::Image { source: work.source().clone(), target };
                self.note_failure(work.job.id, what, error);
            }
            Outcome::Skipped(skip) => {
                self.report.skipped += 1;
                if let (Skip::Kept { .. }, Some(at)) = (skip, &target) {
                    self.engine.note_left_alone(at);
                }
                if let Skip::Filtered { at, reason, .. } = skip {
                    self.report.dropped(*at, reason);
                    return self.note_filtered(work, *at, reason);
                }
            }
            Outcome::Copied(moved) => self.report.copied(moved),
        }
        self.yields.something(&work.job.rule);
    }

    /// Notes that nothing came of an image because a filter dropped it.
    pub(super) fn note_filtered(&mut self, work: &Work, filter: usize, reason: &str) {
        let filter = &self.engine.filters[filter];
        let job = &work.job;
        if filter.may_leave_nothing {
            return self.yields.something(&job.rule);
        }
        let why = format!("the filter `{}` drops `{}` ({}): {reason}", filter.calls.kind(), job.source, job.rule);
        let repository = Some(job.source.repository.clone());
        self.yields.nothing(&job.rule, Nothing { repository, why, must_yield: work.batch.must_yield });
    }

    pub(super) fn tell_planned(&self, planned: Vec<(u64, PlannedImage)>) {
        planned.into_iter().for_each(|(job, image)| self.engine.events.tell(&Event::Planned { job, image }));
    }

    /// Warns of tags that stand for other images and were left alone.
    pub(super) fn tell_left_alone(&self) {
        let Some((count, first)) = self.engine.left_alone() else { return };
        let others = "another image there, and is left alone (`overwrite` is false)";
        let more = text::more(count - 1, "tag").map(|more| format!(", like {more},")).unwrap_or_default();
        self.engine.events.warn(format!("`{first}`{more} stands for {others}"));
    }

    /// Warns of disks that have less room than a run may need.
    pub(super) fn tell_full(&self) {
        for ((push, store), needed) in self.engine.plans.sums() {
            let free: Option<u64> = self.engine.pushes[push]
                .hint("said how much is free", |push| Some(push.capabilities().disk_location?.free_space()));
            if let Some(free) = free.filter(|free| *free < needed) {
                self.engine.events.warn(format!(
                    "`{store}` has {:.1} MiB free, and up to {:.1} MiB would be written there",
                    mib(free),
                    mib(needed)
                ));
            }
        }
    }

    /// Warns of quotas that leave less room than a run may need.
    pub(super) async fn tell_over_quota(&self) {
        let mut quotas: BTreeMap<(usize, String), (u64, u64)> = BTreeMap::new();
        let mut silent = BTreeSet::new();
        for ((push, repository), needed) in self.engine.plans.sums_by_repository() {
            if silent.contains(&push) || self.is_stopping() {
                continue;
            }
            let at = &self.engine.pushes[push];
            let quota: Result<Option<(String, u64)>> = at
                .call_if("said what a quota leaves", |push| Some(push.capabilities().quotas?.quota(&repository)))
                .await;
            match quota {
                Ok(Some((name, left))) => quotas.entry((push, name)).or_insert((left, 0)).1 += needed,
                Ok(None) => {}
                // It may take long to say nothing, and a plan has more to tell.
                Err(_) => _ = silent.insert(push),
            }
        }
        for ((_, name), (left, needed)) in quotas.into_iter().filter(|(_, (left, needed))| left < needed) {
            self.engine.events.warn(format!(
                "the quota of {name} leaves {left} bytes, and up to {needed} bytes ({:.1} MiB) would be written there",
                mib(needed)
            ));
        }
    }

    /// Makes failures of rules of which nothing is left, or warnings where that may be.
    pub(super) fn tell_empty(&mut self) {
        if self.is_stopping() {
            return;
        }
        let empty: Vec<Nothing> = self.yields.empty().into_iter().cloned().collect();
        let mut told: Vec<(Option<Repository>, String)> = empty
            .iter()
            .filter(|nothing| nothing.must_yield)
            .map(|Nothing { repository, why, .. }| (repository.clone(), why.clone()))
            .collect();
        if self.yields.is_nothing() && told.is_empty() && self.failures.is_empty() {
            let list = &self.engine.list.kind;
            told.push((
                None,
                match &empty[..] {
                    [] => format!("the list `{list}` finds no image"),
                    [only] => format!("nothing is left of the list `{list}`: {}", only.why),
                    [first, rest @ ..] => {
                        format!("nothing is left of the list `{list}`: {}; and {} more", first.why, rest.len())
                    }
                },
            ));
        }
        for (repository, why) in told {
            if self.engine.options().allow_empty {
                self.engine.events.warn(why);
                continue;
            }
            let error = Error::new(ErrorKind::NotFound, why).with_hint(MAY_BE_EMPTY);
            self.engine.events.tell(&Event::ListingFailed { repository: repository.clone(), error: error.clone() });
            self.note_failure(u64::MAX, FailedItem::Listing { repository }, &error);
        }
    }

    pub(super) fn note_failure(&mut self, job: u64, what: FailedItem, error: &Error) {
        self.failures.push((job, Failure::new(what, error)));
    }

    /// Tells what the end of the run changes at a destination.
    pub(super) async fn tell_end_of(&mut self, push: usize) {
        let writes = self.written.contains(&push) || self.engine.plans.writes_to(push);
        if self.tell_removed(push).await || writes || self.is_stopping() {
            return;
        }
        let at = &self.engine.pushes[push];
        let changed: Result<bool> =
            at.call_if("said whether notes change", |push| Some(push.capabilities().conclusion?.changes_notes())).await;
        match changed {
            Ok(false) => {}
            Ok(true) => {
                let (push, location) = (Arc::clone(at.kind()), self.engine.location(push));
                self.engine.events.tell(&Event::NotesChanged { push, location });
            }
            Err(error) => {
                let push = at.kind().to_string();
                self.note_failure(u64::MAX, FailedItem::Finish { push }, &error);
            }
        }
    }

    /// Tells what the end of the run removes at a destination. Returns false if it removes nothing.
    async fn tell_removed(&mut self, push: usize) -> bool {
        let at = &self.engine.pushes[push];
        let kind = Arc::clone(at.kind());
        let removed: Result<Removed> =
            at.call_if("said what it removes", |push| Some(push.capabilities().conclusion?.removed())).await;
        match removed {
            Ok(Removed { images, blobs: 0, .. }) if images.is_empty() => return false,
            Ok(removed) => {
                let location = self.engine.location(push);
                match (removed.held_back, &self.left_out) {
                    (true, Some(left_out)) => {
                        let error = kept_for(left_out, location.as_deref().unwrap_or(&kind));
                        self.note_failure(u64::MAX, FailedItem::Finish { push: kind.to_string() }, &error);
                    }
                    (true, None) => {}
                    (false, _) => self.report.removed += removed.images.len() as u64,
                }
                self.engine.events.tell(&Event::Removed { push: kind, location, removed });
            }
            Err(error) => self.note_failure(u64::MAX, FailedItem::Finish { push: kind.to_string() }, &error),
        }
        true
    }

    /// Counts what a round had no time for any more.
    pub(super) fn give_up(&mut self, work: &Work) {
        self.report.unfinished += work.places.len() as u64;
    }

    /// An image that was counted as copied is not there after all.
    pub(super) fn take_back(&mut self, push: usize, lost: Lost) {
        let Lost { job, source, at, error } = lost;
        self.report.copied = self.report.copied.saturating_sub(1);
        self.engine.events.tell(&Event::TargetFinished {
            job,
            source: source.clone(),
            target: Some(at.clone()),
            push: Arc::clone(self.engine.pushes[push].kind()),
            location: self.engine.location(push),
            outcome: Outcome::Failed(error.clone()),
            again: false,
        });
        self.note_failure(job, FailedItem::Image { source, target: Some(at) }, &error);
    }

    pub(super) fn into_report(mut self) -> Report {
        self.failures.sort_by_key(|(job, _)| *job);
        self.report.failed = self.failures.len() as u64;
        self.report.failures = self.failures.into_iter().map(|(_, failure)| failure).collect();
        self.report.interrupted = self.engine.cancel.is_stopping();
        (self.report.slowest, self.report.restarts) = self.engine.events.slowest();
        // Blobs of images that did not come to their end were sent as well.
        (self.report.moved.blobs, self.report.moved.bytes) = self.engine.sent();
        self.report.counters = self.engine.counters.read();
        self.report.warnings = self.engine.events.warnings();
        self.report
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Returns the error of a destination from which nothing is removed, because the list left something out.
fn kept_for((count, first): &(u64, String), at: &str) -> Error {
    let more = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    let message = format!("nothing is removed from `{at}`, because the list cannot read {first}{more}");
    Error::new(ErrorKind::Unsupported, message)
        .with_retry(Retry::Never)
        .with_hint("mend it, or exclude it from the list; then what is no longer named is removed")
}
