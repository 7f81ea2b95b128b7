//! The registries of one run: settings, logins, connections and what was learned, shared by all that use them.

mod builder;
mod operations;

use std::{
    collections::HashMap,
    fmt,
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
};

pub use builder::{ClientBuilder, HostConfig};
use sealift_core::{
    content::Repository,
    counters::CounterSet,
    error::{Error, Result},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    api::{ApiRequest, ApiResponse, Catalog, Grant, TagList, login, product, tags},
    auth::RepositoryAccess,
    credentials::Credentials,
    host_settings::HostSettings,
    referrer_tags::ReferrerTags,
    registry::{Common, Registry},
    request_counts::RequestCounts,
    scope::Scopes,
};

/// A client of all registries. See the [crate](crate) for an example.
///
/// It holds connections, tokens and what it learned of each registry, so it is made once and shared.
pub struct Client {
    settings: HostSettings,
    auth_file: Arc<Credentials>,
    common: Arc<Common>,
    registries: Mutex<HashMap<Arc<str>, Arc<Registry>>>,
    referrer_tags: ReferrerTags,
}

impl Client {
    pub(crate) fn new(settings: HostSettings, auth_file: Arc<Credentials>, common: Common) -> Self {
        let (registries, referrer_tags) = (Mutex::default(), ReferrerTags::default());
        Self { settings, auth_file, common: Arc::new(common), registries, referrer_tags }
    }

    /// Returns the registry of a repository.
    pub(crate) fn registry(&self, repository: &Repository) -> Arc<Registry> {
        let mut registries = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        let name = repository.registry();
        if let Some(registry) = registries.get(name) {
            return Arc::clone(registry);
        }
        let mut settings = self.settings.of(name);
        settings.connection.insecure |=
            self.auth_file.is_insecure(name) || self.common.containers.conf.is_insecure(name);
        let registry = Registry::new(name, settings, Arc::clone(&self.common));
        let registry = Arc::new(match registry.list_host_name() {
            Some(host) => registry.with_list_host(host, self.settings.of(host)),
            None => registry,
        });
        registries.insert(Arc::clone(registry.name()), Arc::clone(&registry));
        registry
    }

    /// Returns the places where images of a repository may be read, in order; the last one is its own.
    pub(crate) fn sources(&self, repository: &Repository, by_digest: bool) -> Vec<Repository> {
        self.common.containers.conf.sources(repository, by_digest)
    }

    /// Announces requests to a repository, so that one token may serve it and others of its registry.
    pub(crate) fn announce(&self, repository: &Repository, access: RepositoryAccess) {
        self.registry(repository).announce(repository, access);
    }

    /// Waits until uploads that were given up are ended at their registries, as far as these answer.
    pub(crate) async fn end_uploads(&self) {
        self.common.endings.close();
        self.common.endings.wait().await;
        self.common.endings.reopen();
    }

    pub(crate) fn referrer_tags(&self) -> &ReferrerTags {
        &self.referrer_tags
    }

    /// Returns the tags of a repository. An empty one has none; one that does not exist is an error.
    ///
    /// # Errors
    /// If it does not exist, or cannot be listed.
    pub async fn tags(&self, repository: &Repository) -> Result<TagList> {
        // A mirror need not have all of them, so it is asked last.
        let mut first = None;
        for at in self.sources(repository, false).into_iter().rev() {
            match tags::list(&self.registry(&at), &at, Scopes::pull(&at)).await {
                Err(error) => _ = first.get_or_insert(error),
                Ok(listed) => {
                    self.referrer_tags.note(&at, &listed.tags);
                    return Ok(listed);
                }
            }
        }
        Err(first.expect("there is at least one place"))
    }

    /// Returns the tags of a repository, read by a task of its own. A list that is read ahead and is not polled while
    /// another one is handed out then keeps no permit that this other one waits for.
    ///
    /// # Errors
    /// As [`Client::tags`].
    pub async fn tags_ahead(self: &Arc<Self>, repository: &Repository) -> Result<TagList> {
        let (client, at) = (Arc::clone(self), repository.clone());
        let task = AbortOnDropHandle::new(tokio::spawn(async move { client.tags(&at).await }));
        task.await.unwrap_or_else(|stopped| match stopped.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(Error::cancelled()),
        })
    }

    /// Returns the catalog of the registry of `at`, read with the login for `at`. Sends nothing yet.
    pub fn catalog(&self, at: &Repository) -> Catalog {
        Catalog::new(self.registry(at), at.clone())
    }

    /// Sends a request to the API that a product has beside its registry, at the same host and with the same login: that
    /// of Harbor, Quay or any other. Refusals are responses.
    ///
    /// # Errors
    /// If there is no response, or the host is not ready for one.
    pub async fn product_api(&self, request: &ApiRequest<'_>) -> Result<ApiResponse> {
        product::send(&self.registry(request.repository), request).await
    }

    /// Treats the registry of a repository as a Harbor from now on, before its responses tell. A `kind` in the pipeline
    /// counts first.
    pub fn treat_as_harbor(&self, at: &Repository) {
        self.harbor(at);
    }

    /// Fetches a token of a Harbor to push to a repository, and returns what it allows.
    ///
    /// # Errors
    /// If the login is wrong, or the registry does not answer.
    pub async fn grant(&self, at: &Repository) -> Result<Grant> {
        login::grant(&self.harbor(at), at).await
    }

    /// Makes sure that the login for a repository is accepted, by a request that needs it.
    ///
    /// # Errors
    /// If the login is wrong, or the registry cannot tell at the moment.
    pub async fn check_login(&self, at: &Repository) -> Result<()> {
        login::check(&self.registry(at), at).await
    }

    /// Returns the registry of a repository, which the caller knows to be a Harbor.
    pub(crate) fn harbor(&self, at: &Repository) -> Arc<Registry> {
        let registry = self.registry(at);
        registry.profile.set_harbor();
        registry
    }

    /// Returns how many requests were made so far.
    pub fn request_counts(&self) -> RequestCounts {
        self.common.network.counts.snapshot()
    }

    pub(crate) fn tallies(&self) -> Vec<CounterSet> {
        self.common.network.counts.tallies()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
