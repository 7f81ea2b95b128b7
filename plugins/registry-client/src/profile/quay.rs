//! Quay.

use std::time::Duration;

use sealift_core::content::{Repository, Tag, well_known};
use serde::Deserialize;

use super::{
    RegistryProfile,
    inventory::{BulkInventory, InventoryAccess, InventoryPage, PER_PAGE, after_epoch, record},
};

/// Quay, at `quay.io` or elsewhere (`kind = "quay"`).
#[derive(Debug)]
pub(super) struct Quay;

impl RegistryProfile for Quay {
    fn name(&self) -> &'static str {
        "quay"
    }

    fn matches_host(&self, host: &str) -> bool {
        host == "quay.io"
    }

    fn inventory(&self) -> Option<&dyn BulkInventory> {
        Some(self)
    }
}

#[derive(Deserialize)]
struct QuayTags {
    tags: Vec<QuayTag>,
    #[serde(default)]
    has_additional: bool,
}

#[derive(Deserialize)]
struct QuayTag {
    name: String,
    manifest_digest: String,
    is_manifest_list: bool,
    #[serde(default)]
    start_ts: Option<u64>,
}

/// `GET /api/v1/repository/{repository}/tag/` (Quay API). It takes tokens of its own, not those of the registry: without one
/// it tells of public repositories.
impl BulkInventory for Quay {
    fn access(&self) -> InventoryAccess {
        InventoryAccess::Anonymous
    }

    fn path(&self, repository: &Repository, number: usize, _: Option<&Tag>) -> String {
        format!("/api/v1/repository/{}/tag/?onlyActiveTags=true&limit={PER_PAGE}&page={number}", repository.path())
    }

    fn read(&self, body: &[u8]) -> Option<InventoryPage> {
        let page: QuayTags = serde_json::from_slice(body).ok()?;
        let tag = |tag: QuayTag| {
            let pushed = tag.start_ts.map(Duration::from_secs).and_then(after_epoch);
            // Which kind of index or manifest it is makes no difference before it is read.
            let media_type = if tag.is_manifest_list { well_known::OCI_INDEX } else { well_known::OCI_MANIFEST };
            record(&tag.name, &tag.manifest_digest, media_type, pushed)
        };
        Some(InventoryPage::new(page.tags.into_iter().filter_map(tag).collect(), page.has_additional))
    }
}
