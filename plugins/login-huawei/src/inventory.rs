//! The list of tags in the API of SWR: `GET /v2/manage/namespaces/{namespace}/repos/{repository}/tags`.

use std::time::SystemTime;

use http::Request;
use sealift_cloud_login::{LIST, SdkHmac, encode, rfc3339, unreadable, with_body};
use sealift_core::{
    async_trait,
    content::{MediaType, Repository, well_known},
    error::Result,
    login::{ListedTag, LoginInventory, TagPage},
};
use serde::Deserialize;

use super::{RIGHT, Swr};

/// The tags in a page.
const PER_PAGE: usize = 100;

#[derive(Deserialize)]
struct SwrTag {
    #[serde(rename = "Tag", alias = "tag")]
    tag: String,
    digest: String,
    #[serde(default)]
    updated: Option<String>,
    /// 0 for an image, 1 for an index.
    #[serde(default)]
    tag_type: Option<u8>,
}

impl SwrTag {
    fn listed(self) -> Option<ListedTag> {
        // Which kind of index or manifest it is makes no difference before it is read.
        let media_type = match self.tag_type {
            Some(0) => well_known::OCI_MANIFEST,
            Some(1) => well_known::OCI_INDEX,
            _ => MediaType::default(),
        };
        let listed = ListedTag::new(self.tag.parse().ok()?, self.digest.parse().ok()?);
        Some(listed.with_media_type(media_type).with_pushed(self.updated.as_deref().and_then(rfc3339)))
    }
}

#[async_trait]
impl LoginInventory for Swr {
    fn tells_media_types(&self) -> bool {
        true
    }

    async fn page(&self, repository: &Repository, next: Option<&str>) -> Result<Option<TagPage>> {
        let path = repository.path().split_once('/');
        let (Some(keys), Some((namespace, name))) = (&self.keys, path) else { return Ok(None) };
        let region = self.region_of(repository.registry())?;
        let default = format!("https://swr-api.{region}.myhuaweicloud.com");
        let root = self.api.root(&default);
        let offset: usize = next.and_then(|mark| mark.parse().ok()).unwrap_or_default();
        // A name with a slash has a dollar there.
        let name = encode(&name.replace('/', "$"));
        let path =
            format!("{root}/v2/manage/namespaces/{namespace}/repos/{name}/tags?limit={PER_PAGE}&offset={offset}");
        let mut request = with_body(Request::get(path).header("content-type", "application/json"), "")?;
        SdkHmac { keys }.sign(&mut request, SystemTime::now())?;
        let answer = self.api.ask_list(RIGHT, &request).await?;
        let listed = Vec::<SwrTag>::deserialize(answer).map_err(|_| unreadable(root, LIST))?;
        let next = (listed.len() >= PER_PAGE).then(|| (offset + PER_PAGE).to_string());
        Ok(Some(TagPage::new(listed.into_iter().filter_map(SwrTag::listed).collect(), next)))
    }
}
