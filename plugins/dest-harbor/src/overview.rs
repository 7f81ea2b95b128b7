//! All tags of a repository with their digests, in pages of a hundred.

use std::collections::HashMap;

use sealift_core::{
    content::{Digest, Tag},
    error::Result,
    stage::RepositoryTags,
};

use crate::api::{Api, ArtifactInfo, Lookup, PAGE};

/// The result of listing a repository.
pub(crate) enum Overview {
    /// The tags of the repository, or that each must be asked for.
    Known(RepositoryTags),
    /// There is no such repository, perhaps no such project.
    Missing,
    /// The login may not list artifacts, or not here.
    Closed,
}

/// A page is about as much work for Harbor as some HEADs are; for few tags of a repository with many artifacts it is
/// not worth it.
fn pages_worth(wanted: usize) -> usize {
    (wanted / 4).max(2)
}

/// Reads what there is, if that is worth it for this many tags.
pub(crate) async fn read(api: Api<'_>, wanted: usize) -> Result<Overview> {
    let (mut tags, mut seen) = (HashMap::new(), 0);
    for number in 1..=2 * pages_worth(wanted) {
        let page = match api.artifacts(number).await? {
            Lookup::Is(page) => page,
            // It was deleted while it was read.
            Lookup::Missing if number > 1 => return Ok(Overview::Known(RepositoryTags::Unknown)),
            Lookup::Missing => return Ok(Overview::Missing),
            Lookup::Closed => return Ok(Overview::Closed),
        };
        if page.total.is_some_and(|total| total.div_ceil(PAGE) > pages_worth(wanted)) {
            return Ok(Overview::Known(RepositoryTags::Unknown));
        }
        seen += page.artifacts.len();
        page.artifacts.iter().for_each(|artifact| take(artifact, &mut tags));
        // Versions before 2.8 take signatures out of a page after it was cut, and some leave them out of the total too,
        // from which they reckon how many pages there are. So neither a short page nor the lack of a next one is the end.
        let total = page.total.unwrap_or_default();
        let more = page.has_next || seen < total;
        if !more || (page.artifacts.is_empty() && number * PAGE >= total) {
            return Ok(Overview::Known(if seen == 0 { RepositoryTags::Empty } else { RepositoryTags::Images(tags) }));
        }
    }
    Ok(Overview::Known(RepositoryTags::Unknown))
}

fn take(artifact: &ArtifactInfo, tags: &mut HashMap<Tag, Digest>) {
    let Ok(digest) = artifact.digest.parse::<Digest>() else { return };
    for tag in artifact.tags.iter().flatten() {
        if let Ok(name) = tag.name.parse::<Tag>() {
            tags.insert(name, digest.clone());
        }
    }
}
