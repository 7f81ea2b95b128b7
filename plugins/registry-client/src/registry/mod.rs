//! One registry: the layers that a request passes, and what was observed of the registry in this run.
//!
//! ```text
//! execute     one request, repeated by the retry policy
//! auth        login: challenges, tokens
//! limit       pauses, rates, concurrency
//! transport   connections, redirects
//! ```

mod body_limit;
mod execute;
mod foreign_uploads;
mod known_tags;
mod list_host;
mod observed;
mod open_uploads;
mod projects;
mod refusal;
mod whole;

use std::sync::Arc;

use sealift_core::{
    cache::Cache, content::Repository, error::Error, limit::Limiter, login::LoginProvider, secret::Secret,
};

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub(crate) use body_limit::BodyLimit;
use known_tags::KnownTags;
pub(crate) use known_tags::PageStart;
pub(crate) use observed::{ObservedBehavior, PresenceCheck};
pub(crate) use open_uploads::OpenUploads;
pub(crate) use whole::WholeResponse;

use crate::{
    auth::{Auth, RepositoryAccess},
    containers::Containers,
    credentials::{EntryLogin, Logins, entry_login},
    limit::HostLimit,
    profile::{CurrentProfile, RegistryProfile},
    retry::RetryState,
    timing::Timing,
    transport::{ConnectionSettings, HostConnections, Network},
};

/// The parts that all registries of a client share.
pub(crate) struct Common {
    pub(crate) network: Arc<Network>,
    /// The providers of logins, in the order in which they are asked after the entry of a registry.
    pub(crate) logins: Vec<Arc<dyn LoginProvider>>,
    /// The registries.conf of other tools, as far as it counts.
    pub(crate) containers: Arc<Containers>,
    pub(crate) notes: Cache,
    pub(crate) limiter: Limiter,
    /// Requests that end uploads which were given up.
    pub(crate) endings: TaskTracker,
}

/// Settings of one registry.
#[derive(Clone, Default)]
pub(crate) struct RegistrySettings {
    pub(crate) login: Option<(String, Secret)>,
    pub(crate) connection: ConnectionSettings,
    /// The product that the pipeline names.
    pub(crate) profile: Option<&'static dyn RegistryProfile>,
    /// The most bytes of a blob in one request, if that is limited.
    pub(crate) part: Option<u64>,
    /// Ranges of one blob that are read at once; 0 and 1 stand for one stream.
    pub(crate) ranges: usize,
    /// No provider is asked for a login.
    pub(crate) is_anonymous: bool,
}

/// One registry.
pub(crate) struct Registry {
    pub(crate) transport: Arc<HostConnections>,
    pub(crate) auth: Auth,
    pub(crate) limit: Arc<HostLimit>,
    pub(crate) retry: Arc<RetryState>,
    pub(crate) profile: Arc<CurrentProfile>,
    pub(crate) observed: ObservedBehavior,
    pub(crate) body_limit: BodyLimit,
    /// Ranges of one blob that are read at once.
    pub(crate) ranges: usize,
    pub(crate) open_uploads: OpenUploads,
    pub(crate) known_tags: KnownTags,
    /// The host that lists its tags, where that is another one.
    pub(crate) list_host: Option<Box<Registry>>,
    /// Places for long bodies that are read whole.
    long_bodies: Semaphore,
    common: Arc<Common>,
}

impl Registry {
    /// Returns the registry `name`. Connects with the first request.
    pub(crate) fn new(name: &str, settings: RegistrySettings, common: Arc<Common>) -> Self {
        let entry = settings.login.map(|(username, password)| {
            let origin = format!("the table [registries.\"{name}\"]");
            Arc::new(EntryLogin(entry_login(&username, password, origin))) as Arc<dyn LoginProvider>
        });
        let providers = common.logins.iter().filter(|_| !settings.is_anonymous).cloned();
        let logins = Logins::new(entry.into_iter().chain(providers).collect());
        let profile = Arc::new(CurrentProfile::new(name, settings.profile));
        let facts = profile.facts();
        let network = Arc::clone(&common.network);
        let retry = Arc::new(RetryState::new(network.timing.retry));
        let api_host = profile.api_host().unwrap_or(name);
        let limit = Arc::new(HostLimit::new(common.limiter.clone(), name, facts.limits));
        let transport = Arc::new(HostConnections::new(name.into(), api_host, settings.connection, network));
        Self {
            auth: Auth::new(
                Arc::clone(&transport),
                logins,
                Arc::clone(&retry),
                Arc::clone(&limit),
                Arc::clone(&profile),
            ),
            limit,
            retry,
            ranges: settings.ranges,
            long_bodies: Semaphore::new(whole::LONG_BODIES),
            open_uploads: OpenUploads::new(common.notes.clone()),
            known_tags: KnownTags::default(),
            list_host: None,
            body_limit: BodyLimit::new(name, settings.part, common.notes.clone()),
            observed: ObservedBehavior::new(name, common.notes.clone()),
            profile,
            transport,
            common,
        }
    }

    /// Returns its name in references, such as `docker.io`.
    pub(crate) fn name(&self) -> &Arc<str> {
        self.transport.name()
    }

    /// Returns the tasks that end uploads which were given up.
    pub(crate) fn endings(&self) -> &TaskTracker {
        &self.common.endings
    }

    pub(crate) fn timing(&self) -> &Timing {
        self.transport.timing()
    }

    /// Returns an error that quotes this registry, without the secrets that it was sent.
    pub(crate) fn hide(&self, error: Error) -> Error {
        self.auth.hide(error)
    }

    /// Announces requests to a repository, so that one token may serve it and others.
    pub(crate) fn announce(&self, repository: &Repository, access: RepositoryAccess) {
        self.auth.announce(repository, access);
    }
}
