//! One ordered stream of events from all tasks of a run.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use super::stopwatch::Stopwatch;
use crate::{
    event::{Event, EventListener},
    lock::lock,
    report::Slowest,
    text,
};

/// Hands events to the observer, one at a time. The first to see each of them is the stopwatch.
pub(super) struct Events {
    observer: Arc<dyn EventListener>,
    turn: Mutex<Stopwatch>,
    warnings: Mutex<Warnings>,
}

/// The warnings of a run, each once.
#[derive(Default)]
struct Warnings {
    told: Vec<String>,
    more: usize,
}

impl Warnings {
    /// Upper bound for the warnings that are kept for the report; the rest is only counted.
    const KEPT: usize = 1000;

    fn take(&mut self, message: &str) {
        match self.told.len() < Self::KEPT {
            true if self.told.iter().any(|told| told == message) => {}
            true => self.told.push(message.to_owned()),
            false => self.more += 1,
        }
    }
}

impl Events {
    pub(super) fn new(observer: &Arc<dyn EventListener>) -> Self {
        Self { observer: Arc::clone(observer), turn: Mutex::default(), warnings: Mutex::default() }
    }

    pub(super) fn tell(&self, event: &Event) {
        let mut turn = lock(&self.turn);
        turn.take(event, Instant::now());
        self.observer.on(event);
    }

    pub(super) fn warn(&self, message: impl Into<String>) {
        let message = text::message(&message.into()).into_owned();
        lock(&self.warnings).take(&message);
        self.tell(&Event::Warning { message });
    }

    /// All warnings so far, for the report.
    pub(super) fn warnings(&self) -> Vec<String> {
        let Warnings { told, more } = &*lock(&self.warnings);
        let more = (*more > 0).then(|| format!("and {more} more warnings"));
        told.iter().cloned().chain(more).collect()
    }

    /// Returns the slowest images and blobs so far, and the number of restarts of blobs.
    pub(super) fn slowest(&self) -> (Slowest, u64) {
        lock(&self.turn).read()
    }
}
