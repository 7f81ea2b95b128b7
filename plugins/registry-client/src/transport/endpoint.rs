//! The endpoint of a registry: scheme, host, trust; decided with the first request, before anything secret is sent.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use sealift_core::error::{Error, ErrorKind, Result};
use tokio::{sync::OnceCell, time::Instant};
use url::Url;

use super::{
    Clients, GuardedResolver, HttpRequest, HttpResponseBody, Protocol, Proxies, Transport, Trust, from_certs_d,
    tls_probe::tls_probe,
};
use crate::{
    error::{Peer, transport},
    network_scope::NetworkScope,
    redact::authority,
    request_counts::RequestCounters,
    timing::Timing,
    url_policy::UrlPolicy,
};

/// The network as all registries of a client see it.
pub(crate) struct Network {
    pub(crate) timing: Timing,
    pub(crate) proxies: Proxies,
    /// Directories with a folder of certificates for each host.
    pub(crate) certs_d: Vec<PathBuf>,
    pub(crate) counts: RequestCounters,
    /// Takes the place of the network, if it is set.
    pub(crate) transport: Option<Arc<dyn Transport>>,
}

/// Connection settings of one registry.
#[derive(Clone, Default)]
pub(crate) struct ConnectionSettings {
    pub(crate) insecure: bool,
    pub(crate) trust: Trust,
    pub(crate) path_prefix: String,
    pub(crate) trusted_hosts: Vec<String>,
}

/// The connections to one registry. Sends single requests and follows their redirects, without login, limits or
/// repetition.
pub(crate) struct HostConnections {
    name: Arc<str>,
    /// Host and port to connect to, where they differ from the name.
    api_host: String,
    settings: ConnectionSettings,
    network: Arc<Network>,
    endpoint: OnceCell<Endpoint>,
    last_response: Mutex<Option<Instant>>,
}

/// The address of a registry and the clients that connect to it.
pub(crate) struct Endpoint {
    /// Scheme, host and port; only this origin receives credentials.
    pub(crate) root: Url,
    api: String,
    resolver: GuardedResolver,
    transport: Arc<dyn Transport>,
}

impl Endpoint {
    /// Returns the URL of a path below the root of the API.
    pub(crate) fn api(&self, path: &str) -> Url {
        let mut url = self.root.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}{path}", self.api));
        url.set_query(query);
        url
    }

    /// Returns the policy for URLs of the registry.
    pub(crate) fn policy(&self) -> UrlPolicy<'_> {
        self.resolver.policy()
    }
}

impl HostConnections {
    /// Returns the transport of the registry `name`, whose API is served by `api_host`. Connects later.
    pub(crate) fn new(name: Arc<str>, api_host: &str, settings: ConnectionSettings, network: Arc<Network>) -> Self {
        Self {
            name,
            api_host: api_host.to_owned(),
            settings,
            network,
            endpoint: OnceCell::new(),
            last_response: Mutex::default(),
        }
    }

    /// Returns the name of the registry in references, such as `docker.io`.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns host and port of the API.
    pub(crate) fn api_host(&self) -> &str {
        &self.api_host
    }

    /// Returns true if it is reached by its own name, with its certificate verified.
    pub(crate) fn is_plain(&self) -> bool {
        !self.settings.insecure && self.settings.path_prefix.is_empty()
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.network.timing
    }

    pub(crate) fn counts(&self) -> &RequestCounters {
        &self.network.counts
    }

    /// Notes that the host, or its token service, responded.
    pub(crate) fn note_response(&self) {
        *self.last_response.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Returns the time of the last response, of any status.
    pub(crate) fn last_response(&self) -> Option<Instant> {
        *self.last_response.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns where the registry is reached.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if it cannot be connected to, [`ErrorKind::Storage`] if its certificates cannot be
    /// read.
    pub(crate) async fn endpoint(&self) -> Result<&Endpoint> {
        self.endpoint.get_or_try_init(|| self.connect()).await
    }

    /// Sends a request and counts it.
    ///
    /// # Errors
    /// If nothing is sent, or there is no response.
    pub(crate) async fn send(&self, at: &Endpoint, request: HttpRequest) -> Result<http::Response<HttpResponseBody>> {
        at.transport.prepare(&request.url, request.pool).await?;
        self.counts().count(&request.method, &request.url);
        let host = authority(&request.url).to_owned();
        at.transport.send(request).await.map_err(|error| transport(&error, Peer(&host)))
    }

    async fn connect(&self) -> Result<Endpoint> {
        let root = self.root().await?;
        let mut trust = self.settings.trust.clone();
        if root.scheme() == "https" {
            let found = from_certs_d(&self.network.certs_d, &self.name).await;
            let found = found.map_err(|why| Error::new(ErrorKind::Storage, why))?;
            trust.roots.extend(found.roots);
            trust.identity = trust.identity.or(found.identity);
        }
        let trusted = self.settings.trusted_hosts.clone();
        let resolver = GuardedResolver::new(root.clone(), trusted, self.network.proxies.clone());
        let transport = self.network.transport.clone().unwrap_or_else(|| {
            Arc::new(Clients::new(resolver.clone(), trust, self.settings.insecure, self.timing().connect))
        });
        let api = format!("{}/v2/", self.settings.path_prefix);
        Ok(Endpoint { root, api, resolver, transport })
    }

    /// Returns https, unless plain http is allowed and is what the host speaks.
    async fn root(&self) -> Result<Url> {
        let host = &self.api_host;
        let url = |scheme: &str| Url::parse(&format!("{scheme}://{host}/")).expect("names of registries are hosts");
        let (http, https) = (url("http"), url("https"));
        let loopback = http.host().as_ref().and_then(NetworkScope::of_host) == Some(NetworkScope::Loopback);
        let proxies = &self.network.proxies;
        let proxied = proxies.for_url(&https).or(proxies.trouble(&https).map(|_| &https)).is_some();
        // A probe would not pass the proxy.
        if !(loopback || self.settings.insecure) || proxied {
            return Ok(https);
        }
        // Without a port there are two of them, one for each scheme.
        let order = match (https.port() == http.port() && http.port().is_some(), loopback) {
            (true, _) => vec![https.clone()],
            (false, true) => vec![http.clone(), https.clone()],
            (false, false) => vec![https.clone(), http.clone()],
        };
        let mut failed = None;
        for candidate in &order {
            let port = candidate.port_or_known_default().unwrap_or_default();
            let timing = self.timing();
            let host = candidate.host_str().unwrap_or_default();
            let protocol = match &self.network.transport {
                Some(transport) => transport.protocol(host, port).await,
                None => tls_probe(host, port, timing.connect, timing.tls_probe).await,
            };
            match protocol {
                Protocol::Tls => return Ok(with_scheme(candidate, "https")),
                Protocol::Plain => return Ok(with_scheme(candidate, "http")),
                Protocol::Silent if loopback => return Ok(http),
                Protocol::Silent => return Ok(https),
                Protocol::Unreachable(error) => failed = Some(error),
            }
        }
        let peer = Peer(&self.name);
        Err(failed.map_or_else(|| peer.unreachable("nobody answers there"), |error| peer.no_connection(&error)))
    }
}

/// Returns the same host and port in another scheme.
fn with_scheme(url: &Url, scheme: &str) -> Url {
    let port = url.port_or_known_default();
    let mut url = url.clone();
    let changed = url.set_scheme(scheme).and_then(|()| url.set_port(port));
    debug_assert!(changed.is_ok(), "http and https URLs can be turned into each other");
    url
}
