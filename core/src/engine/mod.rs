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
mod fence;
mod identity;
mod inflight;
mod job;
mod kept;
mod mount_candidates;
mod name_ownership;
mod outline;
mod passes;
mod placement;
mod presence;
mod referrers;
mod run_state;
mod select;
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
    event::{Event, EventListener},
    report::{FailedItem, Failure, Report},
    spec::Pipeline,
};
use run_state::{RunMode, RunState};

/// Runs a pipeline to its end, and tells `observer` everything that happens.
pub async fn run(pipeline: &Pipeline, cancel: &CancelHandle, observer: &Arc<dyn EventListener>) -> Report {
    start(pipeline, cancel, observer, RunMode::Copy).await
}

/// Tells `observer` what a run would do, image by image. Reads only.
pub async fn plan(pipeline: &Pipeline, cancel: &CancelHandle, observer: &Arc<dyn EventListener>) -> Report {
    start(pipeline, cancel, observer, RunMode::Plan).await
}

async fn start(pipeline: &Pipeline, cancel: &CancelHandle, observer: &Arc<dyn EventListener>, mode: RunMode) -> Report {
    match pipeline.open() {
        Ok(stages) => passes::run(RunState::new(stages, cancel, observer, mode)).await,
        Err(diagnostics) => not_opened(&diagnostics, observer),
    }
}

/// The report of a run whose stages could not be built.
fn not_opened(diagnostics: &[Diagnostic], observer: &Arc<dyn EventListener>) -> Report {
    let failures = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).map(|diagnostic| {
        let error = Error::new(ErrorKind::Unsupported, diagnostic.to_string());
        let error = diagnostic.hint.clone().map_or(error.clone(), |hint| error.with_hint(hint));
        observer.on(&Event::ListingFailed { repository: None, error: error.clone() });
        Failure::new(FailedItem::Listing { repository: None }, &error)
    });
    let failures: Vec<_> = failures.collect();
    let report = Report { failed: failures.len() as u64, failures, ..Report::default() };
    observer.on(&Event::RunFinished { report: Arc::new(report.clone()) });
    report
}
