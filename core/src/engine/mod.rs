//! The engine: runs a pipeline, or tells what a run would do.

mod cancel;

use std::sync::Arc;

pub use cancel::Cancel;

use crate::{event::Observer, report::Report, spec::Pipeline};

/// Runs a pipeline to its end, and tells `observer` everything that happens.
pub async fn run(pipeline: &Pipeline, cancel: &Cancel, observer: &Arc<dyn Observer>) -> Report {
    let _ = (cancel, observer);
    Report { name: pipeline.name.clone(), ..Report::default() }
}

/// Tells `observer` what a run would do, image by image. Reads only.
pub async fn plan(pipeline: &Pipeline, cancel: &Cancel, observer: &Arc<dyn Observer>) -> Report {
    let _ = (cancel, observer);
    Report { name: pipeline.name.clone(), ..Report::default() }
}
