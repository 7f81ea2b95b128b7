//! The attempts of one request, with pauses in between: doubling, capped, with full jitter, so that many clients do not
//! come back together.

use std::time::Duration;

use sealift_core::error::{Error, Retry};
use tokio::time::Instant;

use super::{RetryPolicy, RetryState};

/// The attempts that are left of one request.
#[derive(Debug)]
pub(crate) struct Attempts {
    next: Duration,
    longest: Duration,
    left: u32,
    patience: Duration,
    /// True once an error was met that a retry at once need not help.
    is_late: bool,
}

/// The circumstances of an attempt that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedTry {
    pub(crate) began: Instant,
    /// The time of the last response of the host, to any request.
    pub(crate) last_response: Option<Instant>,
    /// The host said that it cannot look things up at the moment.
    pub(crate) unwell: bool,
    /// The failed part was tried several times already, such as a request to a token service.
    pub(crate) exhausted: bool,
    /// The exchange broke off, without a response.
    pub(crate) broke: bool,
}

impl FailedTry {
    /// Returns true if the host answered others while this attempt broke off. It is not down then, or went away a moment
    /// ago, with all that was under way.
    fn is_single(&self) -> bool {
        self.broke && self.last_response.is_some_and(|at| at >= self.began)
    }
}

impl Attempts {
    /// Allows `number` attempts, the first one included.
    pub(super) fn new(number: u32, policy: &RetryPolicy) -> Self {
        Self {
            next: policy.backoff,
            longest: policy.backoff_max,
            left: number.saturating_sub(1),
            patience: policy.patience,
            is_late: false,
        }
    }

    /// Returns the pause before the next attempt, none if `failed` is final or the attempts or the budget of the host
    /// are used up. The pause is at least as long as the host asked for.
    pub(crate) fn pause(&mut self, host: &RetryState, failed: &Error) -> Option<Duration> {
        let asked = self.asked(failed)?;
        let own = self.own_pause().filter(|_| host.spend())?;
        Some(own.max(asked))
    }

    /// Returns the pause before a request is sent again that waits for the pauses of the host by itself.
    ///
    /// A host that is away for a moment, or says that it is unwell, is asked again until the outage has lasted too long,
    /// without counting attempts.
    pub(crate) fn pause_of_request(
        &mut self,
        host: &RetryState,
        failed: &Error,
        failed_try: &FailedTry,
    ) -> Option<Duration> {
        if failed.retry() == Retry::Later {
            // Once, on another connection: what an earlier response left over may have garbled this one.
            let again = !std::mem::replace(&mut self.is_late, true);
            return again.then(|| self.own_pause()).flatten().filter(|_| host.spend());
        }
        let asked = self.asked(failed);
        let FailedTry { began, last_response, unwell, exhausted, .. } = *failed_try;
        let away = if unwell { host.recovers(began) } else { asked.is_some() && host.is_away(began, last_response) };
        let own = match away {
            true => Some(host.outage_pause()),
            false => asked
                .filter(|_| !exhausted)
                .and_then(|_| self.own_pause())
                .filter(|_| failed_try.is_single() || host.spend()),
        };
        own.map(|own| if matches!(failed.retry(), Retry::After(_)) { Duration::ZERO } else { own })
    }

    /// Returns the pause that the host asked for; none if trying again is of no use.
    fn asked(&self, failed: &Error) -> Option<Duration> {
        match failed.retry() {
            Retry::Soon => Some(Duration::ZERO),
            Retry::After(wait) => Some(wait).filter(|wait| *wait <= self.patience),
            _ => None,
        }
    }

    fn own_pause(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = self.next.mul_f64(fastrand::f64());
        self.next = (self.next * 2).min(self.longest);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use sealift_core::error::ErrorKind;

    use super::*;

    // Fifty requests were under way when a network went away, and the budget was for thirty.
    #[tokio::test(start_paused = true)]
    async fn requests_that_break_off_together_are_all_sent_again() {
        let (host, began) = (RetryState::new(RetryPolicy::default()), Instant::now());
        tokio::time::advance(Duration::from_secs(1)).await;
        let failed = Error::new(ErrorKind::Unavailable, "it broke the connection");
        let broken = FailedTry { began, last_response: Some(began), unwell: false, exhausted: false, broke: true };
        let refused = FailedTry { broke: false, ..broken };
        let is_repeated =
            |failed_try| host.attempts(host.policy().requests).pause_of_request(&host, &failed, failed_try).is_some();
        assert!((0..100).all(|_| is_repeated(&broken)));
        assert_eq!((0..100).filter(|_| is_repeated(&refused)).count(), 30);
        let mut attempts = host.attempts(3);
        let pauses = std::iter::from_fn(|| attempts.pause_of_request(&host, &failed, &broken));
        assert_eq!(pauses.count(), 2, "a host that breaks one request again and again");
    }

    #[test]
    fn pauses_stay_below_a_doubling_bound_and_end() {
        let second = Duration::from_secs(1);
        let policy = RetryPolicy { backoff: second, backoff_max: 3 * second, ..RetryPolicy::default() };
        let mut attempts = Attempts::new(5, &policy);
        let pauses: Vec<_> = std::iter::from_fn(|| attempts.own_pause()).collect();
        assert_eq!(pauses.len(), 4);
        for (pause, bound) in pauses.iter().zip([1, 2, 3, 3]) {
            assert!(*pause <= bound * second, "{pauses:?}");
        }
    }
}
