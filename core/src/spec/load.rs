//! From the text of a pipeline file to a pipeline.

use std::path::PathBuf;

use super::Pipeline;
use crate::{
    diagnostic::Diagnostic,
    plugin::{Environment, Purpose},
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
}

/// A pipeline, and what should be said about it all the same.
pub struct Loaded {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Things that do not stop the run.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a pipeline. `file` is its name for diagnostics, as the user wrote it. Nothing is asked of any network.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn load(text: &str, file: &str, settings: &Settings) -> Result<Loaded, Vec<Diagnostic>> {
    let _ = (text, file, settings);
    Err(vec![Diagnostic::error("pipelines cannot be read yet")])
}
