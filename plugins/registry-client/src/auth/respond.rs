//! Performs the actions that a 401 calls for.

use http::HeaderMap;
use sealift_core::{
    content::Repository,
    error::{Result, Retry},
};

use super::{
    Auth, AuthProgress, AuthScheme,
    authorization::{Authorization, Sent},
    challenge::Challenges,
    decision::{Action, decide},
};
use crate::{
    credentials::{CurrentLogin, OptionalLogin},
    operation::Operation,
    transport::Endpoint,
};

impl Auth {
    /// Learns from a 401, and returns true if the request should be sent again.
    ///
    /// # Errors
    /// If the login is wrong, which then counts for all requests, or if its provider failed.
    pub(crate) async fn respond(
        &self,
        at: &Endpoint,
        operation: Operation<'_>,
        authorization: &mut Authorization,
        headers: &HeaderMap,
        progress: &mut AuthProgress,
    ) -> Result<bool> {
        let challenges = Challenges::read(headers);
        self.learn(&challenges);
        let action = decide(&authorization.sent, &challenges, progress);
        let again = self.perform(at, operation, authorization, action, progress).await;
        progress.is_unauthorizable = again.is_err();
        match (again?, authorization.failed()) {
            (false, Some(error)) => Err(error.clone()),
            (again, _) => Ok(again),
        }
    }

    async fn perform(
        &self,
        at: &Endpoint,
        operation: Operation<'_>,
        authorization: &mut Authorization,
        action: Action,
        progress: &mut AuthProgress,
    ) -> Result<bool> {
        let repository = operation.repository();
        match action {
            Action::RenewLogin => {
                let is_new = progress.take(&action);
                return self.renew_login(repository, authorization, is_new).await;
            }
            Action::ReplaceAnonymousToken => {
                return self.replace_anonymous_token(repository, authorization, progress).await.map(|()| true);
            }
            _ if !progress.take(&action) => return Ok(false),
            Action::Return => return Ok(false),
            Action::FollowChallenge => {}
            Action::Authorize => {
                self.anonymous.note_refused(repository);
                let is_known = *self.scheme() != AuthScheme::None;
                if !is_known && let Some(scheme) = self.ping(at, operation).await {
                    self.adopt(&scheme);
                }
                return self.can_authorize(repository).await;
            }
            Action::Widen(scope) => progress.scope = Some(scope),
            Action::UseSingleToken => self.groups.set_apart(repository),
            Action::RenewToken => self.forget_token(authorization).await,
        }
        Ok(true)
    }

    /// Returns true if there is something to send for the scheme. A bearer token may be given to anonymous users, too.
    async fn can_authorize(&self, repository: &Repository) -> Result<bool> {
        let scheme = self.scheme().clone();
        match scheme {
            AuthScheme::None => Ok(false),
            AuthScheme::Bearer(_) => Ok(true),
            AuthScheme::Basic => match self.logins.look_up(repository).await {
                OptionalLogin { failed: Some(error), .. } => Err(error),
                OptionalLogin { login, .. } => Ok(login.is_some()),
            },
        }
    }

    /// Handles a login that the registry rejected. If it worked before, its provider is asked again.
    async fn renew_login(
        &self,
        repository: &Repository,
        authorization: &mut Authorization,
        is_new: bool,
    ) -> Result<bool> {
        let Some(CurrentLogin { tracked, login }) = &authorization.login else { return Ok(false) };
        let (trial, is_basic) = match &mut authorization.sent {
            Sent::Basic { trial, .. } => (trial.take(), true),
            _ => (None, false),
        };
        if is_new && tracked.has_worked() && tracked.renew(repository, login).await {
            return Ok(true);
        }
        let error = self.wrong_login(Some(login));
        if trial.is_some() {
            return Err(tracked.reject(login, error, self.suspension()));
        }
        if is_basic {
            tracked.note_rejection(error);
        }
        Ok(false)
    }

    /// Drops a token that Harbor gave to an anonymous user although there is a login. The next one may be right, once:
    /// the database may have been away, and is not after this response.
    ///
    /// # Errors
    /// If it was not the first one.
    pub(crate) async fn replace_anonymous_token(
        &self,
        repository: &Repository,
        authorization: &Authorization,
        progress: &mut AuthProgress,
    ) -> Result<()> {
        self.forget_token(authorization).await;
        if progress.take(&Action::ReplaceAnonymousToken) {
            tokio::time::sleep(self.retry.policy().backoff).await;
            return Ok(());
        }
        let login = authorization.login.as_ref();
        let error = self.wrong_login(login.map(|current| &*current.login));
        let Some(CurrentLogin { tracked, login }) = login else { return Err(error) };
        if tracked.has_worked() {
            tracked.renew(repository, login).await;
            return Err(error.with_retry(Retry::Soon));
        }
        match tracked.enter().await? {
            Some(_trial) => Err(tracked.reject(login, error, self.suspension())),
            None => Err(error.with_retry(Retry::Soon)), // it was accepted meanwhile
        }
    }

    /// Drops a token that may be too old for what it is needed for, once for a request.
    pub(crate) async fn renew_token(&self, authorization: &Authorization, progress: &mut AuthProgress) -> bool {
        let is_old = matches!(&authorization.sent, Sent::Bearer(token) if !token.is_fresh);
        let renews = is_old && progress.take(&Action::RenewToken);
        if renews {
            self.forget_token(authorization).await;
        }
        renews
    }

    async fn forget_token(&self, authorization: &Authorization) {
        if let Sent::Bearer(token) = &authorization.sent {
            self.tokens.forget(&token.key, token.serial).await;
        }
    }
}
