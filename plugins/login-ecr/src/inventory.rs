//! The list of tags in the API of ECR: `DescribeImages`, a thousand images in a page.
//!
//! It tells of images and their tags. The time is that of the image: a tag that was put on an image that was there already
//! has the time of that image.

use sealift_cloud_login::{LIST, epoch_seconds, unreadable};
use sealift_core::{
    async_trait,
    content::{Digest, MediaType, Repository},
    error::Result,
    login::{ListedTag, LoginInventory, TagPage},
};
use serde::Deserialize;
use serde_json::json;

use super::{Ecr, PUBLIC, Service};

/// The images in a page; more are refused.
const PER_PAGE: usize = 1000;

/// The right that the list needs, for hints.
const RIGHT: &str = "`ecr:DescribeImages`";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EcrImages {
    image_details: Vec<EcrImage>,
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EcrImage {
    image_digest: String,
    #[serde(default)]
    image_tags: Vec<String>,
    #[serde(default)]
    image_manifest_media_type: String,
    /// Seconds since 1970.
    #[serde(default)]
    image_pushed_at: Option<f64>,
    /// `ACTIVE`, or that of an image in the archive, which cannot be pulled.
    #[serde(default)]
    image_status: Option<String>,
}

impl EcrImage {
    /// Returns its tags. Those of an image that cannot be pulled are left out.
    fn listed(self) -> Vec<ListedTag> {
        let is_there = self.image_status.is_none_or(|status| status == "ACTIVE");
        let Some(digest) = self.image_digest.parse::<Digest>().ok().filter(|_| is_there) else { return Vec::new() };
        let media_type = MediaType::from_header(&self.image_manifest_media_type);
        let pushed = self.image_pushed_at.and_then(epoch_seconds);
        let tags = self.image_tags.iter().filter_map(|tag| {
            let listed = ListedTag::new(tag.parse().ok()?, digest.clone());
            Some(listed.with_media_type(media_type.clone()).with_pushed(pushed))
        });
        tags.collect()
    }
}

#[async_trait]
impl LoginInventory for Ecr {
    fn tells_media_types(&self) -> bool {
        true
    }

    async fn page(&self, repository: &Repository, next: Option<&str>) -> Result<Option<TagPage>> {
        let registry = repository.registry();
        let service = Service::of(registry, self.region.as_deref()).filter(|_| registry != PUBLIC);
        let Some(service) = service else { return Ok(None) };
        let mut body = json!({
            "repositoryName": repository.path(),
            "maxResults": PER_PAGE,
            "filter": { "tagStatus": "TAGGED" },
        });
        // The registry may be that of another account than the one of the keys.
        let is_account = |name: &&str| name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit());
        let account = registry.split('.').next().filter(is_account);
        for (name, value) in [("registryId", account), ("nextToken", next)] {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        let root = self.api.root(&service.root);
        let request = self.signed(&service, root, "DescribeImages", body.to_string()).await?;
        let answer = self.api.ask_list(RIGHT, &request).await?;
        let page = EcrImages::deserialize(answer).map_err(|_| unreadable(root, LIST))?;
        let tags = page.image_details.into_iter().flat_map(EcrImage::listed).collect();
        Ok(Some(TagPage::new(tags, page.next_token)))
    }
}
