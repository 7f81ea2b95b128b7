//! Logins for registries, and the trait of their providers.
//!
//! A provider is asked only after a registry demanded a login. Its answer is kept until it expires or is rejected.

mod inventory;

use std::{
    fmt,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
pub use inventory::{ListedTag, LoginInventory, TagPage};
use tokio::time::Instant;

use crate::{content::Repository, error::Result, secret::Secret};

/// The secret of a login, by the way in which it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginKind {
    /// User name and password (RFC 7617).
    Basic {
        /// The user name; token services receive it as `account` as well.
        username: String,
        /// The password or access token.
        password: Secret,
    },
    /// An OAuth2 refresh token, which a token service exchanges for bearer tokens.
    IdentityToken(Secret),
    /// A bearer token that the registry itself accepts.
    RegistryToken(Secret),
}

/// A login for one or more repositories of a registry.
///
/// `Debug` shows only its origin.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Login {
    /// The secret.
    pub kind: LoginKind,
    /// The place where it was found, for messages: "`auth.yaml`, entry `quay.io`". Must not contain the secret. A provider
    /// uses one origin for one entry, so that a renewed secret replaces the old one.
    pub origin: String,
    /// The time at which it ceases to be valid, `None` if that is unknown. The provider is asked again shortly before.
    pub expires: Option<SystemTime>,
}

impl Login {
    /// Creates a login of any kind that does not expire.
    pub fn new(kind: LoginKind, origin: impl Into<String>) -> Self {
        Self { kind, origin: origin.into(), expires: None }
    }

    /// Creates a login with user name and password.
    pub fn basic(username: impl Into<String>, password: Secret, origin: impl Into<String>) -> Self {
        Self::new(LoginKind::Basic { username: username.into(), password }, origin)
    }

    /// Creates a login with an identity token.
    pub fn identity_token(token: Secret, origin: impl Into<String>) -> Self {
        Self::new(LoginKind::IdentityToken(token), origin)
    }

    /// Creates a login with a bearer token for the registry.
    pub fn registry_token(token: Secret, origin: impl Into<String>) -> Self {
        Self::new(LoginKind::RegistryToken(token), origin)
    }

    /// Sets the time at which it ceases to be valid.
    #[must_use]
    pub fn with_expiry(self, expires: SystemTime) -> Self {
        Self { expires: Some(expires), ..self }
    }

    /// Returns true if it ceases to be valid within this time.
    pub fn expires_within(&self, time: Duration) -> bool {
        self.expires.is_some_and(|expires| expires <= now() + time)
    }

    /// Returns the secret part: the password or the token.
    pub fn secret(&self) -> &Secret {
        match &self.kind {
            LoginKind::Basic { password: secret, .. }
            | LoginKind::IdentityToken(secret)
            | LoginKind::RegistryToken(secret) => secret,
        }
    }
}

/// Returns the time of day, which never goes back: of the clock or of what passed since the first call, the later one.
fn now() -> SystemTime {
    static FIRST: LazyLock<(SystemTime, Instant)> = LazyLock::new(|| (SystemTime::now(), Instant::now()));
    let (time, at) = *FIRST;
    SystemTime::now().max(time + at.elapsed())
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.origin)
    }
}

/// A source of logins, such as a credential file or the token endpoint of a cloud.
///
/// The registry client shares one answer between all requests to a repository, and tries a login that was never accepted
/// only once in a run. Calls for different repositories run at the same time, so a provider whose answer is for a whole
/// registry asks its source once for each repository, unless it keeps the answer (`TemporaryLogin` of
/// `sealift-cloud-login` does).
#[async_trait]
pub trait LoginProvider: Send + Sync {
    /// Returns the login for a repository, or `None` if this provider has none for it.
    ///
    /// # Errors
    /// If the source may have a login and cannot be read. The next provider is asked then; the error is reported if the
    /// registry insists on a login.
    async fn get(&self, repository: &Repository) -> Result<Option<Login>>;

    /// Discards a login that expired or was rejected, so that the next `get` reads its source again.
    ///
    /// A provider that keeps nothing does nothing here.
    async fn invalidate(&self, login: &Login);

    /// Returns false if it certainly has no login for a repository. Must be quick: no program runs and no request is
    /// sent. Default: true.
    async fn may_have(&self, _repository: &Repository) -> bool {
        true
    }

    /// Returns the list of tags of its cloud, if it can ask for one. Default: none.
    fn inventory(&self) -> Option<&dyn LoginInventory> {
        None
    }
}

#[cfg(test)]
mod tests;
