//! Deletion of manifests (distribution-spec, "Deleting manifests").

use http::Method;
use sealift_core::{content::ImageRef, error::Result};

use crate::{
    operation::Operation,
    registry::Registry,
    scope::Scopes,
    transport::{Request, RequestTarget},
};

/// Deletes a manifest by its digest.
pub(crate) async fn manifest(registry: &Registry, at: &ImageRef) -> Result<()> {
    let operation = Operation::DeleteManifest(at);
    let target = RequestTarget::Path(format!("{}/manifests/{}", at.repository.path(), at.reference));
    let scopes = Scopes::delete(&at.repository);
    let request = Request::new(operation, Method::DELETE, target, scopes, registry.timing());
    let response = registry.execute(&request).await?;
    if !response.status().is_success() {
        return Err(registry.refused(operation, response).await);
    }
    response.discard().await;
    Ok(())
}
