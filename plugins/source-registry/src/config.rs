//! What is written in `[list]` and `[fetch]`.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use sealift_core::{
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::{Fetch, List},
};
use sealift_image_syncer::Dialect;
use sealift_registry_client::{Registries, RegistryFetch};
use serde::Deserialize;

use crate::{
    list::RegistryList,
    rules::{self, Read},
};

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
    pub images: Option<Vec<Wanted>>,

    /// How strictly the file of `rules` is read: `strict`, so that one mistake refuses the run, or `image-syncer`, as
    /// image-syncer reads it: a wrong rule fails alone while the others run, and the tags of the two sides of a rule are
    /// counted after listing. `sealift check` refuses in both. Default: `strict`.
    pub dialect: Dialect,

    /// Where the images of rules with an empty destination go, as `registry/namespace`; each keeps the last part of its
    /// name. Only where `dialect` is `image-syncer`. Default: an empty destination is an error.
    #[schemars(example = &"harbor.example.com/mirror")]
    pub empty_to: Option<String>,

    /// Tag lists that are read at once, at least 1. Default: 8.
    #[schemars(range(min = 1), example = 1)]
    pub listings: Option<NonZeroUsize>,
}

/// One rule in place.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// What is wanted: `quay.io/coreos/etcd` (every tag), `…:v1,v2` (those), `…@sha256:…` (that one),
    /// `…:/^v3\./` (every tag in which the expression matches).
    #[schemars(example = &"quay.io/coreos/etcd:v3.5.17")]
    pub from: String,

    /// Where it goes. Without tags there, those of the source are kept. Default: nowhere in particular, so that the
    /// destination names it.
    #[serde(default)]
    #[schemars(example = ["harbor.example.com/mirror/etcd"])]
    pub to: Vec<String>,
}

/// Reads images from registries. There is nothing to set; how registries are reached is said in `[registries]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FetchConfig {}

sealift_core::inventory::submit! { Plugin::list::<ListConfig>("registry") }
sealift_core::inventory::submit! { Plugin::fetch::<FetchConfig>("registry") }

impl StageConfig<dyn List> for ListConfig {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn List>, ConfigError> {
        match (rules::read(&self, cx), cx.section::<Registries>()) {
            (Ok(Read { rules, refused }), Ok(registries)) => {
                let list = RegistryList::new(registries.client(), rules).with_refused(refused);
                Ok(Box::new(list.reading_ahead(self.listings)))
            }
            (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => Err(problem),
            (Err(one), Err(other)) => Err(one.and(other)),
        }
    }
}

impl StageConfig<dyn Fetch> for FetchConfig {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Fetch>, ConfigError> {
        Ok(Box::new(RegistryFetch::new(cx.section::<Registries>()?.client())))
    }
}
