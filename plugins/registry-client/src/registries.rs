//! The section that all registry stages of a pipeline share: settings, logins, connections, pacing.

use std::{fmt, path::PathBuf, sync::Arc};

use sealift_core::{
    counters::CounterSet,
    diagnostic::Diagnostic,
    login::LoginProvider,
    plugin::{BuildContext, ConfigError, Section, SectionPlugin},
};

use tokio_util::task::TaskTracker;

use crate::{
    client::Client,
    config::Config,
    containers::Containers,
    credentials::{Credentials, DockerFiles},
    host_settings::{self, HostSettings},
    registry::Common,
    request_counts::RequestCounters,
    timing::Timing,
    transport::{Network, PROXY, Proxies, Transport, certs_d},
};

/// The section `[registries]`. All stages of a pipeline share its client. With an `Arc<dyn Transport>` among the extensions
/// of the pipeline, its requests go there and not to the network.
pub struct Registries {
    client: Arc<Client>,
}

sealift_core::inventory::submit! { SectionPlugin::of::<Registries>() }

impl Section for Registries {
    const TABLE: &'static str = "registries";
    type Config = Config;

    fn build(config: Option<Config>, cx: &BuildContext<'_>) -> Result<Self, ConfigError> {
        Self::with(config.unwrap_or_default(), cx, Timing::default(), certs_d(&|name| cx.env(name)))
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
        let settings = host_settings::read(config, cx).unwrap_or_else(|found| {
            problems = std::mem::take(&mut problems).and(found);
            HostSettings::default()
        });
        let proxies = Proxies::from_env(&|name| cx.env(name));
        for why in proxies.troubles() {
            let what = format!("the environment variable {why}: what would go through it fails");
            cx.warn(Diagnostic::warning(what).hint(PROXY));
        }
        let auth_file = cx.section::<Credentials>().unwrap_or_else(|found| {
            problems = std::mem::take(&mut problems).and(found);
            Arc::default()
        });
        let transport: Option<Arc<dyn Transport>> = cx.extension();
        // A transport of its own knows nothing of certificates.
        let certs_d = if transport.is_some() { Vec::new() } else { certs_d };
        let common = Common {
            network: Arc::new(Network { timing, proxies, certs_d, counts: RequestCounters::default(), transport }),
            logins: {
                let auth_file = Arc::clone(&auth_file) as Arc<dyn LoginProvider>;
                let files = Arc::new(DockerFiles::new(cx.environment(), timing.helper));
                let logins = cx.logins().iter().cloned().chain([auth_file, files as _]);
                logins.chain(cx.automatic_logins().iter().cloned()).collect()
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
