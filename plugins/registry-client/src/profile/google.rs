//! Google's Artifact Registry and Container Registry.

use std::{collections::HashMap, time::Duration};

use sealift_core::content::{MediaType, Repository, Tag};
use serde::Deserialize;

use super::{
    RegistryProfile,
    inventory::{BulkInventory, InventoryAccess, InventoryPage, after_epoch, record},
};

/// Artifact Registry (`*.pkg.dev`) and Container Registry (`gcr.io`).
#[derive(Debug)]
pub(super) struct GoogleProfile;

impl RegistryProfile for GoogleProfile {
    fn name(&self) -> &'static str {
        "gar"
    }

    fn matches_host(&self, host: &str) -> bool {
        host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with("-docker.pkg.dev")
    }

    fn inventory(&self) -> Option<&dyn BulkInventory> {
        Some(self)
    }
}

#[derive(Deserialize)]
struct GoogleTags {
    manifest: HashMap<String, ListedManifest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedManifest {
    #[serde(default)]
    tag: Vec<String>,
    media_type: String,
    /// Milliseconds since 1970, as text.
    #[serde(default)]
    time_uploaded_ms: String,
}

/// The tag list of the specification has a member `manifest` there: tags and times by digest, all in one answer.
impl BulkInventory for GoogleProfile {
    fn access(&self) -> InventoryAccess {
        InventoryAccess::Pull
    }

    fn path(&self, repository: &Repository, _: usize, _: Option<&Tag>) -> String {
        format!("/v2/{}/tags/list", repository.path())
    }

    fn read(&self, body: &[u8]) -> Option<InventoryPage> {
        let list: GoogleTags = serde_json::from_slice(body).ok()?;
        let tags = list.manifest.iter().flat_map(|(digest, manifest)| {
            let pushed = manifest.time_uploaded_ms.parse().ok().map(Duration::from_millis).and_then(after_epoch);
            let media_type = MediaType::from_header(&manifest.media_type);
            manifest.tag.iter().filter_map(move |tag| record(tag, digest, media_type.clone(), pushed))
        });
        Some(InventoryPage::new(tags.collect(), false))
    }
}
