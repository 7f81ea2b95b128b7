//! The only way to send a request: with login, within the limits, repeated by the retry policy.
//!
//! A 401 is answered with a token, once renewed, once with a wider scope. Other refusals are returned as they are:
//! whether 404 is an error is for the caller to know.

use http::StatusCode;
use sealift_core::{
    error::{Error, ErrorKind, Result, Retry},
    limit::{RequestOutcome, without_permits},
};
use tokio::time::Instant;

use super::Registry;
use crate::{
    auth::AuthProgress,
    error::{BrokenExchange, LONG_NAME, Reason},
    retry::{FailedTry, is_transient},
    transport::{ConnectionPool, Request, Response},
};

impl Registry {
    /// Sends a request and returns the response.
    ///
    /// # Errors
    /// If there is no response, the host is not ready to answer, or it rejects the login. Other refusals are responses.
    pub(crate) async fn execute(&self, request: &Request<'_>) -> Result<Response> {
        let mut attempts = self.retry.attempts(self.retry.policy().requests);
        let mut progress = AuthProgress::default();
        loop {
            let mut began = Instant::now();
            let failed = match self.attempt(request, &mut progress, &mut began).await {
                Ok(Some(response)) => return Ok(response),
                Ok(None) => continue,
                Err(error) => self.hide(error),
            };
            // The permits of other stores are returned before the pause is waited for.
            if request.in_transfer && matches!(failed.retry(), Retry::After(_)) {
                return Err(failed);
            }
            let failed_try = self.failed_try(began, &failed, progress.is_unauthorizable);
            let pause = attempts.pause_of_request(&self.retry, &failed, &failed_try);
            let Some(pause) = pause else { return Err(failed) };
            self.transport.counts().retry(self.transport.api_host());
            tracing::debug!(host = %self.name(), pause_ms = pause.as_millis(), error = %failed, "asking again");
            without_permits(tokio::time::sleep(pause)).await;
        }
    }

    pub(crate) fn failed_try(&self, began: Instant, failed: &Error, exhausted: bool) -> FailedTry {
        let unwell = Reason::of(failed) == Some(Reason::Unwell);
        let broke = BrokenExchange::is_cause_of(failed);
        FailedTry { began, last_response: self.transport.last_response(), unwell, exhausted, broke }
    }

    /// Sends a request once. Returns none if the same request is to be sent again, now that more is known.
    /// `began` becomes the time at which it is sent: what is waited for before says nothing of the host.
    async fn attempt(
        &self,
        request: &Request<'_>,
        progress: &mut AuthProgress,
        began: &mut Instant,
    ) -> Result<Option<Response>> {
        let context = |error: Error| error.with_context(request.operation);
        let repository = request.operation.repository();
        if let Some(file) = self.common.containers.conf.blocked_by(repository) {
            let what = format!("{}: `{file}` blocks it", request.operation);
            return Err(Error::new(ErrorKind::Denied, what).with_hint("`blocked` of its entry there says so"));
        }
        let at = self.transport.endpoint().await.map_err(context)?;
        // The first request finds out for the others what the host wants, also that it wants a pause.
        let first = without_permits(self.auth.first_request()).await;
        self.wait_for_pause(request.in_transfer).await.map_err(context)?;
        let authorization = without_permits(self.auth.authorize(at, repository, &request.scopes, progress)).await;
        progress.is_unauthorizable = authorization.is_err();
        let mut authorization = authorization.map_err(context)?;
        if request.operation.writes() && authorization.lacks_push(repository) {
            // The project may be younger than the token.
            if without_permits(self.auth.renew_token(&authorization, progress)).await {
                return Ok(None);
            }
            // The question that this takes needs a permit of its own, and its turn.
            drop(first);
            return Err(Box::pin(self.denied(request, authorization.origin())).await);
        }
        // A blob that is read has a permit until its end.
        let mut permit = match request.pool {
            ConnectionPool::Small if !request.in_transfer => {
                let manifests = self.profile.facts().manifest_writes;
                let permit = self.limit.small(request, manifests, self.retry.policy().patience);
                let permit = without_permits(permit).await;
                Some(permit.map_err(|left| context(self.is_paused(left)))?)
            }
            _ => None,
        };
        // Fetching a token takes time, and the host may have asked for a pause meanwhile.
        self.wait_for_pause(request.in_transfer).await.map_err(context)?;
        *began = Instant::now();
        let mut response = self.transport.exchange(at, request, authorization.header()).await.map_err(context)?;
        self.note_quota(&response);
        if let Some(server) = response.header(http::header::SERVER).filter(|_| !response.foreign) {
            self.profile.detect_by_server(server);
        }
        response.secrets = authorization.secrets();
        if response.status() == StatusCode::UNAUTHORIZED
            && authorization.header().is_some()
            && self.is_unchallenged(&response)
        {
            let response = self.explained(at, request, authorization.header(), response).await?;
            if authorization.is_anonymous_for_login() {
                let replaced = self.auth.replace_anonymous_token(repository, &authorization, progress);
                without_permits(replaced).await.map_err(context)?;
                return Ok(None);
            }
            return Ok(Some(response));
        }
        if response.status() == StatusCode::UNAUTHORIZED && !response.foreign {
            let again = self.auth.respond(at, request.operation, &mut authorization, response.headers(), progress);
            if without_permits(again).await.map_err(context)? {
                response.discard().await;
                return Ok(None);
            }
            return Ok(Some(response));
        }
        if self.auth.should_authorize(at, request.operation, &authorization, &response, progress).await {
            response.discard().await;
            return Ok(None);
        }
        self.auth.note_response(request.operation, &authorization, &response, progress);
        let forbidden = response.status() == StatusCode::FORBIDDEN && !response.foreign;
        if let Some(error) = authorization.failed().filter(|_| forbidden) {
            return Err(context(error.clone()));
        }
        self.auth.note_accepted(authorization);
        let later = is_transient(response.status()) && !is_settled(request, &response);
        if !later || !(request.retry_busy || response.status() == StatusCode::TOO_MANY_REQUESTS) {
            self.went_well();
            self.limit.report(&mut permit, RequestOutcome::Done);
            if response.status().is_success() || response.status() == StatusCode::NOT_FOUND {
                self.retry.is_well();
            }
            return Ok(Some(response));
        }
        let refused = self.refused(request.operation, response).await;
        if matches!(refused.retry(), Retry::After(_)) {
            self.limit.report(&mut permit, RequestOutcome::Throttled);
        }
        Err(refused)
    }

    /// Notes a request that the host did not put off.
    pub(crate) fn went_well(&self) {
        self.retry.earn();
    }
}

/// Returns true if a 500 is about what was sent, so that sending it again brings nothing.
fn is_settled(request: &Request<'_>, response: &Response) -> bool {
    let failed = response.status() == StatusCode::INTERNAL_SERVER_ERROR;
    failed && (request.accept_500 || request.operation.repository().path().len() > LONG_NAME)
}
