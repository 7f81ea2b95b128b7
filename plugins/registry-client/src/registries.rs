//! The section that all registry stages of a pipeline share: settings, logins, connections, pacing.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use sealift_core::{
    counters::CounterSet,
    diagnostic::Diagnostic,
    error::io_message,
    login::LoginProvider,
    plugin::{BuildContext, ConfigError, Section, SectionPlugin},
};

use tokio_util::task::TaskTracker;

use crate::{
    client::Client,
    config::{Config, RegistryConfig, canonical},
    containers::Containers,
    credentials::{Credentials, DockerFiles},
    profile,
    registry::{Common, RegistrySettings},
    request_counts::RequestCounters,
    timing::Timing,
    transport::{ConnectionSettings, Network, PROXY, Proxies, Trust, read_ca, read_identity},
};

/// The section `[registries]`. All stages of a pipeline share its client.
pub struct Registries {
    client: Arc<Client>,
}

/// The directories with certificates of hosts, besides the user's own. Podman, skopeo and CRI-O read both.
const CERTS_D: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

sealift_core::inventory::submit! { SectionPlugin::of::<Registries>() }

impl Section for Registries {
    const TABLE: &'static str = "registries";
    type Config = Config;

    fn build(config: Option<Config>, cx: &BuildContext<'_>) -> Result<Self, ConfigError> {
        let home = cx.env("HOME").filter(|home| !home.is_empty());
        let home = home.map(|home| Path::new(&home).join(".config/containers/certs.d"));
        let certs_d = home.into_iter().chain(CERTS_D.map(PathBuf::from)).collect();
        Self::with(config.unwrap_or_default(), cx, Timing::default(), certs_d)
    }

    fn counters(&self) -> Vec<CounterSet> {
        self.client.tallies()
    }
}

impl Registries {
    pub(crate) fn with(
        config: Config,
        cx: &BuildContext<'_>,
        timing: Timing,
        certs_d: Vec<PathBuf>,
    ) -> Result<Self, ConfigError> {
        match cx.section::<Containers>() {
            Ok(containers) => Self::with_containers(config, cx, timing, certs_d, containers),
            Err(found) => {
                let others = Self::with_containers(config, cx, timing, certs_d, Arc::default());
                Err(others.err().unwrap_or_default().and(found))
            }
        }
    }

    pub(crate) fn with_containers(
        config: Config,
        cx: &BuildContext<'_>,
        timing: Timing,
        certs_d: Vec<PathBuf>,
        containers: Arc<Containers>,
    ) -> Result<Self, ConfigError> {
        let mut problems = ConfigError::default();
        let mut settings = HashMap::new();
        for (written, entry) in config.hosts {
            match read(&written, &entry, cx) {
                Ok((host, found)) => {
                    if settings.insert(host, found).is_some() {
                        let twice = ConfigError::new(format!("`{written}` is a second entry for the same registry"));
                        problems = problems.and(twice.at(format!("{written:?}")));
                    }
                }
                Err(found) => problems = problems.and(found),
            }
        }
        let proxies = Proxies::from_env(&|name| cx.env(name));
        for why in proxies.troubles() {
            let what = format!("the environment variable {why}: what would go through it fails");
            cx.warn(Diagnostic::warning(what).hint(PROXY));
        }
        let auth_file = cx.section::<Credentials>().unwrap_or_else(|found| {
            problems = std::mem::take(&mut problems).and(found);
            Arc::default()
        });
        let common = Common {
            network: Arc::new(Network { timing, proxies, certs_d, counts: RequestCounters::default() }),
            logins: {
                let auth_file = Arc::clone(&auth_file) as Arc<dyn LoginProvider>;
                let files = Arc::new(DockerFiles::new(cx.environment(), timing.helper));
                cx.logins().iter().cloned().chain([auth_file, files as _]).collect()
            },
            containers,
            notes: cx.cache().clone(),
            limiter: cx.limiter().clone(),
            endings: TaskTracker::new(),
        };
        problems.or_ok(Self { client: Arc::new(Client::new(settings, auth_file, common)) })
    }

    /// Returns the client with these settings.
    pub fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registries").finish_non_exhaustive()
    }
}

/// Reads one entry; all that is wrong with it at once.
fn read(
    written: &str,
    entry: &RegistryConfig,
    cx: &BuildContext<'_>,
) -> Result<(String, RegistrySettings), ConfigError> {
    let key = |field: &str| format!("{written:?}.{field}");
    let mut problems = ConfigError::default();
    let mut note = |problem: ConfigError| problems = std::mem::take(&mut problems).and(problem);

    let host = canonical(written).unwrap_or_else(|error| {
        let hint = "write host and port only, such as \"registry.example.com:5000\"";
        note(ConfigError::new(error.to_string()).at(format!("{written:?}")).hint(hint));
        String::new()
    });
    let mut reveal = |value: &Option<_>, field: &str| {
        value.as_ref().and_then(|value| cx.reveal(value, &key(field)).map_err(&mut note).ok())
    };
    let (username, password) = (reveal(&entry.username, "username"), reveal(&entry.password, "password"));
    for (one, has_one, other, has_other, example) in [
        ("username", entry.username.is_some(), "password", entry.password.is_some(), "{ env = \"REGISTRY_PASSWORD\" }"),
        ("password", entry.password.is_some(), "username", entry.username.is_some(), "\"robot\""),
        ("client_cert", entry.client_cert.is_some(), "client_key", entry.client_key.is_some(), "\"client.key\""),
        ("client_key", entry.client_key.is_some(), "client_cert", entry.client_cert.is_some(), "\"client.pem\""),
    ] {
        if has_one && !has_other {
            let hint = format!("add `{other} = {example}`, or leave out `{one}`");
            note(ConfigError::new(format!("`{one}` needs a `{other}`")).at(key(one)).hint(hint));
        }
    }
    let trust = read_trust(entry, cx, &key).unwrap_or_else(|problem| {
        note(problem);
        Trust::default()
    });
    let path_prefix = entry.path_prefix.as_deref().unwrap_or_default().trim_end_matches('/');
    if !path_prefix.is_empty() && (!path_prefix.starts_with('/') || path_prefix.contains(['?', '#', '%'])) {
        let message = format!("`path_prefix` must be a path such as `/repository/docker`, not `{path_prefix}`");
        note(ConfigError::new(message).at(key("path_prefix")));
    }
    let profile = entry.kind.as_deref().map(profile::by_name).transpose().unwrap_or_else(|why| {
        note(ConfigError::new(why).at(key("kind")));
        None
    });
    let connection = ConnectionSettings {
        insecure: entry.insecure,
        trust,
        path_prefix: path_prefix.to_owned(),
        trusted_hosts: entry.trusted_hosts.clone(),
    };
    let login = username.map(|name| name.expose().to_owned()).zip(password);
    let settings = RegistrySettings { login, connection, profile };
    problems.or_ok((host, settings))
}

fn read_trust(
    entry: &RegistryConfig,
    cx: &BuildContext<'_>,
    key: &dyn Fn(&str) -> String,
) -> Result<Trust, ConfigError> {
    let read = |path: &str, field: &str| {
        std::fs::read(cx.path(path))
            .map_err(|error| ConfigError::new(format!("cannot read `{path}`: {}", io_message(&error))).at(key(field)))
    };
    let mut trust = Trust::default();
    if let Some(path) = &entry.ca_file {
        trust.roots = read_ca(&read(path, "ca_file")?)
            .map_err(|why| ConfigError::new(format!("`{path}` {why}")).at(key("ca_file")))?;
    }
    if let (Some(cert), Some(private)) = (&entry.client_cert, &entry.client_key) {
        let identity = read_identity(&read(cert, "client_cert")?, &read(private, "client_key")?)
            .map_err(|why| ConfigError::new(format!("`{cert}` {why}")).at(key("client_cert")))?;
        trust.identity = Some(identity);
    }
    Ok(trust)
}
