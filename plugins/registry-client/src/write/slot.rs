//! One blob on its way into a repository: a single PUT with its exact length.
//!
//! No PATCH: chunks are the least portable part of the protocol (ECR drops them, GHCR caps them, distribution 2.8
//! cannot resume them). The body comes from a stream, so it cannot be sent twice; the engine starts again.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, StatusCode, header};
use reqwest::Body;
use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest, Repository},
    error::{Error, ErrorKind, Result, Retry},
    stage::Slot,
};
use tokio::time::timeout;
use url::Url;

use super::{
    session::closing,
    stored::Receipt,
    watch::{Stalled, Watch},
};
use crate::{
    auth::{Scopes, Tried},
    doing::Doing,
    error::{CHANGED, Side, transport},
    host::Host,
    net::Lane,
    redact::authority,
    request::{Answer, Place},
    url_policy::same_origin,
};

/// An upload that was opened and waits for its bytes.
pub(super) struct RegistrySlot {
    host: Arc<Host>,
    at: Repository,
    item: Descriptor,
    location: Url,
    /// A place among the blobs that are written to this host.
    place: Option<Place>,
}

/// Nobody waits for a place for longer. Several destinations of one blob wait for each other's, so waiting without end
/// could be for ever.
const PATIENCE: Duration = Duration::from_secs(10);

impl RegistrySlot {
    /// The slot that `answer` opened.
    pub(super) async fn open(host: &Arc<Host>, at: &Repository, item: &Descriptor, answer: &Answer) -> Result<Self> {
        let doing = Doing::PushBlob(at, &item.digest);
        let location = host.upload_url(answer).await.map_err(|error| error.context(doing))?;
        Ok(Self { host: Arc::clone(host), at: at.clone(), item: item.clone(), location, place: None })
    }

    fn doing(&self) -> Doing<'_> {
        Doing::PushBlob(&self.at, &self.item.digest)
    }

    /// Sends the bytes and waits for the answer.
    async fn put(&self, blob: Blob, watch: &Arc<Watch>) -> Result<()> {
        if let Some(error) = self.host.quirks.uploads.turned_away() {
            return Err(error);
        }
        let (size, hashing) = (blob.size(), blob.hashing());
        let scopes = Scopes::push(&self.at);
        let reached = self.host.reached().await?;
        let mut tried = Tried::default();
        let mut ticket = self.host.ticket(reached, &self.at, &scopes, &tried).await?;
        // Slots that were opened before the project was found full send nothing either, unless it is small enough.
        if self.host.quirks.is_full_for(&self.at, size) {
            return Err(self.host.no_room(&self.at));
        }
        let url = closing(self.location.clone(), &self.item.digest);
        let foreign = !same_origin(&url, &reached.root);
        // An empty body is asked for by nobody, so what it would say is heard before.
        let body = if size == 0 {
            blob.read_to_end(0).await?;
            Body::from("")
        } else {
            Body::wrap_stream(watch.over(blob))
        };
        let client = reached.clients.for_url(&url, Lane::Bulk).await?;
        let mut request = client
            .put(url.clone())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .header(header::CONTENT_LENGTH, HeaderValue::from(size))
            .body(body);
        if let Some(value) = ticket.header().filter(|_| !foreign) {
            request = request.header(header::AUTHORIZATION, value.clone());
        }
        self.host.shared.counters.count(&http::Method::PUT, &url);
        let host = authority(&url).to_owned();
        let side = Side(&host);
        let timing = &self.host.shared.timing;
        let response = tokio::select! {
            response = request.send() => response.map_err(|error| transport(error, side))?,
            stalled = watch.stalled(timing.idle_write, timing.commit) => return Err(kept_waiting(stalled, side)),
        };
        let answer = Answer::new(response, url, foreign, ticket.shown());
        match answer.status() {
            status if status.is_success() => {
                ticket.accepted(&self.host);
                self.host.quirks.note_write(&self.at);
                if foreign {
                    self.host.quirks.uploads.took_one();
                }
                let receipt = Receipt::of(&answer);
                answer.discard().await;
                self.check(receipt.digest(), hashing.is_on())?;
                self.host.verify_blob(&self.at, &self.item, &receipt).await
            }
            // The token is renewed, so that the engine's next attempt brings a good one.
            StatusCode::UNAUTHORIZED if !foreign => {
                let again =
                    self.host.challenged(reached, self.doing(), &mut ticket, answer.headers(), &mut tried).await?;
                let refused = self.host.refused(self.doing(), answer).await;
                Err(if again { refused.retry(Retry::Soon) } else { refused })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if foreign => {
                let (status, other) = (answer.status(), answer.host().to_owned());
                Err(self.host.quirks.uploads.refused(&self.host.name, &other, status, &answer.said().await))
            }
            _ => Err(self.host.refused_bytes(self.doing(), size, answer).await),
        }
    }

    /// What the registry says it stored. distribution 2.8 names a sha256 digest for what was uploaded by sha512, so only
    /// like is compared with like; of what we did not hash, nothing but the very digest will do.
    fn check(&self, stored: Option<&Digest>, hashed: bool) -> Result<()> {
        let confirmed = stored == Some(&self.item.digest);
        self.host.quirks.learn_confirms(confirmed);
        match stored {
            Some(stored) if stored.algorithm() == self.item.digest.algorithm() && !confirmed => {
                let what = format!("{}: the registry stored `{stored}` instead", self.doing());
                Err(Error::new(ErrorKind::Corrupt, what).retry(Retry::Soon).hint(CHANGED))
            }
            _ if confirmed || hashed => Ok(()),
            _ => {
                let what = format!("{}: the registry did not confirm its digest, so it is sent again", self.doing());
                Err(Error::new(ErrorKind::Corrupt, what).retry(Retry::Soon))
            }
        }
    }

    /// Whether the blob arrived although its answer did not. That it stands there says nothing of bytes that nobody
    /// hashed.
    async fn arrived(&self, failed: &Error) -> bool {
        failed.kind() == ErrorKind::Unavailable && self.host.has_blob(&self.at, &self.item).await.unwrap_or(false)
    }
}

#[async_trait]
impl Slot for RegistrySlot {
    async fn fill(self: Box<Self>, blob: Blob) -> Result<()> {
        let size = blob.descriptor().known_size().ok_or_else(|| {
            let what = format!("{}: its length is not known, and uploads must announce it", self.doing());
            Error::new(ErrorKind::Unsupported, what)
        })?;
        let (watch, hashing) = (Watch::new(size), blob.hashing());
        let failed = match self.put(blob, &watch).await {
            Ok(()) => {
                self.host.levels.writes.done(size);
                self.host.remember_mountable(&self.item, &self.at);
                self.host.learn_presence(&self.at, &self.item).await;
                return Ok(());
            }
            Err(failed) => failed,
        };
        if let Some(error) = watch.source_failed() {
            return Err(error);
        }
        if hashing.is_on() && watch.all_sent() && self.arrived(&failed).await {
            return Ok(());
        }
        // Errors of the exchange do not say yet what they are about.
        let doing = self.doing().to_string();
        Err(if failed.message().starts_with(&doing) { failed } else { failed.context(doing) })
    }

    async fn ready(&mut self) {
        self.place = timeout(PATIENCE, self.host.levels.writes.enter()).await.ok();
    }
}

fn kept_waiting(stalled: Stalled, side: Side<'_>) -> Error {
    let host = side.0;
    let what = match stalled {
        Stalled::Upload => format!("`{host}` takes no more bytes"),
        Stalled::Commit => format!("`{host}` has all bytes and does not answer"),
    };
    Error::new(ErrorKind::Unavailable, what)
}
