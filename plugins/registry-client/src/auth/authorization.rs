//! The `Authorization` of a request: from the scheme of the registry and a login to a header.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use sealift_core::{
    content::Repository,
    error::{Error, ErrorKind, Result},
    login::Login,
};

use super::{
    Auth, AuthProgress, AuthScheme, HarborClaims,
    challenge::BearerChallenge,
    token::{Fresh, TokenFailure},
    token_cache::{Token, TokenKey},
};
use crate::{
    credentials::{
        CurrentLogin, OptionalLogin, SentSecrets, Trial, WRONG_PASSWORD, basic_header, registry_token, sensitive,
        wrong_login_hint,
    },
    scope::Scopes,
    transport::Endpoint,
};

/// The authorization of one request.
pub(crate) struct Authorization {
    pub(super) sent: Sent,
    pub(super) login: Option<CurrentLogin>,
    /// The error of a provider that may have the missing login.
    failed: Option<Error>,
}

pub(super) enum Sent {
    /// Nothing, because the scheme is not known.
    Unknown,
    /// Nothing, because there is nothing to send.
    Nothing,
    Basic {
        header: HeaderValue,
        trial: Option<Trial>,
    },
    Bearer(SentToken),
    /// A token of the login itself; there is no other.
    RegistryToken(HeaderValue),
}

/// A token of a token service, as it was sent.
pub(super) struct SentToken {
    pub(super) header: HeaderValue,
    pub(super) key: TokenKey,
    pub(super) serial: u64,
    /// It was asked for just now, so that asking again would return the same.
    pub(super) is_fresh: bool,
    pub(super) scope: TokenScope,
    /// Harbor gave it to an anonymous user although there is a login.
    pub(super) is_anonymous_for_login: bool,
    /// The claims of a token of Harbor.
    pub(super) claims: Option<Arc<HarborClaims>>,
}

/// The repositories of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenScope {
    /// The repository and its group.
    Shared,
    /// The repository alone.
    Single,
    /// The repository alone, because the shared token was rejected.
    SingleAfterShared,
}

impl Authorization {
    pub(super) fn new(sent: Sent, login: Option<CurrentLogin>) -> Self {
        Self { sent, login, failed: None }
    }

    /// Returns the `Authorization` header.
    pub(crate) fn header(&self) -> Option<&HeaderValue> {
        match &self.sent {
            Sent::Unknown | Sent::Nothing => None,
            Sent::Basic { header, .. } | Sent::Bearer(SentToken { header, .. }) | Sent::RegistryToken(header) => {
                Some(header)
            }
        }
    }

    /// Returns true if nothing was sent because the scheme is not known.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.sent, Sent::Unknown)
    }

    /// Returns the claims of a token of Harbor.
    pub(crate) fn claims(&self) -> Option<&HarborClaims> {
        match &self.sent {
            Sent::Bearer(token) => token.claims.as_deref(),
            _ => None,
        }
    }

    /// Returns true if Harbor gave a token to an anonymous user although there is a login.
    pub(crate) fn is_anonymous_for_login(&self) -> bool {
        matches!(&self.sent, Sent::Bearer(token) if token.is_anonymous_for_login)
    }

    /// Returns true if a token of Harbor says that its login may not push there, or that there is no such project.
    pub(crate) fn lacks_push(&self, at: &Repository) -> bool {
        self.claims().is_some_and(|claims| !claims.is_anonymous() && !claims.allows(at.path(), "push"))
    }

    /// Returns where the login came from, an empty text if there is none.
    pub(crate) fn origin(&self) -> &str {
        self.login.as_ref().map_or("", |current| &current.login.origin)
    }

    pub(crate) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Returns the error of a file or helper that may have the login which is missing here.
    pub(crate) fn failed(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    pub(crate) fn secrets(&self) -> SentSecrets {
        SentSecrets::new(self.login.clone(), self.header().cloned())
    }

    /// Lets other requests try the login before this one has a response, because it takes long.
    pub(crate) fn end_trial(&mut self) {
        if let Sent::Basic { trial, .. } = &mut self.sent {
            *trial = None;
        }
    }
}

impl Auth {
    /// Returns the authorization of a request, as far as it is known what the registry asks for.
    ///
    /// # Errors
    /// If the login was rejected, or the token service gives no token.
    pub(crate) async fn authorize(
        &self,
        at: &Endpoint,
        repository: &Repository,
        scopes: &Scopes,
        progress: &AuthProgress,
    ) -> Result<Authorization> {
        let scheme = progress.scheme.clone().unwrap_or_else(|| self.scheme().clone());
        let anonymous =
            progress.scheme.is_none() && scheme == AuthScheme::Basic && self.anonymous.may_serve(repository);
        if scheme == AuthScheme::None || anonymous {
            return Ok(Authorization::new(Sent::Unknown, None));
        }
        let OptionalLogin { login, failed } = self.logins.look_up(repository).await;
        let token = login.as_ref().and_then(|current| registry_token(&current.login));
        let authorization = if let Some(token) = token {
            let header = sensitive(&format!("Bearer {}", token.expose()));
            Ok(Authorization::new(Sent::RegistryToken(header), login))
        } else {
            match &scheme {
                AuthScheme::Bearer(bearer) => self.with_token(at, bearer, repository, scopes, login, progress).await,
                AuthScheme::Basic => with_password(repository, login).await,
                AuthScheme::None => Ok(Authorization::new(Sent::Nothing, login)),
            }
        };
        authorization.map(|authorization| Authorization { failed, ..authorization })
    }

    async fn with_token(
        &self,
        at: &Endpoint,
        bearer: &BearerChallenge,
        repository: &Repository,
        scopes: &Scopes,
        login: Option<CurrentLogin>,
        progress: &AuthProgress,
    ) -> Result<Authorization> {
        let scopes = scopes.clone().and_demanded(progress.scope.as_deref());
        let single = progress.needs_single_token();
        let shared = if single { None } else { self.shared_scopes(repository, &scopes).await };
        if let Some(shared) = shared {
            let request = (repository, &shared, TokenScope::Shared);
            let authorization = self.with_token_of(at, bearer, request, login.clone()).await;
            let has_token = matches!(&authorization, Ok(Authorization { sent: Sent::Bearer(_), .. }));
            let is_temporary = authorization.as_ref().is_err_and(Error::is_retryable);
            if has_token || is_temporary {
                return authorization;
            }
            // The service may refuse several scopes. Any other reason is reported for the single one.
            self.groups.disable();
        }
        let scope = if single { TokenScope::SingleAfterShared } else { TokenScope::Single };
        self.with_token_of(at, bearer, (repository, &scopes, scope), login).await
    }

    async fn with_token_of(
        &self,
        at: &Endpoint,
        bearer: &BearerChallenge,
        (repository, scopes, scope): (&Repository, &Scopes, TokenScope),
        login: Option<CurrentLogin>,
    ) -> Result<Authorization> {
        let origin = login.as_ref().map(|current| current.login.origin.clone());
        let key = TokenKey { bearer: bearer.clone(), login: origin, scopes: scopes.key() };
        let fetch = self.fetch_with_login(at, bearer, repository, scopes, login.as_ref());
        match self.tokens.get(&key, fetch).await {
            Ok(Token { header, serial, is_fresh, claims }) => {
                let is_anonymous = claims.as_ref().is_some_and(|claims| claims.is_anonymous());
                let is_anonymous_for_login = is_anonymous && login.is_some();
                let sent = SentToken { header, key, serial, is_fresh, scope, is_anonymous_for_login, claims };
                Ok(Authorization::new(Sent::Bearer(sent), login))
            }
            // Some token services refuse anonymous users, while the registry shows them what is public.
            Err(error) if login.is_none() && error.kind() == ErrorKind::Denied && !error.is_retryable() => {
                tracing::debug!(host = %self.transport.name(), %error, "no anonymous token, so none is sent");
                Ok(Authorization::new(Sent::Nothing, None))
            }
            Err(error) => Err(error),
        }
    }

    /// Fetches a token. A login that is rejected after it was accepted in this run is renewed, or tried once more after
    /// a pause: the directory behind the token service may have been away for a moment.
    async fn fetch_with_login(
        &self,
        at: &Endpoint,
        bearer: &BearerChallenge,
        repository: &Repository,
        scopes: &Scopes,
        login: Option<&CurrentLogin>,
    ) -> Result<Fresh> {
        let Some(CurrentLogin { tracked, .. }) = login else {
            return self.fetch_token(at, bearer, scopes, None).await.map_err(TokenFailure::into_error);
        };
        let mut trial = tracked.enter_token_service().await?;
        let mut is_last = trial.as_ref().is_some_and(Trial::was_suspended);
        if is_last {
            tracked.renew(repository, &tracked.current().login).await;
        }
        loop {
            let current = tracked.current();
            let error = match self.fetch_token(at, bearer, scopes, Some(&current)).await {
                // Harbor gives a token to an anonymous user if it does not accept the login. Whether that is wrong is
                // told by the registry, which looks at the project first.
                Ok(fresh) if fresh.is_anonymous() => return Ok(fresh.briefly()),
                Ok(fresh) => {
                    tracked.accept(&current.login);
                    return Ok(fresh);
                }
                Err(TokenFailure::LoginRejected(error)) => error,
                Err(TokenFailure::Forbidden(error)) if !is_last && tracked.has_worked() => {
                    tracing::debug!(%repository, %error, "asking once more");
                    is_last = true;
                    tokio::time::sleep(self.trial_pause()).await;
                    continue;
                }
                Err(failure) => return Err(failure.into_error()),
            };
            if is_last || !tracked.has_worked() {
                return Err(tracked.reject(&current.login, error, self.suspension()));
            }
            is_last = true;
            tracked.doubt(&current.login, &error)?;
            if !tracked.renew(repository, &current.login).await {
                if trial.is_none() {
                    trial = tracked.enter_token_service().await?;
                }
                tokio::time::sleep(self.trial_pause()).await;
            }
        }
    }

    /// Returns the pause before a login that worked is tried once more.
    pub(super) fn trial_pause(&self) -> Duration {
        self.retry.policy().backoff * 2
    }

    /// Returns how long a login is not tried that was rejected twice after it worked.
    pub(super) fn suspension(&self) -> Duration {
        self.retry.policy().backoff * 8
    }

    /// Notes a response that is no 401.
    pub(crate) fn note_accepted(&self, authorization: Authorization) {
        let Authorization { sent, login, .. } = authorization;
        match (sent, login) {
            (Sent::Bearer(SentToken { scope: TokenScope::SingleAfterShared, .. }), _) => self.groups.disable(),
            (Sent::Basic { .. } | Sent::RegistryToken(_), Some(current)) => current.tracked.accept(&current.login),
            _ => {}
        }
    }

    /// Returns the error of a login that the registry does not accept.
    pub(super) fn wrong_login(&self, login: Option<&Login>) -> Error {
        let origin = login.map(|login| login.origin.as_str()).unwrap_or_default();
        let name = self.transport.name();
        let error = Error::new(ErrorKind::Denied, format!("`{name}` does not accept the login from {origin} (401)"));
        error.with_hint(match login.map_or(WRONG_PASSWORD, wrong_login_hint) {
            WRONG_PASSWORD if self.profile.facts().projects => {
                "check user name and password there, and whether a robot expired"
            }
            hint => hint,
        })
    }
}

async fn with_password(repository: &Repository, login: Option<CurrentLogin>) -> Result<Authorization> {
    let Some(CurrentLogin { tracked, login }) = login else { return Ok(Authorization::new(Sent::Nothing, None)) };
    let trial = tracked.enter().await?;
    if trial.as_ref().is_some_and(Trial::was_suspended) {
        tracked.renew(repository, &login).await;
    }
    let current = tracked.current(); // others may have renewed it
    match basic_header(&current.login) {
        Some(header) => Ok(Authorization::new(Sent::Basic { header, trial }, Some(current))),
        None => Ok(Authorization::new(Sent::Nothing, None)),
    }
}
