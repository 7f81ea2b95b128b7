//! A filter that keeps tags by their endings: the smallest plugin that is worth having.
//!
//! The struct is what users write, the trait is what it does, the last line makes it known. The texts
//! that `sealift plugins` and `sealift explain filter suffix` show are the doc comments of the struct.

use sealift_core::{
    job::{Candidate, Listing},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    schemars::JsonSchema,
    serde::Deserialize,
    stage::Filter,
};

/// Keeps the tags that end with one of the given texts.
///
/// Versions that are digests have no ending, and stay.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
pub struct Config {
    /// The endings, such as `-alpine`. At least one.
    #[schemars(length(min = 1), example = ["-alpine"])]
    pub keep: Vec<String>,
}

impl Config {
    fn wants(&self, candidate: &Candidate) -> bool {
        let ends_well = |tag: &str| self.keep.iter().any(|end| tag.ends_with(end));
        candidate.tag().is_none_or(|tag| ends_well(tag))
    }
}

impl Filter for Config {
    fn filter_tags(&self, listing: &mut Listing) {
        listing.retain(|candidate| self.wants(candidate));
    }

    fn drops_entries(&self) -> bool {
        false // it never looks at the entries of an index
    }
}

impl StageConfig<dyn Filter> for Config {
    fn build(self, _: &BuildContext<'_>) -> Result<Box<dyn Filter>, ConfigError> {
        match self.keep.iter().position(String::is_empty) {
            None => Ok(Box::new(self)),
            Some(at) => Err(ConfigError::new("every tag ends with an empty text")
                .at(format!("keep[{at}]"))
                .hint("write an ending, such as `-alpine`, or remove the filter")),
        }
    }
}

sealift_core::inventory::submit! { Plugin::filter::<Config>("suffix") }

#[cfg(test)]
mod tests;
