//! Connections to one registry: scheme, TLS, proxies, the guard over addresses, redirects, and one request at a time.
//!
//! [`Transport`] is the seam below all of it: what is not in this folder knows no type of the HTTP library.
//!
//! Login, limits and repetition are the business of the layers above.

mod clients;
mod endpoint;
mod exchange;
mod http_transport;
mod proxy;
mod request;
mod resolver;
mod response;
mod tls;
mod tls_probe;
mod verify;

pub(crate) use clients::{Clients, PROXY};
pub(crate) use endpoint::{ConnectionSettings, Endpoint, HostConnections, Network};
pub(crate) use exchange::refused;
pub use http_transport::{ConnectionPool, HttpBody, HttpRequest, HttpResponseBody, Protocol, Transport};
pub(crate) use proxy::Proxies;
pub(crate) use request::{Request, RequestTarget};
pub(crate) use resolver::GuardedResolver;
pub(crate) use response::Response;
#[cfg(test)]
pub(crate) use tls::install_crypto;
pub(crate) use tls::{Trust, certs_d, from_certs_d, read_ca, read_identity};
