//! The logins of one registry in a run.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sealift_core::{
    async_trait,
    content::Repository,
    error::{Error, Result},
    login::{Login, LoginProvider},
};
use tokio::time::Instant;

use super::{CurrentLogin, TrackedLogin, hide};

/// Time until a failed lookup is repeated, so that a provider that hangs does not delay each request.
const FAILED_FOR: Duration = Duration::from_secs(60);

/// The result of a lookup for a request that may do without a login.
#[derive(Default)]
pub(crate) struct OptionalLogin {
    pub(crate) login: Option<CurrentLogin>,
    /// The error of a provider that may have a login. Only a request that needs one fails with it.
    pub(crate) failed: Option<Error>,
}

/// The providers of one registry, and their answers.
///
/// A lookup waits only for the lookup of the same repository.
pub(crate) struct Logins {
    providers: Vec<Arc<dyn LoginProvider>>,
    found: Mutex<HashMap<Repository, Arc<tokio::sync::Mutex<LookupResult>>>>,
    /// By origin: an entry is one login for all repositories that it serves.
    tracked: Mutex<HashMap<String, Arc<TrackedLogin>>>,
}

#[derive(Default)]
enum LookupResult {
    #[default]
    Unknown,
    Login(Arc<TrackedLogin>),
    Nothing,
    Failed(Error, Instant),
}

impl Logins {
    /// Returns logins of these providers; the first that has one for a repository counts.
    pub(crate) fn new(providers: Vec<Arc<dyn LoginProvider>>) -> Self {
        Self { providers, found: Mutex::default(), tracked: Mutex::default() }
    }

    /// Returns the login for a repository.
    ///
    /// # Errors
    /// If there is none, and a provider that may have one failed.
    pub(crate) async fn find(&self, repository: &Repository) -> Result<Option<CurrentLogin>> {
        let cell = Arc::clone(lock(&self.found).entry(repository.clone()).or_default());
        let mut found = cell.lock().await;
        let expired = matches!(&*found, LookupResult::Failed(_, at) if at.elapsed() >= FAILED_FOR);
        if expired || matches!(*found, LookupResult::Unknown) {
            *found = self.look_up_now(repository).await;
        }
        match &*found {
            LookupResult::Login(tracked) => {
                let current = tracked.current();
                if tracked.expires_soon() && tracked.renew(repository, &current.login).await {
                    return Ok(Some(tracked.current()));
                }
                Ok(Some(current))
            }
            LookupResult::Failed(error, _) => Err(error.clone()),
            LookupResult::Unknown | LookupResult::Nothing => Ok(None),
        }
    }

    /// Does the same for a request that may do without a login.
    pub(crate) async fn look_up(&self, repository: &Repository) -> OptionalLogin {
        match self.find(repository).await {
            Ok(login) => OptionalLogin { login, failed: None },
            Err(error) => {
                tracing::debug!(%repository, %error, "no login can be looked up");
                OptionalLogin { login: None, failed: Some(error) }
            }
        }
    }

    /// Returns false if no provider has a login for a repository. Runs no helper.
    pub(crate) async fn may_have(&self, repository: &Repository) -> bool {
        for provider in &self.providers {
            if provider.may_have(repository).await {
                return true;
            }
        }
        false
    }

    /// Returns the provider of the login that was found for a repository; none if none was found so far.
    pub(crate) fn provider(&self, repository: &Repository) -> Option<Arc<dyn LoginProvider>> {
        let cell = lock(&self.found).get(repository).cloned()?;
        match &*cell.try_lock().ok()? {
            LookupResult::Login(tracked) => Some(tracked.provider()),
            _ => None,
        }
    }

    /// Returns true if a provider may have a login for a repository, and its cloud a list of tags.
    pub(crate) async fn may_list(&self, repository: &Repository) -> bool {
        for provider in self.providers.iter().filter(|provider| provider.inventory().is_some()) {
            if provider.may_have(repository).await {
                return true;
            }
        }
        false
    }

    /// Returns a text without the secrets of the logins that were found so far.
    pub(crate) fn hide(&self, text: String) -> String {
        let current: Vec<_> = lock(&self.tracked).values().map(|tracked| tracked.current().login).collect();
        hide(current.iter(), None, text)
    }

    async fn look_up_now(&self, repository: &Repository) -> LookupResult {
        let mut failed = None;
        for provider in &self.providers {
            match provider.get(repository).await {
                Ok(Some(login)) => return LookupResult::Login(self.track(login, provider)),
                Ok(None) => {}
                Err(error) => _ = failed.get_or_insert(error),
            }
        }
        failed.map_or(LookupResult::Nothing, |error| LookupResult::Failed(error, Instant::now()))
    }

    fn track(&self, login: Login, provider: &Arc<dyn LoginProvider>) -> Arc<TrackedLogin> {
        let mut all = lock(&self.tracked);
        if let Some(tracked) = all.get(&login.origin) {
            tracked.update(login);
            return Arc::clone(tracked);
        }
        let origin = login.origin.clone();
        let tracked = Arc::new(TrackedLogin::new(login, Arc::clone(provider)));
        Arc::clone(all.entry(origin).or_insert(tracked))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The login of an entry in `[registries]`, for all repositories of its registry.
pub(crate) struct EntryLogin(pub(crate) Login);

#[async_trait]
impl LoginProvider for EntryLogin {
    async fn get(&self, _: &Repository) -> Result<Option<Login>> {
        Ok(Some(self.0.clone()))
    }

    // The pipeline file is read once.
    async fn invalidate(&self, _: &Login) {}
}

#[cfg(test)]
mod tests;
