//! One request with a part of a blob as its body.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use sealift_core::error::{Error, ErrorKind, Result};
use url::Url;

use super::stall_detector::{StallDetector, Stalled};
use crate::{
    auth::Authorization,
    error::Peer,
    redact::authority,
    registry::Registry,
    transport::{ConnectionPool, HttpBody, HttpRequest, Response},
    url_policy::same_origin,
};

/// A part of a blob. The last one ends the upload, and is the only one of most blobs.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) url: Url,
    pub(super) offset: u64,
    pub(super) length: u64,
    pub(super) is_last: bool,
}

/// The time for which the body of a request is held back whose size may be refused: a proxy that looks at the announced
/// length answers before that.
pub(super) const HOLD: Duration = Duration::from_secs(1);

/// Sends a part and waits for the answer.
///
/// # Errors
/// If the part was given up from here. That the exchange broke off is a result.
pub(super) async fn send(
    registry: &Registry,
    part: &Part,
    body: HttpBody,
    authorization: &Authorization,
    detector: &StallDetector,
) -> Result<Result<Response>> {
    let reached = registry.transport.endpoint().await?;
    let (method, url) = (if part.is_last { Method::PUT } else { Method::PATCH }, &part.url);
    let foreign = !same_origin(url, &reached.root);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.length));
    if part.length > 0 && (!part.is_last || part.offset > 0) {
        let range = format!("{}-{}", part.offset, part.offset + part.length - 1);
        headers.insert(header::CONTENT_RANGE, range.parse().expect("numbers are a header"));
    }
    if let Some(value) = authorization.header().filter(|_| !foreign) {
        headers.insert(header::AUTHORIZATION, value.clone());
    }
    let request = HttpRequest { method, url: url.clone(), headers, body, pool: ConnectionPool::Bulk };
    registry.wait_for_pause(true).await?;
    let peer = Peer(authority(url));
    let timing = registry.timing();
    tokio::select! {
        biased;
        sent = registry.transport.send(reached, request) => {
            Ok(sent.map(|response| Response::new(response, url.clone(), foreign, authorization.secrets())))
        }
        stalled = detector.stalled(timing.idle_write, timing.commit) => Err(kept_waiting(stalled, peer)),
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
