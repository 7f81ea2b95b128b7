//! Requests to a registry.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::ConnectionPool;
use crate::{operation::Operation, scope::Scopes, timing::Timing};

/// The target of a request.
#[derive(Clone, Debug)]
pub(crate) enum RequestTarget {
    /// A path below the API's root, with its query: `library/nginx/tags/list?n=1000`.
    Path(String),
    /// A URL that the registry gave, judged by the policy.
    Url(Url),
}

/// A request that can be sent several times: its body, if it has one, is in memory.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) operation: Operation<'a>,
    pub(crate) method: Method,
    pub(crate) target: RequestTarget,
    pub(crate) scopes: Scopes,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) pool: ConnectionPool,
    /// The time limit of the response.
    pub(crate) limit: Duration,
    /// It is sent again after a status such as 503. After a lost connection or 429 it always is.
    pub(crate) retry_busy: bool,
    /// A 500 is returned as a response, because it may be about what was sent.
    pub(crate) accept_500: bool,
    /// Redirects to other URLs are followed; else they are returned as responses.
    pub(crate) follow_redirects: bool,
    /// It is part of a transfer, which holds permits of this and of other hosts. So it takes none of its own, and fails
    /// instead of waiting for a pause.
    pub(crate) in_transfer: bool,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        operation: Operation<'a>,
        method: Method,
        target: RequestTarget,
        scopes: Scopes,
        timing: &Timing,
    ) -> Self {
        let limit = timing.response;
        let headers = HeaderMap::new();
        Self {
            operation,
            method,
            target,
            scopes,
            headers,
            body: None,
            pool: ConnectionPool::Small,
            limit,
            retry_busy: true,
            accept_500: false,
            follow_redirects: true,
            in_transfer: false,
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn body(mut self, content_type: HeaderValue, body: Bytes) -> Self {
        self.body = Some(body);
        self.header(http::header::CONTENT_TYPE, content_type)
    }

    pub(crate) fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    pub(crate) fn pool(self, pool: ConnectionPool) -> Self {
        Self { pool, ..self }
    }

    /// Takes a 500 for an answer.
    pub(crate) fn accepting_500(self) -> Self {
        Self { accept_500: true, ..self }
    }

    /// Takes a redirect to another place for the answer. Spellings of the same path are followed all the same.
    pub(crate) fn without_redirects(self) -> Self {
        Self { follow_redirects: false, ..self }
    }

    /// Makes it part of a transfer.
    pub(crate) fn in_transfer(self, in_transfer: bool) -> Self {
        Self { in_transfer, ..self }
    }

    /// Takes no for an answer, because there is another way.
    pub(crate) fn once(self) -> Self {
        Self { retry_busy: false, ..self }
    }
}
