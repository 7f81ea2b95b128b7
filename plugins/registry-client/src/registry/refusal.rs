//! Responses that are no success: what they mean, and what limits and retries learn from them.

use std::time::Duration;

use http::{StatusCode, header};
use sealift_core::{
    error::{Error, ErrorKind, Result, Retry},
    limit::{Permit, Pool},
};

use super::Registry;
use crate::{
    error::{Reason, Refusal, explain, refusal},
    limit::{retry_after, sent_at},
    operation::Operation,
    profile, quota,
    transport::Response,
};

impl Registry {
    /// Returns the error that a response other than a success means. Pauses all requests to the host if it asked for
    /// that.
    pub(crate) async fn refused(&self, operation: Operation<'_>, response: Response) -> Error {
        let (status, foreign) = (response.status(), response.foreign);
        let wait = self.note_pause(&response);
        let challenge = response.header(header::WWW_AUTHENTICATE);
        let profile = match challenge {
            Some("") => &profile::harbor::Harbor, // only Harbor sends a challenge that is there and empty
            _ => self.profile.get(),
        };
        let unchallenged = challenge.is_none_or(str::is_empty);
        let (login, proven) = (response.secrets.origin(), response.secrets.is_proven());
        let wrote = self.observed.took_a_write(operation.repository());
        let body = response.error_body().await;
        let quota = self.limit.quota().filter(|_| !foreign);
        let answer = Refusal { operation, status, body, foreign, unchallenged, wrote, login, proven, wait, quota };
        let meaning = if foreign { None } else { profile.interpret(&answer) };
        let mut error = refusal(&answer, meaning.unwrap_or_else(|| explain(&answer)));
        if wait.is_some_and(|wait| self.is_too_long(wait)) {
            error = error.with_retry(Retry::Never);
        }
        if Reason::of(&error) == Some(Reason::Unwell) {
            self.retry.complains();
        }
        error
    }

    /// Returns the same for the refusal of a write that takes `size` bytes of the project's quota. Remembers a quota
    /// that is used up.
    pub(crate) async fn refused_bytes(&self, operation: Operation<'_>, size: u64, response: Response) -> Error {
        let error = self.refused(operation, response).await;
        if Reason::of(&error) == Some(Reason::Quota) {
            self.observed.note_full(operation.repository(), size);
        }
        error
    }

    /// Pauses all requests to the host if a response asks for that, and returns for how long.
    fn note_pause(&self, response: &Response) -> Option<Duration> {
        let (status, foreign) = (response.status(), response.foreign);
        let asked = retry_after(response.headers(), sent_at(response.headers()));
        let longest = self.retry.policy().patience_max;
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.transport.counts().throttled(response.host());
        }
        let wait = match status {
            StatusCode::TOO_MANY_REQUESTS if !foreign => self.limit.pause(asked, longest),
            // The blobs of the registry are in the store that it redirects to, so a pause of the store is its own.
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => self.limit.pause(Some(asked?), longest),
            _ => return None,
        };
        tracing::info!(host = %self.name(), wait_ms = wait.as_millis(), "the host asked us to wait");
        Some(wait)
    }

    /// Remembers what is left of a quota. Where nothing is left, and the host says when there will be, all requests
    /// wait until then.
    pub(super) fn note_quota(&self, response: &Response) {
        let quota = quota::read(response.headers(), sent_at(response.headers())).filter(|_| !response.foreign);
        let Some(quota) = quota else { return };
        self.limit.note_quota(quota);
        self.transport.counts().quota(self.transport.api_host(), quota);
        if let Some(reset) = quota.reset.filter(|reset| quota.left == 0 && !reset.is_zero())
            && response.status() != StatusCode::TOO_MANY_REQUESTS
        {
            let wait = self.limit.pause(Some(reset), self.retry.policy().patience_max);
            tracing::info!(host = %self.name(), wait_ms = wait.as_millis(), "the quota of the host is used up");
        }
    }

    /// Waits until the pause that the host asked for is over.
    ///
    /// # Errors
    /// [`ErrorKind::Throttled`] if it lasts longer than [`RetryPolicy::patience`](crate::RetryPolicy::patience), or at
    /// all for a part of a transfer, which must not hold permits of other hosts meanwhile.
    pub(crate) async fn wait_for_pause(&self, in_transfer: bool) -> Result<()> {
        let patience = if in_transfer { Duration::ZERO } else { self.retry.policy().patience };
        let waited = self.limit.wait_for_pause(patience).await;
        waited.map_err(|left| self.is_paused(left))
    }

    /// Waits until a blob may be read or written.
    ///
    /// # Errors
    /// As [`Registry::wait_for_pause`].
    pub(crate) async fn permit(&self, pool: Pool) -> Result<Permit> {
        let permit = self.limit.blob(pool, self.retry.policy().patience).await;
        permit.map_err(|left| self.is_paused(left))
    }

    /// Returns the error of a request to a host that is paused for so long.
    pub(crate) fn is_paused(&self, left: Duration) -> Error {
        let mut what = format!("`{}` asked us to wait for {} more", self.name(), quota::time_words(left));
        if let Some(quota) = self.limit.quota().filter(|quota| quota.left == 0) {
            what += &format!(": of its quota {}", quota.words());
        }
        let retry = if self.is_too_long(left) { Retry::Never } else { Retry::After(left) };
        Error::new(ErrorKind::Throttled, what).with_retry(retry)
    }

    /// Returns true if a pause is not waited for in this run.
    fn is_too_long(&self, pause: Duration) -> bool {
        pause > self.retry.policy().patience_max
    }
}
