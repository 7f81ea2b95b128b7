//! What is asked of a registry.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::{auth::Scopes, doing::Doing, net::Lane, timing::Timing};

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) enum To {
    /// A path below the API's root, with its query: `library/nginx/tags/list?n=1000`.
    Path(String),
    /// A URL that the registry gave, judged by the policy.
    Url(Url),
}

/// A request that can be sent several times: its body, if it has one, is in memory.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) doing: Doing<'a>,
    pub(crate) method: Method,
    pub(crate) to: To,
    pub(crate) scopes: Scopes,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) lane: Lane,
    /// How long the answer may take.
    pub(crate) limit: Duration,
    /// Whether it is sent again after an answer that says "later". After a lost connection, and when the host asks for
    /// a pause, it is in any case.
    pub(crate) insists: bool,
    /// Whether a 500 is an answer, because it may be about what was sent.
    pub(crate) judges: bool,
    /// Whether a redirect to another place is followed; else it is the answer.
    pub(crate) follows: bool,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(doing: Doing<'a>, method: Method, to: To, scopes: Scopes, timing: &Timing) -> Self {
        let limit = timing.response;
        let headers = HeaderMap::new();
        Self {
            doing,
            method,
            to,
            scopes,
            headers,
            body: None,
            lane: Lane::Small,
            limit,
            insists: true,
            judges: false,
            follows: true,
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

    pub(crate) fn lane(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    /// Takes a 500 for an answer.
    pub(crate) fn judge(self) -> Self {
        Self { judges: true, ..self }
    }

    /// Takes a redirect to another place for the answer. Spellings of the same path are followed all the same.
    pub(crate) fn unfollowed(self) -> Self {
        Self { follows: false, ..self }
    }

    /// Takes no for an answer, because there is another way.
    pub(crate) fn once(self) -> Self {
        Self { insists: false, ..self }
    }
}
