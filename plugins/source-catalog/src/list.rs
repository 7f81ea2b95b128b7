//! `list "catalog"`: page by page, and of each repository the tags.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use sealift_core::{
    async_trait,
    content::{Reference, Repository},
    error::{Error, ErrorKind, Result},
    job::{Candidate, Listing},
    outlet::Outlet,
    stage::List,
};
use sealift_registry_client::{Client, InOrder, TagList};

use crate::wanted::RepositorySelection;

/// Tag lists that are read at once.
const AHEAD: usize = 8;

/// Lists what a catalog has.
pub(crate) struct CatalogList {
    client: Arc<Client>,
    at: Repository,
    wanted: RepositorySelection,
    rule: Arc<str>,
}

/// Counts that are reported once, at the end.
#[derive(Default)]
struct Noted {
    found: usize,
    without_tags: usize,
}

impl CatalogList {
    pub(crate) fn new(client: Arc<Client>, at: Repository, wanted: RepositorySelection) -> Self {
        let rule = format!("catalog of {}", at.registry()).into();
        Self { client, at, wanted, rule }
    }

    /// The repositories that are wanted, each once; the next page is read when this one is through.
    fn repositories<'a>(&'a self, out: &'a Outlet) -> impl Stream<Item = Result<Repository>> + Send + 'a {
        let state = (self.client.catalog(&self.at), HashSet::new());
        let pages = stream::try_unfold(state, move |(mut catalog, mut seen)| async move {
            let Some(page) = catalog.page().await? else { return Ok::<_, Error>(None) };
            if page.skipped > 0 {
                let (skipped, registry) = (page.skipped, self.at.registry());
                out.warn(format!("{skipped} entries in the catalog of `{registry}` name no repository")).await?;
                out.left_out(format!("{skipped} entries in the catalog of `{registry}`")).await?;
            }
            let mut wanted = page.repositories;
            wanted.retain(|found| self.wanted.wants(found.path()) && seen.insert(found.clone()));
            for found in &wanted {
                out.announce(found, Vec::new(), Vec::new()).await?;
            }
            Ok(Some((stream::iter(wanted.into_iter().map(Ok)), (catalog, seen))))
        });
        pages.try_flatten()
    }

    async fn hand_out(&self, repository: &Repository, tags: TagList, out: &Outlet) -> Result<bool> {
        if tags.skipped > 0 {
            out.warn(format!("{} entries in the tag list of `{repository}` are no tags", tags.skipped)).await?;
            out.left_out(format!("{} entries in the tag list of `{repository}`", tags.skipped)).await?;
        }
        if tags.tags.is_empty() {
            return Ok(false);
        }
        let candidates = tags.tags.into_iter().map(|tag| Candidate::new(Reference::Tag(tag))).collect();
        let listing = Listing::new(repository.clone(), candidates, Arc::clone(&self.rule));
        // Paths are unique in a registry, and there is no other list.
        out.send(Listing { exclusive: true, ..listing }).await?;
        Ok(true)
    }
}

#[async_trait]
impl List for CatalogList {
    async fn list(&self, out: &Outlet) -> Result<()> {
        let mut noted = Noted::default();
        let read = |(number, repository): (usize, Result<Repository>)| async move {
            let tags = match repository {
                Ok(repository) => Ok((self.client.tags_ahead(&repository).await, repository)),
                Err(error) => Err(error),
            };
            (number, tags)
        };
        let read = self.repositories(out).enumerate().map(read).buffer_unordered(AHEAD).boxed();
        let mut turns = InOrder::new(read, []);
        while let Some((_, read)) = turns.next().await {
            let (tags, repository) = read?;
            noted.found += 1;
            let has_tags = match tags {
                Ok(tags) => self.hand_out(&repository, tags, out).await?,
                // distribution goes on naming repositories that lost everything.
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) => {
                    out.failed(&repository, error).await?;
                    true
                }
            };
            noted.without_tags += usize::from(!has_tags);
        }
        let registry = self.at.registry();
        if noted.found == 0 {
            let why = format!("no repository in the catalog of `{registry}` is wanted");
            return out.nothing(Arc::clone(&self.rule), None, why).await;
        }
        if noted.without_tags > 0 {
            return out.warn(format!("{} repositories of `{registry}` have no tags", noted.without_tags)).await;
        }
        Ok(())
    }

    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        let tags = self.client.tags(repository).await?;
        self.hand_out(repository, tags, out).await.map(drop)
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        Some(BTreeSet::from([self.at.registry().to_owned()]))
    }
}
