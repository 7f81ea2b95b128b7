//! One blob on its way into a repository: a single PUT with its exact length.
//!
//! No PATCH: chunks are the least portable part of the protocol (ECR drops them, GHCR caps them, distribution 2.8
//! cannot resume them). The body comes from a stream, so it cannot be sent twice; the engine starts again.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Method, StatusCode, header};
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
    stall_detector::{StallDetector, Stalled},
};
use crate::{
    api::{
        blob_existence,
        confirmation::{WriteConfirmation, verify_blob},
    },
    auth::AuthProgress,
    error::{CHANGED, Peer, transport},
    operation::Operation,
    redact::authority,
    registry::Registry,
    scope::Scopes,
    transport::{ConnectionPool, Request, RequestTarget, Response},
    url_policy::same_origin,
};

/// An upload that was opened and waits for its bytes. Dropped before the registry answered, it is ended there.
pub(super) struct RegistryUpload {
    registry: Arc<Registry>,
    at: Repository,
    item: Descriptor,
    location: Url,
    /// True once the registry answered for the bytes, or cannot be reached any more.
    is_over: bool,
}

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
        Ok(Self { registry: Arc::clone(registry), at: at.clone(), item: item.clone(), location, is_over: false })
    }

    fn operation(&self) -> Operation<'_> {
        Operation::PushBlob(&self.at, &self.item.digest)
    }

    /// Sends the bytes and waits for the answer.
    async fn put(&mut self, blob: Blob, detector: &Arc<StallDetector>) -> Result<()> {
        if let Some(error) = self.registry.observed.uploads.turned_away() {
            self.is_over = true;
            return Err(error);
        }
        let (size, hashing) = (blob.size(), blob.hashing());
        let scopes = Scopes::push(&self.at);
        let reached = self.registry.transport.endpoint().await?;
        let mut progress = AuthProgress::default();
        let mut authorization = self.registry.auth.authorize(reached, &self.at, &scopes, &progress).await?;
        authorization.end_trial();
        // Slots that were opened before the project was found full send nothing either, unless it is small enough.
        if self.registry.observed.is_full_for(&self.at, size) {
            return Err(self.registry.no_room(&self.at));
        }
        let url = closing(self.location.clone(), &self.item.digest);
        let foreign = !same_origin(&url, &reached.root);
        // hyper does not poll an empty body, so it is drained here for its error.
        let body = if size == 0 {
            blob.read_to_end(0).await?;
            Body::from("")
        } else {
            Body::wrap_stream(detector.over(blob))
        };
        let client = reached.clients.for_url(&url, ConnectionPool::Bulk).await?;
        let mut request = client
            .put(url.clone())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .header(header::CONTENT_LENGTH, HeaderValue::from(size))
            .body(body);
        if let Some(value) = authorization.header().filter(|_| !foreign) {
            request = request.header(header::AUTHORIZATION, value.clone());
        }
        self.registry.wait_for_pause(true).await?;
        self.registry.transport.counts().count(&Method::PUT, &url);
        let host = authority(&url).to_owned();
        let peer = Peer(&host);
        let timing = self.registry.timing();
        let sent = tokio::select! {
            sent = request.send() => {
                self.is_over = detector.source_failed().is_none();
                sent.map_err(|error| transport(error, peer))?
            }
            stalled = detector.stalled(timing.idle_write, timing.commit) => return Err(kept_waiting(stalled, peer)),
        };
        let response = Response::new(sent, url, foreign, authorization.secrets());
        match response.status() {
            status if status.is_success() => {
                self.registry.auth.note_accepted(authorization);
                self.registry.observed.note_write(&self.at);
                if foreign {
                    self.registry.observed.uploads.took_one();
                }
                let confirmation = WriteConfirmation::of(&response);
                response.discard().await;
                self.check(confirmation.digest(), hashing.is_on())?;
                verify_blob(&self.registry, &self.at, &self.item, &confirmation).await
            }
            // The token is renewed, so that the engine's next attempt brings a good one.
            StatusCode::UNAUTHORIZED if !foreign => {
                let again = self
                    .registry
                    .auth
                    .respond(reached, self.operation(), &mut authorization, response.headers(), &mut progress)
                    .await?;
                let refused = self.registry.refused(self.operation(), response).await;
                Err(if again { refused.with_retry(Retry::Soon) } else { refused })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if foreign => {
                let (status, other) = (response.status(), response.host().to_owned());
                Err(self.registry.observed.uploads.refused(
                    self.registry.name(),
                    &other,
                    status,
                    &response.error_body().await,
                ))
            }
            _ => Err(self.registry.refused_bytes(self.operation(), size, response).await),
        }
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
        let (detector, hashing) = (StallDetector::new(size), blob.hashing());
        let failed = match self.put(blob, &detector).await {
            Ok(()) => {
                self.registry.note_mountable(&self.item, &self.at);
                learn_blob_check(&self.registry, &self.at, &self.item).await;
                return Ok(());
            }
            Err(failed) => failed,
        };
        if let Some(error) = detector.source_failed() {
            return Err(error);
        }
        if hashing.is_on() && detector.all_sent() && self.arrived(&failed).await {
            return Ok(());
        }
        // Errors of the exchange do not say yet what they are about.
        let operation = self.operation().to_string();
        Err(if failed.message().starts_with(&operation) { failed } else { failed.with_context(operation) })
    }
}

fn kept_waiting(stalled: Stalled, peer: Peer<'_>) -> Error {
    let host = peer.0;
    let what = match stalled {
        Stalled::Upload => format!("`{host}` takes no more bytes"),
        Stalled::Commit => format!("`{host}` has all bytes and does not answer"),
    };
    Error::new(ErrorKind::Unavailable, what)
}
