//! The list of tags in the API of Container Registry.
//!
//! The Enterprise Edition has `ListRepoTag` (version 2018-12-01), which wants the id that `GetRepository` tells of a
//! repository; the Personal Edition has `GET /repos/{namespace}/{repository}/tags` (version 2016-06-07). Neither tells media
//! types, and digests are without the name of their algorithm.

use http::Request;
use sealift_cloud_login::{LIST, encode, epoch_millis, text, unreadable};
use sealift_core::{
    async_trait,
    content::Repository,
    error::Result,
    login::{ListedTag, LoginInventory, TagPage},
};
use serde::Deserialize;

use super::{Acr, ENTERPRISE, PERSONAL};

/// The tags in a page; more are refused.
const PER_PAGE: usize = 100;

/// The rights that the list needs, for hints.
const RIGHTS: &str = "`cr:GetRepository` and `cr:ListRepositoryTag`";

/// A page, as both editions have it under names of their own.
#[derive(Deserialize)]
struct AcrTags {
    #[serde(rename = "Images", alias = "tags")]
    images: Vec<AcrTag>,
}

#[derive(Deserialize)]
struct AcrTag {
    #[serde(rename = "Tag", alias = "tag")]
    tag: String,
    #[serde(rename = "Digest", alias = "digest")]
    digest: String,
    /// Milliseconds since 1970, as a number or as text.
    #[serde(rename = "ImageUpdate", alias = "imageUpdate", default)]
    updated: Option<Millis>,
    #[serde(rename = "Status", alias = "status", default)]
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Millis {
    Number(u64),
    Text(String),
}

impl AcrTag {
    /// Returns the tag; none if it is being deleted, or has no digest.
    fn listed(self) -> Option<ListedTag> {
        let is_there = self.status.is_none_or(|status| status.eq_ignore_ascii_case("NORMAL"));
        let digest = if self.digest.contains(':') { self.digest } else { format!("sha256:{}", self.digest) };
        let listed = ListedTag::new(self.tag.parse().ok()?, digest.parse().ok()?);
        let updated = self.updated.and_then(|updated| match updated {
            Millis::Number(millis) => Some(millis),
            Millis::Text(text) => text.parse().ok(),
        });
        is_there.then(|| listed.with_pushed(updated.and_then(epoch_millis)))
    }
}

/// The mark of a page: its number and, of the Enterprise Edition, the id of the repository.
struct PageMark {
    number: usize,
    id: String,
}

impl PageMark {
    fn read(text: &str) -> Option<Self> {
        let (number, id) = text.split_once(' ')?;
        Some(Self { number: number.parse().ok()?, id: id.to_owned() })
    }
}

#[async_trait]
impl LoginInventory for Acr {
    fn tells_media_types(&self) -> bool {
        false
    }

    async fn page(&self, repository: &Repository, next: Option<&str>) -> Result<Option<TagPage>> {
        let Some((namespace, name)) = repository.path().split_once('/') else { return Ok(None) };
        let (region, instance) = self.location(repository.registry()).await?;
        let default = format!("https://cr.{region}.aliyuncs.com");
        let root = self.api.root(&default);
        let mut mark = next.and_then(PageMark::read).unwrap_or(PageMark { number: 1, id: String::new() });
        let (request, version, action, at) = match instance {
            Some(instance) => {
                let instance = encode(&instance);
                if mark.id.is_empty() {
                    let query = format!("RepoName={}&RepoNamespaceName={}", encode(name), encode(namespace));
                    let request = Request::post(format!("{root}/?InstanceId={instance}&{query}"));
                    let request = self.signed(request, "GetRepository", ENTERPRISE)?;
                    let answer = self.api.ask_list(RIGHTS, &request).await?;
                    text(&answer, "/RepoId", root).map_err(|_| unreadable(root, LIST))?.clone_into(&mut mark.id);
                }
                let query = format!("PageNo={}&PageSize={PER_PAGE}&RepoId={}", mark.number, encode(&mark.id));
                (Request::post(format!("{root}/?InstanceId={instance}&{query}")), ENTERPRISE, "ListRepoTag", "")
            }
            None => {
                let query = format!("Page={}&PageSize={PER_PAGE}", mark.number);
                let path = format!("{root}/repos/{namespace}/{}/tags?{query}", encode(name));
                (Request::get(path), PERSONAL, "GetRepoTags", "/data")
            }
        };
        let answer = self.api.ask_list(RIGHTS, &self.signed(request, action, version)?).await?;
        let page = answer.pointer(at).and_then(|page| AcrTags::deserialize(page).ok());
        let page = page.ok_or_else(|| unreadable(root, LIST))?;
        let more = page.images.len() >= PER_PAGE;
        let next = more.then(|| format!("{} {}", mark.number + 1, mark.id));
        Ok(Some(TagPage::new(page.images.into_iter().filter_map(AcrTag::listed).collect(), next)))
    }
}
