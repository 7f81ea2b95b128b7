//! A run: everything once, then further rounds over what failed.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use futures::FutureExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
};

use super::{
    fence,
    job::{self, End, Ended, Place, Work},
    presence::Batch,
    state::{Engine, Mode},
};
use crate::{
    content::{ImageRef, Repository},
    error::{Error, ErrorKind, Result, Retry},
    event::Event,
    job::{Candidate, Job, Listing, Outcome, Skip},
    outlet::{Found, Outlet},
    report::{Failed, Failure, Filtered, Report},
    stage::Filter,
};

/// Listings that wait for the engine; a source stops listing when there are more.
const LISTINGS_AHEAD: usize = 2;

/// Further rounds where the pipeline does not say.
const RETRIES: u32 = 2;

/// Runs a pipeline, or plans it.
pub(super) async fn run(engine: Arc<Engine>) -> Report {
    let started = Instant::now();
    engine.events.tell(&Event::RunStarted { name: engine.pipeline.name.clone() });
    let watcher = tokio::spawn(watch(Arc::clone(&engine)));
    let mut run = Run::new(Arc::clone(&engine));
    run.all_rounds().await;
    run.finish().await;
    watcher.abort();
    drop(watcher.await); // it holds the plugins, and some clean up after themselves when they are let go of
    let mut report = run.into_report();
    report.elapsed = started.elapsed();
    engine.events.tell(&Event::RunFinished { report: Arc::new(report.clone()) });
    report
}

/// Gives running transfers their time after the first request to stop.
async fn watch(engine: Arc<Engine>) {
    engine.cancel.stopping().await;
    engine.events.tell(&Event::Stopping);
    tokio::time::sleep(engine.grace()).await;
    engine.cancel.stop_now();
}

/// What failed and may be tried again.
struct Again {
    work: Work,
    places: Vec<Place>,
    not_before: tokio::time::Instant,
}

/// A repository whose versions are not known yet.
enum Unlisted {
    /// The list could not tell.
    Found(Repository),
    /// A filter could not choose among these.
    Chosen(Listing),
}

type Done = (Work, Result<Ended>);

struct Run {
    engine: Arc<Engine>,
    round: u32,
    next_job: u64,
    running: JoinSet<Done>,
    failed: Vec<Again>,
    unlisted: Vec<Unlisted>,
    failures: Vec<(u64, Failure)>,
    report: Report,
}

impl Run {
    fn new(engine: Arc<Engine>) -> Self {
        let filters = engine.pipeline.filters.iter().map(|filter| Filtered {
            filter: filter.kind.to_string(),
            keeps: filter.stage.summary().unwrap_or_default(),
            ..Filtered::default()
        });
        let report = Report { name: engine.pipeline.name.clone(), filters: filters.collect(), ..Report::default() };
        Self {
            engine,
            round: 0,
            next_job: 0,
            running: JoinSet::new(),
            failed: Vec::new(),
            unlisted: Vec::new(),
            failures: Vec::new(),
            report,
        }
    }

    fn rounds(&self) -> u32 {
        match self.engine.mode {
            Mode::Copy => self.engine.options().retries.unwrap_or(RETRIES),
            Mode::Plan => 0,
        }
    }

    fn is_stopping(&self) -> bool {
        self.engine.cancel.is_stopping()
    }

    async fn all_rounds(&mut self) {
        self.list(None).await;
        self.drain().await;
        while self.round < self.rounds() && !self.is_stopping() {
            let (failed, listings) = (mem::take(&mut self.failed), mem::take(&mut self.unlisted));
            if failed.is_empty() && listings.is_empty() {
                break;
            }
            self.round += 1;
            self.report.rounds = self.round;
            self.engine.once.forgive();
            let count = failed.len() + listings.len();
            self.engine.events.tell(&Event::RoundStarted { round: self.round, failed: count });
            for unlisted in listings {
                match unlisted {
                    Unlisted::Found(repository) => self.list(Some(repository)).await,
                    Unlisted::Chosen(listing) => self.take_listing(listing).await,
                }
            }
            self.repeat(failed).await;
            self.drain().await;
        }
    }

    /// Takes what the list finds until there is no more: everything, or one repository once more.
    async fn list(&mut self, only: Option<Repository>) {
        let (outlet, mut inbox) = Outlet::new(LISTINGS_AHEAD);
        let list = Arc::clone(&self.engine.pipeline.list.stage);
        let again = only.clone();
        let lister = tokio::spawn(async move {
            match again {
                Some(repository) => list.list_again(&repository, &outlet).await,
                None => list.list(&outlet).await,
            }
        });
        loop {
            // While the engine works on what was found the list waits, so only its own time counts.
            let Ok(found) = tokio::time::timeout(fence::LIMIT, self.next_found(&mut inbox)).await else {
                lister.abort(); // and nobody waits for it: it may not even notice
                let kind = &self.engine.pipeline.list.kind;
                let error = fence::hung(format_args!("the list `{kind}` handed out nothing, and did not end,"));
                return self.listing_failed(only, error);
            };
            let Some(found) = found else { break };
            match found {
                Found::Listing(listing) => self.take_listing(listing).await,
                Found::Warning(message) => self.engine.events.warn(message),
                Found::Failed(repository, error) => self.listing_failed(Some(repository), error),
            }
        }
        drop(inbox);
        let stopped = lister.abort_handle();
        let result = tokio::select! {
            result = lister => result,
            () = tokio::time::sleep(fence::LIMIT) => {
                stopped.abort();
                let kind = &self.engine.pipeline.list.kind;
                return self.listing_failed(only, fence::hung(format_args!("the list `{kind}` did not end")));
            }
            () = self.engine.cancel.stopped() => {
                stopped.abort();
                return;
            }
        };
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is_cancelled() => {}
            Ok(Err(error)) => self.listing_failed(only, error),
            Err(panic) => {
                let kind = &self.engine.pipeline.list.kind;
                let text =
                    panic.try_into_panic().map_or_else(|error| error.to_string(), |panic| fence::text_of(&*panic));
                let error = Error::new(ErrorKind::Bug, format!("the list `{kind}` broke: {text}"));
                self.listing_failed(only, error);
            }
        }
    }

    async fn next_found(&mut self, inbox: &mut mpsc::Receiver<Found>) -> Option<Found> {
        loop {
            tokio::select! {
                biased;
                () = self.engine.cancel.stopping() => return None,
                Some(done) = self.running.join_next() => self.absorb(done),
                found = inbox.recv() => return found,
            }
        }
    }

    fn listing_failed(&mut self, repository: Option<Repository>, error: Error) {
        self.engine.events.tell(&Event::ListingFailed { repository: repository.clone(), error: error.clone() });
        match repository {
            Some(repository) if self.may_repeat(&error) => self.unlisted.push(Unlisted::Found(repository)),
            repository => self.note_failure(u64::MAX, Failed::Listing { repository }, &error),
        }
    }

    /// A filter could not choose among the versions of a repository. The list did its part, so it is not asked again.
    fn choice_failed(&mut self, whole: Listing, error: Error) {
        let repository = Some(whole.repository.clone());
        match self.may_repeat(&error) {
            true => {
                self.engine.events.tell(&Event::ListingFailed { repository, error });
                self.unlisted.push(Unlisted::Chosen(whole));
            }
            false => self.listing_failed(repository, error),
        }
    }

    /// Makes a job of each candidate that the filters leave, one at a time, when there is a place for it.
    async fn take_listing(&mut self, whole: Listing) {
        let mut listing = whole.clone();
        let dropped = match self.filter(&mut listing).await {
            Ok(dropped) => dropped,
            Err(error) if error.is_cancelled() => return,
            Err(error) => return self.choice_failed(whole, error),
        };
        drop(whole);
        let Listing { repository, candidates, rule, exclusive } = listing;
        let kept = candidates.len();
        let dropped = self.count_dropped(&dropped);
        self.engine.events.tell(&Event::Listed { repository: repository.clone(), kept, dropped });
        let batch = Batch::of(kept, exclusive);
        // What is about an image by its name comes after the image: Harbor makes an accessory of it only then.
        let is_about = |candidate: &Candidate| candidate.tag().is_some_and(|tag| tag.about().is_some());
        let (about, images): (Vec<_>, Vec<_>) = candidates.into_iter().partition(is_about);
        let last = images.len();
        for (number, Candidate { version, targets }) in images.into_iter().chain(about).enumerate() {
            if number == last {
                self.settle(&batch).await;
            }
            let Some(place) = self.place_for_a_job().await else { return };
            let source = ImageRef { repository: repository.clone(), version };
            let job = Job { id: self.next_job, source, targets, rule: Arc::clone(&rule) };
            self.next_job += 1;
            self.start(Work { job, batch: Arc::clone(&batch), only: None, slow: false }, place);
        }
    }

    /// Notes what each filter dropped, now that all of them had their say; gives the counts with the kinds.
    fn count_dropped(&mut self, dropped: &[(usize, usize)]) -> Vec<(String, usize)> {
        let named = dropped.iter().map(|(filter, count)| {
            let filtered = &mut self.report.filters[*filter];
            filtered.versions += *count as u64;
            (filtered.filter.clone(), *count)
        });
        named.collect()
    }

    /// Lets the jobs of a listing come to their end.
    async fn settle(&mut self, batch: &Batch) {
        while batch.is_running() {
            tokio::select! {
                biased;
                () = self.engine.cancel.stopping() => return,
                Some(done) = self.running.join_next() => self.absorb(done),
                else => return,
            }
        }
    }

    /// Asks all filters which versions are wanted, and counts what each of them drops.
    async fn filter(&mut self, listing: &mut Listing) -> Result<Vec<(usize, usize)>> {
        let mut dropped = Vec::new();
        for (at, filter) in self.engine.pipeline.filters.clone().into_iter().enumerate() {
            let before = listing.candidates.len();
            catch_unwind(AssertUnwindSafe(|| filter.stage.versions(listing)))
                .map_err(|panic| fence::error_of(&*panic))?;
            self.choose(&*filter.stage, listing).await?;
            let fewer = before.saturating_sub(listing.candidates.len());
            if fewer > 0 {
                dropped.push((at, fewer));
            }
        }
        Ok(dropped)
    }

    /// Lets a filter read what it must, and takes in what ends meanwhile.
    async fn choose(&mut self, filter: &dyn Filter, listing: &mut Listing) -> Result<()> {
        let engine = Arc::clone(&self.engine);
        let mut choice = std::pin::pin!(filter.choose(listing, &*engine.pipeline.fetch.stage));
        loop {
            tokio::select! {
                biased;
                () = engine.cancel.stopping() => return Err(Error::cancelled()),
                chosen = &mut choice => return chosen,
                Some(done) = self.running.join_next() => self.absorb(done),
            }
        }
    }

    /// Waits for a place, and takes in what ends meanwhile. None when the user wants to stop.
    async fn place_for_a_job(&mut self) -> Option<OwnedSemaphorePermit> {
        let jobs = Arc::clone(&self.engine.main.jobs);
        // What ended is taken in first, so that nothing piles up behind a place that is free at once.
        while let Some(done) = self.running.try_join_next() {
            self.absorb(done);
        }
        loop {
            tokio::select! {
                biased;
                () = self.engine.cancel.stopping() => return None,
                place = Arc::clone(&jobs).acquire_owned() => return place.ok(),
                Some(done) = self.running.join_next() => self.absorb(done),
            }
        }
    }

    fn start(&mut self, work: Work, place: OwnedSemaphorePermit) {
        let engine = Arc::clone(&self.engine);
        work.batch.count_running(true);
        self.running.spawn(async move {
            let done = Box::pin(do_work(&engine, work)).await;
            done.0.batch.count_running(false);
            drop(place);
            done
        });
    }

    /// Starts it in the slow lane, as soon as there is a place.
    fn start_slowly(&mut self, work: Work) {
        let (engine, jobs) = (Arc::clone(&self.engine), Arc::clone(&self.engine.slow.jobs));
        self.running.spawn(async move {
            let _place = wait_for(jobs).await;
            Box::pin(do_work(&engine, work)).await
        });
    }

    async fn repeat(&mut self, mut failed: Vec<Again>) {
        failed.sort_by_key(|again| again.not_before);
        for Again { work, places, not_before } in failed {
            tokio::select! {
                () = tokio::time::sleep_until(not_before) => {}
                () = self.engine.cancel.stopping() => {}
            }
            let work = Work { only: Some(places), ..work };
            match self.place_for_a_job().await {
                Some(place) if !work.slow => self.start(work, place),
                Some(_) => self.start_slowly(work),
                None => self.give_up(&work),
            }
        }
    }

    /// Lets everything that runs come to its end.
    async fn drain(&mut self) {
        loop {
            tokio::select! {
                biased;
                done = self.running.join_next() => match done {
                    Some(done) => self.absorb(done),
                    None => return,
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
        let Ended { ends, deferred } = ended.unwrap_or_else(|error| broken(&work, &error));
        if !deferred.is_empty() {
            self.start_slowly(Work { only: Some(deferred), slow: true, ..work.clone() });
        }
        let mut again = Vec::new();
        let mut wait = std::time::Duration::ZERO;
        for End { place, outcome } in ends {
            let repeat = match &outcome {
                Outcome::Failed(error) if self.may_repeat(error) => {
                    if let Retry::After(after) = error.retry_advice() {
                        wait = wait.max(after);
                    }
                    true
                }
                _ => false,
            };
            self.tell_end(&work, place.as_ref(), &outcome, repeat);
            match place {
                Some(place) if repeat => again.push(place),
                place => self.count(&work, place.map(|place| place.at), &outcome),
            }
        }
        self.engine.events.tell(&Event::JobFinished { job: work.job.id });
        if !again.is_empty() {
            let not_before = tokio::time::Instant::now() + wait;
            self.failed.push(Again { work, places: again, not_before });
        }
    }

    fn may_repeat(&self, error: &Error) -> bool {
        error.is_retryable() && self.round < self.rounds() && !self.is_stopping()
    }

    fn tell_end(&self, work: &Work, place: Option<&Place>, outcome: &Outcome, again: bool) {
        let push = place.map_or_else(|| "".into(), |place| Arc::clone(&self.engine.pipeline.pushes[place.push].kind));
        self.engine.events.tell(&Event::TargetFinished {
            job: work.job.id,
            source: work.job.source.clone(),
            target: place.map(|place| place.at.clone()),
            push,
            outcome: outcome.clone(),
            again: again && place.is_some(),
        });
    }

    fn count(&mut self, work: &Work, target: Option<ImageRef>, outcome: &Outcome) {
        match outcome {
            Outcome::Failed(error) if error.is_cancelled() => self.report.unfinished += 1,
            Outcome::Failed(error) => {
                let what = Failed::Image { source: work.job.source.clone(), target };
                self.note_failure(work.job.id, what, error);
            }
            Outcome::Skipped(skip) => {
                self.report.skipped += 1;
                if let Skip::Filtered { filter, reason } = skip {
                    self.report.dropped(filter, reason);
                }
            }
            Outcome::Copied(moved) => self.report.copied(moved),
        }
    }

    fn note_failure(&mut self, job: u64, what: Failed, error: &Error) {
        self.failures.push((job, Failure::new(what, error)));
    }

    /// Counts what a round had no time for any more.
    fn give_up(&mut self, work: &Work) {
        self.report.unfinished += work.only.as_ref().map_or(1, Vec::len) as u64;
    }

    async fn finish(&mut self) {
        for again in mem::take(&mut self.failed) {
            self.give_up(&Work { only: Some(again.places), ..again.work });
        }
        self.report.unfinished += mem::take(&mut self.unlisted).len() as u64;
        if self.engine.mode == Mode::Plan {
            return;
        }
        self.engine.once.write_down(&self.engine.pipeline.notes);
        let pushes = self.engine.pipeline.pushes.clone();
        for push in &pushes {
            let result = tokio::select! {
                result = push.stage.finish() => result,
                () = self.engine.cancel.stopped() => return,
            };
            if let Err(error) = result {
                self.note_failure(u64::MAX, Failed::Finish { push: push.kind.to_string() }, &error);
            }
        }
    }

    fn into_report(mut self) -> Report {
        self.failures.sort_by_key(|(job, _)| *job);
        self.report.failed = self.failures.len() as u64;
        self.report.failures = self.failures.into_iter().map(|(_, failure)| failure).collect();
        self.report.interrupted = self.engine.cancel.is_stopping();
        (self.report.slowest, self.report.restarts) = self.engine.events.slowest();
        self.report.tallies = self.engine.pipeline.tallies.read();
        self.report
    }
}

async fn wait_for(jobs: Arc<Semaphore>) -> OwnedSemaphorePermit {
    jobs.acquire_owned().await.expect("the semaphore is never closed")
}

/// Does a job; a plugin that panics takes down its image, not the run.
async fn do_work(engine: &Arc<Engine>, work: Work) -> Done {
    let ended = AssertUnwindSafe(job::run(engine, &work)).catch_unwind().await;
    (work, ended.map_err(|panic| fence::error_of(&*panic)))
}

fn broken(work: &Work, error: &Error) -> Ended {
    let places = match &work.only {
        Some(places) => places.iter().cloned().map(Some).collect(),
        None => vec![None],
    };
    let end = |place| End { place, outcome: Outcome::Failed(error.clone()) };
    Ended { ends: places.into_iter().map(end).collect(), deferred: Vec::new() }
}
