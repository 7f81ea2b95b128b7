//! A request is sent until it has an answer that counts.
//!
//! Repeated, with pauses, are lost connections and answers that say "later"; a host that asks for a pause gets it from
//! everybody. A 401 is answered with a token, once renewed, once with a wider scope. What is left is given back as it
//! is: whether 404 is an error is for the caller to know.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use sealift_core::error::{Error, ErrorKind, Result, Retry};
use tokio::time::Instant;

use super::{Answer, Ask, To, backoff::Backoff, clock::sent_at, quota, retry_after};
use crate::{
    auth::{Scopes, Tried},
    doing::Doing,
    error::{LONG_NAME, Reason, Refusal, Said, is_missing, is_transient, may_not_push, refusal},
    host::{Host, Reached},
    names::api_host,
    net::Lane,
    quirks::project_of,
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
            let unwell = Reason::of(&failed) == Some(Reason::Unwell);
            let away = match unwell {
                true => self.pace.recovers(began, timing.outage),
                false => worth && self.pace.is_away(began, timing.outage),
            };
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
        if let Some(file) = self.shared.containers.conf.blocked_by(ask.doing.repository()) {
            let what = format!("{}: `{file}` blocks it", ask.doing);
            return Err(Error::new(ErrorKind::Denied, what).hint("`blocked` of its entry there says so"));
        }
        let at = self.reached().await.map_err(doing)?;
        // Who reads a blob has a place for as long as that takes.
        let place = match ask.lane {
            Lane::Small => Some(self.levels.small.enter().await),
            Lane::Bulk => None,
        };
        // Who goes first finds out for all the others, also that the host wants a pause.
        let first = self.auth.first_request().await;
        self.wait_for_gate().await.map_err(doing)?;
        self.ceilings.keep(ask).await;
        let ticket = self.ticket(at, ask.doing.repository(), &ask.scopes, tried).await;
        tried.in_vain = ticket.is_err();
        let mut ticket = ticket.map_err(doing)?;
        if ask.doing.writes() && ticket.lacks_push(ask.doing.repository()) {
            // The project may be younger than the token.
            if self.renew(&ticket, tried).await {
                return Ok(None);
            }
            // The question that this takes needs a place of its own, and its turn.
            drop((first, place));
            return Err(Box::pin(self.denied(ask, ticket.origin())).await);
        }
        // A token is not had in no time, and the gate may have been closed meanwhile.
        self.wait_for_gate().await.map_err(doing)?;
        let mut answer = self.exchange(at, ask, ticket.header()).await.map_err(doing)?;
        self.note_quota(&answer);
        answer.shown = ticket.shown();
        if place.is_some() {
            self.levels.small.done(1);
        }
        if answer.status() == StatusCode::UNAUTHORIZED && ticket.header().is_some() && self.is_unchallenged(&answer) {
            let answer = self.explained(at, ask, ticket.header(), answer).await?;
            if ticket.is_untaken() {
                self.untaken(&ticket, tried).await.map_err(doing)?;
                return Ok(None);
            }
            return Ok(Some(answer));
        }
        if answer.status() == StatusCode::UNAUTHORIZED && !answer.foreign {
            let again = self.challenged(at, ask.doing, &mut ticket, answer.headers(), tried).await;
            if again.map_err(doing)? {
                answer.discard().await;
                return Ok(None);
            }
            return Ok(Some(answer));
        }
        if self.knows_us_better(at, ask.doing, &ticket, &answer, tried).await {
            answer.discard().await;
            return Ok(None);
        }
        self.note_answer(at, ask.doing, &ticket, &answer, tried);
        if let Some(error) = ticket.failed().filter(|_| answer.status() == StatusCode::FORBIDDEN && !answer.foreign) {
            return Err(doing(error.clone()));
        }
        ticket.accepted(self);
        let later = is_transient(answer.status()) && !self.is_settled(ask, &answer);
        if !later || !(ask.insists || answer.status() == StatusCode::TOO_MANY_REQUESTS) {
            self.pace.went_well();
            if answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND {
                self.pace.is_well();
            }
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
        // A challenge that is there and empty is Harbor's way to say that it does not know the project.
        let challenge = answer.header(http::header::WWW_AUTHENTICATE);
        let harbor = self.is_harbor() || challenge == Some("");
        let (login, proven) = (answer.shown.origin(), answer.shown.is_proven());
        let unchallenged = challenge.is_none_or(str::is_empty);
        let wrote = self.quirks.took_a_write(doing.repository());
        let said = answer.said().await;
        let quota = self.pace.quota().filter(|_| !foreign);
        let error =
            refusal(&Refusal { doing, status, said, foreign, harbor, unchallenged, wrote, login, proven, wait, quota });
        if Reason::of(&error) == Some(Reason::Unwell) {
            self.pace.complains();
        }
        error
    }

    /// What the refusal of a write that takes `size` bytes of the project's quota means; a used-up quota is remembered.
    pub(crate) async fn refused_bytes(&self, doing: Doing<'_>, size: u64, answer: Answer) -> Error {
        let error = self.refused(doing, answer).await;
        if Reason::of(&error) == Some(Reason::Quota) {
            self.quirks.note_full(doing.repository(), size);
        }
        error
    }

    /// Whether a failure is about what was sent, so that sending it again brings nothing.
    fn is_settled(&self, ask: &Ask<'_>, answer: &Answer) -> bool {
        let failed = answer.status() == StatusCode::INTERNAL_SERVER_ERROR;
        failed && (ask.judges || ask.doing.repository().path().len() > LONG_NAME)
    }

    /// Whether a 401 has a challenge that is empty, which is how Harbor says that it could not look up the project.
    fn is_unchallenged(&self, answer: &Answer) -> bool {
        let challenge = answer.header(http::header::WWW_AUTHENTICATE);
        !answer.foreign && (challenge == Some("") || (challenge.is_none() && self.is_harbor()))
    }

    /// A 401 without a challenge says in its body whether there is no such project, or Harbor cannot tell at the moment. An
    /// answer to HEAD has no body, so the tags are asked for as well.
    ///
    /// # Errors
    /// If Harbor cannot tell.
    async fn explained(
        &self,
        at: &Reached,
        ask: &Ask<'_>,
        authorization: Option<&HeaderValue>,
        mut answer: Answer,
    ) -> Result<Answer> {
        if ask.method == http::Method::HEAD {
            let question = self.ask_for_anything(ask.doing, ask.scopes.clone());
            let mut asked = self.exchange(at, &question, authorization).await.map_err(|e| e.context(ask.doing))?;
            let as_before = asked.status() == StatusCode::UNAUTHORIZED && self.is_unchallenged(&asked);
            answer.tell(if as_before { asked.peek().await.clone() } else { Said::default() });
            asked.discard().await;
        }
        let project = project_of(ask.doing.repository());
        let said = answer.peek().await;
        let known = is_missing(said, project) || said.mentions("un-recognized request");
        match known && !self.quirks.took_a_write(ask.doing.repository()) {
            true => Ok(answer),
            false => Err(self.refused(ask.doing, answer).await),
        }
    }

    /// What to say of a write that Harbor will refuse, as the token tells: the login may not push there, unless there is no
    /// such project.
    async fn denied(&self, ask: &Ask<'_>, origin: &str) -> Error {
        let repository = ask.doing.repository();
        match self.send(&self.ask_for_anything(Doing::ListTags(repository), ask.scopes.clone())).await {
            Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => self.refused(ask.doing, answer).await,
            Ok(answer) => {
                answer.discard().await;
                may_not_push(ask.doing, origin)
            }
            Err(error) => error,
        }
    }

    /// The smallest question that a registry answers for who may read a repository, whether or not that is there.
    pub(crate) fn ask_for_anything<'a>(&self, doing: Doing<'a>, scopes: Scopes) -> Ask<'a> {
        let to = To::Path(format!("{}/tags/list?n=1", doing.repository().path()));
        Ask::new(doing, http::Method::GET, to, scopes, &self.shared.timing)
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
