//! One blob on its way into a repository: a single PUT with its exact length.
//!
//! Parts, each a PATCH and the last one a PUT, are sent only where the size of a request is limited: they are the least
//! portable piece of the protocol (ECR drops them, GHCR caps them, distribution 2.8 cannot resume them). What a registry
//! says it has is compared with what was sent after each of them. A large blob that breaks off goes on where the registry
//! says that it stands, if the source can be read from there; else the engine starts again.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode, header};
use reqwest::Body;
use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest, Repository},
    error::{Error, ErrorKind, Result, Retry},
    stage::Upload,
};
use tokio::{runtime::Handle, time::timeout};
use url::Url;

use super::{
    location::{closing, upload_url},
    mount::learn_blob_check,
    parts::BlobParts,
    progress::{least_part, status, stored},
    send::{HOLD, Part, send},
    stall_detector::StallDetector,
};
use crate::{
    api::{
        blob_existence,
        confirmation::{WriteConfirmation, verify_blob},
    },
    auth::AuthProgress,
    error::CHANGED,
    operation::Operation,
    registry::Registry,
    retry::Attempts,
    scope::Scopes,
    transport::{Request, RequestTarget, Response},
    url_policy::same_origin,
};

/// An upload that was opened and waits for its bytes. Dropped before the registry answered, it is ended there.
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
        if self.is_over || Handle::try_current().is_err() {
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
        let blob = match size {
            // hyper does not poll an empty body, so it is drained here for its error.
            0 => Blob::from_bytes(self.item.clone(), blob.read_to_end(0).await?),
            _ => blob,
        };
        let parts = BlobParts::new(blob);
        let (mut attempts, mut progress) = (self.fresh_attempts(), AuthProgress::default());
        loop {
            let part = self.next_part(size).await?;
            let limit = &self.registry.body_limit;
            let hold = (!part.is_last && !limit.is_proven()).then_some(HOLD);
            let detector = StallDetector::new(part.length);
            let body = match part.length {
                0 => Body::from(""),
                length => Body::wrap_stream(detector.over(parts.next(length, hold))),
            };
            let reached = self.registry.transport.endpoint().await?;
            let scopes = Scopes::push(&self.at);
            let mut authorization = self.registry.auth.authorize(reached, &self.at, &scopes, &progress).await?;
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
                    let again =
                        auth.respond(reached, self.operation(), &mut authorization, headers, &mut progress).await?;
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
        let limit = self.registry.body_limit.part(self.least_part).filter(|_| !foreign);
        let length = limit.map_or(left, |limit| limit.min(left));
        let is_last = length == left;
        let url = if is_last { closing(self.location.clone(), &self.item.digest) } else { self.location.clone() };
        Ok(Part { url, offset: self.stored, length, is_last })
    }

    /// Notes what the answer to a part says. Returns how many bytes of it the registry has.
    async fn advance(&mut self, part: &Part, given: u64, response: Response) -> Result<u64> {
        let told = stored(&response).and_then(|end| end.checked_sub(part.offset));
        let is_told = response.header(header::RANGE).is_some();
        if response.header(header::LOCATION).is_some() {
            self.location = upload_url(&self.registry, &response).await?;
        }
        response.discard().await;
        match told {
            Some(stored) if stored <= given && stored > 0 => {
                (self.stored, self.misplaced) = (part.offset + stored, 0);
                if stored == part.length {
                    self.registry.body_limit.accept(part.length);
                }
                Ok(stored)
            }
            None if !is_told && given == part.length => {
                self.stored = part.offset + given;
                Ok(given)
            }
            _ => {
                let again = self.registry.body_limit.fail(false);
                let what =
                    format!("{}: the registry does not count the bytes that it was sent as they are", self.operation());
                let error = Error::new(ErrorKind::Unsupported, what).with_hint(NO_PARTS);
                Err(if again { error.with_retry(Retry::Soon) } else { error })
            }
        }
    }

    /// Returns the error of a part that was refused.
    ///
    /// # Errors
    /// If sending the rest of the blob again is of no use.
    async fn refused(&mut self, part: &Part, size: u64, response: Response) -> Result<Error> {
        if response.foreign
            && matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        {
            let (status, other, name) = (response.status(), response.host().to_owned(), self.registry.name());
            let said = response.error_body().await;
            return Err(self.registry.observed.uploads.refused(name, &other, status, &said));
        }
        let is_lost = response.status() == StatusCode::NOT_FOUND;
        self.misplaced += u32::from(response.status() == StatusCode::RANGE_NOT_SATISFIABLE);
        let refused = self.registry.refused_bytes(self.operation(), size, response).await;
        let is_about_parts =
            matches!(refused.kind(), ErrorKind::Unsupported | ErrorKind::NotFound) || is_lost || self.misplaced > 1;
        if !part.is_last && is_about_parts {
            self.is_over = is_lost;
            let again = self.registry.body_limit.fail(!refused.is_retryable());
            return Err(if again { refused.with_retry(Retry::Soon) } else { refused.with_hint(NO_PARTS) });
        }
        Ok(refused)
    }

    /// Goes on after a failure with what the registry does not have yet. Returns false if that is not possible.
    async fn resume(
        &mut self,
        part: &Part,
        given: u64,
        parts: &BlobParts,
        attempts: &mut Attempts,
        failed: &Error,
    ) -> Result<bool> {
        let is_worth_it = !part.is_last || self.stored > 0 || part.length > WORTH_RESUMING;
        if !is_worth_it || failed.kind() != ErrorKind::Unavailable || failed.retry() != Retry::Soon {
            return Ok(false);
        }
        let Some(pause) = attempts.pause(&self.registry.retry, failed) else { return Ok(false) };
        tokio::time::sleep(pause).await;
        let Ok(Some(found)) = status(&self.registry, &self.at, &self.item, &self.location).await else {
            self.is_over = true;
            return Ok(false);
        };
        self.location = found.location;
        let Some(stored) = found.offset.checked_sub(part.offset).filter(|stored| *stored <= given) else {
            return Ok(false);
        };
        tracing::debug!(digest = %self.item.digest, at = found.offset, error = %failed, "taking an upload up again");
        let is_refusal = stored == 0 && self.registry.body_limit.cut(part.length);
        if is_refusal || stored >= WORTH_RESUMING {
            *attempts = self.fresh_attempts();
        }
        self.stored = found.offset;
        self.back_to(parts, stored).await
    }

    /// Returns to a place in the part.
    async fn back_to(&mut self, parts: &BlobParts, offset: u64) -> Result<bool> {
        parts.back_to(offset).await.map_err(|error| self.by_source(error))
    }

    fn by_source(&mut self, error: Error) -> Error {
        self.is_sources = true;
        error
    }

    /// Makes sure that the registry stored the blob.
    async fn finish(&self, response: Response, hashed: bool) -> Result<()> {
        self.registry.observed.note_write(&self.at);
        if response.foreign {
            self.registry.observed.uploads.took_one();
        }
        let confirmation = WriteConfirmation::of(&response);
        response.discard().await;
        self.check(confirmation.digest(), hashed)?;
        self.registry.body_limit.complete();
        verify_blob(&self.registry, &self.at, &self.item, &confirmation).await
    }

    /// Checks the digest that the registry says it stored. distribution 2.8 names a sha256 digest for an upload by sha512, so
    /// only digests of one algorithm are compared. Bytes that were not hashed here need the very digest.
    fn check(&self, stored: Option<&Digest>, hashed: bool) -> Result<()> {
        let confirmed = stored == Some(&self.item.digest);
        self.registry.observed.learn_confirms(confirmed);
        match stored {
            Some(stored) if stored.algorithm() == self.item.digest.algorithm() && !confirmed => {
                let what = format!("{}: the registry stored `{stored}` instead", self.operation());
                Err(Error::new(ErrorKind::Corrupt, what).with_retry(Retry::Soon).with_hint(CHANGED))
            }
            _ if confirmed || hashed => Ok(()),
            _ => {
                let what =
                    format!("{}: the registry did not confirm its digest, so it is sent again", self.operation());
                Err(Error::new(ErrorKind::Corrupt, what).with_retry(Retry::Soon))
            }
        }
    }

    /// Returns true if the blob arrived although its response did not. That it exists says nothing of bytes that were not
    /// hashed.
    async fn arrived(&self, failed: &Error) -> bool {
        failed.kind() == ErrorKind::Unavailable
            && blob_existence::exists(&self.registry, &self.at, &self.item).await.unwrap_or(false)
    }
}

#[async_trait]
impl Upload for RegistryUpload {
    async fn write(mut self: Box<Self>, blob: Blob) -> Result<()> {
        let size = blob.descriptor().known_size().ok_or_else(|| {
            let what = format!("{}: its length is not known, and uploads must announce it", self.operation());
            Error::new(ErrorKind::Unsupported, what)
        })?;
        let Err(failed) = self.send_all(blob, size).await else {
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
