//! One page of a list of tags with digests, from where a product has it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, StatusCode};
use sealift_core::{
    content::Repository,
    error::{Error, ErrorKind, Result},
    limit::{Pool, without_permits},
    login::LoginProvider,
};

use super::product::{self, ApiRequest};
use crate::{
    operation::Operation,
    profile::{BulkInventory, InventoryAccess, InventoryPage},
    registry::{PageStart, Registry},
    scope::Scopes,
    transport::{Request, RequestTarget},
};

const MAX_PAGE_BYTES: u64 = 64 << 20;

pub(super) const HINT: &str = "use the creation date of the image instead, or name the product by `kind` in [registries] \
                               if it is Harbor, Quay, Artifact Registry or Azure Container Registry";

/// How much a page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// It saves questions, and is tried once at another host than the registry's.
    Help,
    /// Nothing else tells the same.
    Need,
}

/// The time after which a page of another host than the registry's is not waited for. It may be out of reach where the
/// registry is not.
const PATIENCE_WITH_HOST: Duration = Duration::from_secs(3);
/// The same for the API of a cloud, which may take two requests for a page, and one for the keys of a role.
const PATIENCE_WITH_CLOUD: Duration = Duration::from_secs(8);

/// The list of the tags of a repository.
pub(super) struct TagPages<'r> {
    registry: &'r Registry,
    repository: &'r Repository,
    place: Place,
}

/// The place of a list.
enum Place {
    /// The registry, or another host of its product.
    Product(&'static dyn BulkInventory),
    /// The API of the cloud that the login comes from.
    Cloud(Arc<dyn LoginProvider>),
}

impl<'r> TagPages<'r> {
    /// Returns the list of a repository; none if neither its registry nor the login that it was asked with has one.
    pub(super) fn of(registry: &'r Registry, repository: &'r Repository) -> Option<Self> {
        let place = match registry.profile.get().inventory() {
            Some(product) => {
                let is_there = product.host().is_none() || registry.list_host.is_some();
                is_there.then_some(Place::Product(product))?
            }
            None => {
                let provider = registry.auth.provider(repository)?;
                provider.inventory()?;
                Place::Cloud(provider)
            }
        };
        Some(Self { registry, repository, place })
    }

    /// Returns true if it tells indexes and manifests apart.
    pub(super) fn tells_media_types(&self) -> bool {
        match &self.place {
            Place::Product(product) => product.tells_media_types(),
            Place::Cloud(provider) => provider.inventory().is_some_and(|list| list.tells_media_types()),
        }
    }

    /// Returns the time that a page may take that saves questions, if another host than the registry's has it.
    pub(super) fn patience_elsewhere(&self) -> Option<Duration> {
        match &self.place {
            Place::Product(product) => product.host().map(|_| PATIENCE_WITH_HOST),
            Place::Cloud(_) => Some(PATIENCE_WITH_CLOUD),
        }
    }

    /// Reads a page.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it is refused, or has another form than the documented one.
    pub(super) async fn read(&self, start: &PageStart, want: Want) -> Result<InventoryPage> {
        match &self.place {
            Place::Product(product) => self.read_product(*product, start, want).await,
            Place::Cloud(provider) => self.read_cloud(&**provider, start).await,
        }
    }

    async fn read_cloud(&self, provider: &dyn LoginProvider, start: &PageStart) -> Result<InventoryPage> {
        let page = match provider.inventory() {
            Some(list) => without_permits(list.page(self.repository, start.mark.as_deref())).await?,
            None => None,
        };
        let page = page.ok_or_else(|| {
            let (name, repository) = (self.registry.name(), self.repository);
            let what = format!("the cloud of `{name}` has no list of the tags of `{repository}`");
            Error::new(ErrorKind::Unsupported, what).with_hint(HINT)
        })?;
        Ok(page.into())
    }

    async fn read_product(
        &self,
        product: &'static dyn BulkInventory,
        start: &PageStart,
        want: Want,
    ) -> Result<InventoryPage> {
        let host = self.registry.list_host.as_deref().filter(|_| product.host().is_some());
        let path = product.path(self.repository, start.number, start.last.as_ref());
        let body = match product.access() {
            InventoryAccess::Pull => self.execute(&path, Scopes::pull(self.repository)).await?,
            InventoryAccess::Action(action) => {
                let scope = format!("repository:{}:{action}", self.repository.path());
                self.execute(&path, Scopes::of(&scope)).await?
            }
            InventoryAccess::Login => self.ask(None, path, true, want).await?,
            InventoryAccess::Anonymous => self.ask(host, path, false, want).await?,
        };
        product.read(&body).ok_or_else(|| {
            let (name, repository) = (host.unwrap_or(self.registry).name(), self.repository);
            let what = format!("`{name}` lists the tags of `{repository}` in another form than documented");
            Error::new(ErrorKind::Unsupported, what).with_hint(HINT)
        })
    }

    /// Asks an API that has nothing to do with tokens of the registry, at another host or at its own.
    async fn ask(&self, host: Option<&Registry>, path: String, with_login: bool, want: Want) -> Result<Bytes> {
        let repository = self.repository;
        let request = ApiRequest { repository, method: Method::GET, path, headers: Vec::new(), body: None };
        let response = match host {
            None if with_login => product::send(self.registry, &request).await?,
            None => product::send_anonymously(self.registry, &request).await?,
            Some(host) => {
                let _permit = without_permits(host.permit(Pool::Small)).await?;
                match want {
                    Want::Help => product::send_anonymously_once(host, &request).await?,
                    Want::Need => product::send_anonymously(host, &request).await?,
                }
            }
        };
        if response.status == StatusCode::OK.as_u16() {
            return Ok(response.body);
        }
        let (name, status) = (host.unwrap_or(self.registry).name(), response.status);
        let what = format!("`{name}` does not show its list of the tags of `{repository}`: {status}");
        Err(Error::new(ErrorKind::Unsupported, what).with_hint(HINT))
    }

    async fn execute(&self, path: &str, scopes: Scopes) -> Result<Bytes> {
        let registry = self.registry;
        let operation = Operation::ListTags(self.repository);
        let mut url = registry.transport.endpoint().await?.root.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        let _permit = registry.limit.list().await;
        let request = Request::new(operation, Method::GET, RequestTarget::Url(url), scopes, registry.timing());
        Ok(registry.read_whole(&request, MAX_PAGE_BYTES).await?.body)
    }
}
