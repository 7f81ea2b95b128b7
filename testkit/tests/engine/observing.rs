//! Observers of a pipeline: they see a run, and cannot harm it.

use std::sync::{Arc, Mutex};

use sealift_conformance::{
    images::image,
    memory::{Memory, Wanted},
};
use sealift_core::{async_trait, error::Result, event::Event, observer::Observer, report::Report, spec::Named};

use super::Bench;

/// Keeps the last event, and panics with the first one that `breaks_at` fits.
struct Watching {
    breaks: bool,
    finished: Arc<Mutex<Option<Report>>>,
}

#[async_trait]
impl Observer for Watching {
    async fn event(&self, event: &Event) -> Result<()> {
        match event {
            Event::JobStarted { .. } if self.breaks => panic!("told to"),
            Event::RunFinished { report } => *self.finished.lock().unwrap() = Some(Report::clone(report)),
            _ => {}
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_observer_that_panics_is_a_warning_and_the_others_go_on() {
    let (from, to) = (Memory::new("from.example"), Memory::new("to.example"));
    from.add("app:v1", &image("linux/amd64", &["app"]));
    let wanted = Wanted::new().image("from.example/app:v1", &["to.example/app:v1"]);
    let mut bench = Bench::new(wanted, &from, &[&to]);
    let finished = Arc::new(Mutex::new(None));
    for (name, breaks) in [("broken", true), ("whole", false)] {
        let observer = Watching { breaks, finished: Arc::clone(&finished) };
        bench.pipeline.observers.push(Named::new(name, Arc::new(observer) as Arc<dyn Observer>));
    }
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed, report.exit_code()), (1, 0, 0));
    let warning = "the observer `broken` broke while it took an event: told to; it gets no more events";
    assert_eq!(report.warnings, [warning]);
    assert_eq!(finished.lock().unwrap().as_ref().map(|report| report.copied), Some(1));
    // The observers of the program get the report with the warning.
    let told = bench.told();
    assert!(
        matches!(told.last(), Some(Event::RunFinished { report }) if report.warnings == [warning]),
        "{:?}",
        told.last()
    );
}
