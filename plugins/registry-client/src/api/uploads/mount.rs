//! Mounts of blobs from other repositories, and what they tell of a registry.

use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sealift_core::{
    content::{Descriptor, Repository},
    error::{ErrorKind, Result},
};

use crate::{
    api::{blob_existence, confirmation::is_mounted},
    operation::Operation,
    registry::{PresenceCheck, Registry},
    scope::Scopes,
    transport::{Request, RequestTarget, Response},
};

/// Repository names and digests keep what needs no escape.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/').remove(b'~');

/// Finds out, with a blob that just arrived, whether mounting tells what is there. Asked once for each host.
pub(super) async fn learn_blob_check(registry: &Registry, at: &Repository, item: &Descriptor) {
    if registry.has_projects() || !registry.observed.may_ask_for_presence() {
        return;
    }
    // An answer that is neither teaches nothing: what is not known is sent, which is always right. The upload that
    // a 202 opens is left to expire: cancelling needs a right that few logins have.
    if let Ok(Some(response)) = mount(registry, at, item, at).await {
        let tells = response.status() == StatusCode::CREATED;
        registry.observed.learn_blob_check(if tells { PresenceCheck::Mount } else { PresenceCheck::Head }).await;
        response.discard().await;
    }
}

/// Returns true if a blob may be mounted from a repository. Harbor's mount neither notices nor removes the mark of garbage
/// collection on a blob; its HEAD does both. So HEAD goes first for a blob that this run did not see there.
pub(super) async fn may_mount(
    registry: &Registry,
    at: &Repository,
    item: &Descriptor,
    from: &Repository,
) -> Result<bool> {
    if !registry.has_projects() || registry.observed.is_mountable(item, from) {
        return Ok(true);
    }
    // With the scopes of the mount, so that one token does for both.
    match blob_existence::exists_with(registry, from, item, Scopes::push(at).and_pull(from)).await {
        Ok(there) => Ok(there),
        // The other way, which is to send it, is open.
        Err(error) if !error.is_retryable() => {
            tracing::debug!(%from, %error, "nothing is mounted from there");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// None: mounting is refused, so the blob must be sent in the ordinary way.
pub(super) async fn mount(
    registry: &Registry,
    at: &Repository,
    item: &Descriptor,
    from: &Repository,
) -> Result<Option<Response>> {
    let digest = item.digest.to_string();
    let query =
        format!("mount={}&from={}", utf8_percent_encode(&digest, PLAIN), utf8_percent_encode(from.path(), PLAIN));
    let scopes = if from == at { Scopes::push(at) } else { Scopes::push(at).and_pull(from) };
    let target = RequestTarget::Path(format!("{}/blobs/uploads/?{query}", at.path()));
    // A refusal is not worth insisting on: the ordinary way is as good.
    let request = Request::new(Operation::PushBlob(at, &item.digest), Method::POST, target, scopes, registry.timing())
        .in_transfer(true)
        .once();
    match registry.execute(&request).await {
        Ok(response) if response.status() == StatusCode::CREATED && !is_mounted(&response, item) => {
            tracing::debug!(host = %registry.name(), "a mount is answered by something that is no registry");
            response.discard().await;
            Ok(None)
        }
        Ok(response) if matches!(response.status(), StatusCode::CREATED | StatusCode::ACCEPTED) => Ok(Some(response)),
        Ok(mut response) => {
            tracing::debug!(host = %registry.name(), status = response.status().as_u16(), "mounting is refused");
            // What has no room when it is mounted has none when it is sent.
            if response.status() == StatusCode::FORBIDDEN && registry.has_projects() && response.peek().await.is_full()
            {
                return Err(registry
                    .refused_bytes(request.operation, item.known_size().unwrap_or(u64::MAX), response)
                    .await);
            }
            response.discard().await;
            Ok(None)
        }
        // A token for both repositories may be refused where one for the target is not.
        Err(error) if from != at && error.kind() == ErrorKind::Denied => Ok(None),
        Err(error) if error.kind() == ErrorKind::Unavailable && error.is_retryable() => Ok(None),
        Err(error) => Err(error),
    }
}
