//! The permits of one transfer: returned while it waits for something else than bytes, and acquired anew afterwards.
//!
//! A transfer has a source and one or more destinations, which run under the same permits. Each of them has a
//! [`TransferSide`] through which it waits. While the source waits, or all destinations do, no byte can move, so the
//! permits of all stores are returned to the limiter. A destination that waits while another one takes bytes leaves
//! them with that one.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
};

use futures::FutureExt;

use super::{Demand, Limiter, LimiterState, Permit, Pool, RequestOutcome};
use crate::{lock::lock, stage::StoreId};

/// Transfers of a limiter that wait in the middle of a blob without permits. Each of them keeps a connection open.
const MOST_SUSPENDED: usize = 32;

tokio::task_local! {
    static CURRENT: TransferSide;
}

/// The permits of one transfer. Dropping it ends the transfer and returns them.
pub(crate) struct TransferPermits(Arc<SharedPermits>);

struct SharedPermits {
    limiter: Limiter,
    flow: Option<u64>,
    demand: Demand,
    state: Mutex<TransferState>,
    /// Held while permits are acquired anew.
    acquiring: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct TransferState {
    permit: Option<Permit>,
    /// Destinations that are at work, and those of them that wait.
    destinations: usize,
    waiting: usize,
    is_source_waiting: bool,
    has_ended: bool,
}

impl TransferState {
    /// Returns true if no byte can move.
    fn is_idle(&self) -> bool {
        self.is_source_waiting || (self.waiting > 0 && self.waiting == self.destinations)
    }
}

/// The source or a destination of a transfer, as seen by the code that reads or writes there.
#[derive(Clone)]
pub struct TransferSide {
    permits: Arc<SharedPermits>,
    is_source: bool,
}

impl TransferPermits {
    pub(crate) fn new(permit: Permit) -> Self {
        let (limiter, flow, demand) = (permit.limiter.clone(), permit.flow, permit.stores.clone());
        let state = Mutex::new(TransferState { permit: Some(permit), ..TransferState::default() });
        Self(Arc::new(SharedPermits { limiter, flow, demand, state, acquiring: tokio::sync::Mutex::default() }))
    }

    /// Runs the part of the transfer that reads.
    pub(crate) async fn source<F: Future>(&self, reading: F) -> F::Output {
        TransferSide { permits: Arc::clone(&self.0), is_source: true }.scope(reading).await
    }

    /// Runs a part of the transfer that writes.
    pub(crate) async fn destination<F: Future>(&self, writing: F) -> F::Output {
        let _at_work = CountedPart::new(&self.0, TransferPart::Destination);
        // Another destination may have begun to wait already.
        self.0.acquire_anew().await;
        TransferSide { permits: Arc::clone(&self.0), is_source: false }.scope(writing).await
    }

    /// Reports what became of the request to a store.
    pub(crate) fn report(&self, store: &StoreId, pool: Pool, outcome: RequestOutcome) {
        self.0.report(store, pool, outcome);
    }
}

impl Drop for TransferPermits {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.has_ended = true;
        let permit = state.permit.take();
        drop(state);
        drop(permit);
    }
}

impl TransferSide {
    /// Returns the side of a transfer that this code runs for, if it is part of one.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs a future as part of this side.
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        CURRENT.scope(self.clone(), future).await
    }

    /// Awaits something that is no exchange of bytes, without permits if that takes time.
    pub async fn released<F: Future>(&self, wait: F) -> F::Output {
        let mut wait = pin!(wait);
        if let Some(output) = wait.as_mut().now_or_never() {
            return output;
        }
        let part = if self.is_source { TransferPart::WaitingSource } else { TransferPart::WaitingDestination };
        let waiting = CountedPart::new(&self.permits, part);
        let output = wait.await;
        drop(waiting);
        self.permits.acquire_anew().await;
        output
    }

    /// Does the same in the middle of a blob, while the other side keeps a connection open. Returns none at once if too
    /// many transfers wait in this way.
    pub async fn suspended<F: Future>(&self, wait: F) -> Option<F::Output> {
        let limiter = &self.permits.limiter;
        let count = Arc::clone(&lock(&limiter.0).suspended);
        let _place = (Arc::strong_count(&count) <= MOST_SUSPENDED + 1).then_some(count)?;
        Some(self.released(wait).await)
    }

    /// Reports what became of a request to a store that did not end the transfer.
    pub fn report(&self, store: &StoreId, pool: Pool, outcome: RequestOutcome) {
        self.permits.report(store, pool, outcome);
    }
}

/// Awaits something that is no exchange of bytes. A transfer that this is part of returns its permits meanwhile.
pub async fn without_permits<F: Future>(wait: F) -> F::Output {
    match TransferSide::current() {
        Some(side) => side.released(wait).await,
        None => wait.await,
    }
}

impl SharedPermits {
    /// Waits until the transfer has its permits again, if bytes can move.
    async fn acquire_anew(&self) {
        let _turn = self.acquiring.lock().await;
        let lacks = |state: &TransferState| state.permit.is_none() && !state.has_ended && !state.is_idle();
        if !lacks(&lock(&self.state)) {
            return;
        }
        let permit = self.limiter.wait_for(self.flow, &self.demand, true).await;
        let mut state = lock(&self.state);
        if lacks(&state) {
            state.permit = Some(permit);
        }
    }

    fn report(&self, store: &StoreId, pool: Pool, outcome: RequestOutcome) {
        if let Some(permit) = &mut lock(&self.state).permit {
            return permit.report(store, pool, outcome);
        }
        let mut limiter = lock(&self.limiter.0);
        let gate = limiter.gate(store);
        limiter.learn(gate, LimiterState::pool(gate, pool), outcome);
    }
}

/// A part of a transfer that is counted until this is dropped.
struct CountedPart<'a> {
    permits: &'a SharedPermits,
    part: TransferPart,
}

#[derive(Clone, Copy)]
enum TransferPart {
    Destination,
    WaitingDestination,
    WaitingSource,
}

impl<'a> CountedPart<'a> {
    fn new(permits: &'a SharedPermits, part: TransferPart) -> Self {
        let counted = Self { permits, part };
        counted.change(|count| *count += 1, true);
        counted
    }

    /// Changes the count of the part, and returns the permits if no byte can move any more.
    fn change(&self, count: impl Fn(&mut usize), is_waiting: bool) {
        let mut state = lock(&self.permits.state);
        match self.part {
            TransferPart::Destination => count(&mut state.destinations),
            TransferPart::WaitingDestination => count(&mut state.waiting),
            TransferPart::WaitingSource => state.is_source_waiting = is_waiting,
        }
        let unused = if state.is_idle() { state.permit.take() } else { None };
        drop(state);
        drop(unused);
    }
}

impl Drop for CountedPart<'_> {
    fn drop(&mut self) {
        self.change(|count| *count -= 1, false);
    }
}

#[cfg(test)]
mod tests;
