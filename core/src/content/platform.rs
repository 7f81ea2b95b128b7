//! Platforms: what an image runs on.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::text;

/// The platform of an image, as given by an index or a config.
///
/// A field that is empty or absent was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// Operating system, such as `linux`.
    #[serde(default)]
    pub os: String,
    /// CPU architecture, such as `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// Variant of the architecture, such as `v7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Version of the operating system, such as `10.0.17763.1234`.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
}

impl Platform {
    /// `unknown/unknown`: how BuildKit marks entries that are no images, attestations above all.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

/// The parts come from manifests, so they are [shown as a message](text::message).
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn shown(text: &str) -> Cow<'_, str> {
            if text.is_empty() { Cow::Borrowed("?") } else { text::message(text) }
        }
        write!(f, "{}/{}", shown(&self.os), shown(&self.architecture))?;
        if let Some(variant) = &self.variant {
            write!(f, "/{}", text::message(variant))?;
        }
        if let Some(version) = &self.os_version {
            write!(f, " ({})", text::message(version))?;
        }
        Ok(())
    }
}

/// A text is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no platform, expected `os/arch` or `os/arch/variant`, such as `linux/arm/v7`")]
pub struct PlatformError(String);

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty() || part.contains(char::is_whitespace)) {
            return Err(PlatformError(text.to_owned()));
        }
        match parts[..] {
            [os, architecture] => {
                Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), ..Self::default() })
            }
            [os, architecture, variant] => Ok(Self {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
                variant: Some(variant.to_owned()),
                os_version: None,
            }),
            _ => Err(PlatformError(text.to_owned())),
        }
    }
}
