//! Sections: top-level tables that stages share, such as `[registries]`.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, de::DeserializeOwned};

use super::{BuildContext, ConfigError, Table};

/// Something that stages share and that a top-level table configures: credentials, connections, pacing.
pub trait Section: Any + Send + Sync + Sized {
    /// The name of the table.
    const TABLE: &'static str;

    /// What is written in the table.
    type Config: DeserializeOwned + JsonSchema + Send + 'static;

    /// Makes it, once for a pipeline. `config` is none if the table is not there.
    ///
    /// # Errors
    /// Whatever is wrong with the values, all of it at once.
    fn build(config: Option<Self::Config>, cx: &BuildContext<'_>) -> Result<Self, ConfigError>;
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
pub fn linked_sections() -> Vec<&'static SectionPlugin> {
    let mut all: Vec<_> = inventory::iter::<SectionPlugin>.into_iter().collect();
    all.sort_by_key(|section| section.table);
    all
}

/// The sections of one pipeline: what was written, and what was built of it so far.
#[derive(Default)]
pub struct Sections {
    written: Mutex<HashMap<&'static str, Boxed>>,
    built: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Sections {
    pub(crate) fn insert(&self, table: &'static str, config: Boxed) {
        lock(&self.written).insert(table, config);
    }

    pub(super) fn get<S: Section>(&self, cx: &BuildContext<'_>) -> Result<Arc<S>, ConfigError> {
        let id = TypeId::of::<S>();
        if let Some(found) = lock(&self.built).get(&id) {
            return Ok(Arc::clone(found).downcast().expect("a section is kept under its own type"));
        }
        // No lock is held while it is built: a section may ask for another one.
        let config = lock(&self.written).remove(S::TABLE).and_then(|boxed| boxed.downcast::<S::Config>().ok());
        let section = Arc::new(S::build(config.map(|config| *config), cx)?);
        lock(&self.built).insert(id, Arc::clone(&section) as Arc<dyn Any + Send + Sync>);
        Ok(section)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
