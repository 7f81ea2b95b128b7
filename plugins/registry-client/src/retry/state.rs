//! The budget and the health of one host.
//!
//! A budget bounds how much is repeated: where a host is down, a thousand requests must not each find that out five
//! times.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Attempts, RetryPolicy};

/// The retry policy together with the state of one host.
#[derive(Debug)]
pub(crate) struct RetryState {
    policy: RetryPolicy,
    host: Mutex<HostHealth>,
}

#[derive(Debug)]
struct HostHealth {
    budget: u64,
    counted_at: Instant,
    /// The time of the last response that shows that the host can look things up.
    well_at: Option<Instant>,
    unwell_since: Option<Instant>,
    complaints: u64,
}

/// The price of a repetition. A request that went well earns 1, and so does a second, so that a host that was down is
/// found again.
const REPEAT: u64 = 5;
/// The initial budget of a host: 30 repetitions.
const CREDIT: u64 = 30 * REPEAT;

impl RetryState {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        let host =
            HostHealth { budget: CREDIT, counted_at: Instant::now(), well_at: None, unwell_since: None, complaints: 0 };
        Self { policy, host: Mutex::new(host) }
    }

    pub(crate) fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    /// Returns `number` attempts, the first one included.
    pub(crate) fn attempts(&self, number: u32) -> Attempts {
        Attempts::new(number, &self.policy)
    }

    /// Returns true if a host without a response since `began` is away rather than dead: its last response is not
    /// older than [`RetryPolicy::outage`].
    pub(super) fn is_away(&self, began: Instant, last_response: Option<Instant>) -> bool {
        last_response.is_some_and(|at| at < began && at.elapsed() < self.policy.outage)
    }

    /// Notes a response that shows that the host can look things up.
    pub(crate) fn is_well(&self) {
        let mut host = self.host();
        (host.well_at, host.unwell_since) = (Some(Instant::now()), None);
    }

    /// Notes that the host said that it cannot look things up at the moment.
    pub(crate) fn complains(&self) {
        let mut host = self.host();
        host.unwell_since.get_or_insert_with(Instant::now);
        host.complaints += 1;
    }

    /// Returns how often the host said so.
    pub(crate) fn complaints(&self) -> u64 {
        self.host().complaints
    }

    /// Returns true if the host will probably be well again soon: it has complained for less than
    /// [`RetryPolicy::outage`], and could look up nothing since `began`.
    pub(super) fn recovers(&self, began: Instant) -> bool {
        let host = self.host();
        host.unwell_since.is_some_and(|since| since.elapsed() < self.policy.outage)
            && host.well_at.is_none_or(|at| at < began)
    }

    /// Returns the pause between requests to a host that is away.
    pub(super) fn outage_pause(&self) -> Duration {
        self.policy.backoff.mul_f64(2.0 + 2.0 * fastrand::f64())
    }

    /// Adds to the budget for a request that went well.
    pub(crate) fn earn(&self) {
        let mut host = self.host();
        host.budget = (host.budget + 1).min(CREDIT);
    }

    /// Takes one repetition from the budget. Returns false if there is none left.
    pub(super) fn spend(&self) -> bool {
        let mut host = self.host();
        let seconds = host.counted_at.elapsed().as_secs();
        host.counted_at += Duration::from_secs(seconds);
        host.budget = (host.budget + seconds).min(CREDIT);
        match host.budget.checked_sub(REPEAT) {
            Some(left) => host.budget = left,
            None => return false,
        }
        true
    }

    fn host(&self) -> MutexGuard<'_, HostHealth> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn state() -> RetryState {
        RetryState::new(RetryPolicy { outage: MINUTE, ..RetryPolicy::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_host_uses_up_its_budget_and_gets_some_back_with_time() {
        let state = state();
        assert_eq!((0..100).filter(|_| state.spend()).count(), 30);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!((0..100).filter(|_| state.spend()).count(), 2);
        (0..50).for_each(|_| state.earn());
        assert_eq!((0..100).filter(|_| state.spend()).count(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_complains_is_given_time_unless_it_knows_other_answers() {
        let state = state();
        let began = Instant::now();
        assert!(!state.recovers(began), "it does not complain");
        state.complains();
        tokio::time::advance(MINUTE / 2).await;
        assert!(state.recovers(began), "also if it was never well");
        state.is_well();
        state.complains();
        assert!(!state.recovers(began), "others got answers");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(state.recovers(Instant::now()));
        tokio::time::advance(MINUTE).await;
        assert!(!state.recovers(Instant::now()), "not for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_answered_a_moment_ago_is_away_and_not_dead() {
        let state = state();
        assert!(!state.is_away(Instant::now(), None), "it never answered");
        let first = Some(Instant::now());
        tokio::time::advance(Duration::from_secs(1)).await;
        let began = Instant::now();
        assert!(state.is_away(began, first));
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = Some(Instant::now());
        assert!(!state.is_away(began, second), "somebody else got an answer meanwhile");
        tokio::time::advance(MINUTE).await;
        assert!(!state.is_away(Instant::now(), second), "too long ago");
    }
}
