//! Targets of the images of a layout.

use sealift_core::content::{FullReference, ImageRef, Reference, ReferenceError, ReferenceSuffix, Repository};
use sealift_oci_layout::{CatalogImage, Naming};

/// The rule by which all images get their targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoadTarget {
    /// The targets that the layout notes; without any, the push stage names the image.
    Recorded,
    /// Under a registry.
    Under {
        /// The registry.
        registry: String,
        /// The path there that goes before the image's own; empty if there is none.
        prefix: String,
    },
}

impl LoadTarget {
    /// Reads `HOST` or `HOST/PREFIX`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Err(format!("`{text}` is a URL, expected a registry such as `harbor.example.com`"));
        }
        let text = text.strip_suffix('/').unwrap_or(text);
        let (registry, prefix) = text.split_once('/').unwrap_or((text, ""));
        // A path makes a registry of a word with a dot or port only, as everywhere.
        let probe = if prefix.is_empty() { format!("{registry}/x") } else { format!("{registry}/{prefix}/x") };
        let (probe, rest) = Repository::parse_prefix(&probe).map_err(|error| match error {
            ReferenceError::Path(_) => ReferenceError::Path(prefix.to_owned()).to_string(),
            other => other.to_string(),
        })?;
        if rest != ReferenceSuffix::None {
            return Err(format!("`{text}` has a tag or digest, expected a registry and perhaps a path there"));
        }
        let is_hub = ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(&registry);
        if probe.registry() == "docker.io" && !is_hub {
            return Err(format!("`{registry}` is no registry host, expected one such as `harbor.example.com`"));
        }
        Ok(Self::Under { registry: probe.registry().to_owned(), prefix: prefix.to_owned() })
    }

    /// The names of an image at the destination; none if the destination shall name it.
    pub(crate) fn targets(&self, image: &CatalogImage) -> Result<Vec<ImageRef>, String> {
        self.of(&image.source, image.naming, &image.targets, &image.name)
    }

    /// Returns the targets of an image with the reference `source`; `name` is for messages.
    pub(crate) fn of(
        &self,
        source: &ImageRef,
        naming: Naming,
        recorded: &[ImageRef],
        name: &str,
    ) -> Result<Vec<ImageRef>, String> {
        let Self::Under { registry, prefix } = self else { return Ok(recorded.to_vec()) };
        if recorded.is_empty() && matches!(naming, Naming::Reference | Naming::Nothing) {
            if prefix.is_empty() {
                return Err(format!("the layout names no repository for `{name}`, and neither does the destination"));
            }
            let repository = Repository::new(registry, prefix).map_err(|error| error.to_string())?;
            return Ok(vec![ImageRef { repository, reference: source.reference.clone() }]);
        }
        let own = std::slice::from_ref(source);
        let names = if recorded.is_empty() { own } else { recorded };
        let mut targets = Vec::with_capacity(names.len());
        for name in names {
            let path = name.repository.path();
            let path = if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") };
            let repository = Repository::new(registry, &path).map_err(|error| error.to_string())?;
            let target = ImageRef { repository, reference: name.reference.clone() };
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        Ok(targets)
    }
}

/// Reads a target of one image; without tag or digest it keeps that of the image. With both it has two names, the
/// second of which demands the digest.
pub(crate) fn one(text: &str, version: &Reference) -> Result<Vec<ImageRef>, String> {
    let (repository, suffix) = Repository::parse_prefix(text).map_err(|error| error.to_string())?;
    if suffix == ReferenceSuffix::None {
        return Ok(vec![ImageRef { repository, reference: version.clone() }]);
    }
    let FullReference { image, beside } = text.parse().map_err(|error: ReferenceError| error.to_string())?;
    Ok(beside.map(|tag| repository.with_tag(&tag)).into_iter().chain([image]).collect())
}

#[cfg(test)]
mod tests;
