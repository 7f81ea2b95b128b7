//! Responses: status and headers at once, the body as far as it is needed.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream::Fuse};
use http::{HeaderMap, HeaderName, StatusCode};
use sealift_core::error::{Error, ErrorKind, Result};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::HttpResponseBody;
use crate::{
    credentials::SentSecrets,
    error::{ErrorBody, Peer, transport},
    redact::{Redacted, authority},
};

/// An answer whose body was not read yet.
pub(crate) struct Response {
    status: StatusCode,
    headers: HeaderMap,
    /// Only so that references to a response can go to other threads; it is never locked.
    body: Mutex<Fuse<HttpResponseBody>>,
    /// The URL that answered, after all redirects.
    pub(crate) url: Url,
    /// The response comes from another origin than the registry.
    pub(crate) foreign: bool,
    /// The secrets of its request.
    pub(crate) secrets: SentSecrets,
    /// The body of an error, once it was read or found out in another way.
    known: Option<ErrorBody>,
}

/// The bytes of an error body that are read.
const ERROR_BYTES: usize = 64 << 10;
/// Bytes a second below which a body counts as standing still.
const SLOWEST: u64 = 1 << 10;
/// The bytes of an unused body that are read so that its connection can be reused.
const DISCARDED_BYTES: usize = 64 << 10;
const DISCARD_TIME: Duration = Duration::from_secs(5);

impl Response {
    pub(crate) fn new(
        response: http::Response<HttpResponseBody>,
        url: Url,
        foreign: bool,
        secrets: SentSecrets,
    ) -> Self {
        let (head, body) = response.into_parts();
        // What is left is discarded without a look whether it was read already.
        let body = Mutex::new(body.fuse());
        Self { status: head.status, headers: head.headers, body, url, foreign, secrets, known: None }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header as text, if it is there and is text.
    pub(crate) fn header(&self, name: impl Into<HeaderName>) -> Option<&str> {
        self.headers.get(name.into())?.to_str().ok()
    }

    /// The length that the body should have, if it was said.
    pub(crate) fn length(&self) -> Option<u64> {
        self.header(http::header::CONTENT_LENGTH)?.parse().ok()
    }

    /// Returns true if it is a page for people, as portals and proxies give instead of what was asked for.
    pub(crate) fn is_page(&self) -> bool {
        let media_type = self.header(http::header::CONTENT_TYPE).unwrap_or_default();
        media_type.trim_start().get(..9).is_some_and(|start| start.eq_ignore_ascii_case("text/html"))
    }

    /// The host that answered, for messages.
    pub(crate) fn host(&self) -> &str {
        authority(&self.url)
    }

    /// The next piece of the body; none at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        body.next().await.transpose().map_err(|error| transport(&error, Peer(authority(&self.url))))
    }

    /// The whole body, if it has no more than `cap` bytes and each piece of it comes within `idle`.
    pub(crate) async fn bytes(mut self, cap: u64, idle: Duration) -> Result<Bytes> {
        let too_long = |url: &Url| {
            let what = format!("the answer of `{}` is longer than {cap} bytes", Redacted(url));
            Err(Error::new(ErrorKind::Unsupported, what)
                .with_hint("nothing real is that long: what answers there may be no registry, or is broken"))
        };
        if self.length().is_some_and(|length| length > cap) {
            return too_long(&self.url);
        }
        let mut all = Vec::with_capacity(self.length().unwrap_or_default() as usize);
        let began = Instant::now();
        loop {
            // A body that trickles gets no more time than one of a kibibyte a second.
            let deadline = began + idle + Duration::from_secs(all.len() as u64 / SLOWEST);
            let chunk = timeout_at(deadline, self.chunk()).await;
            match chunk.map_err(|_| Peer(self.host()).silent(idle))?? {
                Some(chunk) if (all.len() + chunk.len()) as u64 > cap => return too_long(&self.url),
                Some(chunk) => all.extend_from_slice(&chunk),
                None => {
                    all.shrink_to_fit();
                    return Ok(all.into());
                }
            }
        }
    }

    /// Returns the body of an error, as much of it as comes in time.
    pub(crate) async fn error_body(mut self) -> ErrorBody {
        self.peek().await.clone()
    }

    /// The same, without using the answer up.
    pub(crate) async fn peek(&mut self) -> &ErrorBody {
        let said = match self.known.take() {
            Some(said) => said,
            None => ErrorBody::of(&self.read_up_to(ERROR_BYTES).await, &self.secrets),
        };
        self.known.insert(said)
    }

    /// Sets the body of an error that has none, found out by another request.
    pub(crate) fn set_error_body(&mut self, body: ErrorBody) {
        self.known = Some(body);
    }

    /// Reads what is left, if it is little, so that the connection can serve the next request.
    pub(crate) async fn discard(mut self) {
        if self.length().is_none_or(|length| length <= DISCARDED_BYTES as u64) {
            self.read_up_to(DISCARDED_BYTES).await;
        }
    }

    async fn read_up_to(&mut self, cap: usize) -> Vec<u8> {
        let deadline = Instant::now() + DISCARD_TIME;
        let mut all = Vec::new();
        while let Ok(Ok(Some(chunk))) = timeout_at(deadline, self.chunk()).await {
            let room = cap - all.len();
            all.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if all.len() == cap {
                break;
            }
        }
        all
    }
}
