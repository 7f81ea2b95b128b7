//! A pipeline that is ready to run.

use std::sync::Arc;

use super::RunOptions;
use crate::{
    notes::Notes,
    stage::{Fetch, Filter, List, Push},
    tally::Tallies,
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

/// A pipeline: what it means, with every stage built.
#[derive(Clone)]
pub struct Pipeline {
    /// Its name, for the report.
    pub name: String,
    /// How it runs.
    pub run: RunOptions,
    /// Finds what there is to copy.
    pub list: Named<dyn List>,
    /// Drop what is not wanted, in this order.
    pub filters: Vec<Named<dyn Filter>>,
    /// Reads images.
    pub fetch: Named<dyn Fetch>,
    /// Write images; several of them share each read.
    pub pushes: Vec<Named<dyn Push>>,
    /// What its sections count, for the report.
    pub tallies: Tallies,
    /// What is remembered from earlier runs, and noted for later ones.
    pub notes: Notes,
}
