//! Pacing per host.
//!
//! Registries throttle by account and host, so every request to a host passes one gate. After a 429 it closes for all
//! of them, not only for the one that was told off. A budget bounds how much is repeated: where a host is down, a
//! thousand requests must not each find that out five times.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::quota::Quota;

/// The gate and the budget of one host.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    closed_until: Option<Instant>,
    /// How often in a row the host asked for a pause without saying how long.
    refusals: u32,
    budget: u64,
    counted_at: Instant,
    /// When the host last answered, whatever it said.
    heard_at: Option<Instant>,
    /// What it last said of a quota.
    quota: Option<Quota>,
    health: Health,
}

/// How a host is that answers, and sometimes says that it cannot look things up.
#[derive(Clone, Copy, Debug, Default)]
struct Health {
    well_at: Option<Instant>,
    unwell_since: Option<Instant>,
    /// How often it said so.
    complaints: u64,
}

/// What a repeat costs. A request that went well earns 1, and so does a second, so that a host that was down is found
/// again.
const REPEAT: u64 = 5;
/// What a host gets on credit: 30 repeats.
const CREDIT: u64 = 30 * REPEAT;

impl Pace {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            closed_until: None,
            refusals: 0,
            budget: CREDIT,
            counted_at: Instant::now(),
            heard_at: None,
            quota: None,
            health: Health::default(),
        }))
    }

    /// Waits until the host may be asked.
    ///
    /// # Errors
    /// How long the gate stays closed, if that is longer than `patience`.
    pub(crate) async fn pass(&self, patience: Duration) -> Result<(), Duration> {
        let mut waited = Duration::ZERO;
        loop {
            let left = match self.state().closed_until {
                None => return Ok(()),
                Some(until) => until.saturating_duration_since(Instant::now()),
            };
            if left.is_zero() {
                self.state().closed_until = None;
                return Ok(());
            }
            if left + waited > patience {
                return Err(left);
            }
            // A little apart, so that those who waited do not come all at once.
            let pause = left + left.min(Duration::from_secs(1)).mul_f64(fastrand::f64() / 2.0);
            waited += pause;
            tokio::time::sleep(pause).await;
        }
    }

    /// Closes the gate: for as long as the host asked for, or for a time that doubles while it goes on refusing.
    pub(crate) fn close(&self, asked: Option<Duration>, longest: Duration) -> Duration {
        let mut state = self.state();
        let now = Instant::now();
        // Requests that were under way together are refused together; that counts as one refusal.
        let again = state.closed_until.is_none_or(|until| until <= now);
        if again {
            state.refusals = state.refusals.saturating_add(1);
        }
        let own = Duration::from_secs(1 << state.refusals.clamp(1, 6));
        // "Not now, but at once" is no pause.
        let wait = asked.filter(|asked| !asked.is_zero()).unwrap_or(own).min(longest);
        let until = now + wait;
        state.closed_until = Some(state.closed_until.map_or(until, |old| old.max(until)));
        wait
    }

    /// The host answered, and may have said what is left of a quota.
    pub(crate) fn heard(&self, quota: Option<Quota>) {
        let mut state = self.state();
        state.heard_at = Some(Instant::now());
        state.quota = quota.or(state.quota);
    }

    /// What the host last said of a quota.
    pub(crate) fn quota(&self) -> Option<Quota> {
        self.state().quota
    }

    /// Whether a host that did not answer since `began` is away rather than dead: it answered before, not longer than
    /// `outage` ago.
    pub(crate) fn is_away(&self, began: Instant, outage: Duration) -> bool {
        self.state().heard_at.is_some_and(|at| at < began && at.elapsed() < outage)
    }

    /// The host knew an answer.
    pub(crate) fn is_well(&self) {
        let health = &mut self.state().health;
        (health.well_at, health.unwell_since) = (Some(Instant::now()), None);
    }

    /// The host said that it cannot look things up at the moment.
    pub(crate) fn complains(&self) {
        let health = &mut self.state().health;
        health.unwell_since.get_or_insert_with(Instant::now);
        health.complaints += 1;
    }

    /// How often it said so.
    pub(crate) fn complaints(&self) -> u64 {
        self.state().health.complaints
    }

    /// Whether it will probably be well again soon: it complains since not longer than `outage`, and knew no answer to
    /// anything since `began`.
    pub(crate) fn recovers(&self, began: Instant, outage: Duration) -> bool {
        let health = self.state().health;
        health.unwell_since.is_some_and(|since| since.elapsed() < outage) && health.well_at.is_none_or(|at| at < began)
    }

    /// The host did what it was asked.
    pub(crate) fn went_well(&self) {
        let mut state = self.state();
        state.refusals = 0;
        state.budget = (state.budget + 1).min(CREDIT);
    }

    /// Takes one repeat from the budget; false if there is none left.
    pub(crate) fn spend(&self) -> bool {
        let mut state = self.state();
        let seconds = state.counted_at.elapsed().as_secs();
        state.counted_at += Duration::from_secs(seconds);
        state.budget = (state.budget + seconds).min(CREDIT);
        match state.budget.checked_sub(REPEAT) {
            Some(left) => state.budget = left,
            None => return false,
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_throttled_host_is_left_alone_until_it_said() {
        let pace = Pace::new();
        let start = Instant::now();
        pace.close(Some(Duration::from_secs(3)), MINUTE);
        let both = tokio::join!(pace.pass(MINUTE), pace.pass(MINUTE));
        assert_eq!(both, (Ok(()), Ok(())));
        let waited = start.elapsed();
        assert!(waited >= Duration::from_secs(3) && waited < Duration::from_secs(5), "{waited:?}");
        pace.pass(MINUTE).await.unwrap();
        assert_eq!(start.elapsed(), waited, "then it is open");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_patience_is_passed_on() {
        let pace = Pace::new();
        pace.close(Some(10 * MINUTE), 5 * MINUTE);
        let start = Instant::now();
        assert_eq!(pace.pass(MINUTE).await, Err(5 * MINUTE), "clamped to the longest wait that is believed");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_while_a_host_refuses_without_saying_how_long() {
        let pace = Pace::new();
        assert_eq!(pace.close(None, MINUTE), Duration::from_secs(2));
        assert_eq!(pace.close(None, MINUTE), Duration::from_secs(2), "refused together");
        pace.pass(MINUTE).await.unwrap();
        assert_eq!(pace.close(None, MINUTE), Duration::from_secs(4));
        pace.pass(MINUTE).await.unwrap();
        pace.went_well();
        assert_eq!(pace.close(None, MINUTE), Duration::from_secs(2));
        pace.pass(MINUTE).await.unwrap();
        assert_eq!(pace.close(Some(Duration::ZERO), MINUTE), Duration::from_secs(4), "no time is no answer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_host_uses_up_its_budget_and_gets_some_back_with_time() {
        let pace = Pace::new();
        assert_eq!((0..100).filter(|_| pace.spend()).count(), 30);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!((0..100).filter(|_| pace.spend()).count(), 2);
        (0..50).for_each(|_| pace.went_well());
        assert_eq!((0..100).filter(|_| pace.spend()).count(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_complains_is_given_time_unless_it_knows_other_answers() {
        let pace = Pace::new();
        let began = Instant::now();
        assert!(!pace.recovers(began, MINUTE), "it does not complain");
        pace.complains();
        tokio::time::advance(MINUTE / 2).await;
        assert!(pace.recovers(began, MINUTE), "also if it was never well");
        pace.is_well();
        pace.complains();
        assert!(!pace.recovers(began, MINUTE), "others got answers");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(pace.recovers(Instant::now(), MINUTE));
        tokio::time::advance(MINUTE).await;
        assert!(!pace.recovers(Instant::now(), MINUTE), "not for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_answered_a_moment_ago_is_away_and_not_dead() {
        let pace = Pace::new();
        let outage = MINUTE;
        assert!(!pace.is_away(Instant::now(), outage), "it never answered");
        pace.heard(None);
        tokio::time::advance(Duration::from_secs(1)).await;
        let began = Instant::now();
        assert!(pace.is_away(began, outage));
        tokio::time::advance(Duration::from_secs(1)).await;
        pace.heard(None);
        assert!(!pace.is_away(began, outage), "somebody else got an answer meanwhile");
        tokio::time::advance(outage).await;
        assert!(!pace.is_away(Instant::now(), outage), "too long ago");
    }
}
