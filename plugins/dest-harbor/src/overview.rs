//! All tags of a repository, or of all repositories of a project, with their digests, in pages of a hundred.

use std::{collections::HashMap, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use sealift_core::{
    content::{Digest, Repository, Tag},
    error::Result,
    stage::RepositoryTags,
};

use tokio::time::Instant;

use crate::api::{Api, ArtifactInfo, ArtifactPage, Lookup, PAGE};

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
            return Ok(Overview::Known(if seen == 0 {
                RepositoryTags::Empty
            } else {
                RepositoryTags::Digests { tags, has_referrer_tags: false }
            }));
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

/// The tags of all repositories of a project.
#[derive(Debug)]
pub(crate) struct ProjectTags {
    /// By the path of the repository, project included.
    repositories: HashMap<String, HashMap<Tag, Digest>>,
    /// The time at which reading began.
    read: Instant,
}

impl ProjectTags {
    /// Returns the tags of one repository; none if what is known is too old.
    pub(crate) fn of(&self, at: &Repository) -> Option<RepositoryTags> {
        let tags = || RepositoryTags::Digests {
            tags: self.repositories.get(at.path()).cloned().unwrap_or_default(),
            has_referrer_tags: false,
        };
        (self.read.elapsed() < LIFETIME).then(tags)
    }

    fn take(&mut self, page: &ArtifactPage) {
        for artifact in &page.artifacts {
            take(artifact, self.repositories.entry(artifact.repository_name.clone()).or_default());
        }
    }
}

/// How long the tags of a project are believed. Others may push to it and delete from it meanwhile.
const LIFETIME: Duration = Duration::from_secs(120);

/// The most pages of a project that are read, so that they are read within seconds.
const MOST_PAGES: usize = 20;

/// Pages that are read at the same time.
const AT_ONCE: usize = 4;

/// Returns the number of pages of a project that may be read instead of asking each of so many repositories; none if that is
/// not worth it.
pub(crate) fn pages_of_project(repositories: usize) -> Option<usize> {
    (repositories > 1).then(|| (repositories / 4).clamp(1, MOST_PAGES))
}

/// Reads the artifacts of a project, if there are at most this many pages of them.
pub(crate) async fn read_project(api: Api<'_>, pages: usize) -> Result<Option<ProjectTags>> {
    let read = Instant::now();
    let Lookup::Is(first) = api.project_artifacts(1).await? else { return Ok(None) };
    let Some(total) = first.total.filter(|total| total.div_ceil(PAGE) <= pages) else { return Ok(None) };
    let (mut tags, mut seen) = (ProjectTags { repositories: HashMap::new(), read }, first.artifacts.len());
    tags.take(&first);
    let mut rest =
        stream::iter(2..=total.div_ceil(PAGE)).map(|page| api.project_artifacts(page)).buffer_unordered(AT_ONCE);
    while let Some(page) = rest.try_next().await? {
        let Lookup::Is(page) = page else { return Ok(None) };
        seen += page.artifacts.len();
        tags.take(&page);
    }
    // Something was pushed or deleted while it was read.
    Ok((seen == total).then_some(tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_pages_are_worth_it_for_more_tags() {
        let worth = [0, 1, 8, 11, 12, 400].map(pages_worth);
        assert_eq!(worth, [2, 2, 2, 2, 3, 100]);
    }

    #[test]
    fn a_project_is_read_for_several_repositories_and_not_without_end() {
        let pages = [0, 1, 2, 7, 8, 80, 81, 1000].map(pages_of_project);
        assert_eq!(pages, [None, None, Some(1), Some(1), Some(2), Some(20), Some(20), Some(20)]);
    }
}
