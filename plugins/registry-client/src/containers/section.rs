//! The section `[containers]`.

use std::fmt;

use schemars::JsonSchema;
use sealift_core::plugin::{BuildContext, ConfigError, Section, SectionPlugin};
use serde::Deserialize;

use super::{RegistriesConf, load};

/// The settings of podman, skopeo and CRI-O that are followed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Follow `registries.conf` (version 2) as image-syncer and skopeo do: `insecure`, `blocked`, `prefix`, `location`, and
    /// `mirror` for what is read. It is the file that `CONTAINERS_REGISTRIES_CONF` names; or
    /// `~/.config/containers/registries.conf`, or else `/etc/containers/registries.conf`, with the files in
    /// `registries.conf.d` beside them. Images then come from other places than their names say. Default: false.
    #[schemars(example = &true)]
    pub registries_conf: bool,
}

/// The settings that are followed.
#[derive(Default)]
pub struct Containers {
    pub(crate) conf: RegistriesConf,
}

sealift_core::inventory::submit! { SectionPlugin::of::<Containers>() }

impl Section for Containers {
    const TABLE: &'static str = "containers";
    type Config = Config;

    fn build(config: Option<Config>, cx: &BuildContext<'_>) -> Result<Self, ConfigError> {
        if !config.unwrap_or_default().registries_conf {
            return Ok(Self::default());
        }
        let conf = load::registries_conf(cx).map_err(|why| ConfigError::new(why).at("registries_conf"))?;
        Ok(Self { conf })
    }
}

impl fmt::Debug for Containers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Containers").finish_non_exhaustive()
    }
}
