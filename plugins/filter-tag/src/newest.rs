//! The `newest` filter: the newest few of each repository.

use std::{collections::HashMap, num::NonZeroUsize};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use schemars::JsonSchema;
use sealift_core::{
    async_trait,
    content::{ImageRef, Tag},
    error::Result,
    job::Listing,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::{Fetch, Filter, ResolveMode},
};
use serde::Deserialize;

use crate::{
    created::{cannot_tell, created, pushed},
    version::TagVersion,
};

/// Keeps the newest few tags of each repository.
///
/// It counts what earlier filters left, so a `tag` filter before it says what is counted: without one, `1.27` and
/// `1.27.3` are two tags of one version. Tags that are no versions, such as `latest`, and prereleases are dropped when
/// counting by version. Images that are asked for by digest are kept and do not count. The order of what is kept does
/// not change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Newest {
    /// Number of tags to keep in each repository; with `each_variant`, of each variant.
    #[schemars(range(min = 1), example = 3)]
    pub keep: NonZeroUsize,
    /// Order of the tags. Default: `version`.
    #[serde(default)]
    pub by: By,
    /// Counts each variant on its own, so that `keep = 3` gives three of `1.2.3` and three of
    /// `1.2.3-alpine3.19`. Numbers in the name of a variant do not make another one. Default: false.
    #[serde(default)]
    pub each_variant: bool,
    /// Counts prereleases such as `1.3.0-rc1` as versions. Default: false.
    #[serde(default)]
    pub prereleases: bool,
}

/// Order of the tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// By version: `1.10` is newer than `1.9`, `1.2.3` is newer than `1.2.3-rc1`. Costs no request.
    #[default]
    Version,
    /// By the creation date of its image. Every tag of the repository is read in every run, two or three
    /// requests each: put a `tag` filter before it. Tags without a date come last; any tag counts, also `latest`.
    Time,
    /// By the time at which the tag was last pushed to the source. Docker Hub, Harbor, Quay, Google's registries and
    /// Azure Container Registry tell it, a hundred tags or more in one request; so do ECR, SWR and Alibaba's registries
    /// to the logins of their clouds.
    Pushed,
}

/// Images that are asked for their date at the same time.
const READS: usize = 8;

impl StageConfig<dyn Filter> for Newest {
    fn build(self, _: &BuildContext<'_>) -> Result<Box<dyn Filter>, ConfigError> {
        if self.by != By::Version && self.prereleases {
            let error = ConfigError::new("`prereleases` has no effect where tags are sorted by time");
            return Err(error.at("prereleases").hint("drop prereleases with a `tag` filter before this one"));
        }
        Ok(Box::new(self))
    }
}

/// The sort key of a tag; the greatest is the newest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    created: Option<Timestamp>,
    version: Option<TagVersion>,
    // Two tags for one version, such as `1.2` and `v1.2.0`, are still in one order in every run.
    tag: Tag,
}

impl Newest {
    /// Keeps the tags with the highest ranks; those without a rank go.
    fn keep_best(&self, listing: &mut Listing, ranks: Vec<Rank>) {
        let mut series: HashMap<String, Vec<Rank>> = HashMap::new();
        for rank in ranks {
            let name = rank.version.as_ref().filter(|_| self.each_variant).map(TagVersion::series);
            series.entry(name.unwrap_or_default()).or_default().push(rank);
        }
        let mut best: Vec<Tag> = Vec::new();
        for mut ranks in series.into_values() {
            ranks.sort_unstable_by(|a, b| b.cmp(a));
            ranks.dedup(); // a tag may be wanted under several names
            best.extend(ranks.into_iter().take(self.keep.get()).map(|rank| rank.tag));
        }
        best.sort_unstable();
        listing.retain(|candidate| candidate.tag().is_none_or(|tag| best.binary_search(tag).is_ok()));
    }
}

#[async_trait]
impl Filter for Newest {
    fn filter_tags(&self, listing: &mut Listing) {
        if self.by != By::Version {
            return;
        }
        let rank = |tag: &Tag| {
            let version = TagVersion::of(tag).filter(|version| self.prereleases || !version.is_prerelease())?;
            Some(Rank { created: None, version: Some(version), tag: tag.clone() })
        };
        let ranks = listing.candidates.iter().filter_map(|candidate| rank(candidate.tag()?)).collect();
        self.keep_best(listing, ranks);
    }

    async fn select(&self, listing: &mut Listing, from: &dyn Fetch) -> Result<()> {
        let tags: Vec<Tag> = listing.candidates.iter().filter_map(|candidate| candidate.tag().cloned()).collect();
        // What is kept whole anyway need not be read.
        if self.by == By::Version || tags.len() <= self.keep.get() {
            return Ok(());
        }
        let images: Vec<(Tag, ImageRef)> =
            tags.into_iter().map(|tag| (tag.clone(), listing.repository.with_tag(&tag))).collect();
        let ranks = stream::iter(images)
            .map(|(tag, image)| async move {
                let created = match self.by {
                    By::Pushed => pushed(&image, from).await?,
                    _ => date_of(&image, from).await.map_err(cannot_tell(&image))?,
                };
                Ok::<_, sealift_core::error::Error>(Rank { created, version: TagVersion::of(&tag), tag })
            })
            .buffer_unordered(READS)
            .try_collect()
            .await?;
        self.keep_best(listing, ranks);
        Ok(())
    }

    fn summary(&self) -> Option<String> {
        let by = match self.by {
            By::Version => "version",
            By::Time => "time",
            By::Pushed => "time of the push",
        };
        let of = if self.each_variant { " of each variant" } else { "" };
        Some(format!("the newest {} by {by}{of}", self.keep))
    }

    fn drops_entries(&self) -> bool {
        false
    }
}

async fn date_of(image: &ImageRef, from: &dyn Fetch) -> Result<Option<Timestamp>> {
    let resolved = from.resolve(image, ResolveMode::Manifest).await?;
    let manifest = match resolved.manifest {
        Some(manifest) => manifest,
        None => from.manifest(&image.repository, &resolved.descriptor).await?,
    };
    created(&manifest, &image.repository, from).await
}

sealift_core::inventory::submit! { Plugin::filter::<Newest>("newest") }

#[cfg(test)]
mod tests;
