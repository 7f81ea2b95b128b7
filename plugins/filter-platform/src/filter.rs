//! The filter: entries of indexes by their descriptor, single images by their config.

use async_trait::async_trait;
use sealift_core::{
    content::{Descriptor, Manifest, Platform, Repository, well_known},
    error::Result,
    job::Resolved,
    stage::{Fetch, Filter, Verdict},
};
use serde::Deserialize;

use crate::{
    options::{Attestations, OciImages},
    wanted::PlatformSelection,
};

/// A config is some kilobytes of history; what is larger than a manifest may be is none.
const MAX_CONFIG_BYTES: u64 = Manifest::MAX_BYTES;

/// Keeps the platforms that are wanted.
pub(crate) struct Platforms {
    wanted: PlatformSelection,
    attestations: Attestations,
    oci_images: OciImages,
}

/// The platform in an image config; each field may be missing or `null`.
#[derive(Default, Deserialize)]
struct ConfigPlatform {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
}

impl Platforms {
    pub(crate) fn new(wanted: PlatformSelection, attestations: Attestations, oci_images: OciImages) -> Self {
        Self { wanted, attestations, oci_images }
    }

    /// Returns true if an image for this platform is wanted; one that is for none is no question of platforms.
    fn keeps(&self, platform: &Platform) -> bool {
        platform.is_unknown() || self.wanted.matches(platform)
    }

    fn keeps_entry(&self, platform: &Platform) -> bool {
        match self.attestations {
            Attestations::Keep => self.keeps(platform),
            Attestations::Drop => self.wanted.matches(platform),
        }
    }
}

#[async_trait]
impl Filter for Platforms {
    fn summary(&self) -> Option<String> {
        Some(self.wanted.to_string())
    }

    fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
        let is_image = |entry: &Descriptor| entry.platform.as_ref().is_some_and(|platform| !platform.is_unknown());
        let had_images = entries.iter().any(is_image);
        entries.retain(|entry| entry.platform.as_ref().is_none_or(|platform| self.keeps_entry(platform)));
        // What is left beside images that are all gone describes one of them, even where it does not say which.
        if had_images && !entries.iter().any(is_image) {
            entries.retain(|entry| entry.platform.is_none());
        }
    }

    fn drops_attestations(&self) -> bool {
        self.attestations == Attestations::Drop
    }

    async fn check(&self, image: &Resolved, from: &dyn Fetch) -> Result<Verdict> {
        let media_type = &image.descriptor.media_type;
        let is_kept_anyway = self.oci_images == OciImages::All && *media_type == well_known::OCI_MANIFEST;
        if media_type.is_index() || is_kept_anyway {
            return Ok(Verdict::Keep);
        }
        let repository = &image.image.repository;
        let platform = match &image.manifest {
            Some(manifest) => platform_of(repository, manifest, from).await?,
            None => platform_of(repository, &from.manifest(repository, &image.descriptor).await?, from).await?,
        };
        match platform.filter(|platform| !self.keeps(platform)) {
            Some(platform) => Ok(Verdict::Drop { reason: format!("it is for `{platform}`, which is not wanted") }),
            None => Ok(Verdict::Keep),
        }
    }
}

/// Returns the platform of a single image; none if it is an artifact.
async fn platform_of(repository: &Repository, manifest: &Manifest, from: &dyn Fetch) -> Result<Option<Platform>> {
    if manifest.media_type().is_schema1() {
        return Ok(said(manifest.bytes())); // it says its architecture itself
    }
    let is_image_config =
        |config: &&Descriptor| [well_known::OCI_CONFIG, well_known::DOCKER_CONFIG].contains(&config.media_type);
    let Some(config) = manifest.config().filter(is_image_config) else { return Ok(None) };
    let bytes = from.blob(repository, config).await?.read_to_end(MAX_CONFIG_BYTES).await?;
    Ok(said(&bytes))
}

/// Artifacts that borrow the media type of an image config may have anything in it: that says nothing.
fn said(json: &[u8]) -> Option<Platform> {
    let said: ConfigPlatform = serde_json::from_slice(json).ok()?;
    Some(Platform {
        os: said.os.unwrap_or_default(),
        architecture: said.architecture.unwrap_or_default(),
        variant: said.variant,
        os_version: said.os_version,
    })
}

#[cfg(test)]
mod tests;
