//! Push to a registry: `[[push]] use = "registry"`.
//!
//! What goes over the wire is [`RegistryPush`]'s; here it only gets its configuration.

use schemars::JsonSchema;
use sealift_core::{
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::Push,
};
use sealift_registry_client::{Registries, RegistryPush, TargetNaming};
use serde::Deserialize;

/// Pushes images to a registry.
///
/// Blobs that the registry has are not sent again, and taken from its other repositories where it can do that.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Registry and path below which images are placed by their path at the source, such as `harbor.corp/mirror`.
    /// Default: none; images go where the rules say. Only one push can follow the rules, every further one needs a
    /// prefix.
    #[schemars(example = &"harbor.example.com/mirror")]
    prefix: Option<String>,
}

sealift_core::inventory::submit! { Plugin::push::<Config>("registry") }

impl StageConfig<dyn Push> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Push>, ConfigError> {
        let naming = match &self.prefix {
            Some(prefix) => TargetNaming::below(prefix).map_err(|error| {
                ConfigError::new(error.to_string())
                    .at("prefix")
                    .hint("write a registry and a path, such as `harbor.corp/mirror`")
            }),
            None if cx.claim_targets() => Ok(TargetNaming::Targets),
            None => Err(ConfigError::new("an earlier [[push]] takes the destinations of the rules already")
                .hint("give this one a `prefix`, such as `prefix = \"harbor.corp/mirror\"`")),
        };
        match (naming, cx.section::<Registries>()) {
            (Ok(naming), Ok(registries)) => Ok(Box::new(RegistryPush::new(registries.client(), naming))),
            (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => Err(problem),
            (Err(one), Err(other)) => Err(one.and(other)),
        }
    }
}

#[cfg(test)]
mod tests;
