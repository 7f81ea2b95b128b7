use std::sync::mpsc::{Receiver, Sender, channel};

use async_trait::async_trait;

use super::*;
use crate::{engine::events::Events, error::Result, report::Report};

/// What an observer does with an event.
type Reaction = Box<dyn Fn(&Event) -> Reacted + Send + Sync>;

enum Reacted {
    Well,
    Badly,
    Never,
}

struct Reacting {
    delivery: Delivery,
    seen: Mutex<Vec<String>>,
    reaction: Reaction,
}

#[async_trait]
impl Observer for Reacting {
    fn delivery(&self) -> Delivery {
        self.delivery
    }

    async fn event(&self, event: &Event) -> Result<()> {
        lock(&self.seen).push(word(event));
        match (self.reaction)(event) {
            Reacted::Well => Ok(()),
            Reacted::Badly => Err(Error::new(ErrorKind::Storage, "the disk is full")),
            Reacted::Never => std::future::pending().await,
        }
    }

    async fn close(&self) -> Result<()> {
        lock(&self.seen).push("closed".to_owned());
        Ok(())
    }
}

fn word(event: &Event) -> String {
    match event {
        Event::JobFinished { job } => job.to_string(),
        Event::Missed { count } => format!("missed {count}"),
        Event::RunFinished { .. } => "finished".to_owned(),
        other => format!("{other:?}"),
    }
}

const LOSSY: Delivery = Delivery::Lossy { queue: 4 };
const LOSSLESS: Delivery = Delivery::Lossless { queue: 4 };

fn start(delivery: Delivery, reaction: impl Fn(&Event) -> Reacted + Send + Sync + 'static) -> (Arc<Reacting>, Queue) {
    let observer = Arc::new(Reacting { delivery, seen: Mutex::default(), reaction: Box::new(reaction) });
    let queue = Queue::start(&Named::new("acme", Arc::clone(&observer) as Arc<dyn Observer>));
    (observer, queue)
}

fn send_jobs(queue: &Queue, jobs: std::ops::Range<u64>) {
    jobs.for_each(|job| queue.send(&Arc::new(Event::JobFinished { job })));
}

fn send_end(queue: &Queue) {
    queue.send(&Arc::new(Event::RunFinished { report: Arc::new(Report::default()) }));
}

fn seen(observer: &Reacting) -> Vec<String> {
    lock(&observer.seen).clone()
}

#[tokio::test]
async fn a_lossless_observer_gets_everything_in_order() {
    let (observer, queue) = start(LOSSLESS, |_| Reacted::Well);
    send_jobs(&queue, 0..100);
    send_end(&queue);
    assert_eq!(queue.close(deadline()).await, [""; 0]);
    let expected: Vec<_> = (0..100).map(|job| job.to_string()).chain(["finished".into(), "closed".into()]).collect();
    assert_eq!(seen(&observer), expected);
}

#[tokio::test]
async fn no_job_begins_while_a_lossless_observer_has_too_much_to_do() {
    let (_, queue) = start(LOSSLESS, |_| Reacted::Well);
    let state = Arc::clone(queue.state());
    send_jobs(&queue, 0..20);
    assert_eq!(state.waiting.load(Ordering::Relaxed), 20, "its task did not run yet");
    state.ready().await;
    assert!(state.waiting.load(Ordering::Relaxed) <= 4);
}

/// An observer that blocks its thread with the first event until it is told to go on.
fn blocked() -> (Arc<Reacting>, Queue, Sender<()>) {
    let (go_on, waits): (Sender<()>, Receiver<()>) = channel();
    let waits = Mutex::new(waits);
    let (observer, queue) = start(LOSSY, move |event| {
        if matches!(event, Event::JobFinished { job: 0 }) {
            let _ = lock(&waits).recv();
        }
        Reacted::Well
    });
    (observer, queue, go_on)
}

#[tokio::test]
async fn a_blocked_observer_misses_events_and_the_end_arrives() {
    let (observer, queue, go_on) = blocked();
    send_jobs(&queue, 0..100);
    queue.state().ready().await;
    send_end(&queue);
    go_on.send(()).unwrap();
    let warnings = queue.close(deadline()).await;
    assert_eq!(warnings, ["the observer `acme` was too slow and missed 96 events"]);
    assert_eq!(seen(&observer), ["0", "1", "2", "3", "missed 96", "finished", "closed"]);
}

#[tokio::test]
async fn an_observer_that_stays_blocked_is_left_behind() {
    let (_, queue, _go_on) = blocked();
    send_jobs(&queue, 0..2);
    send_end(&queue);
    let warnings = queue.close(Instant::now() + Duration::from_millis(20)).await;
    assert_eq!(warnings, ["the observer `acme` did not end within 10 seconds after the run"]);
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_or_hangs_gets_no_more_events() {
    for delivery in [LOSSY, LOSSLESS] {
        let (observer, queue) = start(delivery, |event| match event {
            Event::JobFinished { job: 1 } => panic!("told to"),
            _ => Reacted::Well,
        });
        send_jobs(&queue, 0..3);
        let warnings = queue.close(deadline()).await;
        assert_eq!(warnings, ["the observer `acme` broke while it took an event: told to; it gets no more events"]);
        assert_eq!(seen(&observer), ["0", "1"]);
    }
    let (observer, queue) = start(LOSSLESS, |_| Reacted::Never);
    send_jobs(&queue, 0..3);
    let hung = "the observer `acme` took an event, without an answer, for 10 seconds; it gets no more events";
    assert_eq!(queue.close(deadline()).await, [hung]);
    assert_eq!(seen(&observer), ["0"]);
}

// Seen: a web hook that was away all night was in the report file only, and nobody reads that of a run that succeeds.
#[tokio::test]
async fn what_is_wrong_with_a_lossy_observer_is_told_to_the_lossless_ones() {
    let reacting = |delivery, reaction: Reaction| Arc::new(Reacting { delivery, seen: Mutex::default(), reaction });
    let hook = reacting(LOSSY, Box::new(|_| Reacted::Badly));
    let display = reacting(LOSSLESS, Box::new(|_| Reacted::Well));
    let all = [("hook", &hook), ("display", &display)];
    let all = all.map(|(name, observer)| Named::new(name, Arc::clone(observer) as Arc<dyn Observer>));
    let events = Events::new(&all, Vec::new());
    events.tell(&Event::JobFinished { job: 1 });
    let report = events.finish(Report::default()).await;
    let message = "the observer `hook` failed: the disk is full, and 1 more error".to_owned();
    assert_eq!(report.warnings, std::slice::from_ref(&message));
    let warning = word(&Event::Warning { message });
    assert_eq!(seen(&display), ["1".to_owned(), warning, "finished".to_owned(), "closed".to_owned()]);
}

#[tokio::test]
async fn errors_are_counted_and_further_events_come() {
    let (observer, queue) = start(LOSSY, |_| Reacted::Badly);
    send_jobs(&queue, 0..3);
    let warnings = queue.close(deadline()).await;
    assert_eq!(warnings, ["the observer `acme` failed: the disk is full, and 2 more errors"]);
    assert_eq!(seen(&observer), ["0", "1", "2", "closed"]);
}
