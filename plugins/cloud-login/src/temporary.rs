//! Logins that end: one for each registry, renewed before its end, and failures that are not repeated for each image.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sealift_core::{
    async_trait,
    content::Repository,
    error::{Error, Result},
    login::{Login, LoginInventory, LoginProvider},
};
use tokio::time::Instant;

/// A login is not handed out for the last seconds before its end.
const MARGIN: Duration = Duration::from_secs(30);
/// The time until a failure that may pass is tried again. A final one is not, in a run.
const FAILED_FOR: Duration = Duration::from_secs(60);

/// Issues temporary logins, such as the API of a cloud.
#[async_trait]
pub trait Issuer: Send + Sync {
    /// Returns false if it has no credentials, so that it is never asked.
    fn has_credentials(&self) -> bool;

    /// Returns a new login for a registry, or `None` if there is none for it.
    ///
    /// # Errors
    /// If it is refused, or there is no answer.
    async fn issue(&self, registry: &str) -> Result<Option<Login>>;

    /// Returns its list of tags, if its API has one. Default: none.
    fn inventory(&self) -> Option<&dyn LoginInventory> {
        None
    }
}

/// A provider of the logins of an issuer. Requests to different registries wait only for their own login.
///
/// A registry has one login for all of its repositories. A new one is issued when the last one is rejected or ends within
/// 30 seconds. After a failure that may pass it is asked again a minute later, and any
/// other failure is final for the run.
pub struct TemporaryLogin<I> {
    issuer: I,
    issued: Mutex<HashMap<String, Cell>>,
}

type Cell = Arc<tokio::sync::Mutex<Option<Answer>>>;
type Answer = std::result::Result<Option<Login>, (Error, Instant)>;

impl<I: Issuer> TemporaryLogin<I> {
    /// Returns a provider that has asked nothing yet.
    pub fn new(issuer: I) -> Self {
        Self { issuer, issued: Mutex::default() }
    }

    fn cells(&self) -> std::sync::MutexGuard<'_, HashMap<String, Cell>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<I: Issuer> LoginProvider for TemporaryLogin<I> {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        if !self.issuer.has_credentials() {
            return Ok(None);
        }
        let registry = repository.registry();
        let cell = Arc::clone(self.cells().entry(registry.to_owned()).or_default());
        let mut answer = cell.lock().await;
        match &*answer {
            Some(Ok(login)) if !login.as_ref().is_some_and(|login| login.expires_within(MARGIN)) => {
                return Ok(login.clone());
            }
            Some(Err((error, at))) if !error.is_retryable() || at.elapsed() < FAILED_FOR => return Err(error.clone()),
            _ => {}
        }
        let issued = self.issuer.issue(registry).await;
        *answer = Some(issued.clone().map_err(|error| (error, Instant::now())));
        issued
    }

    async fn may_have(&self, _: &Repository) -> bool {
        self.issuer.has_credentials()
    }

    fn inventory(&self) -> Option<&dyn LoginInventory> {
        self.issuer.inventory().filter(|_| self.issuer.has_credentials())
    }

    async fn invalidate(&self, login: &Login) {
        // A login that is being issued is newer than the rejected one.
        self.cells().retain(|_, cell| {
            cell.try_lock().map_or(true, |answer| !matches!(&*answer, Some(Ok(Some(known))) if known == login))
        });
    }
}

#[cfg(test)]
mod tests;
