//! Tags with their digests and times, from the list that a product has beside the tag list of the specification.
//!
//! It only saves questions for single tags: where it is refused, or takes long, each tag is asked for as everywhere else.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, StatusCode};
use sealift_core::{
    content::{Descriptor, ImageRef, Repository, Tag},
    error::{Error, ErrorKind, Result},
};
use tokio::time::timeout;

use super::product;
use crate::{
    operation::Operation,
    profile::{BulkInventory, InventoryAccess, InventoryPage},
    registry::Registry,
    scope::Scopes,
    transport::{Request, RequestTarget},
};

/// The time after which a page is not waited for, because a question for a tag is answered sooner.
const PATIENCE: Duration = Duration::from_secs(5);

const MAX_PAGE_BYTES: u64 = 64 << 20;
const MAX_PAGES: usize = 10_000;

/// Returns what the list of the product says of a tag at a source; none if the tag is to be asked for.
pub(crate) async fn at_source(registry: &Registry, image: &ImageRef) -> Option<Descriptor> {
    // Without a type each manifest would be read to find out whether it is an index.
    registry.profile.get().inventory().filter(|product| product.tells_media_types())?;
    known(registry, image).await
}

/// Does the same at a destination, where the digest is enough.
pub(crate) async fn known(registry: &Registry, image: &ImageRef) -> Option<Descriptor> {
    let tag = image.reference.tag()?;
    let product = registry.profile.get().inventory()?;
    let known = registry.known_tags.of(&image.repository)?;
    let find = async {
        let mut known = known.lock().await;
        if let Some(found) = known.get(tag) {
            return Ok(Some(found));
        }
        if !known.is_worth_a_page() {
            return Ok(None);
        }
        let Some((number, last)) = known.next_page() else { return Ok(None) };
        known.add(page(registry, product, &image.repository, number, last.as_ref()).await?);
        Ok::<_, Error>(known.get(tag))
    };
    match timeout(PATIENCE, find).await {
        Ok(Ok(found)) => found.map(|found| found.descriptor()),
        failed => {
            let error = failed.ok().and_then(Result::err).map(|error| error.to_string());
            tracing::debug!(host = %registry.name(), error, "its list of tags is not used");
            registry.known_tags.close();
            None
        }
    }
}

/// Returns the time at which a tag was last pushed; none if the registry does not know the tag.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if the registry has no such list, or does not show it, or shows an empty one.
pub(crate) async fn pushed(registry: &Registry, image: &ImageRef) -> Result<Option<SystemTime>> {
    let Some(tag) = image.reference.tag() else { return Ok(None) };
    let unknown = || {
        let what = format!("`{}` does not tell when tags were pushed", registry.name());
        Error::new(ErrorKind::Unsupported, what).with_hint(HINT)
    };
    let product = registry.profile.get().inventory().ok_or_else(unknown)?;
    let known = registry.known_tags.of(&image.repository).ok_or_else(unknown)?;
    let mut known = known.lock().await;
    for _ in 0..MAX_PAGES {
        if let Some(found) = known.get(tag) {
            return found.pushed.map(Some).ok_or_else(unknown);
        }
        let Some((number, last)) = known.next_page() else { break };
        known.add(page(registry, product, &image.repository, number, last.as_ref()).await?);
    }
    // A list without any tag of a repository that has some is no answer.
    if known.is_empty() { Err(unknown()) } else { Ok(None) }
}

const HINT: &str = "use the creation date of the image instead, or name the product by `kind` in [registries] if it is \
                    Harbor, Quay, Artifact Registry or Azure Container Registry";

async fn page(
    registry: &Registry,
    product: &dyn BulkInventory,
    repository: &Repository,
    number: usize,
    last: Option<&Tag>,
) -> Result<InventoryPage> {
    let path = product.path(repository, number, last);
    let body = match product.access() {
        InventoryAccess::Pull => read(registry, repository, &path, Scopes::pull(repository)).await?,
        InventoryAccess::Action(action) => {
            let scope = format!("repository:{}:{action}", repository.path());
            read(registry, repository, &path, Scopes::of(&scope)).await?
        }
        access @ (InventoryAccess::Login | InventoryAccess::Anonymous) => {
            let request =
                product::ApiRequest { repository, method: Method::GET, path, headers: Vec::new(), body: None };
            let response = match access {
                InventoryAccess::Login => product::send(registry, &request).await?,
                _ => product::send_anonymously(registry, &request).await?,
            };
            if response.status != StatusCode::OK.as_u16() {
                let (name, status) = (registry.name(), response.status);
                let what = format!("`{name}` does not show its list of the tags of `{repository}`: {status}");
                return Err(Error::new(ErrorKind::Unsupported, what).with_hint(HINT));
            }
            response.body
        }
    };
    product.read(&body).ok_or_else(|| {
        let what = format!("`{}` lists the tags of `{repository}` in another form than documented", registry.name());
        Error::new(ErrorKind::Unsupported, what).with_hint(HINT)
    })
}

async fn read(registry: &Registry, repository: &Repository, path: &str, scopes: Scopes) -> Result<Bytes> {
    let operation = Operation::ListTags(repository);
    let mut url = registry.transport.endpoint().await?.root.clone();
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    url.set_path(path);
    url.set_query(query);
    let _permit = registry.limit.list().await;
    let request = Request::new(operation, Method::GET, RequestTarget::Url(url), scopes, registry.timing());
    Ok(registry.read_whole(&request, MAX_PAGE_BYTES).await?.body)
}
