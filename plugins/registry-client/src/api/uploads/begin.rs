//! "Do you have this blob, can you take it from there, or shall I send it?" in one request.
//!
//! `POST …/uploads/?mount=<digest>&from=<repository>` answers all three: 201 if the blob was mounted, 202 with an
//! upload to fill if not. With the target repository itself as `from` it asks whether the blob is there already
//! (measured on distribution 2.8.2 and 3.1.1). Whether a registry answers that question is found out once, with the
//! first blob that it took: one that says 202 even then always does, and is asked by HEAD from then on. So is Harbor,
//! whose mount path does not see that its garbage collection is about to sweep a blob. Until that is known, large blobs
//! are looked for by HEAD before they are sent; and it is noted for the next run.

use std::sync::Arc;

use http::{Method, StatusCode};
use sealift_core::{
    content::{Descriptor, Repository},
    error::{Error, ErrorKind, Result},
    stage::UploadStart,
};

use super::{
    mount::{may_mount, mount},
    upload::RegistryUpload,
};
use crate::{
    api::blob_existence,
    error::NO_REGISTRY,
    operation::Operation,
    registry::{PresenceCheck, Registry},
    scope::Scopes,
    transport::{Request, RequestTarget, Response},
};

/// Blobs of this size are worth a question before they are sent.
const WORTH_A_LOOK: u64 = 64 << 10;

/// Returns how to find out whether a repository has a blob.
async fn blob_check(registry: &Registry) -> PresenceCheck {
    if registry.has_projects() { PresenceCheck::Head } else { registry.observed.blob_check().await }
}

/// Offers a blob.
pub(crate) async fn offer(
    registry: &Arc<Registry>,
    at: &Repository,
    item: &Descriptor,
    known_in: Option<&Repository>,
) -> Result<UploadStart> {
    if let Some(error) = registry.observed.uploads.turned_away() {
        return Err(error);
    }
    let check = blob_check(registry).await;
    if check == PresenceCheck::Head && blob_existence::exists(registry, at, item).await? {
        return Ok(UploadStart::Present);
    }
    let from = match known_in.filter(|from| *from != at && !registry.observed.is_barred(at, from)) {
        Some(from) if may_mount(registry, at, item, from).await? => Some(from),
        _ => None,
    };
    let asks_itself = from.is_none() && check != PresenceCheck::Head;
    let from = from.or(asks_itself.then_some(at));
    let Some(from) = from else { return begin(registry, at, item).await };
    let response = mount(registry, at, item, from).await?;
    match response {
        Some(response) if response.status() == StatusCode::CREATED => {
            response.discard().await;
            // This first request to the host may have been the one that told that it is a Harbor.
            if registry.has_projects()
                && check != PresenceCheck::Head
                && !blob_existence::exists(registry, at, item).await?
            {
                return begin(registry, at, item).await;
            }
            registry.note_mountable(item, at);
            registry.observed.note_write(at);
            if asks_itself {
                registry.observed.learn_blob_check(PresenceCheck::Mount).await;
                return Ok(UploadStart::Present);
            }
            Ok(UploadStart::Mounted)
        }
        Some(response) if stands_unseen(registry, at, item, check, asks_itself).await => {
            // The upload that was opened is left to expire: cancelling needs a right that few logins have.
            response.discard().await;
            Ok(UploadStart::Present)
        }
        Some(response) => open(registry, at, item, response).await,
        None => {
            match asks_itself {
                true => registry.observed.learn_blob_check(PresenceCheck::Head).await,
                false => registry.observed.note_barred(at, from),
            }
            match stands_unseen(registry, at, item, check, asks_itself).await {
                true => Ok(UploadStart::Present),
                false => begin(registry, at, item).await,
            }
        }
    }
}

/// Returns true if the repository has a blob although a mount did not say so. Asked by HEAD where the blob is large
/// against that request, and where it is not known of the host that mounting tells: what is there is not sent again.
async fn stands_unseen(
    registry: &Registry,
    at: &Repository,
    item: &Descriptor,
    check: PresenceCheck,
    asked_itself: bool,
) -> bool {
    let told = asked_itself && registry.observed.learned_presence() == PresenceCheck::Mount;
    let small = item.known_size().is_some_and(|size| size < WORTH_A_LOOK);
    if check == PresenceCheck::Head || told || small || registry.has_projects() || registry.observed.is_new(at) {
        return false;
    }
    // A question that fails is no reason to fail: sending is always right.
    let stands = matches!(blob_existence::exists(registry, at, item).await, Ok(true));
    if stands && asked_itself {
        registry.observed.learn_blob_check(PresenceCheck::Head).await;
    }
    stands
}

/// Starts an upload without asking for anything else.
pub(crate) async fn begin(registry: &Arc<Registry>, at: &Repository, item: &Descriptor) -> Result<UploadStart> {
    // Without the slash at the end distribution redirects, and a redirected POST may become a GET.
    let target = RequestTarget::Path(format!("{}/blobs/uploads/", at.path()));
    let operation = Operation::PushBlob(at, &item.digest);
    if registry.observed.is_full_for(at, item.known_size().unwrap_or(u64::MAX)) {
        return Err(registry.no_room(at));
    }
    let request = Request::new(operation, Method::POST, target, Scopes::push(at), registry.timing()).in_transfer(true);
    let response = registry.execute(&request).await?;
    match response.status() {
        StatusCode::ACCEPTED => {
            registry.observed.note_write(at);
            open(registry, at, item, response).await
        }
        status if status.is_success() => {
            let what = format!("{operation}: the registry answers {} where an upload begins with 202", status.as_u16());
            Err(Error::new(ErrorKind::Unsupported, what).with_hint(NO_REGISTRY))
        }
        // A project that opens no upload holds more than it may: nothing fits, however small.
        _ => Err(registry.refused_bytes(operation, 0, response).await),
    }
}

async fn open(registry: &Arc<Registry>, at: &Repository, item: &Descriptor, response: Response) -> Result<UploadStart> {
    let slot = RegistryUpload::open(registry, at, item, &response).await?;
    response.discard().await;
    Ok(UploadStart::Upload(Box::new(slot)))
}
