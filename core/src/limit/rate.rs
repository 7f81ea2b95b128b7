//! Request rates that registries publish, kept by a generic cell rate algorithm.

use std::time::Duration;

use tokio::time::Instant;

/// A number of requests in a span of time. A tenth of them may be sent at once after a rest; the others follow evenly, so
/// that no window of the registry's clock sees more.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many requests.
    pub requests: u32,
    /// In how much time.
    pub span: Duration,
}

#[derive(Debug)]
pub(super) struct CellRate {
    interval: Duration,
    burst: Duration,
    /// The theoretical arrival time of the next request.
    next: Instant,
}

impl CellRate {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        let interval = rate.span / rate.requests;
        Self { interval, burst: interval * (rate.requests.div_ceil(10) - 1), next: now }
    }

    /// Returns when the next request may be sent.
    pub(super) fn ready_at(&self) -> Instant {
        self.next.checked_sub(self.burst).unwrap_or(self.next)
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.next = self.next.max(now) + self.interval;
    }
}
