//! Counters with names: what sections count while a run goes on, and tell at its end.
//!
//! The engine knows no registries and no requests. A section shared among stages may count there, and the
//! report shows it under the section's table.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::Serialize;

/// Named counts of one subject, such as one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Tally")]
pub struct CounterSet {
    /// The subject.
    #[serde(rename = "of")]
    pub subject: String,
    /// The counters by name, such as `requests` and `retries`. More names may be added.
    pub counts: BTreeMap<String, u64>,
}

impl CounterSet {
    /// Counters of one thing; those that are 0 are left out.
    pub fn new<'a>(of: impl Into<String>, counts: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        Self { subject: of.into(), counts: counts.map(|(name, count)| (name.to_owned(), count)).collect() }
    }

    /// A counter; 0 if it is not there.
    pub fn get(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or_default()
    }
}

/// Something that counts.
pub(crate) trait Counts: Any + Send + Sync {
    /// Returns the counters so far.
    fn tallies(&self) -> Vec<CounterSet>;
}

/// All sections of a pipeline that count, by the name of their table.
#[derive(Clone, Default)]
pub struct Counters(Vec<(&'static str, Arc<dyn Counts>)>);

impl Counters {
    pub(crate) fn new(counts: impl IntoIterator<Item = (&'static str, Arc<dyn Counts>)>) -> Self {
        let mut all: Vec<_> = counts.into_iter().collect();
        all.sort_by_key(|(table, _)| *table);
        Self(all)
    }

    /// Returns the counters so far, without sections that counted nothing.
    pub fn read(&self) -> BTreeMap<String, Vec<CounterSet>> {
        let told = self.0.iter().map(|(table, counts)| ((*table).to_owned(), counts.tallies()));
        told.filter(|(_, tallies)| !tallies.is_empty()).collect()
    }
}
