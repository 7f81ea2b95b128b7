//! Requests to services beside registries, such as the APIs of clouds from which logins come.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use sealift_core::{
    error::{Error, ErrorKind, Result},
    plugin::BuildContext,
};
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::{
    auth::Challenges,
    credentials::SentSecrets,
    error::{Peer, transport},
    network_scope::NetworkScope,
    redact::authority,
    retry::is_transient,
    transport::{
        Clients, ConnectionPool, GuardedResolver, HttpBody, HttpRequest, Proxies, Response as Answer, Transport,
        certs_d, from_certs_d,
    },
};

/// The time for a connection, and for the answer to a request.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);
/// A request that failed is repeated up to twice, if it began less than this time ago.
const REPEATED_FOR: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;
/// The longest answer, in bytes. A page of a thousand tags of a cloud has about one MiB.
const MAX_BYTES: u64 = 16 << 20;

/// A client of services that are no registries: the API of a cloud, a web hook. It has the TLS, the proxies and the CAs of
/// `certs.d` of the client of registries; redirects are not followed. Plain http, which metadata services speak, goes
/// through no proxy. An answer may take 15 seconds.
pub struct WebClient {
    proxies: Proxies,
    certs_d: Vec<PathBuf>,
}

impl WebClient {
    /// Returns a client with the proxies of the environment.
    pub fn new(cx: &BuildContext<'_>) -> Self {
        Self { proxies: Proxies::from_env(&|name| cx.env(name)), certs_d: certs_d(&|name| cx.env(name)) }
    }

    /// Sends a request, and repeats it up to twice after failures that may pass, also a `POST`. An answer of any other
    /// status is returned.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(&self, request: &Request<String>) -> Result<Response<Bytes>> {
        let (began, mut attempt) = (Instant::now(), 1);
        loop {
            let answer = self.send_once(request).await;
            let is_final = match &answer {
                Ok(answer) => !is_transient(answer.status()),
                Err(error) => !error.is_retryable(),
            };
            if is_final || attempt == ATTEMPTS || began.elapsed() > REPEATED_FOR {
                return answer;
            }
            sleep(Duration::from_millis(300) * attempt).await;
            attempt += 1;
        }
    }

    /// Returns the `service` of the Bearer challenge of a registry, which says more than its name at some clouds.
    ///
    /// # Errors
    /// If the registry does not answer.
    pub async fn service_of(&self, registry: &str) -> Result<Option<String>> {
        let url = |scheme: &str| Url::parse(&format!("{scheme}://{registry}/v2/"));
        let is_local = |url: &Url| url.host().as_ref().and_then(NetworkScope::of_host) == Some(NetworkScope::Loopback);
        let scheme = if url("https").is_ok_and(|url| is_local(&url)) { "http" } else { "https" };
        let request = Request::get(format!("{scheme}://{registry}/v2/")).body(String::new());
        let request = request.map_err(|error| Error::new(ErrorKind::Unsupported, error.to_string()))?;
        let answer = self.send(&request).await?;
        Ok(Challenges::read(answer.headers()).bearer.and_then(|bearer| bearer.service))
    }

    async fn send_once(&self, request: &Request<String>) -> Result<Response<Bytes>> {
        let address = request.uri().to_string();
        let url = Url::parse(&address).map_err(|error| Error::new(ErrorKind::Unsupported, error.to_string()))?;
        let peer = Peer(authority(&url));
        let (proxies, trust) = match url.scheme() {
            "http" => Default::default(),
            _ => {
                let trust = from_certs_d(&self.certs_d, peer.0).await;
                (self.proxies.clone(), trust.map_err(|why| Error::new(ErrorKind::Storage, why))?)
            }
        };
        let clients = Clients::new(GuardedResolver::new(url.clone(), Vec::new(), proxies), trust, false, CONNECT);
        clients.prepare(&url, ConnectionPool::Small).await?;
        let sent = HttpRequest {
            method: request.method().clone(),
            url: url.clone(),
            headers: request.headers().clone(),
            body: HttpBody::Full(request.body().clone().into()),
            pool: ConnectionPool::Small,
        };
        let answer = timeout(ANSWER, clients.send(sent)).await;
        let answer =
            answer.map_err(|_| peer.silent(ANSWER))?.map_err(|error| beside(transport(&error, peer), peer.0))?;
        tracing::debug!(host = peer.0, path = url.path(), status = answer.status().as_u16(), "asked");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let answer = Answer::new(answer, url.clone(), false, SentSecrets::default());
        let mut response = Response::new(answer.bytes(MAX_BYTES, ANSWER).await?);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}

/// Replaces hints about `[registries]`, which is for registries.
fn beside(error: Error, host: &str) -> Error {
    match error.hint() {
        Some(hint) if hint.contains("ca_file") => {
            error.with_hint(format!("put its CA into `/etc/containers/certs.d/{host}/ca.crt`"))
        }
        Some(hint) if hint.contains("[registries") => {
            error.with_hint("something else may answer there: look at its address and at proxies")
        }
        _ => error,
    }
}
