//! One page of a list of tags with digests, from where a product has it.

use bytes::Bytes;
use http::{Method, StatusCode};
use sealift_core::{
    content::{Repository, Tag},
    error::{Error, ErrorKind, Result},
    limit::{Pool, without_permits},
};

use super::product::{self, ApiRequest};
use crate::{
    operation::Operation,
    profile::{BulkInventory, InventoryAccess, InventoryPage},
    registry::Registry,
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

/// The list of the tags of a repository.
pub(super) struct TagPages<'r> {
    registry: &'r Registry,
    repository: &'r Repository,
    product: &'static dyn BulkInventory,
}

impl<'r> TagPages<'r> {
    /// Returns the list of a repository; none if its registry has none.
    pub(super) fn of(registry: &'r Registry, repository: &'r Repository) -> Option<Self> {
        let product = registry.profile.get().inventory()?;
        let is_there = product.host().is_none() || registry.list_host.is_some();
        is_there.then_some(Self { registry, repository, product })
    }

    /// Returns true if it tells indexes and manifests apart.
    pub(super) fn tells_media_types(&self) -> bool {
        self.product.tells_media_types()
    }

    /// Returns true if another host than the registry's has it.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.product.host().is_some()
    }

    /// Reads a page. `number` counts from 1; `last` is the last tag of the page before it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if it is refused, or has another form than the documented one.
    pub(super) async fn read(&self, number: usize, last: Option<&Tag>, want: Want) -> Result<InventoryPage> {
        let path = self.product.path(self.repository, number, last);
        let body = match self.product.access() {
            InventoryAccess::Pull => self.execute(&path, Scopes::pull(self.repository)).await?,
            InventoryAccess::Action(action) => {
                let scope = format!("repository:{}:{action}", self.repository.path());
                self.execute(&path, Scopes::of(&scope)).await?
            }
            InventoryAccess::Login => self.ask(path, true, want).await?,
            InventoryAccess::Anonymous => self.ask(path, false, want).await?,
        };
        self.product.read(&body).ok_or_else(|| {
            let (name, repository) = (self.host().name(), self.repository);
            let what = format!("`{name}` lists the tags of `{repository}` in another form than documented");
            Error::new(ErrorKind::Unsupported, what).with_hint(HINT)
        })
    }

    fn host(&self) -> &'r Registry {
        self.registry.list_host.as_deref().filter(|_| self.is_elsewhere()).unwrap_or(self.registry)
    }

    /// Asks an API that has nothing to do with tokens of the registry.
    async fn ask(&self, path: String, with_login: bool, want: Want) -> Result<Bytes> {
        let (host, repository) = (self.host(), self.repository);
        let request = ApiRequest { repository, method: Method::GET, path, headers: Vec::new(), body: None };
        let response = match (with_login, self.is_elsewhere()) {
            (true, _) => product::send(host, &request).await?,
            (false, false) => product::send_anonymously(host, &request).await?,
            (false, true) => {
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
        let (name, status) = (host.name(), response.status);
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
