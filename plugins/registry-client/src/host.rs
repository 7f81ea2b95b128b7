//! Everything known of one registry in a run: how it is reached, how one logs in, how fast it may be asked, and what
//! it turned out to do in its own way.

use std::{path::PathBuf, sync::Arc};

use sealift_core::{error::Result, notes::Notes, secret::Secret};
use tokio::sync::OnceCell;
use url::Url;

use crate::{
    address::Reach,
    auth::Auth,
    containers::Containers,
    credentials::{Login, Logins},
    error::Side,
    names::api_host,
    net::{Clients, Proxies, Spoken, Trust, Whereabouts, from_certs_d, sniff},
    quirks::Quirks,
    read::TagsAbout,
    request::{Ceilings, Levels, Pace},
    stats::Counters,
    timing::Timing,
    write::Relating,
};

/// What all registries of a run share.
pub(crate) struct Shared {
    pub(crate) timing: Timing,
    pub(crate) logins: Logins,
    pub(crate) proxies: Proxies,
    /// Directories with a folder of certificates for each host.
    pub(crate) certs_d: Vec<PathBuf>,
    pub(crate) counters: Counters,
    /// What is configured for other tools, as far as it counts.
    pub(crate) containers: Arc<Containers>,
    /// What is remembered between runs.
    pub(crate) notes: Notes,
}

/// What is configured for one registry.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) login: Option<(String, Secret)>,
    pub(crate) insecure: bool,
    pub(crate) trust: Trust,
    pub(crate) path_prefix: String,
    pub(crate) trusted_hosts: Vec<String>,
}

/// One registry.
pub(crate) struct Host {
    /// Its name in references, such as `docker.io`.
    pub(crate) name: Arc<str>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) auth: Auth,
    pub(crate) pace: Pace,
    pub(crate) levels: Levels,
    pub(crate) ceilings: Ceilings,
    pub(crate) quirks: Quirks,
    pub(crate) about: TagsAbout,
    pub(crate) relating: Relating,
    settings: Settings,
    login: Option<Arc<Login>>,
    reached: OnceCell<Reached>,
}

/// How it is reached; found out with the first request.
pub(crate) struct Reached {
    /// Scheme, host and port; its origin may see credentials.
    pub(crate) root: Url,
    api: String,
    pub(crate) clients: Clients,
}

impl Reached {
    /// The URL of a path below the API's root.
    pub(crate) fn api(&self, path: &str) -> Url {
        let mut url = self.root.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}{path}", self.api));
        url.set_query(query);
        url
    }
}

impl Host {
    pub(crate) fn new(name: &str, settings: Settings, shared: Arc<Shared>) -> Self {
        let login = settings.login.clone().map(|(username, password)| {
            let origin = format!("[registries.\"{name}\"]");
            Arc::new(Login::password(&username, password, origin))
        });
        Self {
            name: name.into(),
            shared,
            auth: Auth::default(),
            pace: Pace::new(),
            levels: Levels::new(),
            ceilings: Ceilings::of(name),
            quirks: Quirks::default(),
            about: TagsAbout::default(),
            relating: Relating::default(),
            settings,
            login,
            reached: OnceCell::new(),
        }
    }

    /// Whether it is believed without proof who it is.
    pub(crate) fn is_insecure(&self) -> bool {
        self.settings.insecure
    }

    /// The login of its entry in `[registries]`.
    pub(crate) fn own_login(&self) -> Option<&Arc<Login>> {
        self.login.as_ref()
    }

    /// How it is reached. Decided once, before anything secret is sent.
    pub(crate) async fn reached(&self) -> Result<&Reached> {
        self.reached.get_or_try_init(|| self.reach()).await
    }

    async fn reach(&self) -> Result<Reached> {
        let root = self.root().await?;
        let mut trust = self.settings.trust.clone();
        if root.scheme() == "https" {
            let found = from_certs_d(&self.shared.certs_d, &self.name).await;
            let found =
                found.map_err(|why| sealift_core::error::Error::new(sealift_core::error::ErrorKind::Storage, why))?;
            trust.roots.extend(found.roots);
            trust.identity = trust.identity.or(found.identity);
        }
        let trusted = self.settings.trusted_hosts.clone();
        let whereabouts = Whereabouts::new(root.clone(), trusted, self.shared.proxies.clone());
        let clients = Clients::new(whereabouts, trust, self.settings.insecure, self.shared.timing.connect);
        let api = format!("{}/v2/", self.settings.path_prefix);
        Ok(Reached { root, api, clients })
    }

    /// https, unless plain http is allowed and is what the host speaks.
    async fn root(&self) -> Result<Url> {
        let host = api_host(&self.name);
        let url = |scheme: &str| Url::parse(&format!("{scheme}://{host}/")).expect("names of registries are hosts");
        let (http, https) = (url("http"), url("https"));
        let loopback = http.host().as_ref().and_then(Reach::of_host) == Some(Reach::Loopback);
        let proxied =
            self.shared.proxies.for_url(&https).or(self.shared.proxies.trouble(&https).map(|_| &https)).is_some();
        // Through a proxy nobody can listen to what the host says first.
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
            let timing = &self.shared.timing;
            let spoken = sniff(candidate.host_str().unwrap_or_default(), port, timing.connect, timing.sniff).await;
            match spoken {
                Spoken::Tls => return Ok(with_scheme(candidate, "https")),
                Spoken::Plain => return Ok(with_scheme(candidate, "http")),
                Spoken::Silent if loopback => return Ok(http),
                Spoken::Silent => return Ok(https),
                Spoken::Unreachable(error) => failed = Some(error),
            }
        }
        let side = Side(&self.name);
        Err(failed.map_or_else(|| side.unreachable("nobody answers there"), |error| side.no_connection(&error)))
    }
}

/// The same host and port in another scheme.
fn with_scheme(url: &Url, scheme: &str) -> Url {
    let port = url.port_or_known_default();
    let mut url = url.clone();
    let changed = url.set_scheme(scheme).and_then(|()| url.set_port(port));
    debug_assert!(changed.is_ok(), "http and https URLs can be turned into each other");
    url
}
