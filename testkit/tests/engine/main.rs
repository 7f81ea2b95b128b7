//! The engine, run on registries in memory.

mod breaking;
mod choosing;
mod copying;
mod empty;
mod failing;
mod fan_out;
mod filtering;
mod identity;
mod names;
mod observing;
mod odd;
mod remembering;
mod standing;
mod stopping;
mod verifying;

use std::sync::{Arc, Mutex};

use sealift_conformance::memory::{Memory, Wanted};
use sealift_core::{
    cache::Cache,
    engine::{self, CancelHandle, RunSettings},
    event::Event,
    observer::ObserverFn,
    report::Report,
    spec::{Named, OpenPipeline, RunOptions},
    stage::{Fetch, Filter, List, Push},
};

/// A pipeline over registries in memory, and everything that it told.
struct Bench {
    pipeline: OpenPipeline,
    cancel: CancelHandle,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Bench {
    fn new(wanted: Wanted, from: &Memory, to: &[&Memory]) -> Self {
        let pipeline = OpenPipeline {
            run: RunOptions { referrers: Some(false), ..RunOptions::default() },
            ..OpenPipeline::new(
                "test",
                Named::new("wanted", Arc::new(wanted) as Arc<dyn List>),
                Named::new("memory", Arc::new(from.clone()) as Arc<dyn Fetch>),
                to.iter().map(|to| Named::new("memory", Arc::new((*to).clone()) as Arc<dyn Push>)).collect(),
            )
        };
        Self { pipeline, cancel: CancelHandle::new(), events: Arc::default() }
    }

    fn filter(mut self, kind: &str, filter: impl Filter + 'static) -> Self {
        self.pipeline.filters.push(Named::new(kind, Arc::new(filter) as Arc<dyn Filter>));
        self
    }

    fn notes(mut self, notes: Cache) -> Self {
        self.pipeline.cache = notes;
        self
    }

    fn options(mut self, change: impl FnOnce(&mut RunOptions)) -> Self {
        change(&mut self.pipeline.run);
        self
    }

    fn settings(&self) -> RunSettings {
        let events = Arc::clone(&self.events);
        let observer = ObserverFn(move |event: &Event| events.lock().unwrap().push(event.clone()));
        RunSettings::default().with_cancel(&self.cancel).with_observer("test", Arc::new(observer))
    }

    async fn run(&self) -> Report {
        engine::run(&self.pipeline.clone().into(), self.settings()).await
    }

    async fn plan(&self) -> Report {
        engine::plan(&self.pipeline.clone().into(), self.settings()).await
    }

    fn told(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}
