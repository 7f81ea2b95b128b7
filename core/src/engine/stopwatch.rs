//! An observer that keeps the slowest images and blobs, and those in progress.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    content::{Digest, ImageRef},
    event::Event,
    job::Outcome,
    report::{SlowBlob, SlowImage, Slowest},
};

/// Upper bound for the images that are kept, and for the blobs.
const KEPT: usize = 5;

/// Watches images and blobs on their way.
#[derive(Default)]
pub(super) struct Stopwatch {
    jobs: HashMap<u64, UnderWay>,
    transfers: HashMap<u64, TransferTime>,
    slowest: Slowest,
    /// Number of restarts of blobs.
    restarts: u64,
}

struct UnderWay {
    source: ImageRef,
    since: Instant,
    bytes: u64,
    /// None as long as nothing had to be done.
    failed: Option<bool>,
}

struct TransferTime {
    source: ImageRef,
    digest: Digest,
    since: Instant,
    passed: Arc<AtomicU64>,
}

impl Stopwatch {
    /// Takes a fact.
    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        match event {
            Event::JobStarted { job, source } => {
                let under_way = UnderWay { source: source.clone(), since: now, bytes: 0, failed: None };
                self.jobs.insert(*job, under_way);
            }
            Event::TargetFinished { job, outcome, .. } => {
                let Some(under_way) = self.jobs.get_mut(job) else { return };
                match outcome {
                    Outcome::Copied(moved) => {
                        under_way.bytes += moved.bytes;
                        under_way.failed.get_or_insert(false);
                    }
                    Outcome::Failed(error) if error.is_cancelled() => {}
                    Outcome::Failed(_) => under_way.failed = Some(true),
                    Outcome::Skipped(_) => {}
                }
            }
            Event::JobFinished { job } => self.job_finished(*job, now),
            Event::TransferStarted { transfer, source, digest, passed, .. } => {
                let (source, digest, passed) = (source.clone(), digest.clone(), Arc::clone(passed));
                self.transfers.insert(*transfer, TransferTime { source, digest, since: now, passed });
            }
            Event::TransferFinished { transfer, error: Some(error) } if error.is_cancelled() => {
                self.transfers.remove(transfer);
            }
            Event::TransferFinished { transfer, error } => self.transfer_finished(*transfer, error.is_some(), now),
            Event::Retrying { .. } => self.restarts += 1,
            _ => {}
        }
    }

    fn job_finished(&mut self, job: u64, now: Instant) {
        let Some(UnderWay { source, since, bytes, failed: Some(failed) }) = self.jobs.remove(&job) else { return };
        let one = SlowImage { source, bytes, elapsed: now - since, failed };
        // An image that is tried again counts once, with its longest try.
        let images = &mut self.slowest.images;
        if images.iter().any(|known| known.source == one.source && known.elapsed >= one.elapsed) {
            return;
        }
        images.retain(|known| known.source != one.source);
        keep(images, one, |image| image.elapsed);
    }

    fn transfer_finished(&mut self, transfer: u64, failed: bool, now: Instant) {
        let Some(TransferTime { source, digest, since, passed }) = self.transfers.remove(&transfer) else { return };
        let bytes = passed.load(Ordering::Relaxed);
        let one = SlowBlob { source, digest, bytes, elapsed: now - since, failed };
        keep(&mut self.slowest.blobs, one, |blob| blob.elapsed);
    }

    /// The slowest, and how often a blob was started again.
    pub(super) fn read(&self) -> (Slowest, u64) {
        (self.slowest.clone(), self.restarts)
    }
}

/// Keeps one if it is among the slowest.
fn keep<T>(slowest: &mut Vec<T>, one: T, time: impl Fn(&T) -> Duration) {
    let at = slowest.partition_point(|other| time(other) >= time(&one));
    slowest.insert(at, one);
    slowest.truncate(KEPT);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{CopyStats, Skip};

    fn image(tag: u64) -> ImageRef {
        format!("q.io/a/b:{tag}").parse().unwrap()
    }

    fn ended(job: u64, outcome: Outcome) -> Event {
        Event::TargetFinished {
            job,
            source: image(job),
            target: None,
            push: "x".into(),
            location: None,
            outcome,
            again: false,
        }
    }

    #[test]
    fn the_slowest_come_first_and_only_a_few_are_kept() {
        let (mut watch, start) = (Stopwatch::default(), Instant::now());
        for job in 0..20 {
            let seconds = Duration::from_secs(job * 7 % 20);
            watch.take(&Event::JobStarted { job, source: image(job) }, start);
            watch.take(&ended(job, Outcome::Copied(CopyStats { bytes: job, ..CopyStats::default() })), start);
            watch.take(&Event::JobFinished { job }, start + seconds);
        }
        let (slowest, _) = watch.read();
        let seconds: Vec<_> = slowest.images.iter().map(|image| image.elapsed.as_secs()).collect();
        assert_eq!(seconds, [19, 18, 17, 16, 15]);
        assert!(watch.jobs.is_empty(), "nothing is kept of images that are through");
    }

    #[test]
    fn an_image_that_is_up_to_date_is_not_among_the_slow_ones() {
        let (mut watch, start) = (Stopwatch::default(), Instant::now());
        watch.take(&Event::JobStarted { job: 1, source: image(1) }, start);
        watch.take(&ended(1, Outcome::Skipped(Skip::Duplicate)), start);
        watch.take(&Event::JobFinished { job: 1 }, start + Duration::from_secs(60));
        assert_eq!(watch.read(), (Slowest::default(), 0));
    }
}
