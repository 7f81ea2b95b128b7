//! The configuration of the filter.

use schemars::JsonSchema;
use sealift_core::{
    diagnostic::Diagnostic,
    plugin::{BuildContext, ConfigError, StageConfig},
    stage::Filter,
};
use serde::Deserialize;

use crate::{
    filter::Platforms,
    known::Odd,
    options::{Attestations, OciImages},
    wanted::{Arch, Os, PlatformSelection},
};

/// Keeps the platforms that are wanted.
///
/// Of an index (a multi-platform image) the entries that match are kept. If some are dropped the index is written
/// anew, so it has a new digest; `[run] index` offers other ways. A
/// single image is kept or skipped by what its config says. Artifacts without a platform are always kept.
///
/// Give `keep`, or `os` and `arch`, not both.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "keep": ["linux/amd64", "linux/arm64"] }]))]
pub struct Config {
    /// Platforms to keep, as `os/arch` or `os/arch/variant`: `["linux/amd64", "linux/arm/v7"]`. Without a variant every
    /// variant is kept. A version of the operating system may follow it after a colon:
    /// `windows:10.0.17763.1234/amd64`.
    #[schemars(example = ["linux/amd64", "linux/arm64"])]
    pub keep: Option<Vec<String>>,
    /// Operating systems to keep, each with or without a version: `["linux", "windows:10.0.17763.1234"]`. Left out or
    /// empty: all.
    #[schemars(example = ["linux"])]
    pub os: Option<Vec<String>>,
    /// Architectures to keep, each with or without a variant: `["amd64", "arm:v7"]`. `arm64` and `arm64:v8` are the
    /// same. Left out or empty: all.
    #[schemars(example = ["amd64", "arm64"])]
    pub arch: Option<Vec<String>>,
    /// Treatment of attestations, whose platform is `unknown/unknown`: `keep`, with the image that they describe, or
    /// `drop`, as image-syncer does under `--os` and `--arch`; some registries refuse an index that has any. Default:
    /// `keep`.
    #[serde(default)]
    pub attestations: Attestations,
    /// Single OCI images to keep: those that are `matching`, as single Docker images, or `all`, as image-syncer does, which
    /// looks into Docker's only. Default: `matching`.
    #[serde(default)]
    pub oci_images: OciImages,
}

impl StageConfig<dyn Filter> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Filter>, ConfigError> {
        let mut errors = ConfigError::default();
        let (attestations, oci_images) = (self.attestations, self.oci_images);
        let mut wrong = |key: &str, error: ConfigError| errors = std::mem::take(&mut errors).and(error.at(key));
        let wanted = match self {
            Self { keep: None, os: None, arch: None, .. } => {
                let nothing = ConfigError::new("no platform to keep is named");
                return Err(nothing.hint("for example `keep = [\"linux/amd64\", \"linux/arm64\"]`"));
            }
            Self { keep: Some(keep), os, arch, .. } => {
                for (key, _) in [("os", os), ("arch", arch)].iter().filter(|(_, value)| value.is_some()) {
                    wrong(key, ConfigError::new(format!("`keep` and `{key}` exclude each other")));
                }
                if keep.is_empty() {
                    wrong("keep", ConfigError::new("at least one platform is needed").hint("such as `linux/amd64`"));
                }
                PlatformSelection::Pairs(parsed("keep", &keep, pair, &mut wrong))
            }
            Self { keep: None, os, arch, .. } => PlatformSelection::Lists {
                os: parsed("os", &os.unwrap_or_default(), Os::parse, &mut wrong),
                arch: parsed("arch", &arch.unwrap_or_default(), Arch::parse, &mut wrong),
            },
        };
        for (key, at, Odd { message, hint }) in wanted.oddities() {
            cx.warn_at(format!("{key}[{at}]"), Diagnostic { hint, ..Diagnostic::warning(message) });
        }
        errors.or_ok(Box::new(Platforms::new(wanted, attestations, oci_images)))
    }
}

/// Parses the texts of a key; an error names the index of its text.
fn parsed<T>(
    key: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, ConfigError>,
    wrong: &mut dyn FnMut(&str, ConfigError),
) -> Vec<T> {
    let mut values = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        match parse(text) {
            Ok(value) => values.push(value),
            Err(error) => wrong(&format!("{key}[{at}]"), error),
        }
    }
    values
}

/// Reads `os/arch` or `os/arch/variant`.
fn pair(text: &str) -> Result<(Os, Arch), ConfigError> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts[..] {
        [os, arch] if !parts.contains(&"") => Ok((Os::parse(os)?, Arch::new(arch, None)?)),
        [os, arch, variant] if !parts.contains(&"") => Ok((Os::parse(os)?, Arch::new(arch, Some(variant))?)),
        _ => {
            let message = format!("`{text}` is no platform, expected `os/arch` or `os/arch/variant`");
            Err(ConfigError::new(message).hint("such as `linux/amd64` or `linux/arm/v7`"))
        }
    }
}

#[cfg(test)]
mod tests;
