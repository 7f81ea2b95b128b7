//! The settings for reading a pipeline file, and the results.

use std::{collections::BTreeSet, path::PathBuf};

use super::{Named, Pipeline};
use crate::{
    cache::Cache,
    diagnostic::Diagnostic,
    login::LoginProvider,
    observer::Observer,
    plugin::{Environment, Extensions, Purpose},
    stage::{Fetch, Filter, List, Push},
};

/// Settings that are not in the file.
#[derive(Clone)]
pub struct LoadOptions {
    /// The directory that relative paths start from.
    pub base: PathBuf,
    /// The environment.
    pub environment: Environment,
    /// The purpose of building the pipeline.
    pub purpose: Purpose,
    /// The notes of earlier runs.
    pub cache: Cache,
    /// Values for plugins that know their types; none for most programs.
    pub extensions: Extensions,
}

/// A pipeline, and what should be said about it all the same.
pub struct Loaded {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Things that do not stop the run.
    pub warnings: Vec<Diagnostic>,
    /// The registries that its stages name; `None` if one of them does not know its own before the run.
    pub registries: Option<BTreeSet<String>>,
}

/// The stages of a piece of a pipeline.
pub struct Parts {
    /// The stage of `[list]`.
    pub list: Option<Named<dyn List>>,
    /// The stages of `[[filter]]`.
    pub filters: Vec<Named<dyn Filter>>,
    /// The stage of `[fetch]`.
    pub fetch: Option<Named<dyn Fetch>>,
    /// The stages of `[[push]]`.
    pub pushes: Vec<Named<dyn Push>>,
    /// The observers of `[[observe]]`.
    pub observers: Vec<Named<dyn Observer>>,
    /// The providers of `[[login]]`.
    pub logins: Vec<Named<dyn LoginProvider>>,
    /// Things that do not stop the run.
    pub warnings: Vec<Diagnostic>,
}
