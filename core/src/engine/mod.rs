//! The engine: runs a pipeline, or tells what a run would do.
//!
//! ```text
//! rounds ─▶ job ─▶ presence   what stands at the destinations
//!              ├─▶ tree       what the source has, after the filters
//!              └─▶ copy ─▶ transfer ─▶ once   blobs, then children, then the root with its tag
//! ```
//!
//! Memory follows what is in flight, not what there is: a job is made only when there is a place for it. Only two
//! things in here try again: a blob transfer, which has two ends, and a further round over what failed.

mod cancel;
mod copy;
mod destination;
mod events;
mod identity;
mod inflight;
mod job;
mod kept;
mod manifest_room;
mod mount_candidates;
mod name_ownership;
mod observers;
mod outline;
mod passes;
mod placement;
mod plans;
mod presence;
mod referrers;
mod run_state;
mod select;
mod source;
mod stages;
mod stopwatch;
mod tag_suggestions;
mod transfer;
mod tree;
mod yields;

use std::sync::Arc;

pub use cancel::CancelHandle;

use crate::{
    diagnostic::Diagnostic,
    error::{Error, ErrorKind},
    event::Event,
    observer::Observer,
    report::{FailedItem, Failure, Report},
    spec::{Named, Pipeline},
};
use events::Events;
use run_state::{RunMode, RunState};

/// Settings of one run.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct RunSettings {
    /// Stops the run.
    pub cancel: CancelHandle,
    /// Take its events, besides those of the pipeline.
    pub observers: Vec<Named<dyn Observer>>,
    /// Warnings from before the run, for its report.
    pub warnings: Vec<String>,
}

impl RunSettings {
    /// Sets the handle that stops the run.
    #[must_use]
    pub fn with_cancel(self, cancel: &CancelHandle) -> Self {
        Self { cancel: cancel.clone(), ..self }
    }

    /// Adds an observer. `name` names it in warnings.
    #[must_use]
    pub fn with_observer(mut self, name: &str, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(Named::new(name, observer));
        self
    }

    /// Sets the warnings with which the report begins.
    #[must_use]
    pub fn with_warnings(self, warnings: Vec<String>) -> Self {
        Self { warnings, ..self }
    }
}

/// Runs a pipeline to its end.
pub async fn run(pipeline: &Pipeline, settings: RunSettings) -> Report {
    start(pipeline, settings, RunMode::Copy).await
}

/// Tells the observers what a run would do, image by image. Reads only.
pub async fn plan(pipeline: &Pipeline, settings: RunSettings) -> Report {
    start(pipeline, settings, RunMode::Plan).await
}

async fn start(pipeline: &Pipeline, settings: RunSettings, mode: RunMode) -> Report {
    match pipeline.open() {
        Ok(stages) => passes::run(RunState::new(stages, settings, mode)).await,
        Err(diagnostics) => not_opened(&diagnostics, settings).await,
    }
}

/// The report of a run whose stages could not be built.
async fn not_opened(diagnostics: &[Diagnostic], settings: RunSettings) -> Report {
    let events = Events::new(&settings.observers, settings.warnings);
    let failures = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).map(|diagnostic| {
        let error = Error::new(ErrorKind::Unsupported, diagnostic.to_string());
        let error = diagnostic.hint.clone().map_or(error.clone(), |hint| error.with_hint(hint));
        events.tell(&Event::ListingFailed { repository: None, error: error.clone() });
        Failure::new(FailedItem::Listing { repository: None }, &error)
    });
    let failures: Vec<_> = failures.collect();
    let warnings = events.warnings();
    let report = Report { failed: failures.len() as u64, failures, warnings, ..Report::default() };
    events.finish(report).await
}
