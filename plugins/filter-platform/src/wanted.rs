//! The selected platforms, and the comparison of a platform with them.

use std::fmt;

use sealift_core::{content::Platform, plugin::ConfigError};

use crate::known::{Odd, odd_architecture, odd_system};

/// The selected platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlatformSelection {
    /// One of these combinations.
    Pairs(Vec<(Os, Arch)>),
    /// One of each list; an empty one means all.
    Lists { os: Vec<Os>, arch: Vec<Arch> },
}

/// An operating system, with a version if only that one is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Os {
    name: String,
    version: Option<String>,
}

/// An architecture, with a variant if only that one is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arch {
    name: String,
    variant: Option<String>,
}

impl PlatformSelection {
    /// Returns a warning for each name that no image uses, with its key and index.
    pub(crate) fn oddities(&self) -> Vec<(&'static str, usize, Odd)> {
        let mut found = Vec::new();
        match self {
            Self::Pairs(pairs) => {
                for (at, (os, arch)) in pairs.iter().enumerate() {
                    let odd = odd_system(&os.name).into_iter().chain(odd_architecture(&arch.name));
                    found.extend(odd.map(|odd| ("keep", at, odd)));
                }
            }
            Self::Lists { os, arch } => {
                let os = os.iter().enumerate().filter_map(|(at, os)| Some(("os", at, odd_system(&os.name)?)));
                let arch = arch.iter().enumerate();
                let arch = arch.filter_map(|(at, arch)| Some(("arch", at, odd_architecture(&arch.name)?)));
                found.extend(os.chain(arch));
            }
        }
        found
    }

    /// Returns true if a platform is selected.
    pub(crate) fn matches(&self, platform: &Platform) -> bool {
        match self {
            Self::Pairs(pairs) => pairs.iter().any(|(os, arch)| os.matches(platform) && arch.matches(platform)),
            Self::Lists { os, arch } => {
                (os.is_empty() || os.iter().any(|os| os.matches(platform)))
                    && (arch.is_empty() || arch.iter().any(|arch| arch.matches(platform)))
            }
        }
    }
}

/// In the words of the pipeline.
impl fmt::Display for PlatformSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = match self {
            Self::Pairs(pairs) => {
                let pair = |(os, arch): &(Os, Arch)| {
                    let arch_and_variant = joined(&arch.name, "/", arch.variant.as_deref());
                    format!("{}/{arch_and_variant}", joined(&os.name, ":", os.version.as_deref()))
                };
                pairs.iter().map(pair).collect()
            }
            Self::Lists { os, arch } => {
                let os = os.iter().map(|os| joined(&os.name, ":", os.version.as_deref()));
                os.chain(arch.iter().map(|arch| joined(&arch.name, ":", arch.variant.as_deref()))).collect()
            }
        };
        f.write_str(&all.join(", "))
    }
}

fn joined(name: &str, by: &str, detail: Option<&str>) -> String {
    detail.map_or_else(|| name.to_owned(), |detail| format!("{name}{by}{detail}"))
}

impl Os {
    /// Reads `os` or `os:version`.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let (name, version) = split(text);
        let name = known_as(name, "operating system", &[("macos", "darwin"), ("win", "windows")])?;
        check(text, version, "`linux` or `windows:10.0.17763.1234`")?;
        Ok(Self { name, version: version.map(str::to_owned) })
    }

    fn matches(&self, platform: &Platform) -> bool {
        says_nothing_else(Some(platform.os.as_str()), Some(&self.name))
            && says_nothing_else(platform.os_version.as_deref(), self.version.as_deref())
    }
}

impl Arch {
    /// Reads `arch` or `arch:variant`.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let (name, variant) = split(text);
        Self::new(name, variant)
    }

    /// An architecture and, if only that is wanted, its variant.
    pub(crate) fn new(name: &str, variant: Option<&str>) -> Result<Self, ConfigError> {
        let others =
            [("x86_64", "amd64"), ("x86-64", "amd64"), ("x64", "amd64"), ("aarch64", "arm64"), ("i386", "386")];
        let shown = variant.map_or_else(|| name.to_owned(), |variant| format!("{name}:{variant}"));
        let name = known_as(name, "architecture", &others)?;
        check(&shown, variant, "`amd64` or `arm:v7`")?;
        Ok(Self { name, variant: variant.map(str::to_ascii_lowercase) })
    }

    fn matches(&self, platform: &Platform) -> bool {
        // 64-bit ARM without a variant is version 8: the field is filled in by some builders only.
        let implied = (platform.architecture == "arm64").then_some("v8");
        let variant = platform.variant.as_deref().filter(|variant| !variant.is_empty()).or(implied);
        says_nothing_else(Some(platform.architecture.as_str()), Some(&self.name))
            && says_nothing_else(variant, self.variant.as_deref())
    }
}

/// Returns true if both values are equal, or if one of them is missing.
fn says_nothing_else(said: Option<&str>, wanted: Option<&str>) -> bool {
    match (said, wanted) {
        (Some(said), Some(wanted)) => said.is_empty() || said == wanted,
        _ => true,
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)))
}

/// The name in lower case, if it is one that images use: what never matches would skip everything.
fn known_as(name: &str, what: &str, others: &[(&str, &str)]) -> Result<String, ConfigError> {
    let name = name.to_ascii_lowercase();
    if let Some((_, right)) = others.iter().find(|(other, _)| *other == name) {
        return Err(
            ConfigError::new(format!("images do not use the name `{name}`")).hint(format!("they use `{right}`"))
        );
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(is_word) {
        return Err(ConfigError::new(format!("`{name}` is no {what}")));
    }
    Ok(name)
}

fn check(text: &str, detail: Option<&str>, such_as: &str) -> Result<(), ConfigError> {
    match detail {
        Some(detail)
            if detail.is_empty() || detail.contains([':', '/', ',']) || detail.contains(char::is_whitespace) =>
        {
            Err(ConfigError::new(format!("`{text}` cannot be read, expected something like {such_as}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
