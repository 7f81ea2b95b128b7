//! Limits what is sent to registries: how much at once, how fast, and not at all during a pause.
//!
//! A [`Demand`] names everything that a request or a transfer needs, at any number of stores. [`Limiter::acquire`] waits
//! until all of it is available and takes all of it at once, so a request that waits holds nothing and there is no order
//! of locks to keep. A store that is slow, silent or paused takes only its share of what it has in common with others.

mod adaptive;
mod rate;
mod resource;
mod state;
mod transfer;

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::oneshot,
    time::{Instant, sleep_until},
};

pub use rate::Rate;
use state::LimiterState;
pub(crate) use transfer::TransferPermits;
pub use transfer::{TransferSide, without_permits};

use crate::{lock::lock, stage::StoreId};

/// Classes of requests to one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pool {
    /// Requests with small bodies and responses.
    Small,
    /// Blobs that are read.
    Reads,
    /// Blobs that are written.
    Writes,
    /// Manifests that are written; limited by a rate only.
    Manifests,
}

/// RequestOutcome of a request, as far as a limit learns from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// The store did what it was asked for.
    Done,
    /// The store asked for fewer requests.
    Throttled,
}

/// A set of resources that is acquired at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Demand(Arc<Vec<usize>>);

impl Demand {
    fn add(&mut self, resource: usize) {
        if let Err(at) = self.0.binary_search(&resource) {
            Arc::make_mut(&mut self.0).insert(at, resource);
        }
    }
}

/// Limits requests to any number of stores. Clones share their state.
#[derive(Clone, Default)]
pub struct Limiter(Arc<Mutex<LimiterState>>);

impl Limiter {
    /// Returns a limiter that grants at most this many requests of one class at once at one store.
    pub fn new(requests: Option<NonZeroUsize>) -> Self {
        let limiter = Self::default();
        lock(&limiter.0).requests = requests;
        limiter
    }

    /// Returns the number of requests of one class at once at one store, if it was given.
    pub fn requests(&self) -> Option<NonZeroUsize> {
        lock(&self.0).requests
    }

    /// Adds one request of a class to a demand.
    pub fn require(&self, demand: &mut Demand, store: &StoreId, pool: Pool) {
        let mut state = lock(&self.0);
        let gate = state.gate(store);
        demand.add(gate);
        demand.add(LimiterState::pool(gate, pool));
    }

    /// Adds one unit of a bound that holds for all stores together to a demand; `most` of them exist.
    pub fn require_bound(&self, demand: &mut Demand, name: &str, most: usize) {
        demand.add(lock(&self.0).bound(name, most));
    }

    /// Returns the demand of one request to one store.
    pub fn demand(&self, store: &StoreId, pool: Pool) -> Demand {
        let mut demand = Demand::default();
        self.require(&mut demand, store, pool);
        demand
    }

    /// Limits the rate of all requests to a store, or of those of one class.
    pub fn set_rate(&self, store: &StoreId, pool: Option<Pool>, rate: Rate) {
        let mut state = lock(&self.0);
        let gate = state.gate(store);
        state.resources[pool.map_or(gate, |pool| LimiterState::pool(gate, pool))].limit_rate(rate, Instant::now());
    }

    /// Announces a flow, such as an image, that is going to make this demand several times. Flows share resources: while
    /// others are announced, one that holds its share of a resource gets no more of it.
    pub fn flow(&self, demand: Demand) -> Flow {
        let id = self.update(|state| state.announce(&demand));
        Flow { limiter: self.clone(), id, demand }
    }

    /// Waits until the whole demand is available, and takes it. Nothing is held meanwhile.
    pub async fn acquire(&self, demand: &Demand) -> Permit {
        self.wait_for(None, demand, false).await
    }

    /// Waits for a demand of a flow. One that `goes_on` had its permits before and is served before others of the flow.
    async fn wait_for(&self, flow: Option<u64>, demand: &Demand, goes_on: bool) -> Permit {
        let (sender, granted) = oneshot::channel();
        self.update(|state| {
            state.runtime = Some(Handle::current());
            state.enqueue(flow, demand, sender, goes_on);
        });
        granted.await.expect("a request stays in the queue until it is granted")
    }

    /// Pauses a store: for `asked`, or for a time that doubles while the store goes on refusing without saying how long.
    /// No request is granted before the pause ends. Returns its length, which is at most `longest`.
    pub fn pause(&self, store: &StoreId, asked: Option<Duration>, longest: Duration) -> Duration {
        let mut state = lock(&self.0);
        let gate = state.gate(store);
        state.resources[gate].pause(asked, longest, Instant::now())
    }

    /// Returns how long a store stays paused, if it is.
    pub fn pause_left(&self, store: &StoreId) -> Option<Duration> {
        let mut state = lock(&self.0);
        let gate = state.gate(store);
        let now = Instant::now();
        state.resources[gate].paused_until(now).map(|until| until - now)
    }

    /// Changes the state and hands out what became available. Nothing is woken or dropped under the lock.
    fn update<T>(&self, change: impl FnOnce(&mut LimiterState) -> T) -> T {
        let mut state = lock(&self.0);
        let result = change(&mut state);
        let granted = state.grant(Instant::now());
        let timer = state.timer_to_arm(Instant::now());
        drop(state);
        for (sender, flow, demand) in granted {
            // A request that is no longer waited for returns its permit by dropping it.
            drop(sender.send(Permit { limiter: self.clone(), flow, stores: demand.clone(), demand }));
        }
        if let Some((at, runtime)) = timer {
            let state = Arc::downgrade(&self.0);
            runtime.spawn(wake(state, at));
        }
        result
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

/// Hands out what a pause or a rate allows at `at`.
fn wake(state: Weak<Mutex<LimiterState>>, at: Instant) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        sleep_until(at).await;
        if let Some(state) = state.upgrade() {
            Limiter(state).update(|_| ());
        }
    })
}

/// An announced flow, until it is dropped.
#[derive(Debug)]
pub struct Flow {
    limiter: Limiter,
    id: u64,
    demand: Demand,
}

impl Flow {
    /// Returns the demand that was announced.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// Waits until the whole demand is available, and takes it in the name of this flow.
    pub async fn acquire(&self, demand: &Demand) -> Permit {
        self.limiter.wait_for(Some(self.id), demand, false).await
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.limiter.update(|state| state.unannounce(self.id, &self.demand));
    }
}

/// Resources that were acquired. Dropping it returns them.
#[derive(Debug)]
pub struct Permit {
    limiter: Limiter,
    flow: Option<u64>,
    /// The whole demand, as it was acquired.
    stores: Demand,
    /// Resources that were not returned yet.
    demand: Demand,
}

impl Permit {
    /// Reports what became of the request to a store. A class that was throttled is returned at once.
    pub fn report(&mut self, store: &StoreId, pool: Pool, outcome: RequestOutcome) {
        let mut state = lock(&self.limiter.0);
        let gate = state.gate(store);
        drop(state);
        let resource = LimiterState::pool(gate, pool);
        let Ok(at) = self.demand.0.binary_search(&resource) else { return };
        if outcome == RequestOutcome::Throttled {
            let part = Demand(Arc::new(vec![Arc::make_mut(&mut self.demand.0).remove(at)]));
            self.limiter.update(|state| state.release(self.flow, &self.stores, &part));
        }
        self.limiter.update(|state| state.learn(gate, resource, outcome));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.update(|state| state.release(self.flow, &self.stores, &self.demand));
    }
}

#[cfg(test)]
mod tests;
