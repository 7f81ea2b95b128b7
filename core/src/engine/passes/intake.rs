//! Turns listings into jobs: they are taken one at a time, filters choose versions, and each version that is left gets
//! its targets.

use std::{mem, sync::Arc};

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{Run, Unlisted, choice::Chosen, room::OpenListing};
use crate::{
    content::{Digest, ImageRef, Repository, Tag},
    engine::{
        destination::{Ended, Target, Work},
        placement::{self, Claimed},
        presence::JobGroup,
        run_state::RunMode,
        stages::{ActiveFilter, LIMIT},
        yields::Nothing,
    },
    error::{Error, ErrorKind},
    event::Event,
    isolate::hung,
    job::{Candidate, Job, Listing, Outcome},
    outlet::{Found, Outlet},
    report::FailedItem,
    spec::Overlaps,
};

/// Listings that wait for the engine; a source stops listing when there are more.
const LISTINGS_AHEAD: usize = 2;

impl Run {
    /// Takes what the list finds until there is no more: everything, or one repository once more.
    pub(super) async fn list(&mut self, only: Option<Repository>) {
        let (outlet, mut inbox) = Outlet::new(LISTINGS_AHEAD);
        let list = Arc::clone(&self.engine.list.stage);
        let again = only.clone();
        let lister = AbortOnDropHandle::new(tokio::spawn(async move {
            match again {
                Some(repository) => list.list_repository(&repository, &outlet).await,
                None => list.list(&outlet).await,
            }
        }));
        loop {
            // While the engine works on what was found the list waits, so only its own time counts.
            let Ok(found) = tokio::time::timeout(LIMIT, self.next_found(&mut inbox)).await else {
                lister.abort(); // the task is not awaited: it ends only at its next await, if at all
                let kind = &self.engine.list.kind;
                let error = hung(format_args!("the list `{kind}` handed out nothing, and did not end,"), LIMIT);
                return self.listing_failed(only, error);
            };
            let Some(found) = found else { break };
            match found {
                Found::Listing(listing) if self.is_held_back(&listing) => self.held_back.push(listing),
                Found::Listing(listing) => self.take_listing(listing).await,
                Found::Announced(repository, targets, images) => self.expect(&repository, &targets, &images),
                Found::Warning(message) => self.engine.events.warn(message),
                Found::LeftOut(what) => self.left_out.get_or_insert((0, what)).0 += 1,
                Found::Nothing { rule, repository, why } => {
                    self.yields.nothing(&rule, Nothing { repository, why, must_yield: true });
                }
                Found::Failed(repository, error) => self.listing_failed(Some(repository), error),
                Found::Refused(rule, error) => self.rule_refused(&rule, &error),
                Found::Unusable(image, error) => self.unusable(image, &error),
            }
        }
        drop(inbox);
        let stopped = lister.abort_handle();
        let result = tokio::select! {
            biased;
            result = lister => result,
            () = tokio::time::sleep(LIMIT) => {
                stopped.abort();
                let kind = &self.engine.list.kind;
                return self.listing_failed(only, hung(format_args!("the list `{kind}` did not end"), LIMIT));
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
                let kind = &self.engine.list.kind;
                let text = panic
                    .try_into_panic()
                    .map_or_else(|error| error.to_string(), |panic| crate::panic::panic_message(&*panic));
                let error = Error::new(ErrorKind::Bug, format!("the list `{kind}` broke: {text}"));
                self.listing_failed(only, error);
            }
        }
        self.finish_choices().await;
        self.take_held_back().await;
    }

    /// Returns true if a listing waits until all are known, because a later rule may write the same names.
    fn is_held_back(&self, listing: &Listing) -> bool {
        self.engine.options().overlaps == Overlaps::Later && self.round == 0 && !listing.exclusive
    }

    /// Takes listings that were held back, the last one first: it is the one that gets its names.
    async fn take_held_back(&mut self) {
        let mut listings = mem::take(&mut self.held_back);
        // Where some rule of the list is not known yet, it is not known either which one is the last.
        self.later_wins = self.unlisted.is_empty() && self.awaited.listings.is_empty();
        while let Some(listing) = listings.pop() {
            self.take_listing(listing).await;
        }
        self.later_wins = false;
    }

    async fn next_found(&mut self, inbox: &mut mpsc::Receiver<Found>) -> Option<Found> {
        loop {
            self.take_put_aside();
            tokio::select! {
                biased;
                () = self.engine.cancel.stopping() => return None,
                Some(done) = self.running.join_next() => self.absorb(done),
                Some(chosen) = self.choosing.join_next() => self.take_joined(chosen).await,
                found = inbox.recv() => return found,
            }
        }
    }

    /// Tells the stages what they will be asked for, as far as the list knows it before the first version.
    fn expect(&self, repository: &Repository, targets: &[Repository], images: &[ImageRef]) {
        self.engine.source.announce(repository);
        for push in &self.engine.pushes {
            // Nothing depends on it: a push that breaks here breaks again later.
            push.hint("heard what will be written", |push| {
                push.capabilities().write_hints.map(|hints| hints.announce(repository, targets, images))
            });
        }
    }

    fn listing_failed(&mut self, repository: Option<Repository>, error: Error) {
        if let Some(repository) = repository.as_ref().filter(|_| self.may_hope(&error)) {
            return self.awaited.listings.push((repository.clone(), error));
        }
        let again = self.may_repeat(&error);
        self.listing_failed_as(repository, error, again);
    }

    pub(super) fn listing_failed_as(&mut self, repository: Option<Repository>, error: Error, again: bool) {
        self.engine.events.tell(&Event::ListingFailed { repository: repository.clone(), error: error.clone() });
        match repository {
            Some(repository) if again => self.unlisted.push(Unlisted::Found(repository)),
            repository => self.note_failure(u64::MAX, FailedItem::Listing { repository }, &error),
        }
    }

    /// A rule cannot be followed, however often it is tried.
    fn rule_refused(&mut self, rule: &str, error: &Error) {
        let rule = rule.to_owned();
        self.engine.events.tell(&Event::RuleRefused { rule: rule.clone(), error: error.clone() });
        self.note_failure(u64::MAX, FailedItem::Rule { rule }, error);
    }

    /// Something is listed that cannot be copied.
    fn unusable(&mut self, image: Option<ImageRef>, error: &Error) {
        let Some(source) = image else {
            self.engine.events.tell(&Event::ListingFailed { repository: None, error: error.clone() });
            return self.note_failure(u64::MAX, FailedItem::Listing { repository: None }, error);
        };
        let job = self.next_job;
        self.next_job += 1;
        self.engine.events.tell(&Event::TargetFinished {
            job,
            source: source.clone(),
            target: None,
            push: "".into(),
            location: None,
            outcome: Outcome::Failed(error.clone()),
            again: false,
        });
        self.engine.events.tell(&Event::JobFinished { job });
        self.note_failure(job, FailedItem::Image { source, target: None }, error);
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

    /// Makes a job of each version that the filters left, one after the other.
    pub(super) async fn take_chosen(&mut self, Chosen { whole, result }: Chosen) {
        let (listing, dropped) = match result {
            Ok(chosen) => chosen,
            Err(error) if error.is_cancelled() => return,
            Err(error) => return self.choice_failed(whole, error),
        };
        if listing.candidates.is_empty() {
            self.note_emptied(&whole, dropped.last().map(|(filter, _)| *filter));
        }
        drop(whole);
        let Listing { repository, candidates, rule, exclusive, must_yield } = listing;
        let kept = candidates.len();
        let dropped = self.count_dropped(&dropped);
        self.engine.events.tell(&Event::Listed { repository: repository.clone(), kept, dropped });
        let batch = JobGroup::of(kept, exclusive, must_yield);
        let (tags, mut images): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|candidate| about(candidate).is_some());
        if self.later_wins {
            images.reverse();
        }
        images.extend(tags);
        self.take_open(OpenListing { repository, rule, batch, candidates: images.into_iter() }).await;
    }

    /// Notes that nothing is left of a listing; `filter` dropped the last of it, if there was something before.
    fn note_emptied(&mut self, whole: &Listing, filter: Option<usize>) {
        let Listing { repository, candidates, rule, must_yield, .. } = whole;
        let why = match filter.map(|at| &self.engine.filters[at]) {
            Some(filter) if filter.may_leave_nothing => return self.yields.something(rule),
            Some(ActiveFilter { calls, summary, .. }) => {
                let kind = calls.kind();
                let keeps = summary.as_ref().map(|keeps| format!(" ({keeps})")).unwrap_or_default();
                let count = match candidates.len() {
                    1 => "the only version".to_owned(),
                    count => format!("any of the {count} versions"),
                };
                format!("the filter `{kind}`{keeps} does not keep {count} of `{repository}` ({rule})")
            }
            None => format!("there is no version of `{repository}` ({rule})"),
        };
        self.yields.nothing(rule, Nothing { repository: Some(repository.clone()), why, must_yield: *must_yield });
    }

    /// Starts the next job of a listing where it may go, and notes where it may not.
    pub(super) fn begin_next(&mut self, listing: &mut OpenListing) {
        let Some(candidate) = listing.candidates.next() else { return };
        let (about, batch) = (about(&candidate), &listing.batch);
        let Candidate { reference, targets, beside, named } = candidate;
        let source = ImageRef { repository: listing.repository.clone(), reference };
        let job = Job { id: self.next_job, source, targets, beside, named, rule: Arc::clone(&listing.rule) };
        self.next_job += 1;
        let mut ended = Ended::default();
        let Claimed { places, contested } = placement::claim(&self.engine, &job, batch, self.later_wins, &mut ended);
        if places.is_empty() && contested.is_empty() && ended.ends.is_empty() {
            ended.ends.push(placement::nowhere(&job));
        }
        for Target { at, .. } in places.iter().filter(|place| place.at.repository != job.source.repository) {
            self.awaited.targets.insert(&at.repository);
        }
        let waits = !contested.is_empty() && self.engine.mode == RunMode::Copy;
        let work = Work { job, batch: Arc::clone(batch), places, slow: false, about, called: None, contested: None };
        for (place, other) in contested {
            let (places, about, contested) = (vec![place], None, Some(other));
            self.contested.push(Work { places, about, contested, ..work.clone() });
        }
        match work.places.is_empty() {
            true if waits => self.take_in(&work, ended.ends),
            true => self.end(&work, ended),
            false => {
                self.take_in(&work, ended.ends);
                self.start(work);
            }
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
}

/// Returns the digest of the image that a candidate is about, if its tag names one.
fn about(candidate: &Candidate) -> Option<Digest> {
    candidate.tag().and_then(Tag::referenced_digest)
}
