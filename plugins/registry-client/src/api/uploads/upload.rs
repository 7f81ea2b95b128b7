//! One blob on its way into a repository: a single PUT with its exact length.
//!
//! Parts, each a PATCH and the last one a PUT, are sent only where the size of a request is limited: they are the least
//! portable piece of the protocol (ECR drops them, GHCR caps them, distribution 2.8 cannot resume them). What a registry
//! says it has is compared with what was sent after each of them. A large blob that breaks off goes on where the registry
//! says that it stands, if the source can be read from there; else the engine starts again.

mod answer;
mod resume;

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Repository},
    error::{Error, ErrorKind, Result, Retry},
    limit::without_permits,
    stage::Upload,
};
use tokio::{runtime::Handle, time::timeout};
use url::Url;

use super::{
    location::{closing, upload_url},
    mount::learn_blob_check,
    parts::BlobParts,
    progress::least_part,
    send::{HOLD, Part, send},
    stall_detector::StallDetector,
};
use crate::{
    auth::AuthProgress,
    operation::Operation,
    registry::Registry,
    retry::Attempts,
    scope::Scopes,
    transport::{HttpBody, Request, RequestTarget, Response},
    url_policy::same_origin,
};

/// An upload that was opened and waits for its bytes. Dropped before the registry answered, it is ended there, or kept
/// for the next attempt.
pub(super) struct RegistryUpload {
    registry: Arc<Registry>,
    at: Repository,
    item: Descriptor,
    location: Url,
    /// Bytes that the registry has.
    stored: u64,
    /// The size below which the registry wants no part but the last.
    least_part: u64,
    /// Parts in a row that did not begin where the registry expected it.
    misplaced: u32,
    /// True once the source failed.
    is_sources: bool,
    /// True while the upload is noted for the next attempt.
    is_noted: bool,
    /// True once the registry answered for the bytes, or cannot be reached any more.
    is_over: bool,
}

/// A blob of this size is worth a question after a failure: what the registry has of it.
const WORTH_RESUMING: u64 = 1 << 20;

/// The hint where parts are not accepted.
const NO_PARTS: &str = "parts of blobs are not accepted there: raise the limit for the size of a request at the proxy in front of it, or leave \
                        out `chunk_mib` in [registries]";

/// The time limit for ending an upload that is given up.
const ENDING: Duration = Duration::from_secs(5);

/// Ends an upload, so that the registry need not keep it. Not every registry knows that, and not every login may do it.
async fn end(registry: Arc<Registry>, at: Repository, item: Descriptor, location: Url) {
    let operation = Operation::PushBlob(&at, &item.digest);
    let target = RequestTarget::Url(location);
    let request = Request::new(operation, Method::DELETE, target, Scopes::push(&at), registry.timing()).once();
    if let Ok(Ok(response)) = timeout(ENDING, registry.execute(&request)).await {
        response.discard().await;
    }
}

impl Drop for RegistryUpload {
    fn drop(&mut self) {
        if self.is_over || self.is_noted || Handle::try_current().is_err() {
            return;
        }
        let (registry, at) = (Arc::clone(&self.registry), self.at.clone());
        self.registry.endings().spawn(end(registry, at, self.item.clone(), self.location.clone()));
    }
}

impl RegistryUpload {
    /// The slot that `answer` opened.
    pub(super) async fn open(
        registry: &Arc<Registry>,
        at: &Repository,
        item: &Descriptor,
        response: &Response,
    ) -> Result<Self> {
        let operation = Operation::PushBlob(at, &item.digest);
        let location = upload_url(registry, response).await.map_err(|error| error.with_context(operation))?;
        let (registry, at, item) = (Arc::clone(registry), at.clone(), item.clone());
        let least_part = least_part(response);
        Ok(Self {
            registry,
            at,
            item,
            location,
            stored: 0,
            least_part,
            misplaced: 0,
            is_sources: false,
            is_noted: false,
            is_over: false,
        })
    }

    fn operation(&self) -> Operation<'_> {
        Operation::PushBlob(&self.at, &self.item.digest)
    }

    /// Sends all parts and waits for the answers.
    async fn send_all(&mut self, blob: Blob, size: u64) -> Result<()> {
        let hashing = blob.hashing();
        if let Some(error) = self.registry.observed.uploads.turned_away() {
            self.is_over = true;
            return Err(error);
        }
        // Slots that were opened before the project was found full send nothing either, unless it is small enough.
        if self.registry.observed.is_full_for(&self.at, size) {
            return Err(self.registry.no_room(&self.at));
        }
        let mut blob = match size {
            // hyper does not poll an empty body, so it is drained here for its error.
            0 => Blob::from_bytes(self.item.clone(), blob.read_to_end(0).await?),
            _ => blob,
        };
        let base = self.registry.transport.endpoint().await?.api(&format!("{}/blobs/uploads/", self.at.path()));
        self.take_up(&mut blob, size, &base).await?;
        let parts = BlobParts::new(blob);
        let (mut attempts, mut progress) = (self.fresh_attempts(), AuthProgress::default());
        loop {
            let part = self.next_part(size).await?;
            self.is_noted = self.registry.open_uploads.keep(&self.at, &self.item, &self.location, &base).await;
            let limit = &self.registry.body_limit;
            let hold = (!part.is_last && !limit.is_proven()).then_some(HOLD);
            let detector = StallDetector::new(part.length);
            let body = match part.length {
                0 => HttpBody::Empty,
                length => HttpBody::Stream(Box::pin(detector.over(parts.next(length, hold)))),
            };
            let reached = self.registry.transport.endpoint().await?;
            let scopes = Scopes::push(&self.at);
            let authorization = self.registry.auth.authorize(reached, &self.at, &scopes, &progress);
            let mut authorization = without_permits(authorization).await?;
            authorization.end_trial();
            let sent = send(&self.registry, &part, body, &authorization, &detector).await;
            if let Some(error) = detector.source_failed() {
                return Err(self.by_source(error));
            }
            self.is_over = part.is_last && sent.is_ok();
            let given = if part.length == 0 { 0 } else { parts.end() };
            let failed = match sent.and_then(|sent| sent) {
                Ok(response) if response.status().is_success() && part.is_last => {
                    self.registry.auth.note_accepted(authorization);
                    return self.finish(response, hashing.is_on()).await;
                }
                Ok(response) if response.status().is_success() => {
                    self.registry.auth.note_accepted(authorization);
                    let stored = self.advance(&part, given, response).await?;
                    if stored == part.length {
                        attempts = self.fresh_attempts();
                        continue;
                    }
                    let what = format!("the registry kept {stored} of {} bytes", part.length);
                    let short = Error::new(ErrorKind::Unavailable, what).with_context(self.operation());
                    // What it did not keep is sent again; each time counts, so that this comes to an end.
                    if attempts.pause(&self.registry.retry, &short).is_none() || !self.back_to(&parts, stored).await? {
                        return Err(short);
                    }
                    continue;
                }
                Ok(response) if response.status() == StatusCode::PAYLOAD_TOO_LARGE && !response.foreign => {
                    let refused = self.registry.refused_bytes(self.operation(), size, response).await;
                    if !self.registry.body_limit.refuse(part.length) {
                        return Err(refused);
                    }
                    self.is_over = false;
                    if self.back_to(&parts, 0).await? {
                        continue;
                    }
                    return Err(refused.with_retry(Retry::Soon));
                }
                // The token is renewed, and the part sent with it.
                Ok(response) if response.status() == StatusCode::UNAUTHORIZED && !response.foreign => {
                    let (auth, headers) = (&self.registry.auth, response.headers());
                    let again = auth.respond(reached, self.operation(), &mut authorization, headers, &mut progress);
                    let again = without_permits(again).await?;
                    let refused = self.registry.refused(self.operation(), response).await;
                    if again && self.back_to(&parts, 0).await? {
                        continue;
                    }
                    return Err(if again { refused.with_retry(Retry::Soon) } else { refused });
                }
                Ok(response) => self.refused(&part, size, response).await?,
                Err(failed) => failed,
            };
            // That it exists says nothing of bytes that were not hashed.
            if part.is_last && hashing.is_on() && detector.all_sent() && self.arrived(&failed).await {
                return Ok(());
            }
            match self.resume(&part, given, &parts, &mut attempts, &failed).await? {
                true => self.is_over = false,
                false => return Err(failed),
            }
        }
    }

    fn fresh_attempts(&self) -> Attempts {
        self.registry.retry.attempts(self.registry.retry.policy().blobs)
    }

    /// Returns the part that follows what the registry has.
    async fn next_part(&self, size: u64) -> Result<Part> {
        let left = size - self.stored;
        let foreign = !same_origin(&self.location, &self.registry.transport.endpoint().await?.root);
        let limit = self.registry.body_limit.part(self.least_part).await.filter(|_| !foreign);
        let length = limit.map_or(left, |limit| limit.min(left));
        let is_last = length == left;
        let url = if is_last { closing(self.location.clone(), &self.item.digest) } else { self.location.clone() };
        Ok(Part { url, offset: self.stored, length, is_last })
    }
}

#[async_trait]
impl Upload for RegistryUpload {
    async fn write(mut self: Box<Self>, blob: Blob) -> Result<()> {
        let size = blob.descriptor().known_size().ok_or_else(|| {
            let what = format!("{}: its length is not known, and uploads must announce it", self.operation());
            Error::new(ErrorKind::Unsupported, what)
        })?;
        let sent = self.send_all(blob, size).await;
        // What is refused or wrong is not gone on with.
        let is_interrupted = |failed: &Error| matches!(failed.kind(), ErrorKind::Unavailable | ErrorKind::Throttled);
        if self.is_noted && (self.is_over || !sent.as_ref().is_err_and(is_interrupted)) {
            self.registry.open_uploads.forget(&self.at, &self.item).await;
            self.is_noted = false;
        }
        let Err(failed) = sent else {
            self.registry.note_mountable(&self.item, &self.at);
            learn_blob_check(&self.registry, &self.at, &self.item).await;
            return Ok(());
        };
        if self.is_sources {
            return Err(failed);
        }
        // Errors of the exchange do not say yet what they are about.
        let operation = self.operation().to_string();
        Err(if failed.message().starts_with(&operation) { failed } else { failed.with_context(operation) })
    }
}
