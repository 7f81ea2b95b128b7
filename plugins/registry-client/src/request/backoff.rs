//! Pauses between attempts: doubling, capped, with full jitter, so that many clients do not come back together.

use std::time::Duration;

/// The pauses of one request.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
    left: u32,
}

impl Backoff {
    /// `attempts` counts the first one too.
    pub(crate) fn new(first: Duration, longest: Duration, attempts: u32) -> Self {
        Self { next: first, longest, left: attempts.saturating_sub(1) }
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = self.next.mul_f64(fastrand::f64());
        self.next = (self.next * 2).min(self.longest);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_below_a_doubling_bound_and_end() {
        let second = Duration::from_secs(1);
        let pauses: Vec<_> = Backoff::new(second, 3 * second, 5).collect();
        assert_eq!(pauses.len(), 4);
        for (pause, bound) in pauses.iter().zip([1, 2, 3, 3]) {
            assert!(*pause <= bound * second, "{pauses:?}");
        }
    }
}
