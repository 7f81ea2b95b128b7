//! What a pipeline file is read with, and what it is read into.

use std::path::PathBuf;

use super::{Named, Pipeline};
use crate::{
    diagnostic::Diagnostic,
    notes::Notes,
    plugin::{Environment, Purpose},
    stage::{Fetch, Filter, List, Push},
};

/// What the text does not say.
#[derive(Clone)]
pub struct Settings {
    /// The directory that relative paths start from.
    pub base: PathBuf,
    /// The environment.
    pub environment: Environment,
    /// What the pipeline is built for.
    pub purpose: Purpose,
    /// What is remembered between runs.
    pub notes: Notes,
}

/// A pipeline, and what should be said about it all the same.
pub struct Loaded {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Things that do not stop the run.
    pub warnings: Vec<Diagnostic>,
}

/// The stages of a piece of a pipeline.
pub struct Parts {
    /// What is in `[list]`.
    pub list: Option<Named<dyn List>>,
    /// What is in each `[[filter]]`.
    pub filters: Vec<Named<dyn Filter>>,
    /// What is in `[fetch]`.
    pub fetch: Option<Named<dyn Fetch>>,
    /// What is in each `[[push]]`.
    pub pushes: Vec<Named<dyn Push>>,
    /// Things that do not stop the run.
    pub warnings: Vec<Diagnostic>,
}
