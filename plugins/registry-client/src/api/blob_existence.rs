//! HEAD of a blob.

use http::{Method, StatusCode, header};
use sealift_core::{
    content::{Descriptor, Repository},
    error::Result,
};

use crate::{
    operation::Operation,
    registry::Registry,
    scope::Scopes,
    transport::{Request, RequestTarget},
};

/// Returns true if a repository that may be pushed to has a blob. Asked before any part of it is transferred.
pub(crate) async fn stands(registry: &Registry, at: &Repository, item: &Descriptor) -> Result<bool> {
    ask(registry, at, item, Scopes::push(at), false).await
}

/// Returns true if a repository that may be pushed to has a blob. Asked as part of a transfer.
pub(crate) async fn exists(registry: &Registry, at: &Repository, item: &Descriptor) -> Result<bool> {
    ask(registry, at, item, Scopes::push(at), true).await
}

/// Returns true if a repository has a blob, asked with a token for `scopes` as part of a transfer.
pub(crate) async fn exists_with(
    registry: &Registry,
    at: &Repository,
    item: &Descriptor,
    scopes: Scopes,
) -> Result<bool> {
    ask(registry, at, item, scopes, true).await
}

async fn ask(
    registry: &Registry,
    at: &Repository,
    item: &Descriptor,
    scopes: Scopes,
    in_transfer: bool,
) -> Result<bool> {
    let operation = Operation::CheckBlob(at, &item.digest);
    let target = RequestTarget::Path(format!("{}/blobs/{}", at.path(), item.digest));
    let request = Request::new(operation, Method::HEAD, target, scopes, registry.timing())
        .in_transfer(in_transfer)
        .without_redirects();
    let response = registry.execute(&request).await?;
    match response.status() {
        // A portal has a page for every question.
        StatusCode::OK if response.is_page() => Ok(false),
        StatusCode::OK => {
            // A blob of another length is a broken one: sending it again mends it.
            let broken = response.length().zip(item.known_size()).is_some_and(|(length, size)| length != size);
            if !broken {
                registry.note_mountable(item, at);
            }
            Ok(!broken)
        }
        StatusCode::NOT_FOUND => Ok(false),
        // Registries on object stores look before they redirect, and the store need not be reachable from here.
        status if status.is_redirection() && response.header(header::LOCATION).is_some() => {
            registry.note_mountable(item, at);
            Ok(true)
        }
        // An object store that does not like HEAD says nothing about the blob; sending it is always right.
        _ if response.foreign => Ok(false),
        _ => Err(registry.refused(operation, response).await),
    }
}
