//! Settings of a client that is used without a pipeline.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use sealift_core::{
    cache::Cache,
    error::{Error, ErrorKind, Result},
    limit::Limiter,
    login::LoginProvider,
    secret::Secret,
};
use tokio_util::task::TaskTracker;

use super::Client;
use crate::{
    config::canonical,
    credentials::DockerFiles,
    profile,
    registry::{Common, RegistrySettings},
    request_counts::RequestCounters,
    retry::RetryPolicy,
    timing::Timing,
    transport::{Network, Proxies, Transport, read_ca},
};

/// Builds a [`Client`].
///
/// Without settings, registries are reached by https, verified by the roots of the system, through the proxies of
/// `HTTPS_PROXY` and its like; on loopback also by plain http. Logins are those of Docker and Podman.
#[derive(Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientBuilder {
    hosts: Vec<(String, HostConfig)>,
    logins: Vec<Arc<dyn LoginProvider>>,
    certs_d: Vec<PathBuf>,
    retry: RetryPolicy,
    without_environment: bool,
    transport: Option<Arc<dyn Transport>>,
}

/// Settings of one registry.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct HostConfig {
    login: Option<(String, Secret)>,
    insecure: bool,
    ca: Option<Vec<u8>>,
    kind: Option<String>,
    path_prefix: String,
    trusted_hosts: Vec<String>,
}

impl HostConfig {
    /// Sets user name and password. They go before every other login. Default: none.
    pub fn login(self, username: &str, password: impl Into<String>) -> Self {
        Self { login: Some((username.to_owned(), Secret::new(password.into()))), ..self }
    }

    /// Does not verify the certificate, and allows plain http. Default: false.
    pub fn insecure(self, insecure: bool) -> Self {
        Self { insecure, ..self }
    }

    /// Trusts the CAs of a PEM file besides those of the system. Default: none.
    pub fn ca(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { ca: Some(pem.into()), ..self }
    }

    /// Names the product, such as `harbor`. Default: detected.
    pub fn kind(self, kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..self }
    }

    /// Sets the path in front of `/v2/`. Default: none.
    pub fn path_prefix(self, path: impl Into<String>) -> Self {
        Self { path_prefix: path.into(), ..self }
    }

    /// Allows the registry to refer to a host on a private network, such as a token service or an object store.
    pub fn trust_host(mut self, host: impl Into<String>) -> Self {
        self.trusted_hosts.push(host.into());
        self
    }
}

impl ClientBuilder {
    /// Sets how one registry is reached. `host` is its name in references, with port if it has one.
    pub fn host(mut self, host: impl Into<String>, config: HostConfig) -> Self {
        self.hosts.push((host.into(), config));
        self
    }

    /// Adds a source of logins. It is asked after the logins of [`HostConfig`] and before those of Docker and Podman.
    pub fn login(mut self, provider: Arc<dyn LoginProvider>) -> Self {
        self.logins.push(provider);
        self
    }

    /// Sets how failed requests are repeated. Default: [`RetryPolicy::default`].
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// Looks for certificates in folders of the names of hosts, as in `/etc/containers/certs.d`. Default: none.
    pub fn certs_d(mut self, directory: impl Into<PathBuf>) -> Self {
        self.certs_d.push(directory.into());
        self
    }

    /// Ignores the environment: no proxies, and no logins of Docker and Podman.
    pub fn without_environment(self) -> Self {
        Self { without_environment: true, ..self }
    }

    /// Sends requests by another transport than the network. Default: the network.
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        Self { transport: Some(transport), ..self }
    }

    /// Returns the client. Connects with the first request.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if a host, a CA or the name of a product is not valid.
    pub fn build(self) -> Result<Client> {
        let mut settings = HashMap::new();
        for (host, config) in self.hosts {
            let fail = |what: String| Error::new(ErrorKind::Unsupported, format!("`{host}`: {what}"));
            let name = canonical(&host).map_err(|error| fail(error.to_string()))?;
            settings.insert(name, registry_settings(config).map_err(fail)?);
        }
        let with_environment = !self.without_environment;
        let environment = move |name: &str| std::env::var(name).ok().filter(|_| with_environment);
        let timing = Timing { retry: self.retry, ..Timing::default() };
        let mut logins = self.logins;
        logins.push(Arc::new(DockerFiles::new(Arc::new(environment), timing.helper)));
        let common = Common {
            network: Arc::new(Network {
                timing,
                proxies: Proxies::from_env(&environment),
                certs_d: self.certs_d,
                counts: RequestCounters::default(),
                transport: self.transport,
            }),
            logins,
            containers: Arc::default(),
            notes: Cache::default(),
            limiter: Limiter::default(),
            endings: TaskTracker::new(),
        };
        Ok(Client::new(settings.into(), Arc::default(), common))
    }
}

fn registry_settings(config: HostConfig) -> Result<RegistrySettings, String> {
    let mut settings = RegistrySettings { login: config.login, ..RegistrySettings::default() };
    if let Some(kind) = config.kind {
        settings.profile = Some(profile::by_name(&kind)?);
    }
    let connection = &mut settings.connection;
    if let Some(pem) = config.ca {
        connection.trust.roots = read_ca(&pem).map_err(|why| format!("the CA {why}"))?;
    }
    connection.insecure = config.insecure;
    connection.path_prefix = config.path_prefix.trim_end_matches('/').to_owned();
    connection.trusted_hosts = config.trusted_hosts;
    Ok(settings)
}
