//! What is written in the pipeline.

use schemars::JsonSchema;
use sealift_core::{
    plugin::{BuildContext, ConfigError, StageConfig},
    stage::Push,
};
use serde::Deserialize;

use crate::push::OciDir;

/// Writes images into an OCI image layout in a directory.
///
/// Each image keeps the name of its source, such as `docker.io/library/nginx:1.27`; the targets of its rule are noted
/// beside it. Blobs that several images share are stored once. One process at a time can write to a directory; an
/// image that is there already, with the same digest and all its parts, is skipped.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The directory, made if it is missing: `"/media/usb/bundle"`. A relative path starts at the pipeline file.
    pub path: String,
}

impl StageConfig<dyn Push> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Push>, ConfigError> {
        if self.path.trim().is_empty() {
            return Err(ConfigError::new("the path is empty").at("path").hint("name a directory: `path = \"bundle\"`"));
        }
        Ok(Box::new(OciDir::new(cx.path(&self.path))))
    }
}
