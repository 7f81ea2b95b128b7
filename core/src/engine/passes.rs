//! A run: everything once, then further rounds over what failed.

mod awaited;
mod choice;
mod intake;
mod record;
mod room;

use std::{collections::HashSet, mem, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use awaited::Awaited;
use choice::Chosen;
use room::{OpenListing, RunningJobs};

use super::{
    destination::{Ended, TargetEnd, Work},
    job,
    run_state::{RunMode, RunState},
    yields::Yields,
};
use crate::{
    content::Repository,
    error::{Error, ErrorKind, Result, Retry},
    event::Event,
    job::{Listing, Outcome},
    panic::panic_message,
    report::{FailedItem, Failure, FilterStats, Report},
    stage::RunEnd,
};

/// Further rounds where the pipeline does not say.
const RETRIES: u32 = 2;

/// The time of a destination for its end in a run that is stopped at once.
const CLOSING: Duration = Duration::from_secs(2);

/// Runs a pipeline, or plans it.
pub(super) async fn run(engine: Arc<RunState>) -> Report {
    let started = Instant::now();
    let plan = engine.mode == RunMode::Plan;
    engine.events.tell(&Event::RunStarted { name: engine.name.clone(), plan });
    // A run whose future is dropped leaves no task behind.
    let watcher = AbortOnDropHandle::new(tokio::spawn(watch(Arc::clone(&engine))));
    let mut run = Run::new(Arc::clone(&engine));
    run.all_rounds().await;
    run.finish().await;
    watcher.abort();
    drop(watcher.await); // it holds the plugins, and some clean up after themselves when they are let go of
    let mut report = run.into_report();
    report.elapsed = started.elapsed();
    engine.events.finish(report).await
}

/// Gives running transfers their time after the first request to stop.
async fn watch(engine: Arc<RunState>) {
    engine.cancel.stopping().await;
    engine.events.tell(&Event::Stopping);
    tokio::time::sleep(engine.grace()).await;
    engine.cancel.stop_now();
}

/// A job that failed and may be tried again.
struct Again {
    work: Work,
    not_before: Instant,
}

/// A repository whose versions are not known yet.
enum Unlisted {
    /// The list could not tell.
    Found(Repository),
    /// A filter could not choose among these.
    Chosen(Listing),
}

/// A job and how it ended; none if it was not started any more.
type Done = (Work, Option<Result<Ended>>);

struct Run {
    engine: Arc<RunState>,
    round: u32,
    next_job: u64,
    running: JoinSet<Done>,
    jobs: RunningJobs,
    /// Listings that wait for room.
    put_aside: Vec<OpenListing>,
    /// Listings whose versions are being chosen.
    choosing: JoinSet<Chosen>,
    failed: Vec<Again>,
    unlisted: Vec<Unlisted>,
    failures: Vec<(u64, Failure)>,
    /// Images and listings that were not found and may appear, because other jobs of this run write them.
    awaited: Awaited,
    /// Destinations to which something was written.
    written: HashSet<usize>,
    /// Images for names that belong to other images, which are fine only if both are the same.
    contested: Vec<Work>,
    /// Listings that wait until all are known.
    held_back: Vec<Listing>,
    /// True while listings are taken from the last to the first, so that the last of two rules for one name gets it.
    later_wins: bool,
    /// True once the last round is over, so that nothing is tried again.
    is_over: bool,
    yields: Yields,
    /// What the list left out because it cannot be read: the number, and the first of it.
    left_out: Option<(u64, String)>,
    report: Report,
}

impl Run {
    fn new(engine: Arc<RunState>) -> Self {
        let filters = engine.filters.iter().map(|filter| FilterStats {
            filter: filter.calls.kind().to_string(),
            keeps: filter.summary.clone().unwrap_or_default(),
            ..FilterStats::default()
        });
        let report = Report { name: engine.name.clone(), filters: filters.collect(), ..Report::default() };
        Self {
            engine,
            round: 0,
            next_job: 0,
            running: JoinSet::new(),
            jobs: RunningJobs::default(),
            put_aside: Vec::new(),
            choosing: JoinSet::new(),
            failed: Vec::new(),
            unlisted: Vec::new(),
            failures: Vec::new(),
            awaited: Awaited::default(),
            written: HashSet::new(),
            contested: Vec::new(),
            held_back: Vec::new(),
            later_wins: false,
            is_over: false,
            yields: Yields::default(),
            left_out: None,
            report,
        }
    }

    fn rounds(&self) -> u32 {
        match self.engine.mode {
            RunMode::Copy => self.engine.options().retries.unwrap_or(RETRIES),
            RunMode::Plan => 0,
        }
    }

    fn is_stopping(&self) -> bool {
        self.engine.cancel.is_stopping()
    }

    async fn all_rounds(&mut self) {
        self.engine.tell_referrers_without_place();
        self.list(None).await;
        self.drain().await;
        self.follow_chains().await;
        self.settle_awaited();
        while self.round < self.rounds() && !self.is_stopping() {
            let (failed, listings) = (mem::take(&mut self.failed), mem::take(&mut self.unlisted));
            if failed.is_empty() && listings.is_empty() {
                break;
            }
            self.round += 1;
            self.report.passes = self.round;
            self.engine.once.forgive();
            let count = failed.len() + listings.len();
            self.engine.events.tell(&Event::PassStarted { round: self.round, failed: count });
            for unlisted in listings {
                match unlisted {
                    Unlisted::Found(repository) => self.list(Some(repository)).await,
                    Unlisted::Chosen(listing) => self.take_listing(listing).await,
                }
            }
            self.finish_choices().await;
            self.repeat(failed).await;
            self.drain().await;
            self.settle_awaited();
        }
        self.is_over = true;
        self.compare_contested().await;
    }

    /// Starts a job once there is room for it. In a plan it gets a new number, because it is told after all others.
    async fn start_later(&mut self, mut work: Work) {
        if self.engine.mode == RunMode::Plan {
            work.job.id = self.next_job;
            self.next_job += 1;
        }
        match self.has_room(&work.job.source.repository).await {
            true => self.start(work),
            false => self.give_up(&work),
        }
    }

    /// Compares images with those that have their names already: the same image is no mistake.
    async fn compare_contested(&mut self) {
        for work in mem::take(&mut self.contested) {
            self.start_later(work).await;
        }
        self.drain().await;
    }

    /// Waits until there are few enough jobs for one more, and takes in those that end meanwhile. Returns false when the
    /// user wants to stop.
    async fn has_room(&mut self, repository: &Repository) -> bool {
        // Jobs that ended are taken in first, so that they do not pile up.
        while let Some(done) = self.running.try_join_next() {
            self.absorb(done);
        }
        while !self.jobs.have_room(repository) {
            tokio::select! {
                biased;
                () = self.engine.cancel.stopping() => return false,
                Some(done) = self.running.join_next() => self.absorb(done),
            }
        }
        !self.is_stopping()
    }

    /// Starts a job as soon as its route has a place for it, and after the image that it is about.
    fn start(&mut self, work: Work) {
        let engine = Arc::clone(&self.engine);
        let image = work.about.is_none().then(|| work.batch.start());
        self.jobs.add(&work.job.source.repository);
        self.running.spawn(async move {
            let start = async {
                if let Some(digest) = &work.about {
                    work.batch.wait_for(digest).await;
                }
                engine.events.ready().await;
                // A push that breaks at this question breaks the job.
                let route = engine.route(&work.job, work.places.iter()).unwrap_or_default();
                engine.start_on(&route).await
            };
            let _place = tokio::select! {
                biased;
                () = engine.cancel.stopping() => return (work, None),
                place = start => place,
            };
            let (work, ended) = Box::pin(do_work(&engine, work)).await;
            if let (Some(image), Ok(ended)) = (image, &ended) {
                ended.digests().for_each(|digest| image.is(digest));
            }
            (work, Some(ended))
        });
    }

    async fn repeat(&mut self, mut failed: Vec<Again>) {
        failed.sort_by_key(|again| again.not_before);
        for Again { work, not_before } in failed {
            tokio::select! {
                biased;
                () = self.engine.cancel.stopping() => {}
                () = tokio::time::sleep_until(not_before) => {}
            }
            self.start_later(work).await;
        }
    }

    /// Lets everything that runs come to its end.
    async fn drain(&mut self) {
        loop {
            self.take_put_aside();
            tokio::select! {
                biased;
                done = self.running.join_next() => match done {
                    Some(done) => self.absorb(done),
                    None if self.put_aside.is_empty() => return,
                    None => {}
                },
                () = self.engine.cancel.stopped() => {
                    self.report.unfinished += self.running.len() as u64;
                    self.running.shutdown().await;
                    return;
                }
            }
        }
    }

    /// Takes in how a job ended.
    fn absorb(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let Ok((work, ended)) = done else { return }; // aborted: the user stopped the run for good
        self.jobs.remove(&work.job.source.repository);
        match ended {
            Some(ended) => self.end(&work, ended.unwrap_or_else(|error| broken(&work, &error))),
            None => self.give_up(&work),
        }
    }

    fn end(&mut self, work: &Work, Ended { ends, deferred }: Ended) {
        if !deferred.is_empty() {
            self.start(Work { places: deferred, slow: true, ..work.clone() });
        }
        if self.engine.mode == RunMode::Plan && ends.len() < work.places.len() {
            self.yields.something(&work.job.rule); // it was planned
        }
        self.take_in(work, ends);
        if self.engine.mode == RunMode::Plan {
            self.tell_planned(self.engine.plans.finish(work.job.id));
        }
        self.engine.events.tell(&Event::JobFinished { job: work.job.id });
    }

    /// Takes in how a job ended for some of its targets. What was not there is put aside until all others are through.
    fn take_in(&mut self, work: &Work, ends: Vec<TargetEnd>) {
        let is_awaited = |end: &TargetEnd| match &end.outcome {
            Outcome::Failed(error) => end.place.is_some() && self.may_hope(error),
            _ => false,
        };
        let (awaited, ends): (Vec<_>, Vec<_>) = ends.into_iter().partition(is_awaited);
        if !awaited.is_empty() {
            self.awaited.images.push((work.clone(), awaited));
        }
        self.take_in_as(work, ends, Error::is_retryable);
    }

    fn take_in_as(&mut self, work: &Work, ends: Vec<TargetEnd>, is_retryable: impl Fn(&Error) -> bool) {
        let mut again = Vec::new();
        let mut wait = std::time::Duration::ZERO;
        for TargetEnd { place, outcome } in ends {
            let repeat = match &outcome {
                Outcome::Failed(error) if is_retryable(error) && self.has_rounds_left() => {
                    if let Retry::After(after) = error.retry() {
                        wait = wait.max(after);
                    }
                    true
                }
                _ => false,
            };
            if let (Some(place), Outcome::Copied(_)) = (&place, &outcome) {
                self.written.insert(place.push);
            }
            self.tell_end(work, place.as_ref(), &outcome, repeat);
            match place {
                Some(place) if repeat => again.push(place),
                place => self.count(work, place.map(|place| place.at), &outcome),
            }
        }
        if !again.is_empty() {
            let not_before = tokio::time::Instant::now() + wait;
            self.failed.push(Again { work: Work { places: again, ..work.clone() }, not_before });
        }
    }

    fn may_repeat(&self, error: &Error) -> bool {
        error.is_retryable() && self.has_rounds_left()
    }

    fn has_rounds_left(&self) -> bool {
        self.round < self.rounds() && !self.is_stopping() && !self.is_over
    }

    /// Waits until the time of a destination for its end is over, which only a run that is stopped at once limits.
    async fn closing_is_over(&self) {
        self.engine.cancel.stopped().await;
        tokio::time::sleep(CLOSING).await;
    }

    async fn finish(&mut self) {
        for again in mem::take(&mut self.failed) {
            self.give_up(&again.work);
        }
        self.report.unfinished += mem::take(&mut self.unlisted).len() as u64;
        self.tell_empty();
        self.tell_left_alone();
        let plan = self.engine.mode == RunMode::Plan;
        if plan {
            self.tell_planned(self.engine.plans.rest());
            self.tell_full();
            self.tell_over_quota().await;
        } else {
            // The end of a job is told before its destinations are closed.
            self.engine.events.idle().await;
            self.engine.once.write_down(&self.engine.cache).await;
        }
        let engine = Arc::clone(&self.engine);
        for (at, push) in engine.pushes.iter().enumerate() {
            let failed = self.failures.iter().map(|(_, failure)| &failure.what).collect();
            let (stopped, planned) = (self.is_stopping(), engine.plans.names(at));
            let end = RunEnd { stopped, failed, left_out: self.left_out.is_some(), planned };
            push.hint("heard how the run ended", |push| {
                push.capabilities().conclusion.map(|conclusion| conclusion.conclude(&end))
            });
            if plan {
                self.tell_end_of(at).await;
                continue;
            }
            let result = tokio::select! {
                biased;
                result = push.call("finished", |push| push.close()) => result,
                () = self.closing_is_over() => return,
            };
            let lost = push.hint("said what was lost", |push| Some(push.capabilities().conclusion?.lost()));
            lost.into_iter().for_each(|lost| self.take_back(at, lost));
            let notices = push.hint("said what should be known", |push| Some(push.capabilities().notices?.notices()));
            notices.into_iter().for_each(|notice| self.engine.events.warn(notice));
            match result {
                Ok(()) => self.tell_end_of(at).await,
                Err(error) => {
                    self.note_failure(u64::MAX, FailedItem::Finish { push: push.kind().to_string() }, &error);
                }
            }
        }
    }
}

/// Does a job; a plugin that panics takes down its image, not the run.
async fn do_work(engine: &Arc<RunState>, work: Work) -> (Work, Result<Ended>) {
    let ended = AssertUnwindSafe(job::run(engine, &work)).catch_unwind().await;
    let ended = ended.unwrap_or_else(|panic| {
        let message = format!("a stage broke while it worked on this image: {}", panic_message(&*panic));
        Err(Error::new(ErrorKind::Bug, message))
    });
    (work, ended)
}

fn broken(work: &Work, error: &Error) -> Ended {
    let end = |place| TargetEnd { place: Some(place), outcome: Outcome::Failed(error.clone()) };
    Ended { ends: work.places.iter().cloned().map(end).collect(), deferred: Vec::new() }
}
