//! Delivers events to the observers of a run, each through a queue of its own.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, oneshot},
};

use crate::{
    error::{Error, ErrorKind},
    event::Event,
    isolate::Isolated,
    lock::lock,
    observer::{Delivery, Observer},
    spec::Named,
    text,
};

/// The time limit of one call, and of what a lossy observer still does after a run.
const LIMIT: Duration = Duration::from_secs(10);

/// The queue of an observer, at the end of the run.
pub(super) struct Queue {
    sender: mpsc::UnboundedSender<Arc<Event>>,
    state: Arc<EventQueueState>,
    ended: Worker,
}

/// What the run and the observer share.
pub(super) struct EventQueueState {
    name: Arc<str>,
    delivery: Delivery,
    waiting: AtomicUsize,
    /// Events that were dropped and not told of.
    missed: AtomicU64,
    /// Events that were dropped.
    missed_in_all: AtomicU64,
    is_over: AtomicBool,
    progress: Notify,
    failures: Mutex<Failures>,
}

/// The failures of an observer.
#[derive(Default)]
struct Failures {
    count: u64,
    first: Option<Error>,
    /// The panic or hang that ended it.
    end: Option<Error>,
}

/// The end of the thread or task of an observer.
enum Worker {
    Thread(std::sync::mpsc::Receiver<()>),
    Task(oneshot::Receiver<()>),
}

impl Queue {
    /// Starts to deliver to an observer.
    pub(super) fn start(observer: &Named<dyn Observer>) -> Self {
        let isolated = Isolated::new("observer", Arc::clone(&observer.kind), LIMIT, Arc::clone(&observer.stage));
        let (sender, events) = mpsc::unbounded_channel();
        let delivery = isolated.ask("said how it takes events", |observer| observer.delivery());
        let mut failures = Failures::default();
        let delivery = delivery.unwrap_or_else(|error| {
            failures.end = Some(error);
            Delivery::Lossy { queue: 0 }
        });
        let state = Arc::new(EventQueueState {
            name: Arc::clone(&observer.kind),
            delivery,
            waiting: AtomicUsize::new(0),
            missed: AtomicU64::new(0),
            missed_in_all: AtomicU64::new(0),
            is_over: AtomicBool::new(failures.end.is_some()),
            progress: Notify::new(),
            failures: Mutex::new(failures),
        });
        let shared = Arc::clone(&state);
        let ended = match delivery {
            Delivery::Lossless { .. } => {
                let (end, ended) = oneshot::channel();
                tokio::spawn(async move {
                    shared.deliver(isolated, events).await;
                    let _ = end.send(());
                });
                Worker::Task(ended)
            }
            // A thread that an observer blocks is not one of the run.
            Delivery::Lossy { .. } => {
                let (end, ended) = std::sync::mpsc::channel();
                let runtime = Handle::current();
                std::thread::spawn(move || {
                    runtime.block_on(shared.deliver(isolated, events));
                    let _ = end.send(());
                });
                Worker::Thread(ended)
            }
        };
        Self { sender, state, ended }
    }

    pub(super) fn is_lossy(&self) -> bool {
        matches!(self.ended, Worker::Thread(_))
    }

    pub(super) fn state(&self) -> &Arc<EventQueueState> {
        &self.state
    }

    /// Puts an event into the queue, or counts it as missed. The caller sends one at a time.
    pub(super) fn send(&self, event: &Arc<Event>) {
        let state = &self.state;
        if let Delivery::Lossy { queue } = state.delivery
            && state.waiting.load(Ordering::Relaxed) >= queue
            && !matches!(**event, Event::RunFinished { .. })
        {
            state.missed.fetch_add(1, Ordering::Relaxed);
            state.missed_in_all.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match state.missed.swap(0, Ordering::Relaxed) {
            0 => {}
            count => self.push(Arc::new(Event::Missed { count })),
        }
        self.push(Arc::clone(event));
    }

    fn push(&self, event: Arc<Event>) {
        self.state.waiting.fetch_add(1, Ordering::Relaxed);
        // It may have ended before.
        let _ = self.sender.send(event);
    }

    /// Ends the queue, waits for the observer, and returns warnings about it. A lossy one has time until `deadline`.
    pub(super) async fn close(self, deadline: Instant) -> Vec<String> {
        let Self { sender, state, ended } = self;
        drop(sender);
        let in_time = match ended {
            Worker::Task(ended) => ended.await.is_ok(),
            // Not a timer of the runtime, whose time may stand still in tests.
            Worker::Thread(ended) => {
                let left = deadline.saturating_duration_since(Instant::now());
                let waited = tokio::task::spawn_blocking(move || ended.recv_timeout(left).is_ok());
                waited.await.unwrap_or(false)
            }
        };
        state.warnings(in_time)
    }
}

/// Returns the time until which lossy observers may work after a run.
pub(super) fn deadline() -> Instant {
    Instant::now() + LIMIT
}

impl EventQueueState {
    async fn deliver(&self, observer: Isolated<dyn Observer>, mut events: mpsc::UnboundedReceiver<Arc<Event>>) {
        while !self.is_over.load(Ordering::Relaxed)
            && let Some(event) = events.recv().await
        {
            let taken = observer.call("took an event", |observer| observer.event(&event)).await;
            self.note(taken.err());
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.progress.notify_waiters();
        }
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.note(observer.call("closed", |observer| observer.close()).await.err());
        }
        self.progress.notify_waiters();
    }

    fn note(&self, failed: Option<Error>) {
        let Some(error) = failed else { return };
        let mut failures = lock(&self.failures);
        if error.kind() == ErrorKind::Bug {
            failures.end = Some(error);
            self.is_over.store(true, Ordering::Relaxed);
        } else {
            failures.count += 1;
            failures.first.get_or_insert(error);
        }
    }

    /// Waits while a lossless observer has too much to do.
    pub(super) async fn ready(&self) {
        if let Delivery::Lossless { queue } = self.delivery {
            self.down_to(queue).await;
        }
    }

    /// Waits until a lossless observer has taken every event so far.
    pub(super) async fn idle(&self) {
        if let Delivery::Lossless { .. } = self.delivery {
            self.down_to(0).await;
        }
    }

    /// Waits until at most this many events wait, or the observer has ended.
    async fn down_to(&self, most: usize) {
        loop {
            let progress = self.progress.notified();
            if self.waiting.load(Ordering::Relaxed) <= most || self.is_over.load(Ordering::Relaxed) {
                return;
            }
            progress.await;
        }
    }

    fn warnings(&self, in_time: bool) -> Vec<String> {
        let Failures { count, first, end } = &*lock(&self.failures);
        let name = &self.name;
        let mut warnings = Vec::new();
        match end {
            Some(error) => warnings.push(format!("{error}; it gets no more events")),
            None if !in_time => {
                let limit = LIMIT.as_secs();
                warnings.push(format!("the observer `{name}` did not end within {limit} seconds after the run"));
            }
            None => {}
        }
        if let Some(first) = first {
            let more = text::more(count - 1, "error").map(|more| format!(", and {more}")).unwrap_or_default();
            warnings.push(format!("the observer `{name}` failed: {first}{more}"));
        }
        match self.missed_in_all.load(Ordering::Relaxed) {
            0 => {}
            missed => warnings.push(format!("the observer `{name}` was too slow and missed {missed} events")),
        }
        warnings
    }
}

#[cfg(test)]
mod tests;
