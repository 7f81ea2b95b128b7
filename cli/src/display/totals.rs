//! The running sums of a run, and the line that tells them.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sealift_core::{
    event::Event,
    job::{Outcome, Skip},
};

use super::words::{bytes, clock, grouped};

/// Sums over everything that happened so far. Memory: what is in flight, and what failed and will be tried again.
pub(super) struct Totals {
    since: Instant,
    /// Images that are known of.
    listed: u64,
    /// Images that are through.
    done: u64,
    /// Targets that were written.
    pub(super) copied: u64,
    /// Targets that had it already.
    pub(super) present: u64,
    /// Targets that a filter, or an earlier rule, left out.
    pub(super) left_out: u64,
    /// Targets and listings that failed for good, as far as is known by now.
    failed: u64,
    waiting: HashSet<u64>,
    moving: HashMap<u64, Arc<AtomicU64>>,
    moved: u64,
    speed: Speed,
}

impl Totals {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            listed: 0,
            done: 0,
            copied: 0,
            present: 0,
            left_out: 0,
            failed: 0,
            waiting: HashSet::new(),
            moving: HashMap::new(),
            moved: 0,
            speed: Speed::new(now),
        }
    }

    /// Takes an event.
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Listed { kept, .. } => self.listed += *kept as u64,
            Event::TransferStarted { transfer, passed, .. } => {
                self.moving.insert(*transfer, Arc::clone(passed));
            }
            Event::TransferFinished { transfer, .. } => {
                self.moved += self.moving.remove(transfer).map_or(0, |passed| passed.load(Ordering::Relaxed));
            }
            Event::TargetFinished { job, again: true, .. } => {
                self.waiting.insert(*job);
            }
            Event::TargetFinished { job, outcome: Outcome::Failed(error), .. } if error.is_cancelled() => {
                self.waiting.insert(*job);
            }
            Event::TargetFinished { outcome, .. } => match outcome {
                Outcome::Copied(_) => self.copied += 1,
                Outcome::Skipped(Skip::Present { .. }) => self.present += 1,
                Outcome::Skipped(_) => self.left_out += 1,
                Outcome::Failed(_) => self.failed += 1,
            },
            Event::JobFinished { job } => self.done += u64::from(!self.waiting.remove(job)),
            _ => {}
        }
    }

    /// Looks at the counters, so that the speed is that of now.
    pub(super) fn sample(&mut self, now: Instant) {
        let passed = self.passed();
        self.speed.sample(passed, now);
    }

    fn passed(&self) -> u64 {
        self.moved + self.moving.values().map(|passed| passed.load(Ordering::Relaxed)).sum::<u64>()
    }

    /// One line: images, how they ended, bytes and speed, time.
    pub(super) fn line(&self, now: Instant) -> String {
        let mut ends = Vec::new();
        for (count, word) in
            [(self.copied, "copied"), (self.present, "up to date"), (self.left_out, "skipped"), (self.failed, "failed")]
        {
            if count > 0 {
                ends.push(format!("{} {word}", grouped(count)));
            }
        }
        let mut parts = vec![match self.listed.max(self.done) {
            0 => "looking for images".to_owned(),
            listed => format!("{} of {} images", grouped(self.done), grouped(listed)),
        }];
        if !ends.is_empty() {
            parts.push(ends.join(", "));
        }
        parts.push(match (self.moving.len(), self.speed.per_second()) {
            (0, _) => bytes(self.passed()),
            (_, speed) => format!("{} at {}/s", bytes(self.passed()), bytes(speed)),
        });
        parts.push(clock(now - self.since));
        parts.join(" · ")
    }
}

/// Bytes a second, of the last few seconds.
pub(super) struct Speed {
    at: Instant,
    bytes: u64,
    /// Sum over looks of speed and weight, and of the weights alone: older looks weigh less.
    sum: f64,
    weight: f64,
}

impl Speed {
    /// The time constant of the average, in seconds.
    const MEMORY_S: f64 = 3.0;

    pub(super) fn new(now: Instant) -> Self {
        Self { at: now, bytes: 0, sum: 0.0, weight: 0.0 }
    }

    /// Takes a look at a counter.
    pub(super) fn sample(&mut self, bytes: u64, now: Instant) {
        let seconds = (now - self.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a speed for people")]
        let current = bytes.saturating_sub(self.bytes) as f64 / seconds;
        let old = (-seconds / Self::MEMORY_S).exp();
        self.sum = self.sum * old + current * (1.0 - old);
        self.weight = self.weight * old + (1.0 - old);
        (self.at, self.bytes) = (now, bytes);
    }

    /// Bytes a second.
    pub(super) fn per_second(&self) -> u64 {
        if self.weight <= 0.0 {
            return 0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a speed for people")]
        let speed = (self.sum / self.weight).round() as u64;
        speed
    }

    /// Returns the time that `bytes` will take, if the speed is known.
    pub(super) fn time_for(&self, bytes: u64) -> Option<Duration> {
        match self.per_second() {
            0 => None,
            speed => Some(Duration::from_secs(bytes.div_ceil(speed))),
        }
    }
}
