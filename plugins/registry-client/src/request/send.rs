//! A request is sent until it has an answer that counts.
//!
//! Repeated, with pauses, are lost connections and answers that say "later"; a host that asks for a pause gets it from
//! everybody. A 401 is answered with a token, once renewed, once with a wider scope. What is left is given back as it
//! is: whether 404 is an error is for the caller to know.

use std::time::Duration;

use http::StatusCode;
use sealift_core::error::{Error, ErrorKind, Result, Retry};
use tokio::time::Instant;

use super::{Answer, Ask, backoff::Backoff, clock::sent_at, quota, retry_after};
use crate::{
    auth::Tried,
    doing::Doing,
    error::{Refusal, is_transient, refusal},
    host::Host,
    names::api_host,
    net::Lane,
};

/// How often a request is sent at most.
const ATTEMPTS: u32 = 5;

impl Host {
    /// Sends a request, with all the patience that is good.
    ///
    /// # Errors
    /// If there is no answer, the host is not ready for one, or the login is not taken. Other refusals are answers.
    pub(crate) async fn send(&self, ask: &Ask<'_>) -> Result<Answer> {
        let timing = &self.shared.timing;
        let mut backoff = Backoff::new(timing.backoff, timing.backoff_max, ATTEMPTS);
        let mut tried = Tried::default();
        loop {
            let began = Instant::now();
            let failed = match self.send_once(ask, &mut tried).await {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => continue,
                Err(error) => error,
            };
            let worth = match failed.retry_advice() {
                Retry::Never => false,
                Retry::Soon => true,
                Retry::After(wait) => wait <= timing.patience,
            };
            // The network is away, and so is everybody who asks by it: that is no reason to give up one after the other.
            let away = worth && self.pace.is_away(began, timing.outage);
            let pause = match away {
                true => Some(timing.backoff.mul_f64(2.0 + 2.0 * fastrand::f64())),
                // A token service was asked several times already.
                false => backoff.next().filter(|_| worth && !tried.in_vain && self.pace.spend()),
            };
            let Some(pause) = pause else { return Err(failed) };
            // A wait that the host asked for is kept by its gate.
            let pause = if matches!(failed.retry_advice(), Retry::After(_)) { Duration::ZERO } else { pause };
            self.shared.counters.retry(api_host(&self.name));
            tracing::debug!(host = %self.name, pause_ms = pause.as_millis(), error = %failed, "asking again");
            tokio::time::sleep(pause).await;
        }
    }

    /// None: the same request again, now that more is known.
    async fn send_once(&self, ask: &Ask<'_>, tried: &mut Tried) -> Result<Option<Answer>> {
        let doing = |error: Error| error.context(ask.doing);
        let at = self.reached().await.map_err(doing)?;
        // Who reads a blob has a place for as long as that takes.
        let place = match ask.lane {
            Lane::Small => Some(self.levels.small.enter().await),
            Lane::Bulk => None,
        };
        // Who goes first finds out for all the others, also that the host wants a pause.
        let _first = self.auth.first_request().await;
        self.wait_for_gate().await.map_err(doing)?;
        self.ceilings.keep(ask).await;
        let ticket = self.ticket(at, ask.doing.repository(), &ask.scopes, tried).await;
        tried.in_vain = ticket.is_err();
        let mut ticket = ticket.map_err(doing)?;
        // A token is not had in no time, and the gate may have been closed meanwhile.
        self.wait_for_gate().await.map_err(doing)?;
        let mut answer = self.exchange(at, ask, ticket.header()).await.map_err(doing)?;
        self.note_quota(&answer);
        answer.shown = ticket.shown();
        if place.is_some() {
            self.levels.small.done(1);
        }
        if answer.status() == StatusCode::UNAUTHORIZED && !answer.foreign {
            let again = self.challenged(at, ask.doing, &mut ticket, answer.headers(), tried).await;
            if again.map_err(doing)? {
                answer.discard().await;
                return Ok(None);
            }
            return Ok(Some(answer));
        }
        if self.knows_us_better(at, ask.doing, &ticket, &answer).await.map_err(doing)? {
            answer.discard().await;
            return Ok(None);
        }
        ticket.accepted(self);
        let later = is_transient(answer.status());
        if !later || !(ask.insists || answer.status() == StatusCode::TOO_MANY_REQUESTS) {
            self.pace.went_well();
            return Ok(Some(answer));
        }
        Err(self.refused(ask.doing, answer).await)
    }

    /// What an answer that is no success means. Closes the gate, if the host asked for a pause.
    pub(crate) async fn refused(&self, doing: Doing<'_>, answer: Answer) -> Error {
        let (status, foreign) = (answer.status(), answer.foreign);
        let asked = retry_after::read(answer.headers(), sent_at(answer.headers()));
        let longest = self.shared.timing.patience_max;
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.shared.counters.throttled(answer.host());
        }
        let wait = match status {
            StatusCode::TOO_MANY_REQUESTS if !foreign => Some(self.pace.close(asked, longest)),
            StatusCode::SERVICE_UNAVAILABLE if !foreign => asked.map(|asked| self.pace.close(Some(asked), longest)),
            _ => None,
        };
        if let Some(wait) = wait {
            self.levels.refused(doing, wait);
            tracing::info!(host = %self.name, wait_ms = wait.as_millis(), "the host asked us to wait");
        }
        // A challenge that is there and empty is Harbor's way to say that a project is not.
        let challenge = answer.header(http::header::WWW_AUTHENTICATE);
        let (harbor, login) = (self.is_harbor() || challenge == Some(""), answer.shown.origin());
        let unchallenged = challenge.is_none_or(str::is_empty);
        let said = answer.said().await;
        let quota = self.pace.quota().filter(|_| !foreign);
        refusal(&Refusal { doing, status, said, foreign, harbor, unchallenged, login, wait, quota })
    }

    /// Remembers what is left of a quota. Where nothing is left, and it is known when there will be, everybody waits:
    /// what would be refused is not asked for.
    fn note_quota(&self, answer: &Answer) {
        let quota = quota::read(answer.headers(), sent_at(answer.headers())).filter(|_| !answer.foreign);
        let Some(quota) = quota else { return };
        self.pace.heard(Some(quota));
        self.shared.counters.quota(api_host(&self.name), quota);
        if let Some(reset) = quota.reset.filter(|reset| quota.left == 0 && !reset.is_zero())
            && answer.status() != StatusCode::TOO_MANY_REQUESTS
        {
            let wait = self.pace.close(Some(reset), self.shared.timing.patience_max);
            tracing::info!(host = %self.name, wait_ms = wait.as_millis(), "the quota of the host is used up");
        }
    }

    pub(super) async fn wait_for_gate(&self) -> Result<()> {
        self.pace.pass(self.shared.timing.patience).await.map_err(|left| {
            let mut what = format!("`{}` asked us to wait for {} s more", self.name, left.as_secs());
            if let Some(quota) = self.pace.quota().filter(|quota| quota.left == 0) {
                what += &format!(": of its quota {}", quota.words());
            }
            Error::new(ErrorKind::Throttled, what).retry(Retry::After(left))
        })
    }
}
