//! What is written in the pipeline.

use sealift_core::{
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    schemars::JsonSchema,
    serde::Deserialize,
    stage::Push,
};

use crate::push::Archives;

/// Writes each image into a file that `docker load`, `podman load` and `skopeo` read.
///
/// `quay.io/coreos/etcd:v3` becomes `quay.io/coreos/etcd/v3.tar`, an OCI image layout in a tar. A file is there whole or
/// not at all, and is written anew when its tag moved. Signatures and other referrers have no place in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
pub struct Archive {
    /// The directory of the files, made if it is missing. A relative path starts at the pipeline file.
    #[schemars(example = &"images")]
    pub path: String,
}

impl StageConfig<dyn Push> for Archive {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Push>, ConfigError> {
        if self.path.trim().is_empty() {
            return Err(ConfigError::new("the path is empty").at("path").hint("name a directory: `path = \"images\"`"));
        }
        Ok(Box::new(Archives::new(cx.path(&self.path))))
    }
}

sealift_core::inventory::submit! { Plugin::push::<Archive>("archive") }
