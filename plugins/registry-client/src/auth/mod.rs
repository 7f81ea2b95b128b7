//! Logging in: the `Authorization` header of a request, and the reaction to a 401.
//!
//! The first request is sent without a login. Its 401 tells which scheme the registry wants, and later requests are
//! authorized from the start. The root of the API is [asked](ping) only where responses do not tell enough.
//!
//! ```text
//! authorize  (authorization.rs)   scheme, login, token → header
//! decide     (decision.rs)        sent × challenge × steps taken → one action
//! respond    (respond.rs)         performs the action; true: send again
//! ```

mod anonymous_access;
mod authorization;
mod challenge;
mod decision;
mod harbor_claims;
mod ping;
mod respond;
mod token;
mod token_cache;
mod token_groups;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sealift_core::{
    content::Repository,
    error::{Error, Result},
    login::LoginProvider,
};
use tokio::time::{Instant, timeout};

pub(crate) use authorization::Authorization;
pub(crate) use challenge::Challenges;
pub(crate) use decision::AuthProgress;
pub(crate) use harbor_claims::HarborClaims;
pub(crate) use token_groups::RepositoryAccess;

use self::{
    anonymous_access::AnonymousAccess,
    challenge::{BearerChallenge, Challenges as ReadChallenges},
    token_cache::TokenCache,
    token_groups::TokenGroups,
};
use crate::{
    credentials::{CurrentLogin, Logins},
    limit::HostLimit,
    profile::CurrentProfile,
    retry::RetryState,
    transport::HostConnections,
};

/// The time for which other requests to a host wait for the first one: about what a connection with TLS and a request take
/// at a host 120 ms away. Where the first one takes longer, each of the others finds out for itself.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// The login at one registry: a layer around its transport.
pub(crate) struct Auth {
    transport: Arc<HostConnections>,
    logins: Logins,
    retry: Arc<RetryState>,
    limit: Arc<HostLimit>,
    profile: Arc<CurrentProfile>,
    scheme: Mutex<AuthScheme>,
    /// The first request is over, so that its 401 is known to all.
    met: AtomicBool,
    first: tokio::sync::Mutex<()>,
    ping: tokio::sync::OnceCell<Option<AuthScheme>>,
    anonymous: AnonymousAccess,
    tokens: TokenCache,
    groups: TokenGroups,
    /// The end of the pause that the token service asked for.
    token_pause: Mutex<Option<Instant>>,
}

/// The authentication scheme that a registry asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum AuthScheme {
    /// None, or not known yet.
    #[default]
    None,
    Basic,
    Bearer(BearerChallenge),
}

impl AuthScheme {
    /// Returns the scheme that challenges ask for, if any. Bearer is preferred.
    fn of(challenges: &ReadChallenges) -> Option<Self> {
        match &challenges.bearer {
            Some(bearer) => Some(Self::Bearer(bearer.clone())),
            None => challenges.basic.then_some(Self::Basic),
        }
    }
}

impl Auth {
    pub(crate) fn new(
        transport: Arc<HostConnections>,
        logins: Logins,
        retry: Arc<RetryState>,
        limit: Arc<HostLimit>,
        profile: Arc<CurrentProfile>,
    ) -> Self {
        Self {
            transport,
            logins,
            retry,
            limit,
            profile,
            scheme: Mutex::default(),
            met: AtomicBool::default(),
            first: tokio::sync::Mutex::default(),
            ping: tokio::sync::OnceCell::default(),
            anonymous: AnonymousAccess::default(),
            tokens: TokenCache::default(),
            groups: TokenGroups::default(),
            token_pause: Mutex::default(),
        }
    }

    /// Lets one request go first, so that a hundred concurrent ones do not each get a 401. The others continue when the
    /// returned guard is dropped, with any result, or when that takes long: an answer may be slow because of its content.
    pub(crate) async fn first_request(&self) -> Option<FirstRequest<'_>> {
        if self.met.load(Ordering::Acquire) {
            return None;
        }
        let Ok(turn) = timeout(FIRST_REQUEST, self.first.lock()).await else {
            self.met.store(true, Ordering::Release);
            return None;
        };
        (!self.met.load(Ordering::Acquire)).then(|| FirstRequest { auth: self, _turn: turn })
    }

    /// Announces requests to a repository, so that one token may serve it and others.
    pub(crate) fn announce(&self, repository: &Repository, access: RepositoryAccess) {
        self.groups.announce(repository, access);
    }

    /// Returns the login for a repository.
    ///
    /// # Errors
    /// If there may be one, and its file or helper cannot be used.
    pub(crate) async fn login(&self, repository: &Repository) -> Result<Option<CurrentLogin>> {
        self.logins.find(repository).await
    }

    /// Returns the provider of the login that was found for a repository; none if none was needed so far.
    pub(crate) fn provider(&self, repository: &Repository) -> Option<Arc<dyn LoginProvider>> {
        self.logins.provider(repository)
    }

    /// Returns true if the cloud of a login that may be there may have a list of tags.
    pub(crate) async fn may_list(&self, repository: &Repository) -> bool {
        self.logins.may_list(repository).await
    }

    /// Returns an error that quotes a server, without the secrets that it was sent.
    pub(crate) fn hide(&self, error: Error) -> Error {
        error.with_replaced(|text| self.logins.hide(text))
    }

    /// Remembers the scheme that challenges ask for, and detects the product by it.
    fn learn(&self, challenges: &ReadChallenges) {
        if let Some(realm) = &challenges.basic_realm {
            self.profile.detect_by_basic_realm(realm);
        }
        if let Some(scheme) = AuthScheme::of(challenges) {
            self.adopt(&scheme);
        }
    }

    /// Uses a scheme for all further requests.
    fn adopt(&self, scheme: &AuthScheme) {
        let mut known = self.scheme();
        // Harbor answers an expired bearer token with a Basic challenge, so the remembered one stays.
        if *scheme == AuthScheme::Basic && *known != AuthScheme::None {
            return;
        }
        if let AuthScheme::Bearer(BearerChallenge { service: Some(service), .. }) = scheme {
            self.profile.detect_by_service(service);
        }
        known.clone_from(scheme);
    }

    fn scheme(&self) -> MutexGuard<'_, AuthScheme> {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held during the first request to a registry.
pub(crate) struct FirstRequest<'a> {
    auth: &'a Auth,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Drop for FirstRequest<'_> {
    fn drop(&mut self) {
        self.auth.met.store(true, Ordering::Release);
    }
}
