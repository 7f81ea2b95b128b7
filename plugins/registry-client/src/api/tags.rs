//! Tag lists: paged where the registry pages, cleaned, sorted.
//!
//! Registries list unsorted (distribution 2.8), in pages of their own size (GHCR), with `null` (Nexus 3.58), with
//! digests among the tags (Artifactory), and in circles.

use std::collections::{BTreeSet, HashSet};

use http::Method;
use sealift_core::{
    content::{Repository, Tag},
    error::{Error, ErrorKind, Result},
};
use serde::Deserialize;

use super::link;
use crate::{
    error::NO_REGISTRY,
    operation::Operation,
    registry::{ObservedBehavior, Registry},
    scope::Scopes,
    transport::{Request, RequestTarget, refused},
    url_policy::UrlPurpose,
};

/// The tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// Sorted as text, each once.
    pub tags: Vec<Tag>,
    /// The number of entries that are no valid tags.
    pub skipped: usize,
}

#[derive(Deserialize)]
struct TagListPage {
    #[serde(default)]
    tags: Option<Vec<Option<String>>>,
}

/// Asked for at once. ECR refuses more; GHCR gives 100 if nothing is asked for.
const PER_PAGE: usize = 1000;
/// distribution 2.8 gives everything in one page, so a page may be big.
const MAX_PAGE_BYTES: u64 = 64 << 20;
const MAX_PAGES: usize = 10_000;
const MAX_TAGS: usize = 1_000_000;
/// Pages without a new tag that are put up with; Harbor's last page may be empty.
const MAX_IDLE_PAGES: usize = 3;

/// Lists the tags of a repository. An empty one has none; one that does not exist is an error.
pub(crate) async fn list(registry: &Registry, repository: &Repository, scopes: Scopes) -> Result<TagList> {
    let operation = Operation::ListTags(repository);
    let fail = |what: String| registry.hide(Error::new(ErrorKind::Unsupported, format!("{operation}: {what}")));
    let list = format!("{}/tags/list", repository.path());
    let mut sized = !ObservedBehavior::is_set(&registry.observed.pages_of_its_own);
    let mut target = RequestTarget::Path(if sized { format!("{list}?n={PER_PAGE}") } else { list.clone() });
    let (mut tags, mut skipped, mut idle, mut seen) = (BTreeSet::new(), 0, 0, HashSet::new());
    let _permit = registry.limit.list().await;
    for _ in 0..MAX_PAGES {
        let request = Request::new(operation, Method::GET, target, scopes.clone(), registry.timing());
        let request = request.limit(registry.timing().slow_response);
        let whole = match registry.read_whole(&request, MAX_PAGE_BYTES).await {
            // Some refuse so many at once (distribution 3 with `maxtags`), and some any size.
            Err(error) if sized && seen.is_empty() && error.kind() == ErrorKind::Unsupported => {
                tracing::debug!(host = %registry.name(), %error, "tags are listed without a size of pages");
                sized = false;
                target = RequestTarget::Path(list.clone());
                continue;
            }
            whole => whole?,
        };
        if !sized {
            ObservedBehavior::set(&registry.observed.pages_of_its_own);
        }
        let page: TagListPage = serde_json::from_slice(&whole.body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            fail(format!("the answer is no list of tags ({place})")).with_hint(NO_REGISTRY)
        })?;
        let before = tags.len();
        for entry in page.tags.unwrap_or_default() {
            match entry.as_deref().unwrap_or_default().parse::<Tag>() {
                Ok(tag) => _ = tags.insert(tag),
                Err(_) => skipped += 1,
            }
        }
        idle = if tags.len() > before { 0 } else { idle + 1 };
        let Some(next) = link::next(&whole.headers).map_err(fail)? else {
            let tags: Vec<Tag> = tags.into_iter().collect();
            return Ok(TagList { tags, skipped });
        };
        let at = registry.transport.endpoint().await?;
        let next = at
            .policy()
            .check(UrlPurpose::Page, &whole.url, &next)
            .map_err(|why| registry.hide(refused(why).with_context(operation)))?;
        if tags.len() > MAX_TAGS {
            return Err(fail(format!("there are more than {MAX_TAGS} tags")));
        }
        if idle >= MAX_IDLE_PAGES || !seen.insert(next.as_str().to_owned()) {
            return Err(fail("the pages of the list go in a circle".to_owned()));
        }
        target = RequestTarget::Url(next);
    }
    Err(fail(format!("the list has more than {MAX_PAGES} pages")))
}
