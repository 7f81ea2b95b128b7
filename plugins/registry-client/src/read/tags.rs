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
    auth::Scopes,
    doing::Doing,
    error::NO_REGISTRY,
    host::Host,
    quirks::Quirks,
    registries::Registries,
    request::{Ask, To, refused},
    url_policy::Use,
};

/// The tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Sorted as text, each once.
    pub tags: Vec<Tag>,
    /// How many entries of the list were no tags.
    pub skipped: usize,
}

#[derive(Deserialize)]
struct Page {
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

impl Registries {
    /// The tags of a repository. An empty one has none; one that does not exist is an error.
    ///
    /// # Errors
    /// If it does not exist, or cannot be listed.
    pub async fn tags(&self, repository: &Repository) -> Result<Tags> {
        // A mirror need not have all of them, so it is asked last.
        let mut first = None;
        for at in self.sources(repository, false).into_iter().rev() {
            match self.host(&at).tags(&at, Scopes::pull(&at)).await {
                Err(error) => _ = first.get_or_insert(error),
                listed => return listed,
            }
        }
        Err(first.expect("there is at least one place"))
    }
}

impl Host {
    pub(crate) async fn tags(&self, repository: &Repository, scopes: Scopes) -> Result<Tags> {
        let doing = Doing::ListTags(repository);
        let fail = |what: String| Error::new(ErrorKind::Unsupported, format!("{doing}: {what}"));
        let list = format!("{}/tags/list", repository.path());
        let mut sized = !Quirks::is_set(&self.quirks.pages_of_its_own);
        let mut to = To::Path(if sized { format!("{list}?n={PER_PAGE}") } else { list.clone() });
        let (mut tags, mut skipped, mut idle, mut seen) = (BTreeSet::new(), 0, 0, HashSet::new());
        for _ in 0..MAX_PAGES {
            let ask = Ask::new(doing, Method::GET, to, scopes.clone(), &self.shared.timing);
            let ask = ask.limit(self.shared.timing.slow_response);
            let whole = match self.read_whole(&ask, MAX_PAGE_BYTES).await {
                // Some refuse so many at once (distribution 3 with `maxtags`), and some any size.
                Err(error) if sized && seen.is_empty() && error.kind() == ErrorKind::Unsupported => {
                    tracing::debug!(host = %self.name, %error, "tags are listed without a size of pages");
                    sized = false;
                    to = To::Path(list.clone());
                    continue;
                }
                whole => whole?,
            };
            if !sized {
                Quirks::set(&self.quirks.pages_of_its_own);
            }
            let page: Page = serde_json::from_slice(&whole.body).map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                fail(format!("the answer is no list of tags ({place})")).hint(NO_REGISTRY)
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
                self.about.note(repository, &tags);
                return Ok(Tags { tags, skipped });
            };
            let home = self.reached().await?.clients.whereabouts().clone();
            let next = home.home().judge(Use::Page, &whole.url, &next).map_err(|why| refused(why).context(doing))?;
            if tags.len() > MAX_TAGS {
                return Err(fail(format!("there are more than {MAX_TAGS} tags")));
            }
            if idle >= MAX_IDLE_PAGES || !seen.insert(next.as_str().to_owned()) {
                return Err(fail("the pages of the list go in a circle".to_owned()));
            }
            to = To::Url(next);
        }
        Err(fail(format!("the list has more than {MAX_PAGES} pages")))
    }
}
