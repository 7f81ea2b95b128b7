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
    auth::Scopes,
    doing::Doing,
    host::Host,
    registries::Registries,
    request::{Ask, To, refused},
    url_policy::Use,
};

#[derive(Deserialize)]
struct Names {
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
    host: Arc<Host>,
    at: Repository,
    /// None after the last page.
    next: Option<To>,
    seen: HashSet<String>,
}

/// A page of a catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogPage {
    /// The repositories, in the order of the registry.
    pub repositories: Vec<Repository>,
    /// How many entries of the page name no repository.
    pub skipped: usize,
}

impl Registries {
    /// The catalog of the registry of `at`, asked for with the login for `at`. Nothing is asked yet.
    pub fn catalog(&self, at: &Repository) -> Catalog {
        let next = Some(To::Path(format!("{CATALOG}?n={PER_PAGE}")));
        Catalog { host: self.host(at), at: at.clone(), next, seen: HashSet::new() }
    }
}

impl Catalog {
    /// The next page; none after the last.
    ///
    /// # Errors
    /// If the registry has no catalog, or does not show it.
    pub async fn page(&mut self) -> Result<Option<CatalogPage>> {
        let Some(to) = self.next.take() else { return Ok(None) };
        let doing = Doing::ListCatalog(&self.at);
        let fail = |what: String| Error::new(ErrorKind::Unsupported, format!("{doing}: {what}"));
        let timing = &self.host.shared.timing;
        let scopes = Scopes::of("registry:catalog:*");
        let ask = Ask::new(doing, Method::GET, to, scopes, timing).limit(timing.slow_response);
        let sized = matches!(&ask.to, To::Path(path) if path != CATALOG);
        let mut answer = self.host.send(&ask).await?;
        // Some refuse so many at once, such as distribution 3 with `maxentries`.
        if sized && matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
            answer.discard().await;
            let ask = Ask { to: To::Path(CATALOG.to_owned()), ..ask };
            answer = self.host.send(&ask).await?;
        }
        if matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            answer.discard().await;
            return Err(fail("it has no catalog".to_owned()).hint(OTHERWISE));
        }
        if !answer.status().is_success() {
            let error = self.host.refused(doing, answer).await;
            return Err(if error.kind() == ErrorKind::Denied { error.hint(MAY_NOT) } else { error });
        }
        let (url, next) = (answer.url.clone(), link::next(answer.headers()).map_err(fail)?);
        let bytes = answer.bytes(MAX_PAGE_BYTES, timing.idle_read).await.map_err(|error| error.context(doing))?;
        let names: Names = serde_json::from_slice(&bytes).map_err(|error| {
            fail(format!("the answer is no catalog (line {}, column {})", error.line(), error.column()))
        })?;
        if let Some(next) = next {
            let home = self.host.reached().await?.clients.whereabouts().clone();
            let next = home.home().judge(Use::Page, &url, &next).map_err(|why| refused(why).context(doing))?;
            if self.seen.len() >= MAX_PAGES || !self.seen.insert(next.as_str().to_owned()) {
                return Err(fail("the pages of the catalog go in a circle".to_owned()));
            }
            self.next = Some(To::Url(next));
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
