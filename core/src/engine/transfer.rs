//! One blob on its way to the sites that need it.
//!
//! It is read once for all of them, under permits of the source and of all sites that were acquired at once. They are
//! held while bytes may move, and returned while anything else is waited for.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use futures::future::{join_all, select_all};

use super::{
    destination::Destination,
    inflight::{BlobState, Inflight, Lease},
    kept::Kept,
    run_state::{ATTEMPTS, RunState},
    stages::standing_still,
};
use crate::{
    blob::{Blob, laggard},
    content::{Descriptor, Repository},
    error::{Error, ErrorKind, Result, Retry},
    event::Event,
    job::Job,
    limit::{Flow, Permit, Pool, RequestOutcome, TransferPermits},
    spec::Verify,
    stage::{BeginUpload, MountHints, StoreId, Upload, UploadStart},
};

/// A blob of a job that is to be transferred.
pub(super) struct BlobTransfer<'a> {
    pub(super) engine: &'a Arc<RunState>,
    /// The stores of the job, the source first.
    pub(super) route: &'a [StoreId],
    pub(super) flow: &'a Flow,
    pub(super) job: &'a Job,
    pub(super) kept: &'a Kept<'a>,
    pub(super) item: &'a Descriptor,
}

/// A site that is to get the blob by us.
struct Move<'a> {
    site: &'a Destination<'a>,
    claim: Lease,
}

/// The result of an attempt for one site.
enum Went {
    Have,
    Mounted,
    Sent,
    /// Too slow for the others; it is served alone later.
    Left,
    /// The destination failed.
    Failed(Error),
    /// It took what we did not hash, and did not say that it is right.
    Unconfirmed(Error),
    /// The source failed, which it would for every site.
    SourceFailed(Error),
}

impl Went {
    fn error(&self) -> Option<&Error> {
        match self {
            Self::Failed(error) | Self::Unconfirmed(error) | Self::SourceFailed(error) => Some(error),
            Self::Have | Self::Mounted | Self::Sent | Self::Left => None,
        }
    }
}

/// How often a blob is started again in a round because a store asked for a pause.
const THROTTLED: u32 = 20;

fn is_throttled(error: &Error) -> bool {
    matches!(error.retry(), Retry::After(_))
}

/// Tells the limiter what became of one part of a transfer.
fn report(permits: &TransferPermits, source: &StoreId, store: &StoreId, went: &Went) {
    match went {
        Went::Have | Went::Mounted => permits.report(store, Pool::Writes, RequestOutcome::Done),
        Went::Sent => {
            permits.report(source, Pool::Reads, RequestOutcome::Done);
            permits.report(store, Pool::Writes, RequestOutcome::Done);
        }
        Went::Failed(error) | Went::Unconfirmed(error) if is_throttled(error) => {
            permits.report(store, Pool::Writes, RequestOutcome::Throttled);
        }
        Went::SourceFailed(error) if is_throttled(error) => {
            permits.report(source, Pool::Reads, RequestOutcome::Throttled)
        }
        Went::Left | Went::Failed(_) | Went::Unconfirmed(_) | Went::SourceFailed(_) => {}
    }
}

impl BlobTransfer<'_> {
    /// Brings the blob to all sites; each site remembers what became of it.
    pub(super) async fn run(&self, sites: &[&Destination<'_>]) {
        for site in sites {
            Inflight::recall(self.engine, &site.store).await;
        }
        let mut todo: Vec<&Destination<'_>> = sites.to_vec();
        while !todo.is_empty() {
            let (mut go, mut waiting, mut news) = (Vec::new(), Vec::new(), Vec::new());
            todo.retain(|site| !site.is_over());
            let places = todo.iter().map(|site| (&site.store, &site.repository));
            let turns = Inflight::turns(self.engine, places, &self.item.digest);
            for (site, turn) in todo.drain(..).zip(turns) {
                match turn {
                    BlobState::Present { sent: true } => site.count(|moved| moved.shared += self.size()),
                    BlobState::Present { sent: false } => site.count(|moved| moved.present += self.size()),
                    BlobState::Go(claim) => go.push(Move { site, claim }),
                    BlobState::Spent(error) => site.fail(error),
                    BlobState::Wait(until) => {
                        waiting.push(site);
                        news.push(until);
                    }
                }
            }
            if !go.is_empty() {
                self.carry(go).await;
            } else if !news.is_empty() {
                select_all(news).await;
            }
            todo = waiting;
        }
    }

    /// The repository of the source, if the site can take blobs from there without any passing through here. For a
    /// directory it is the repository that the image once came from, which the destination need not have.
    fn source_in_store_of(&self, site: &Destination<'_>) -> Option<&Repository> {
        let source = &self.job.source.repository;
        let elsewhere = *source != site.repository && source.registry() == site.repository.registry();
        (elsewhere && site.stage.store(source).is_ok_and(|store| store == site.store)).then_some(source)
    }

    fn is_paused(&self, store: &StoreId) -> bool {
        self.engine.limiter.pause_left(store).is_some()
    }

    fn size(&self) -> u64 {
        self.item.known_size().unwrap_or_default()
    }

    /// Tries until every site has it or cannot get it in this round.
    async fn carry<'s>(&self, mut moves: Vec<Move<'s>>) {
        let source = &self.route[0];
        let (mut attempt, mut throttled) = (1, 0);
        loop {
            let elsewhere = self.elsewhere(&moves).await;
            if !elsewhere.is_empty() {
                moves = self.look(moves).await;
                if moves.is_empty() {
                    return;
                }
            }
            let permit = tokio::select! {
                biased;
                () = self.engine.cancel.stopping() => {
                    return moves.iter().for_each(|one| one.site.fail(Error::cancelled()));
                }
                permit = self.acquire(&moves) => permit,
            };
            for one in &mut moves {
                if let Some(source) = self.source_in_store_of(one.site) {
                    one.claim.prefer(source);
                }
            }
            let permits = TransferPermits::new(permit);
            let went = self.attempt(&moves, &elsewhere, &permits).await;
            for (one, went) in moves.iter().zip(&went) {
                report(&permits, source, &one.site.store, went);
            }
            drop(permits);
            // A store that asks for a pause says nothing of the blob.
            let is_throttled = went.iter().all(|went| went.error().is_none_or(is_throttled));
            let most = if is_throttled { THROTTLED } else { ATTEMPTS };
            let tries = if is_throttled { &mut throttled } else { &mut attempt };
            *tries += 1;
            let (may_repeat, tries) = (*tries <= most, *tries);
            let mut again = Vec::new();
            let mut pause = Duration::ZERO;
            for (one, went) in moves.into_iter().zip(went) {
                let store = one.site.store.clone();
                if let Some((one, error)) = self.settle(one, went, may_repeat.then_some(tries)) {
                    let is_known = [source, &store].iter().any(|store| self.is_paused(store));
                    // The limiter waits for pauses that it knows.
                    let own = if is_known { Duration::ZERO } else { pause_before(tries, error.retry()) };
                    pause = pause.max(own);
                    again.push(one);
                }
            }
            if again.is_empty() {
                return;
            }
            moves = again;
            tokio::select! {
                biased;
                () = self.engine.cancel.stopping() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Notes how an attempt went; gives back what shall be tried again.
    fn settle<'s>(&self, one: Move<'s>, went: Went, next: Option<u32>) -> Option<(Move<'s>, Error)> {
        let Move { site, mut claim } = one;
        let size = self.size();
        if !matches!(went, Went::Have | Went::Mounted) {
            claim.mistrust_candidate();
        }
        let (error, by_source) = match went {
            Went::Have => {
                site.count(|moved| moved.present += size);
                claim.done(false);
                return None;
            }
            Went::Mounted => {
                site.count(|moved| moved.mounted += size);
                claim.done(true);
                return None;
            }
            Went::Sent => {
                site.count(|moved| {
                    moved.bytes += size;
                    moved.blobs += 1;
                });
                self.engine.count_sent(size);
                claim.done(true);
                return None;
            }
            Went::Left => {
                site.defer();
                return None;
            }
            Went::Failed(error) => (error, false),
            Went::Unconfirmed(error) => {
                claim.doubt();
                (error, false)
            }
            // Its `urls` say where else it is, so that an image without it is whole; where the source has it, it goes along.
            Went::SourceFailed(error) if self.item.is_foreign() && error.kind() == ErrorKind::NotFound => {
                site.count(|moved| moved.foreign += 1);
                return None;
            }
            Went::SourceFailed(error) => (error, true),
        };
        if let Some(attempt) = next.filter(|_| error.is_retryable_now() && !self.engine.cancel.is_stopping()) {
            // A pause that a store asked for is no failure, and is told as such.
            if !is_throttled(&error) {
                let what = format!("blob {}", self.item.digest.short());
                let event = Event::Retrying { job: self.job.id, what, error: error.clone(), attempt };
                self.engine.events.tell(&event);
            }
            return Some((Move { site, claim }, error));
        }
        site.fail(error.clone());
        // What one repository of the source does not have, another may have, or the destination.
        if by_source && error.is_retryable() {
            claim.spent(error);
        }
        None
    }

    /// Returns the repositories that are said to have a blob that the source lacks.
    async fn elsewhere(&self, moves: &[Move<'_>]) -> Vec<Repository> {
        let certain = |one: &Move<'_>| one.claim.known_in.is_some() && !one.claim.is_unconfirmed;
        match moves.iter().all(certain) {
            true => Vec::new(),
            false => self.engine.source.mount_hints(self.item).await,
        }
    }

    /// Asks the sites for a blob that the source may lack. It can come from nowhere else, so each place is worth a
    /// question, the site first: an offer that names another place need not say that the blob is here. Returns the sites
    /// that it is to be offered to.
    async fn look<'s>(&self, moves: Vec<Move<'s>>) -> Vec<Move<'s>> {
        let mut missing = Vec::new();
        for one in moves {
            if one.claim.in_doubt {
                missing.push(one);
                continue;
            }
            match self.exists(one.site).await {
                Ok(true) => drop(self.settle(one, Went::Have, None)),
                Ok(false) => missing.push(one),
                Err(error) => drop(self.settle(one, Went::Failed(error), None)),
            }
        }
        missing
    }

    async fn exists(&self, site: &Destination<'_>) -> Result<bool> {
        let mut attempt = 1;
        loop {
            let error = match site.stage.blob_exists(&site.repository, self.item).await {
                Err(error) if error.is_retryable_now() && attempt < ATTEMPTS => error,
                answer => return answer,
            };
            attempt += 1;
            tokio::select! {
                biased;
                () = self.engine.cancel.stopping() => return Err(Error::cancelled()),
                () = tokio::time::sleep(pause_before(attempt, error.retry())) => {}
            }
        }
    }

    /// Waits for permits of the source and of the stores of all these sites.
    async fn acquire(&self, moves: &[Move<'_>]) -> Permit {
        let (source, destinations) = (&self.route[0], &self.route[1..]);
        let is_whole = destinations.iter().all(|store| moves.iter().any(|one| one.site.store == *store));
        match is_whole {
            true => self.flow.acquire(self.flow.demand()).await,
            false => {
                let demand = self.engine.demand(source, moves.iter().map(|one| &one.site.store));
                self.flow.acquire(&demand).await
            }
        }
    }

    /// Offers the blob everywhere, reads it once, fills the slots that want it. Runs under permits of all stores, so
    /// nothing in here waits for the pause of one of them.
    async fn attempt(&self, moves: &[Move<'_>], elsewhere: &[Repository], permits: &TransferPermits) -> Vec<Went> {
        let offers = moves.iter().map(|one| permits.destination(self.offer(one, elsewhere)));
        let mut went: Vec<Option<Went>> = Vec::with_capacity(moves.len());
        let (mut slots, mut takers) = (Vec::new(), Vec::new());
        for (offer, one) in join_all(offers).await.into_iter().zip(moves) {
            went.push(match offer {
                Ok(UploadStart::Present) => Some(Went::Have),
                Ok(UploadStart::Mounted) => Some(Went::Mounted),
                Ok(UploadStart::Upload(slot)) => {
                    slots.push(slot);
                    takers.push(one);
                    None
                }
                Err(error) => Some(Went::Failed(error)),
            });
        }
        let mut filled =
            if slots.is_empty() { Vec::new() } else { self.fill(slots, &takers, permits).await }.into_iter();
        went.into_iter().map(|went| went.or_else(|| filled.next()).expect("one answer for each slot")).collect()
    }

    /// Offers the blob to one site, and names it repositories to take it from.
    async fn offer(&self, Move { site, claim }: &Move<'_>, elsewhere: &[Repository]) -> Result<UploadStart> {
        let request = BeginUpload::new(&site.repository, self.item);
        if claim.in_doubt {
            let request = request.replacing();
            let begun =
                site.stage.call("was offered a blob again", |push| async move { push.begin_upload(&request).await });
            return begun.await;
        }
        let in_this_store =
            |at: &&Repository| **at != site.repository && site.stage.store(at).is_ok_and(|store| store == site.store);
        let mut candidates = Cow::Borrowed(claim.known_in.as_slice());
        if !elsewhere.is_empty() {
            candidates.to_mut().extend(elsewhere.iter().filter(in_this_store).cloned());
        }
        let request = request.mount_from(&candidates);
        site.stage.call("was offered a blob", |push| async move { push.begin_upload(&request).await }).await
    }

    /// The blob, hashed by us: unless the user trusts the destinations, and then until each of them is known to do it
    /// itself. Large blobs begin together, so that may become known while they pass. A blob that failed once without is
    /// hashed, so that the error says whose fault it is.
    fn hashed(&self, blob: Blob, takers: &[&Move<'_>]) -> Blob {
        if self.engine.options().verify == Verify::Passing || takers.iter().any(|one| one.claim.in_doubt) {
            return blob;
        }
        let takers: Vec<_> = takers.iter().map(|one| (one.site.push, one.site.repository.clone())).collect();
        let engine = Arc::clone(self.engine);
        let all_confirm = move || {
            takers.iter().all(|(push, at)| {
                engine.pushes[*push].hint("said whether it confirms digests", |push| {
                    Some(push.capabilities().digest_verification?.verifies_digest(at))
                })
            })
        };
        if all_confirm() { blob.unhashed() } else { blob.hashed_until(all_confirm) }
    }

    /// Names the blob, the fetch and the pushes for a timeout without progress, which either side may have caused.
    fn between(&self, takers: &[&Move<'_>]) -> String {
        let kind = |one: &&Move<'_>| format!("the push `{}`", one.site.stage.kind());
        let pushes: Vec<_> = takers.iter().map(kind).collect();
        let (blob, fetch) = (self.item.digest.short(), self.engine.source.kind());
        format!("blob `{blob}` from the fetch `{fetch}` to {}", pushes.join(" and "))
    }

    async fn fill(&self, slots: Vec<Box<dyn Upload>>, takers: &[&Move<'_>], permits: &TransferPermits) -> Vec<Went> {
        let trouble = Arc::new(OnceLock::new());
        let opened = match self.kept.kept_blob(self.item) {
            Some(blob) => Ok(blob),
            None => permits.source(self.engine.source.open(&self.job.source.repository, self.item)).await,
        };
        let blob = match opened {
            Ok(blob) => self.hashed(blob, takers),
            Err(error) => return slots.iter().map(|_| Went::SourceFailed(error.clone())).collect(),
        };
        let passed = Arc::new(AtomicU64::new(0));
        let transfer = self.engine.next_transfer();
        self.engine.events.tell(&Event::TransferStarted {
            job: self.job.id,
            transfer,
            source: self.job.source.clone(),
            digest: self.item.digest.clone(),
            size: self.item.known_size(),
            passed: Arc::clone(&passed),
        });
        let watched = Arc::clone(&passed);
        let blob = blob.counted(passed).watched(Arc::clone(&trouble));
        let hashing = blob.hashing();
        let results = tokio::select! {
            biased;
            results = self.pour(blob, slots, takers, permits) => results,
            error = standing_still(&watched, || self.between(takers)) => {
                vec![Some(Err(error)); takers.len()]
            }
        };
        let went: Vec<Went> = results
            .into_iter()
            .map(|result| match (result, trouble.get()) {
                (None, _) => Went::Left,
                (Some(Ok(())), _) => Went::Sent,
                (Some(Err(_)), Some(cause)) => Went::SourceFailed(cause.clone()),
                (Some(Err(error)), None) if hashing.is_on() => Went::Failed(error),
                (Some(Err(error)), None) => Went::Unconfirmed(error),
            })
            .collect();
        let error = went.iter().find_map(|went| match went {
            Went::Left => Some(laggard(self.engine.tee)),
            other => other.error().cloned(),
        });
        self.engine.events.tell(&Event::TransferFinished { transfer, error });
        went
    }

    /// Fills all slots from one read; none stands for a slot that was too slow for the others.
    async fn pour(
        &self,
        blob: Blob,
        mut slots: Vec<Box<dyn Upload>>,
        takers: &[&Move<'_>],
        permits: &TransferPermits,
    ) -> Vec<Option<Result<()>>> {
        if let [_] = slots[..] {
            let only = slots.remove(0);
            return vec![Some(permits.destination(takers[0].site.stage.write(only, blob)).await)];
        }
        let ends = blob.tee(slots.len(), self.engine.tee);
        join_all(slots.into_iter().zip(ends).zip(takers).map(|((slot, end), taker)| async move {
            tokio::select! {
                biased;
                () = end.left.cancelled() => None,
                result = permits.destination(taker.site.stage.write(slot, end.blob)) => Some(result),
            }
        }))
        .await
    }
}

/// Returns the delay before the attempt with this number: as advised by the other side, else 250 ms before the second
/// attempt, doubled before each further one.
fn pause_before(attempt: u32, advice: Retry) -> Duration {
    match advice {
        Retry::After(wait) => wait,
        _ => Duration::from_millis(250) * 2_u32.saturating_pow(attempt.saturating_sub(2)),
    }
}
