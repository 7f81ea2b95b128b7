//! The seam between the client and the network: one request goes out, one response comes back.
//!
//! Everything above it works with any implementation. The real one connects by reqwest; programs that simulate
//! registries, and tests, have their own.

use std::{io, pin::Pin};

use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, Method};
use sealift_core::{async_trait, error::Result};
use url::Url;

use crate::error::TransportError;

/// The connection pools of a host, by what requests carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionPool {
    /// A few KiB either way.
    Small,
    /// A blob.
    Bulk,
}

/// A request, with everything that is sent.
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The URL, whose scheme is http or https.
    pub url: Url,
    /// The headers. A body that is a stream has its length among them.
    pub headers: HeaderMap,
    /// The body.
    pub body: HttpBody,
    /// The connections to use.
    pub pool: ConnectionPool,
}

/// The body of a request.
pub enum HttpBody {
    /// None.
    Empty,
    /// Bytes in memory.
    Full(Bytes),
    /// As many bytes as `content-length` announces. It must not be asked for more, and an error of it must break the
    /// request off.
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, io::Error>> + Send>>),
}

/// The body of a response.
pub type HttpResponseBody = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

/// The protocol of a server.
#[derive(Debug)]
pub enum Protocol {
    /// TLS.
    Tls,
    /// Something else; plain http, as far as we are concerned.
    Plain,
    /// It was reached and said nothing.
    Silent,
    /// It could not be reached.
    Unreachable(io::Error),
}

/// Sends single requests. It follows no redirects, repeats nothing and adds no credentials.
///
/// A future that is dropped ends its request. Time limits are those of the caller, except the one for connections.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Makes sure that requests to this URL can be sent at all. Requests that are not sent are not counted.
    ///
    /// # Errors
    /// If they cannot be, because of the settings on this side.
    async fn prepare(&self, _url: &Url, _pool: ConnectionPool) -> Result<()> {
        Ok(())
    }

    /// Sends a request and returns status, headers and the stream of the body.
    ///
    /// # Errors
    /// If there is no response.
    async fn send(&self, request: HttpRequest) -> Result<http::Response<HttpResponseBody>, TransportError>;

    /// Finds out whether a server speaks TLS. Only asked where plain http is allowed. Default: [`Protocol::Tls`].
    async fn protocol(&self, _host: &str, _port: u16) -> Protocol {
        Protocol::Tls
    }
}
