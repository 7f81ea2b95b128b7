//! Sections: top-level tables that stages share, such as `[registries]`.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex},
};

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, de::DeserializeOwned};

use super::{BuildContext, ConfigError, Problem, Table};
use crate::{
    counters::{CounterSet, Counters, Counts},
    lock::lock,
};

/// Something that stages share and that a top-level table configures: credentials, connections, pacing.
pub trait Section: Any + Send + Sync + Sized {
    /// The name of the table.
    const TABLE: &'static str;

    /// The content of the table.
    type Config: DeserializeOwned + JsonSchema + Send + 'static;

    /// Makes it, once for a pipeline. `config` is none if the table is not there.
    ///
    /// # Errors
    /// All problems of the values at once.
    fn build(config: Option<Self::Config>, cx: &BuildContext<'_>) -> Result<Self, ConfigError>;

    /// Returns the counters so far, for the report: one tally for each subject, such as a host. Default:
    /// nothing.
    fn counters(&self) -> Vec<CounterSet> {
        Vec::new()
    }
}

impl<S: Section> Counts for S {
    fn tallies(&self) -> Vec<CounterSet> {
        Section::counters(self)
    }
}

type Boxed = Box<dyn Any + Send>;

/// A kind of section that is linked into this program.
pub struct SectionPlugin {
    table: &'static str,
    read: fn(Table<'_>) -> Result<Boxed, toml::de::Error>,
    build: fn(&Sections, &BuildContext<'_>) -> Result<(), ConfigError>,
    schema: fn() -> Schema,
    type_name: fn() -> &'static str,
}

inventory::collect!(SectionPlugin);

impl SectionPlugin {
    /// The section `S`.
    pub const fn of<S: Section>() -> Self {
        Self {
            table: S::TABLE,
            read: |table| Ok(Box::new(S::Config::deserialize(toml::de::Deserializer::from(table.0))?)),
            build: |sections, cx| sections.get::<S>(cx).map(drop),
            schema: || schemars::schema_for!(S::Config),
            type_name: std::any::type_name::<S>,
        }
    }

    /// The name of its table.
    pub const fn table(&self) -> &'static str {
        self.table
    }

    /// The schema of its table.
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// The crate that defines it.
    pub fn defined_in(&self) -> &'static str {
        (self.type_name)().split("::").next().unwrap_or_default()
    }

    pub(crate) fn read(&self, table: Table<'_>) -> Result<Boxed, toml::de::Error> {
        (self.read)(table)
    }

    /// Builds the section even if no stage asks for it, so that what is wrong with it is said.
    pub(crate) fn build(&self, sections: &Sections, cx: &BuildContext<'_>) -> Result<(), ConfigError> {
        (self.build)(sections, cx)
    }
}

/// All sections that are linked, sorted by table.
pub fn sections() -> Vec<&'static SectionPlugin> {
    let mut all: Vec<_> = inventory::iter::<SectionPlugin>.into_iter().collect();
    all.sort_by_key(|section| section.table);
    all
}

/// The sections of one pipeline: what was written, and what was built of it so far.
///
/// Problems of a section are reported once, at its own table: a stage that asks for a failed one gets a [`ConfigError`]
/// without problems, and [`Sections::take_reports`] has them.
#[derive(Default)]
pub struct Sections {
    states: Mutex<HashMap<&'static str, State>>,
    reports: Mutex<Vec<SectionReport>>,
}

/// The problems found while building a section.
pub struct SectionReport {
    /// The name of its table.
    pub table: &'static str,
    /// Problems and warnings, with keys as paths inside the table.
    pub problems: Vec<Problem>,
}

enum State {
    /// Its config was read.
    Written(Boxed),
    /// The section is being built.
    InTheMaking,
    /// It stands.
    Built(Arc<dyn Counts>),
    /// It cannot be had; the reason was or will be told.
    Failed,
}

impl Sections {
    pub(crate) fn insert(&self, table: &'static str, config: Boxed) {
        lock(&self.states).insert(table, State::Written(config));
    }

    /// Keeps a section from being built whose table is wrong already.
    pub(crate) fn fail(&self, table: &'static str) {
        lock(&self.states).insert(table, State::Failed);
    }

    /// Takes the reports of the sections built so far.
    pub fn take_reports(&self) -> Vec<SectionReport> {
        std::mem::take(&mut lock(&self.reports))
    }

    /// Those that stand, to be asked what they counted.
    pub(crate) fn tallies(&self) -> Counters {
        let states = lock(&self.states);
        Counters::new(states.iter().filter_map(|(table, state)| match state {
            State::Built(section) => Some((*table, Arc::clone(section))),
            _ => None,
        }))
    }

    pub(super) fn get<S: Section>(&self, cx: &BuildContext<'_>) -> Result<Arc<S>, ConfigError> {
        // The lock is not held while it is built: a section may ask for another one.
        let before = lock(&self.states).insert(S::TABLE, State::InTheMaking);
        let (result, problems) = match before {
            Some(State::Built(found)) => (Ok(found), Vec::new()),
            Some(State::Failed) => (Err(ConfigError::default()), Vec::new()),
            Some(State::InTheMaking) => {
                let message = format!("the sections that `[{}]` needs need `[{}]` themselves", S::TABLE, S::TABLE);
                (Err(ConfigError::default()), ConfigError::new(message).into_problems())
            }
            Some(State::Written(config)) => make::<S>(config.downcast().ok().map(|config| *config), cx),
            None => make::<S>(None, cx),
        };
        let after = result.as_ref().map_or(State::Failed, |section| State::Built(Arc::clone(section)));
        lock(&self.states).insert(S::TABLE, after);
        if !problems.is_empty() {
            lock(&self.reports).push(SectionReport { table: S::TABLE, problems });
        }
        let section: Arc<dyn Any + Send + Sync> = result?;
        Ok(section.downcast().expect("no two sections have the same table"))
    }
}

/// A section or an empty error, and everything that was said on the way.
fn make<S: Section>(
    config: Option<S::Config>,
    cx: &BuildContext<'_>,
) -> (Result<Arc<dyn Counts>, ConfigError>, Vec<Problem>) {
    let (result, warnings) = cx.apart(|cx| S::build(config, cx));
    match result {
        Ok(section) => (Ok(Arc::new(section)), warnings),
        Err(error) => (Err(ConfigError::default()), error.into_problems().into_iter().chain(warnings).collect()),
    }
}
