//! The configuration of `[list]` and `[fetch]`.

use schemars::JsonSchema;
use sealift_core::{
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::Fetch,
};
use sealift_image_syncer::Dialect;
use sealift_registry_client::{Registries, RegistryFetch};
use serde::Deserialize;

/// Lists what image-syncer rules name in registries.
///
/// Named tags and digests are taken at their word; only whole repositories and expressions make the registry list its
/// tags, each repository once.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("examples" = [{ "images": [{ "from": "quay.io/coreos/etcd:/^v3\\.5\\./" }, { "from": "nginx:1.27,1.27-alpine" }] }]))]
pub struct ListConfig {
    /// A file of rules as image-syncer has it, YAML or JSON: a map from source to one destination or several. The old
    /// single file with `auth` and `images` serves as well. Either this or `images` is needed.
    #[schemars(example = &"images.yaml")]
    pub rules: Option<String>,

    /// Rules in place. Either this or `rules` is needed.
    #[schemars(extend("examples" = [[{ "from": "quay.io/coreos/etcd:/^v3\\.5\\./" }, { "from": "nginx:1.27,1.27-alpine" }]]))]
    pub images: Option<Vec<RuleConfig>>,

    /// Strictness for the file of `rules`: `strict`, so that one mistake refuses the run, or `image-syncer`, as
    /// image-syncer reads it: a wrong rule fails alone while the others run, and the tags of the two sides of a rule are
    /// counted after listing. `sealift check` refuses in both. Default: `strict`.
    pub dialect: Dialect,

    /// Destination of rules that have an empty one, as `registry/namespace`; each image keeps the last part of its name.
    /// Only where `dialect` is `image-syncer`. Default: an empty destination is an error.
    #[schemars(example = &"harbor.example.com/mirror")]
    pub empty_to: Option<String>,
}

/// One rule in place.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Wanted")]
pub struct RuleConfig {
    /// The images to copy: `quay.io/coreos/etcd` (every tag), `…:v1,v2` (those), `…@sha256:…` (that one),
    /// `…:/^v3\./` (every tag in which the expression matches).
    #[schemars(example = &"quay.io/coreos/etcd:v3.5.17")]
    pub from: String,

    /// The destinations. One without tags keeps those of the source. Default: none, so that the destination names the
    /// images.
    #[serde(default)]
    #[schemars(example = ["harbor.example.com/mirror/etcd"])]
    pub to: Vec<String>,
}

/// Reads images from registries. There is nothing to set; how registries are reached is said in `[registries]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FetchConfig {}

sealift_core::inventory::submit! { Plugin::fetch::<FetchConfig>("registry") }

impl StageConfig<dyn Fetch> for FetchConfig {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Fetch>, ConfigError> {
        Ok(Box::new(RegistryFetch::new(cx.section::<Registries>()?.client())))
    }
}
