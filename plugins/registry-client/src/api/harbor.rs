//! The artifact of a tag at a Harbor, by its API: deployment policies forbid even HEAD of a manifest, but not the API.

use http::Method;
use sealift_core::{
    content::{Descriptor, Digest, ImageRef, MediaType, Reference},
    error::Result,
};
use serde::Deserialize;

use super::product::{self, ApiRequest, ApiResponse};
use crate::{error::Reason, registry::Registry};

#[derive(Deserialize)]
struct HarborArtifact {
    digest: String,
    #[serde(default)]
    manifest_media_type: Option<String>,
}

/// The manifest that a name stands for, which is there. None if this login may not ask.
pub(crate) async fn artifact(registry: &Registry, image: &ImageRef) -> Result<Option<Descriptor>> {
    let Reference::Tag(tag) = &image.reference else { return Ok(None) };
    let (project, repository) = image.repository.path().split_once('/').unwrap_or((image.repository.path(), ""));
    // Harbor unescapes twice, so a slash is escaped twice.
    let repository = repository.replace('/', "%252F");
    let request = ApiRequest {
        repository: &image.repository,
        method: Method::GET,
        path: format!("/api/v2.0/projects/{project}/repositories/{repository}/artifacts/{tag}"),
        headers: vec![("x-is-resource-name", "true")],
        body: None,
    };
    match product::send(registry, &request).await {
        Ok(response) if response.status == 200 => Ok(read(&response)),
        Ok(response) => {
            tracing::debug!(%image, status = response.status, "the API does not say what the tag stands for");
            Ok(None)
        }
        Err(error) if Reason::of(&error) == Some(Reason::Unwell) => Err(error),
        Err(error) => {
            tracing::debug!(%image, %error, "the API does not say what the tag stands for");
            Ok(None)
        }
    }
}

fn read(response: &ApiResponse) -> Option<Descriptor> {
    let artifact: HarborArtifact = serde_json::from_slice(&response.body).ok()?;
    let digest: Digest = artifact.digest.parse().ok()?;
    let media_type = artifact.manifest_media_type.as_deref().map(MediaType::from_header).unwrap_or_default();
    Some(Descriptor::new(media_type, digest, Descriptor::UNSIZED))
}
