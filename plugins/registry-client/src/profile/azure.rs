//! Azure Container Registry.

use sealift_core::content::{MediaType, Repository, Tag};
use serde::Deserialize;

use super::{
    RegistryProfile,
    inventory::{BulkInventory, InventoryAccess, InventoryPage, PER_PAGE, record, time},
};

/// Azure Container Registry.
#[derive(Debug)]
pub(super) struct Azure;

impl RegistryProfile for Azure {
    fn name(&self) -> &'static str {
        "acr"
    }

    fn matches_host(&self, host: &str) -> bool {
        host.ends_with(".azurecr.io") || host.ends_with(".azurecr.cn") || host.ends_with(".azurecr.us")
    }

    fn inventory(&self) -> Option<&dyn BulkInventory> {
        Some(self)
    }
}

#[derive(Deserialize)]
struct AzureTags {
    #[serde(default)]
    tags: Option<Vec<AzureTag>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AzureTag {
    name: String,
    digest: String,
    #[serde(default)]
    last_update_time: String,
}

/// `GET /acr/v1/{repository}/_tags`, in the order of the names. After the last page comes an answer without tags.
impl BulkInventory for Azure {
    fn access(&self) -> InventoryAccess {
        InventoryAccess::Action("metadata_read")
    }

    fn tells_media_types(&self) -> bool {
        false
    }

    fn path(&self, repository: &Repository, _: usize, last: Option<&Tag>) -> String {
        let after = last.map(|tag| format!("&last={tag}")).unwrap_or_default();
        format!("/acr/v1/{}/_tags?n={PER_PAGE}{after}", repository.path())
    }

    fn read(&self, body: &[u8]) -> Option<InventoryPage> {
        let listed = serde_json::from_slice::<AzureTags>(body).ok()?.tags.unwrap_or_default();
        let has_more = listed.len() >= PER_PAGE;
        let tag = |tag: AzureTag| record(&tag.name, &tag.digest, MediaType::default(), time(&tag.last_update_time));
        Some(InventoryPage::new(listed.into_iter().filter_map(tag).collect(), has_more))
    }
}
