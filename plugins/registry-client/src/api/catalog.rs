//! The catalog of a registry: the names of its repositories, page by page (distribution, "Listing Repositories").
//!
//! No part of distribution-spec: Docker Hub and GHCR have none, Harbor shows it to administrators only, distribution
//! goes on listing repositories that lost their last tag.

use std::{collections::HashSet, sync::Arc};

use http::{Method, StatusCode};
use sealift_core::{
    content::Repository,
    error::{Error, ErrorKind, Result},
};
use serde::Deserialize;

use super::link;
use crate::{
    operation::Operation,
    registry::Registry,
    scope::Scopes,
    transport::{Request, RequestTarget, refused},
    url_policy::UrlPurpose,
};

#[derive(Deserialize)]
struct CatalogBody {
    #[serde(default)]
    repositories: Option<Vec<Option<String>>>,
}

const CATALOG: &str = "_catalog";
/// Asked for at once.
const PER_PAGE: usize = 1000;
const MAX_PAGE_BYTES: u64 = 64 << 20;
const MAX_PAGES: usize = 100_000;

/// The repositories of a registry, which are read as they are taken.
pub struct Catalog {
    registry: Arc<Registry>,
    at: Repository,
    /// None after the last page.
    next: Option<RequestTarget>,
    seen: HashSet<String>,
}

/// A page of a catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogPage {
    /// The repositories, in the order of the registry.
    pub repositories: Vec<Repository>,
    /// The number of entries that are no valid names.
    pub skipped: usize,
}

impl Catalog {
    /// Returns the catalog of a registry, read with the login for `at`. Sends nothing yet.
    pub(crate) fn new(registry: Arc<Registry>, at: Repository) -> Self {
        let next = Some(RequestTarget::Path(format!("{CATALOG}?n={PER_PAGE}")));
        Self { registry, at, next, seen: HashSet::new() }
    }

    /// The next page; none after the last.
    ///
    /// # Errors
    /// If the registry has no catalog, or does not show it.
    pub async fn page(&mut self) -> Result<Option<CatalogPage>> {
        let Some(target) = self.next.take() else { return Ok(None) };
        let operation = Operation::ListCatalog(&self.at);
        let fail =
            |what: String| self.registry.hide(Error::new(ErrorKind::Unsupported, format!("{operation}: {what}")));
        let timing = self.registry.timing();
        let scopes = Scopes::of("registry:catalog:*");
        let request = Request::new(operation, Method::GET, target, scopes, timing).limit(timing.slow_response);
        let sized = matches!(&request.target, RequestTarget::Path(path) if path != CATALOG);
        let mut response = self.registry.execute(&request).await?;
        // Some refuse so many at once, such as distribution 3 with `maxentries`.
        if sized && matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
            response.discard().await;
            let request = Request { target: RequestTarget::Path(CATALOG.to_owned()), ..request };
            response = self.registry.execute(&request).await?;
        }
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            response.discard().await;
            return Err(fail("it has no catalog".to_owned()).with_hint(OTHERWISE));
        }
        if !response.status().is_success() {
            let error = self.registry.refused(operation, response).await;
            return Err(if error.kind() == ErrorKind::Denied { error.with_hint(MAY_NOT) } else { error });
        }
        let (url, next) = (response.url.clone(), link::next(response.headers()).map_err(fail)?);
        let bytes =
            response.bytes(MAX_PAGE_BYTES, timing.idle_read).await.map_err(|error| error.with_context(operation))?;
        let names: CatalogBody = serde_json::from_slice(&bytes).map_err(|error| {
            fail(format!("the answer is no catalog (line {}, column {})", error.line(), error.column()))
        })?;
        if let Some(next) = next {
            let at = self.registry.transport.endpoint().await?;
            let next = at
                .policy()
                .check(UrlPurpose::Page, &url, &next)
                .map_err(|why| self.registry.hide(refused(why).with_context(operation)))?;
            if self.seen.len() >= MAX_PAGES || !self.seen.insert(next.as_str().to_owned()) {
                return Err(fail("the pages of the catalog go in a circle".to_owned()));
            }
            self.next = Some(RequestTarget::Url(next));
        }
        Ok(Some(self.read(names.repositories.unwrap_or_default())))
    }

    fn read(&self, names: Vec<Option<String>>) -> CatalogPage {
        let mut page = CatalogPage::default();
        for name in names {
            match Repository::new(self.at.registry(), name.as_deref().unwrap_or_default()) {
                Ok(repository) => page.repositories.push(repository),
                Err(_) => page.skipped += 1,
            }
        }
        page
    }
}

const OTHERWISE: &str = "name its repositories in a list of another kind, such as `text` or rules";
const MAY_NOT: &str =
    "many registries show their catalog to administrators only; log in as one, or name the repositories";
