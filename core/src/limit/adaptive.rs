//! A concurrency limit that adapts: it grows while it is used, and falls to what the store accepted when it refuses.

use std::time::Duration;

use tokio::time::Instant;

/// How long a level that was refused is not exceeded; doubles with each refusal above it.
const HOLD: Duration = Duration::from_secs(60);
const HOLD_MAX: Duration = Duration::from_secs(3600);
/// Successes before such a level is exceeded, so that refusals stay rare.
const PROBE_AFTER: u32 = 50;
/// Growth for each response of a limit that was not refused yet: it triples in one round trip.
const STEP: f64 = 2.0;

#[derive(Debug)]
pub(super) struct Adaptive {
    limit: f64,
    max: f64,
    /// Up to this limit it grows by [`STEP`].
    threshold: f64,
    ceiling: Option<Ceiling>,
    hold: Duration,
}

/// A level above which the store refused.
#[derive(Debug)]
struct Ceiling {
    level: f64,
    until: Instant,
    successes: u32,
}

impl Adaptive {
    pub(super) fn new(start: u16, max: u16) -> Self {
        let max = f64::from(max);
        Self { limit: f64::from(start), max, threshold: max, ceiling: None, hold: HOLD }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 1 and a few hundred")]
    pub(super) fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Learns from a success while at least half of the limit was in use.
    pub(super) fn succeeded(&mut self, now: Instant) {
        let step = if self.limit < self.threshold { STEP } else { 1.0 / self.limit };
        let mut most = self.max;
        if let Some(ceiling) = &mut self.ceiling {
            ceiling.successes += 1;
            if now >= ceiling.until && ceiling.successes >= PROBE_AFTER {
                *ceiling = Ceiling { level: ceiling.level + 1.0, until: now + HOLD, successes: 0 };
            }
            most = most.min(ceiling.level);
        }
        self.limit = (self.limit + step).min(most).max(self.limit.min(most));
    }

    /// Learns from a refusal while the store works on `accepted` others.
    pub(super) fn refused(&mut self, accepted: usize, now: Instant) {
        if accepted == 0 {
            // Everything was refused: a quota, and not too much at once. One request tests the end of the pause.
            self.threshold = (self.limit / 2.0).max(1.0);
            (self.limit, self.ceiling) = (1.0, None);
            return;
        }
        if self.ceiling.as_ref().is_some_and(|ceiling| now >= ceiling.until) {
            self.hold = (self.hold * 2).min(HOLD_MAX);
        }
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let accepted = accepted as f64;
        self.limit = self.limit.min(accepted);
        self.threshold = self.limit;
        self.ceiling = Some(Ceiling { level: self.limit, until: now + self.hold, successes: 0 });
    }
}
