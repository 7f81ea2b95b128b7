//! Pacing per host.
//!
//! Registries throttle by account and host, so every request to a host passes one gate. After a 429 it closes for all
//! of them, not only for the one that was told off.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::quota::Quota;

/// The gate of one host.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    closed_until: Option<Instant>,
    /// Number of consecutive requests for a pause without a duration.
    refusals: u32,
    /// The quota last reported by the host.
    quota: Option<Quota>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State { closed_until: None, refusals: 0, quota: None }))
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

    /// Notes a quota that the host named.
    pub(crate) fn note_quota(&self, quota: Quota) {
        self.state().quota = Some(quota);
    }

    /// Returns the quota last reported by the host.
    pub(crate) fn quota(&self) -> Option<Quota> {
        self.state().quota
    }

    /// The host did what it was asked.
    pub(crate) fn went_well(&self) {
        self.state().refusals = 0;
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
}
