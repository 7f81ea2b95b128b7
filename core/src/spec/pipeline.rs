//! A pipeline that can be run any number of times.

use std::{collections::BTreeSet, sync::Arc};

use super::RunOptions;
use crate::{
    cache::Cache,
    counters::Counters,
    diagnostic::Diagnostic,
    limit::Limiter,
    observer::Observer,
    stage::{Fetch, Filter, List, Push},
};

/// A stage and the kind of plugin that it was made by.
pub struct Named<S: ?Sized> {
    /// The kind, such as `registry`.
    pub kind: Arc<str>,
    /// The stage.
    pub stage: Arc<S>,
}

impl<S: ?Sized> Named<S> {
    /// A stage with the name of its kind.
    pub fn new(kind: &str, stage: Arc<S>) -> Self {
        Self { kind: kind.into(), stage }
    }
}

impl<S: ?Sized> Clone for Named<S> {
    fn clone(&self) -> Self {
        Self { kind: Arc::clone(&self.kind), stage: Arc::clone(&self.stage) }
    }
}

/// The stages and options of one run.
#[derive(Clone)]
pub struct OpenPipeline {
    /// The name of the pipeline, for the report.
    pub name: String,
    /// The options of the run.
    pub run: RunOptions,
    /// Finds images.
    pub list: Named<dyn List>,
    /// Drop images and platforms, in this order.
    pub filters: Vec<Named<dyn Filter>>,
    /// Reads images.
    pub fetch: Named<dyn Fetch>,
    /// Write images; several of them share each read.
    pub pushes: Vec<Named<dyn Push>>,
    /// Take its events.
    pub observers: Vec<Named<dyn Observer>>,
    /// The counters of its sections, for the report.
    pub counters: Counters,
    /// The cache between runs.
    pub cache: Cache,
    /// Limits of the stores that it reads and writes.
    pub limiter: Limiter,
}

impl OpenPipeline {
    /// Returns a pipeline without filters and observers, with the default options, no cache and no limits but those that
    /// stores ask for.
    pub fn new(
        name: impl Into<String>,
        list: Named<dyn List>,
        fetch: Named<dyn Fetch>,
        pushes: Vec<Named<dyn Push>>,
    ) -> Self {
        Self {
            name: name.into(),
            run: RunOptions::default(),
            list,
            filters: Vec::new(),
            fetch,
            pushes,
            observers: Vec::new(),
            counters: Counters::default(),
            cache: Cache::default(),
            limiter: Limiter::default(),
        }
    }

    /// Returns the registries that its stages name, or `None` if one of them does not know its own before the run.
    pub(super) fn registries(&self) -> Option<BTreeSet<String>> {
        let mut all = self.list.stage.registries()?;
        all.extend(self.fetch.stage.registries()?);
        for push in &self.pushes {
            all.extend(push.stage.registries()?);
        }
        Some(all)
    }
}

type Open = dyn Fn() -> Result<OpenPipeline, Vec<Diagnostic>> + Send + Sync;

/// A checked pipeline. It is immutable, and each run opens stages of its own, so that tokens, rejected logins, taken
/// names and counters end with the run that they belong to. Runs may follow each other or overlap.
#[derive(Clone)]
pub struct Pipeline {
    options: RunOptions,
    open: Arc<Open>,
}

impl Pipeline {
    /// A pipeline whose runs each call `open`.
    pub(super) fn new(
        options: RunOptions,
        open: impl Fn() -> Result<OpenPipeline, Vec<Diagnostic>> + Send + Sync + 'static,
    ) -> Self {
        Self { options, open: Arc::new(open) }
    }

    /// Returns the options of its runs.
    pub fn options(&self) -> &RunOptions {
        &self.options
    }

    /// Replaces options, such as those that flags set.
    #[must_use]
    pub fn with_options(mut self, change: impl FnOnce(&mut RunOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// Changes the stages of each run, after they were built.
    #[must_use]
    pub fn with_stages(self, change: impl Fn(&mut OpenPipeline) + Send + Sync + 'static) -> Self {
        let Self { options, open } = self;
        Self::new(options, move || {
            let mut stages = open()?;
            change(&mut stages);
            Ok(stages)
        })
    }

    /// Builds the stages of one run.
    ///
    /// # Errors
    /// If a file or variable that the pipeline names changed since it was loaded, and a stage cannot be built any more.
    pub fn open(&self) -> Result<OpenPipeline, Vec<Diagnostic>> {
        Ok(OpenPipeline { run: self.options.clone(), ..(self.open)()? })
    }
}

/// A pipeline of stages that all of its runs share, for embedding and for tests.
impl From<OpenPipeline> for Pipeline {
    fn from(stages: OpenPipeline) -> Self {
        Self::new(stages.run.clone(), move || Ok(stages.clone()))
    }
}
