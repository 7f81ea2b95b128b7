//! One ordered stream of events, whoever speaks.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use super::stopwatch::Stopwatch;
use crate::{
    event::{Event, Observer},
    lock::lock,
    report::Slowest,
};

/// Hands events to the observer, one at a time. The first to see each of them is the stopwatch.
pub(super) struct Events {
    observer: Arc<dyn Observer>,
    turn: Mutex<Stopwatch>,
}

impl Events {
    pub(super) fn new(observer: &Arc<dyn Observer>) -> Self {
        Self { observer: Arc::clone(observer), turn: Mutex::default() }
    }

    pub(super) fn tell(&self, event: &Event) {
        let mut turn = lock(&self.turn);
        turn.take(event, Instant::now());
        self.observer.on(event);
    }

    pub(super) fn warn(&self, message: impl Into<String>) {
        self.tell(&Event::Warning { message: message.into() });
    }

    /// What took longest so far, and how often a blob was started again.
    pub(super) fn slowest(&self) -> (Slowest, u64) {
        lock(&self.turn).read()
    }
}
