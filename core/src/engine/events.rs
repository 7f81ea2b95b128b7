//! One ordered stream of events from all tasks of a run.

use std::sync::{Arc, Mutex};

use futures::future::join_all;
use tokio::time::Instant;

use super::{
    observers::{self, EventQueueState, Queue},
    stopwatch::Stopwatch,
};
use crate::{
    event::Event,
    lock::lock,
    observer::Observer,
    report::{Report, Slowest},
    spec::Named,
    text,
};

/// Hands events to the observers, one at a time. The first to see each of them is the stopwatch.
pub(super) struct Events {
    turn: Mutex<Turn>,
    warnings: Mutex<Warnings>,
    queues: Vec<Arc<EventQueueState>>,
}

struct Turn {
    stopwatch: Stopwatch,
    queues: Vec<Queue>,
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
    /// Starts to deliver to observers. The run begins with these warnings.
    pub(super) fn new(observers: &[Named<dyn Observer>], warnings: Vec<String>) -> Self {
        let queues: Vec<_> = observers.iter().map(Queue::start).collect();
        let states = queues.iter().map(|queue| Arc::clone(queue.state())).collect();
        let turn = Turn { stopwatch: Stopwatch::default(), queues };
        let warnings = Mutex::new(Warnings { told: warnings, more: 0 });
        Self { turn: Mutex::new(turn), warnings, queues: states }
    }

    pub(super) fn tell(&self, event: &Event) {
        let mut turn = lock(&self.turn);
        turn.stopwatch.take(event, Instant::now());
        if !turn.queues.is_empty() {
            let event = Arc::new(event.clone());
            turn.queues.iter().for_each(|queue| queue.send(&event));
        }
    }

    /// Waits until the observers that must see everything are ready for the events of a further job.
    pub(super) async fn ready(&self) {
        for queue in &self.queues {
            queue.ready().await;
        }
    }

    /// Waits until the observers that must see everything have taken every event so far.
    pub(super) async fn idle(&self) {
        for queue in &self.queues {
            queue.idle().await;
        }
    }

    /// Tells the end of the run, and ends the observers. Warnings about lossy ones are told to the others, and are in the
    /// report that these get.
    pub(super) async fn finish(&self, mut report: Report) -> Report {
        let queues = std::mem::take(&mut lock(&self.turn).queues);
        let (lossy, lossless): (Vec<_>, Vec<_>) = queues.into_iter().partition(Queue::is_lossy);
        for warning in close(lossy, &report).await {
            let told = Arc::new(Event::Warning { message: warning.clone() });
            lossless.iter().for_each(|queue| queue.send(&told));
            report.warnings.push(warning);
        }
        let warnings = close(lossless, &report).await;
        report.warnings.extend(warnings);
        report
    }

    pub(super) fn warn(&self, message: impl Into<String>) {
        let message = text::message(&message.into()).into_owned();
        lock(&self.warnings).take(&message);
        self.tell(&Event::Warning { message });
    }

    /// All warnings so far, for the report.
    pub(super) fn warnings(&self) -> Vec<String> {
        let Warnings { told, more } = &*lock(&self.warnings);
        let more = text::more(*more as u64, "warning").map(|more| format!("and {more}"));
        told.iter().cloned().chain(more).collect()
    }

    /// Returns the slowest images and blobs so far, and the number of restarts of blobs.
    pub(super) fn slowest(&self) -> (Slowest, u64) {
        lock(&self.turn).stopwatch.read()
    }
}

/// Tells the end of the run to observers, ends them, and returns the warnings about them.
async fn close(queues: Vec<Queue>, report: &Report) -> Vec<String> {
    let finished = Arc::new(Event::RunFinished { report: Arc::new(report.clone()) });
    queues.iter().for_each(|queue| queue.send(&finished));
    let deadline = observers::deadline();
    join_all(queues.into_iter().map(|queue| queue.close(deadline))).await.concat()
}
