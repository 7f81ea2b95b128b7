//! A filter that panics with all that it knows, to see that its secrets do not come out.

use sealift_core::{
    job::Listing,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    schemars::JsonSchema,
    secret::{Secret, SecretValue},
    serde::Deserialize,
    stage::Filter,
};

/// Panics, and says why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars", example = "password = \"x\"\nother = \"y\"")]
struct Config {
    /// A secret in the file.
    #[expect(dead_code, reason = "it is there to be printed")]
    password: SecretValue,
    /// A secret in a variable.
    other: SecretValue,
}

#[derive(Debug)]
#[expect(dead_code, reason = "it is there to be printed")]
struct Talkative {
    config: Config,
    revealed: Secret,
}

impl Filter for Talkative {
    fn filter_tags(&self, _: &mut Listing) {
        panic!("I know too much: {self:?}");
    }

    fn drops_entries(&self) -> bool {
        false
    }
}

impl StageConfig<dyn Filter> for Config {
    fn build(self, context: &BuildContext<'_>) -> Result<Box<dyn Filter>, ConfigError> {
        let revealed = context.reveal(&self.other, "other")?;
        Ok(Box::new(Talkative { config: self, revealed }))
    }
}

sealift_core::inventory::submit! { Plugin::filter::<Config>("talkative") }
