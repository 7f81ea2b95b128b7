//! Manifests are small and named by what they are, so writing one twice is the same as writing it once.

use http::{HeaderName, HeaderValue, Method, StatusCode};
use sealift_core::{
    content::{Algorithm, Descriptor, ImageRef, Manifest, Reference, Tag},
    error::{Error, ErrorKind, Result},
};

use super::{
    blob_existence,
    confirmation::{WriteConfirmation, verify_manifest},
    harbor,
    manifests::{self, ManifestHead},
};
use crate::{
    error::Reason,
    operation::Operation,
    registry::{ObservedBehavior, Registry},
    retry::is_transient,
    scope::Scopes,
    transport::{Request, RequestTarget, Response},
};

/// Writes a manifest, by its digest or under a tag.
pub(crate) async fn put(registry: &Registry, at: &ImageRef, manifest: &Manifest) -> Result<()> {
    if let Reference::Tag(tag) = &at.reference
        && manifest.digest().algorithm() != Algorithm::Sha256
    {
        // Under a tag alone it would get a digest of the registry's choice (distribution-spec 1.2, "Pushing Manifests").
        let by_digest = at.repository.with_digest(manifest.digest());
        if send_to(registry, &by_digest, Some(tag), manifest).await? {
            return Ok(());
        }
    }
    send_to(registry, at, None, manifest).await.map(drop)
}

/// Writes a manifest, and a tag with it where the registry can do that. Returns true if it set the tag.
async fn send_to(registry: &Registry, at: &ImageRef, tag: Option<&Tag>, manifest: &Manifest) -> Result<bool> {
    let operation = Operation::PushManifest(at);
    let content_type = HeaderValue::from_str(manifest.media_type().as_str())
        .map_err(|_| Error::new(ErrorKind::Unsupported, format!("{operation}: its media type is no header value")))?;
    let tagging = tag.map(|tag| format!("?tag={tag}")).unwrap_or_default();
    let target = RequestTarget::Path(format!("{}/manifests/{}{tagging}", at.repository.path(), at.reference));
    let mut request = Request::new(operation, Method::PUT, target, Scopes::push(&at.repository), registry.timing())
        .body(content_type, manifest.bytes().clone())
        .limit(registry.timing().slow_response);
    if registry.has_projects() {
        request = request.accepting_500();
    }
    let response = send(registry, &request).await?;
    if response.status().is_success() {
        registry.observed.note_write(&at.repository);
        let confirmation = WriteConfirmation::of(&response);
        if manifest.subject().is_some() && response.header(HeaderName::from_static("oci-subject")).is_none() {
            ObservedBehavior::set(&registry.observed.no_subjects);
        }
        let tags = response.headers().get_all("oci-tag");
        let is_tagged = tag.is_some_and(|tag| tags.iter().any(|set| set.as_bytes() == tag.as_bytes()));
        response.discard().await;
        return verify_manifest(registry, at, manifest, &confirmation).await.map(|()| is_tagged);
    }
    // An immutable tag may stand for this very manifest, written by us when the answer got lost, or before.
    let guarded =
        matches!(response.status(), StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED | StatusCode::BAD_REQUEST);
    let refused = registry.refused_bytes(operation, manifest.bytes().len() as u64, response).await;
    if guarded && refused.kind() == ErrorKind::Conflict && stands(registry, at, manifest).await {
        return Ok(false);
    }
    match refused_entry(registry, at, manifest, &refused).await {
        Some(entry) => {
            let (host, media_type) = (at.repository.registry(), &entry.media_type);
            let what = format!("`{host}` takes no index that lists a blob (`{media_type}`, {})", entry.digest);
            Err(Error::new(ErrorKind::Unsupported, format!("{operation}: {what}")).with_hint(BLOBS_IN_INDEXES))
        }
        None => Err(refused),
    }
}

const BLOBS_IN_INDEXES: &str = "distribution 3 looks for manifests only; its operator can switch that off with \
                                `validation.manifests.indexes.platforms: none`";

/// Returns the entry of an index that is a blob, that the refusal names as missing, and that is there.
async fn refused_entry<'m>(
    registry: &Registry,
    at: &ImageRef,
    manifest: &'m Manifest,
    refused: &Error,
) -> Option<&'m Descriptor> {
    if refused.kind() != ErrorKind::NotFound || !manifest.media_type().is_index() {
        return None;
    }
    let entry = manifest.blobs().find(|entry| refused.message().contains(&entry.digest.to_string()))?;
    matches!(blob_existence::exists(registry, &at.repository, entry).await, Ok(true)).then_some(entry)
}

async fn stands(registry: &Registry, at: &ImageRef, manifest: &Manifest) -> bool {
    let found = match manifests::look(registry, at, Operation::CheckManifest(at), Scopes::push(&at.repository)).await {
        Ok(ManifestHead::Found(found)) => Some(*found),
        Ok(ManifestHead::Barred) => harbor::artifact(registry, at).await.ok().flatten(),
        _ => None,
    };
    found.is_some_and(|found| found.digest == *manifest.digest())
}

/// Sends a manifest until there is an answer that counts. Harbor answers 500 without a reason if it cannot read the
/// manifest or its config, if its database is away, and now and then over nothing at all. So what fails three times
/// while it answers other questions is a matter of the manifest.
async fn send(registry: &Registry, request: &Request<'_>) -> Result<Response> {
    let most = registry.retry.policy().manifests;
    let mut attempts = registry.retry.attempts(2 * most);
    let mut refusals = 0;
    loop {
        let complaints = registry.retry.complaints();
        let mut response = registry.execute(request).await?;
        if !request.accept_500 || response.status() != StatusCode::INTERNAL_SERVER_ERROR {
            return Ok(response);
        }
        let unknown = response.peek().await.is_unknown();
        let refused = registry.refused(request.operation, response).await;
        if !refused.is_retryable() {
            return Err(refused);
        }
        if unknown {
            let other = registry.execute(&registry.probe(request.operation, request.scopes.clone()).once()).await?;
            let is_well = !is_transient(other.status());
            other.discard().await;
            refusals += u32::from(is_well && registry.retry.complaints() == complaints);
        }
        if refusals >= most {
            let (operation, reason) = (request.operation, Reason::Unreadable);
            let what =
                format!("{operation}: {}, it answers 500 each time and other requests as always", reason.clause());
            return Err(Error::new(reason.kind(), what).with_hint(reason.remedy()).with_source(reason));
        }
        let Some(pause) = attempts.pause(&registry.retry, &refused) else { return Err(refused) };
        registry.transport.counts().retry(registry.transport.api_host());
        tokio::time::sleep(pause).await;
    }
}
