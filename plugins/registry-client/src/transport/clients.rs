//! The real transport: the HTTP clients of one registry, each made when it is first needed.
//!
//! Small requests and bodies have clients of their own over TLS: HTTP/2 pays for many small requests on one
//! connection, but one connection with a fixed window throttles big bodies, so bodies go by HTTP/1.1. Other hosts than
//! the registry's own are never spoken to with its client certificate or its lowered guard.

use std::{io, mem, time::Duration};

use futures::TryStreamExt;
use reqwest::{Client, redirect::Policy};
use sealift_core::{
    async_trait,
    error::{Error, ErrorKind, Result, Retry},
};
use tokio::sync::OnceCell;
use url::Url;

use super::{
    ConnectionPool, GuardedResolver, HttpBody, HttpRequest, HttpResponseBody, Transport, Trust,
    tls::{self, ServerVerification},
};
use crate::error::{Phase, TransportError, find, innermost};

/// The hint about the variables of proxies.
pub(crate) const PROXY: &str =
    "write it as `http://proxy.example.com:3128`; hosts that `NO_PROXY` names are reached without";

/// A pool of connections that sit idle longer than this is likely to be closed by the other end at any moment. An
/// upload cannot be sent twice, so its connections are trusted for a shorter time.
const IDLE: Duration = Duration::from_secs(45);
const IDLE_BULK: Duration = Duration::from_secs(15);

/// The HTTP clients of one registry.
pub(crate) struct Clients {
    resolver: GuardedResolver,
    trust: Trust,
    insecure: bool,
    connect: Duration,
    plain: OnceCell<Client>,
    home: [OnceCell<Client>; 2],
    foreign: [OnceCell<Client>; 2],
}

impl Clients {
    pub(crate) fn new(resolver: GuardedResolver, trust: Trust, insecure: bool, connect: Duration) -> Self {
        Self {
            resolver,
            trust,
            insecure,
            connect,
            plain: OnceCell::new(),
            home: Default::default(),
            foreign: Default::default(),
        }
    }

    /// The client to ask this URL with.
    async fn for_url(&self, url: &Url, lane: ConnectionPool) -> Result<&Client> {
        if let Some(why) = self.resolver.proxies().trouble(url) {
            let host = url.host_str().unwrap_or_default();
            let what = format!("cannot reach the proxy on the way to `{host}`: the environment variable {why}");
            return Err(Error::new(ErrorKind::Unavailable, what).with_retry(Retry::Never).with_hint(PROXY));
        }
        if url.scheme() == "http" {
            return self.plain.get_or_try_init(|| async { self.build(Guard::NoTls, lane) }).await;
        }
        let at_home = self.resolver.policy().url.host_str() == url.host_str();
        let (cells, guard) = if at_home { (&self.home, Guard::UrlPolicy) } else { (&self.foreign, Guard::Foreign) };
        cells[usize::from(lane == ConnectionPool::Bulk)].get_or_try_init(|| async { self.build(guard, lane) }).await
    }

    fn build(&self, guard: Guard, lane: ConnectionPool) -> Result<Client> {
        let mut builder = Client::builder()
            .user_agent(concat!("sealift/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never()) // repeating is decided in one place, with a budget
            .no_proxy() // what the process environment says does not count
            .dns_resolver(self.resolver.clone())
            .connect_timeout(self.connect)
            .tcp_keepalive(Duration::from_secs(30))
            .pool_idle_timeout(if lane == ConnectionPool::Bulk || guard == Guard::NoTls { IDLE_BULK } else { IDLE });
        if lane == ConnectionPool::Bulk || guard == Guard::NoTls {
            builder = builder.http1_only();
        }
        let proxies = self.resolver.proxies();
        if !proxies.is_empty() {
            // Asked twice for each request, with a URL that is parsed anew: where there are none, that is saved.
            let proxies = proxies.clone();
            builder = builder.proxy(reqwest::Proxy::custom(move |url| proxies.for_url(url).cloned()));
        }
        let tls = match guard {
            // No roots are loaded, so that plain http needs no CA store.
            Guard::NoTls => tls::config(&Trust::default(), ServerVerification::Nothing, false, false),
            // A private CA may vouch for the neighbours of its registry: it could read these credentials anyway.
            Guard::Foreign => tls::config(&self.trust, ServerVerification::By, false, lane == ConnectionPool::Small),
            Guard::UrlPolicy => {
                let verify = if self.insecure { ServerVerification::Nothing } else { ServerVerification::By };
                tls::config(&self.trust, verify, true, lane == ConnectionPool::Small)
            }
        };
        let tls = tls.map_err(|error| no_tls(&error.to_string()))?;
        builder.tls_backend_preconfigured(tls).build().map_err(|error| no_tls(&innermost(&error)))
    }
}

#[async_trait]
impl Transport for Clients {
    async fn prepare(&self, url: &Url, pool: ConnectionPool) -> Result<()> {
        self.for_url(url, pool).await.map(drop)
    }

    async fn send(&self, request: HttpRequest) -> Result<http::Response<HttpResponseBody>, TransportError> {
        let HttpRequest { method, url, headers, body, pool } = request;
        let client = self.for_url(&url, pool).await;
        let client =
            client.map_err(|error| TransportError { phase: Phase::Connect, kind: None, cause: error.into() })?;
        let request = client.request(method, url).headers(headers);
        let request = match body {
            HttpBody::Empty => request,
            HttpBody::Full(bytes) => request.body(bytes),
            HttpBody::Stream(chunks) => request.body(reqwest::Body::wrap_stream(chunks)),
        };
        let mut answer = request.send().await.map_err(failed)?;
        let mut response = http::Response::new(());
        *response.status_mut() = answer.status();
        *response.headers_mut() = mem::take(answer.headers_mut());
        Ok(response.map(|()| Box::pin(answer.bytes_stream().map_err(failed)) as _))
    }
}

/// Sorts an error of the library, without the URL.
fn failed(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    let kind = find::<io::Error>(&error).map(io::Error::kind);
    let (phase, kind) = match error.is_connect() {
        true if error.is_timeout() => (Phase::Connect, Some(io::ErrorKind::TimedOut)),
        true if innermost(&error).contains("proxy authorization required") => {
            (Phase::Proxy, Some(io::ErrorKind::PermissionDenied))
        }
        true if is_tunnel(&error) => (Phase::Proxy, kind),
        true => (Phase::Connect, kind),
        false if find::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) => {
            (Phase::Exchange, kind.or(Some(io::ErrorKind::InvalidData)))
        }
        false => (Phase::Exchange, kind),
    };
    TransportError { phase, kind, cause: error.into() }
}

/// Returns true if the proxy could not be reached, which only the message of the tunnel says.
fn is_tunnel(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.to_string().contains("tunnel error"))
}

fn no_tls(cause: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("TLS cannot be set up: {cause}"))
        .with_retry(Retry::Never)
        .with_hint("install the CA certificates of your system (package `ca-certificates`), set SSL_CERT_FILE, or name a `ca_file` in [registries]")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    NoTls,
    UrlPolicy,
    Foreign,
}
