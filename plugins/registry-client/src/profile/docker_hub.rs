//! Docker Hub.

use sealift_core::content::{MediaType, Repository, Tag, well_known};
use serde::Deserialize;

use super::{
    ProductFacts, RegistryProfile,
    inventory::{BulkInventory, InventoryAccess, InventoryPage, PER_PAGE, record, time},
};

/// Docker Hub. Its API is served by a host of its own; the aliases of its name are resolved where references are read.
#[derive(Debug)]
pub(super) struct DockerHub;

impl RegistryProfile for DockerHub {
    fn name(&self) -> &'static str {
        "docker-hub"
    }

    fn matches_host(&self, host: &str) -> bool {
        host == "docker.io"
    }

    fn facts(&self) -> ProductFacts {
        ProductFacts { api_host: Some("registry-1.docker.io"), ..ProductFacts::default() }
    }

    fn inventory(&self) -> Option<&dyn BulkInventory> {
        Some(self)
    }
}

#[derive(Deserialize)]
struct HubTags {
    results: Vec<HubTag>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct HubTag {
    name: String,
    /// Tags that were pushed long ago have none.
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    tag_last_pushed: Option<String>,
}

/// The type by which the list calls an image for one platform: that of its config.
const ONE_PLATFORM: &str = "application/vnd.docker.container.image.v1+json";

/// `GET /v2/namespaces/{namespace}/repositories/{repository}/tags` of the Docker Hub API, the tags that were pushed last
/// first. Without a login it tells of public repositories, and refuses pages after the thousandth tag
/// (goharbor/harbor#23819).
impl BulkInventory for DockerHub {
    fn access(&self) -> InventoryAccess {
        InventoryAccess::Anonymous
    }

    fn host(&self) -> Option<&'static str> {
        Some("hub.docker.com")
    }

    fn path(&self, repository: &Repository, number: usize, _: Option<&Tag>) -> String {
        let path = repository.path();
        let (namespace, name) = path.split_once('/').unwrap_or(("library", path));
        format!("/v2/namespaces/{namespace}/repositories/{name}/tags?page_size={PER_PAGE}&page={number}")
    }

    fn read(&self, body: &[u8]) -> Option<InventoryPage> {
        let page: HubTags = serde_json::from_slice(body).ok()?;
        let tag = |tag: HubTag| {
            let pushed = tag.tag_last_pushed.as_deref().and_then(time);
            record(&tag.name, &tag.digest.unwrap_or_default(), media_type(tag.media_type.as_deref()), pushed)
        };
        let has_more = page.next.is_some_and(|next| !next.is_empty());
        Some(InventoryPage::new(page.results.into_iter().filter_map(tag).collect(), has_more))
    }
}

/// Returns the type of a manifest; an empty one if the list says something else.
fn media_type(listed: Option<&str>) -> MediaType {
    match listed {
        Some(ONE_PLATFORM) => well_known::DOCKER_MANIFEST,
        listed => {
            Some(MediaType::from_header(listed.unwrap_or_default())).filter(MediaType::is_manifest).unwrap_or_default()
        }
    }
}
