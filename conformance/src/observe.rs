//! The rules of observers.

use std::sync::Arc;

use sealift_core::{
    content::ImageRef,
    error::{Error, ErrorKind},
    event::Event,
    job::{CopyStats, Outcome, Skip},
    plugin::Role,
    report::Report,
};

use super::{Given, Violation, rules};

rules!(
    Role::Observe;
    takes_every_event: "return without an error for events that are of no interest",
);

/// A run with an image that is copied, one that is there, and one that fails.
fn events() -> Vec<Event> {
    let image = |text: &str| -> ImageRef { text.parse().expect("a valid name") };
    let error = || Error::new(ErrorKind::Denied, "the registry refuses");
    let outcomes = [Outcome::Copied(CopyStats::default()), Outcome::Skipped(Skip::Duplicate), Outcome::Failed(error())];
    let mut events = vec![
        Event::RunStarted { name: "conformance".to_owned(), plan: false },
        Event::Listed { repository: image("kit.example/app:v1").repository, kept: 3, dropped: Vec::new() },
        Event::ListingFailed { repository: None, error: error() },
        Event::Warning { message: "a warning".to_owned() },
        Event::Missed { count: 2 },
    ];
    for (job, outcome) in (1..).zip(outcomes) {
        let source = image(&format!("kit.example/app:v{job}"));
        events.push(Event::JobStarted { job, source: source.clone() });
        let target = Some(image(&format!("to.example/app:v{job}")));
        events.push(Event::TargetFinished {
            job,
            source,
            target,
            push: "registry".into(),
            location: None,
            outcome,
            again: false,
        });
        events.push(Event::JobFinished { job });
    }
    events.push(Event::Stopping);
    events.push(Event::RunFinished { report: Arc::new(Report::default()) });
    events
}

/// An observer takes all events of a run, and ends.
async fn takes_every_event(given: Arc<Given>) -> Result<(), Violation> {
    let observer = given.observer()?;
    for event in events() {
        observer.event(&event).await.map_err(|error| format!("it fails with {event:?}: {error}"))?;
    }
    observer.close().await.map_err(|error| format!("`close` failed: {error}"))
}
