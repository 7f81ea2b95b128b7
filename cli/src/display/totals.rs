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
    content::Digest,
    event::Event,
    job::{Outcome, Skip},
};
use serde::Serialize;

use super::words::{bytes, clock, grouped};

/// Upper bound for the blobs that are known to be moved; a blob beyond it that several images share counts more than once.
const MOST_MOVED: usize = 65_536;

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
    moving: HashMap<u64, (Digest, Arc<AtomicU64>)>,
    moved: u64,
    /// Blobs that came, so that the next image that needs one does not count it again.
    came: HashSet<Digest>,
    /// Blobs that images in flight need, with their bytes and the number of those images.
    needed: HashMap<Digest, (u64, u32)>,
    needed_by: HashMap<u64, Vec<Digest>>,
    speed: Speed,
}

/// The state of a run at a moment.
#[derive(Debug, Serialize)]
pub(super) struct RunProgress {
    images: ImageCounts,
    bytes: u64,
    /// All bytes, those that passed included, as far as is known; images that were not looked at count like the others.
    bytes_in_all: u64,
    bytes_per_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_s: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ImageCounts {
    listed: u64,
    done: u64,
    copied: u64,
    present: u64,
    left_out: u64,
    failed: u64,
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
            came: HashSet::new(),
            needed: HashMap::new(),
            needed_by: HashMap::new(),
            speed: Speed::new(now),
        }
    }

    /// Takes an event.
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Listed { kept, .. } => self.listed += *kept as u64,
            Event::Needed { job, blobs } => self.need(*job, blobs),
            Event::TransferStarted { transfer, digest, passed, .. } => {
                self.moving.insert(*transfer, (digest.clone(), Arc::clone(passed)));
            }
            Event::TransferFinished { transfer, error } => {
                let Some((digest, passed)) = self.moving.remove(transfer) else { return };
                self.moved += passed.load(Ordering::Relaxed);
                if error.is_none() {
                    self.needed.remove(&digest);
                    if self.came.len() < MOST_MOVED {
                        self.came.insert(digest);
                    }
                }
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
            Event::JobFinished { job } => {
                self.done += u64::from(!self.waiting.remove(job));
                self.forget(*job);
            }
            _ => {}
        }
    }

    /// Notes the blobs of an image.
    fn need(&mut self, job: u64, blobs: &[(Digest, u64)]) {
        for (digest, size) in blobs.iter().filter(|(digest, _)| !self.came.contains(digest)) {
            self.needed.entry(digest.clone()).or_insert((*size, 0)).1 += 1;
            self.needed_by.entry(job).or_default().push(digest.clone());
        }
    }

    /// Forgets the blobs of an image that is through: what did not pass was there already.
    fn forget(&mut self, job: u64) {
        for digest in self.needed_by.remove(&job).unwrap_or_default() {
            if let Some((_, images)) = self.needed.get_mut(&digest) {
                *images -= 1;
                if *images == 0 {
                    self.needed.remove(&digest);
                }
            }
        }
    }

    /// Looks at the counters, so that the speed is that of now.
    pub(super) fn sample(&mut self, now: Instant) {
        let passed = self.passed();
        self.speed.sample(passed, now);
    }

    fn passed(&self) -> u64 {
        self.moved + self.moving.values().map(|(_, passed)| passed.load(Ordering::Relaxed)).sum::<u64>()
    }

    /// Returns the bytes that are still to pass, and true if images that were not looked at yet are estimated.
    fn left(&self) -> (u64, bool) {
        let needed: u64 = self.needed.values().map(|(size, _)| size).sum();
        let under_way = self.moving.values().filter(|(digest, _)| self.needed.contains_key(digest));
        let known = needed.saturating_sub(under_way.map(|(_, passed)| passed.load(Ordering::Relaxed)).sum());
        let seen = self.done + self.needed_by.len() as u64;
        match self.listed.saturating_sub(seen) {
            0 => (known, false),
            _ if seen == 0 => (known, false),
            unseen => {
                let each = u128::from(self.passed() + known) * u128::from(unseen) / u128::from(seen);
                (known + u64::try_from(each).unwrap_or(u64::MAX), true)
            }
        }
    }

    /// Returns the state for programs.
    pub(super) fn progress(&self) -> RunProgress {
        let Self { listed, done, copied, present, left_out, failed, .. } = *self;
        let (left, _) = self.left();
        RunProgress {
            images: ImageCounts { listed: listed.max(done), done, copied, present, left_out, failed },
            bytes: self.passed(),
            bytes_in_all: self.passed() + left,
            bytes_per_s: self.speed.per_second(),
            left_s: self.speed.time_for(left).map(|left| left.as_secs()),
        }
    }

    /// One line: images, how they ended, bytes, speed, time left, time. Where the columns do not hold all of that, the
    /// parts go that tell least.
    pub(super) fn line(&self, now: Instant, columns: usize) -> String {
        let mut ends = Vec::new();
        for (count, word) in
            [(self.copied, "copied"), (self.present, "up to date"), (self.left_out, "skipped"), (self.failed, "failed")]
        {
            if count > 0 {
                ends.push(format!("{} {word}", grouped(count)));
            }
        }
        let images = match self.listed.max(self.done) {
            0 => "looking for images".to_owned(),
            listed => format!("{} of {} images", grouped(self.done), grouped(listed)),
        };
        let (left, is_estimate) = self.left();
        let passed = self.passed();
        let amount = match (left, is_estimate) {
            (0, _) => bytes(passed),
            (left, false) => format!("{} of {}", bytes(passed), bytes(passed + left)),
            (left, true) => format!("{} of about {}", bytes(passed), bytes(passed + left)),
        };
        let is_moving = !self.moving.is_empty();
        let speed = is_moving.then(|| format!("{}/s", bytes(self.speed.per_second())));
        let time_left = self.speed.time_for(left).filter(|_| is_moving && left > 0);
        // Each with its rank: the highest goes first.
        let mut parts = vec![
            (0, images),
            (3, ends.join(", ")),
            (1, amount),
            (4, speed.unwrap_or_default()),
            (2, time_left.map(|left| format!("{} left", clock(left))).unwrap_or_default()),
            (5, clock(now - self.since)),
        ];
        parts.retain(|(_, text)| !text.is_empty());
        loop {
            let line = parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" · ");
            let last = parts.iter().map(|(rank, _)| *rank).max().unwrap_or_default();
            if line.chars().count() <= columns || last == 0 {
                return line;
            }
            parts.retain(|(rank, _)| *rank != last);
        }
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
