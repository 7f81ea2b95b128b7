//! What goes with a request, and what its 401 means.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use sealift_core::{
    content::Repository,
    error::{Error, ErrorKind, Result, Retry},
};

use super::{
    Auth, Claims, Wanted,
    challenge::{Bearer, Challenges},
    token::NoToken,
    tokens::{Key, Token},
};
use crate::{
    credentials::{Login, Lookup, Shown, Trial, sensitive},
    operation::Operation,
    scope::Scopes,
    transport::Endpoint,
};

/// What was tried for one request; each of these helps once or not at all.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    introduced: bool,
    /// Its batch did not open the repository.
    alone: bool,
    doubted: bool,
    renewed: bool,
    /// Harbor's token service did not take the login.
    untaken: bool,
    changed: bool,
    demanded: Option<String>,
    /// What the root of the API wants; tried where a stranger was refused without a challenge.
    pub(super) introduced_as: Option<Wanted>,
    /// The token service was asked in vain, and more than once where that can help.
    pub(crate) in_vain: bool,
}

impl Tried {
    /// Nothing but the root of the API, which wants this.
    pub(crate) fn introduced_as(wanted: Option<Wanted>) -> Self {
        Self { introduced_as: wanted, ..Self::default() }
    }
}

/// True once.
fn once(tried: &mut bool) -> bool {
    !std::mem::replace(tried, true)
}

/// What goes with one request.
pub(crate) struct Ticket {
    sent: Sent,
    /// Whether what is sent is what an earlier run said.
    hearsay: bool,
    login: Option<Arc<Login>>,
    /// Why there is no login although there may be one.
    failed: Option<Error>,
}

enum Sent {
    /// Nothing, because it was not known what the host wants.
    Bare,
    /// Nothing, because there is nothing to send.
    Nothing,
    Basic {
        header: HeaderValue,
        trial: Option<Trial>,
    },
    Bearer {
        header: HeaderValue,
        key: Key,
        serial: u64,
        fresh: bool,
        /// For the repository alone, or for others as well.
        batch: Batch,
        /// What the token says of itself, if it is one of Harbor's.
        claims: Option<Arc<Claims>>,
    },
    /// A token that the user gave; there is no other.
    Given(HeaderValue),
}

/// How a token came to open a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    /// It was asked for with others.
    Together,
    /// It was asked for by itself.
    Alone,
    /// It was asked for by itself, because a token for several did not open it.
    Apart,
}

impl Sent {
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

impl Ticket {
    fn new(sent: Sent, login: Option<Arc<Login>>) -> Self {
        Self { sent, login, hearsay: false, failed: None }
    }

    /// The `Authorization` header.
    pub(crate) fn header(&self) -> Option<&HeaderValue> {
        match &self.sent {
            Sent::Bare | Sent::Nothing => None,
            Sent::Basic { header, .. } | Sent::Bearer { header, .. } | Sent::Given(header) => Some(header),
        }
    }

    /// Whether nothing was sent because it was not known what the host wants.
    pub(crate) fn is_bare(&self) -> bool {
        matches!(self.sent, Sent::Bare)
    }

    /// What the token says of itself, if it is one of Harbor's.
    pub(crate) fn claims(&self) -> Option<&Claims> {
        match &self.sent {
            Sent::Bearer { claims, .. } => claims.as_deref(),
            _ => None,
        }
    }

    /// Whether it is a token of Harbor that belongs to nobody although there is a login.
    pub(crate) fn is_untaken(&self) -> bool {
        self.has_login() && self.claims().is_some_and(Claims::is_nobodys)
    }

    /// Whether it is a token of Harbor that says that its login may not push there, or that there is no such project.
    pub(crate) fn lacks_push(&self, at: &Repository) -> bool {
        self.claims().is_some_and(|claims| !claims.is_nobodys() && !claims.allows(at.path(), "push"))
    }

    /// Where the login came from.
    pub(crate) fn origin(&self) -> &str {
        self.login.as_ref().map_or("", |login| &login.origin)
    }

    /// Whether there is a login.
    pub(crate) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// The error of a request that was refused because there is no login, where a file or helper failed that may have
    /// one.
    pub(crate) fn failed(&self) -> Option<&Error> {
        self.failed.as_ref()
    }

    /// What is shown by it.
    pub(crate) fn shown(&self) -> Shown {
        Shown::new(self.login.clone(), self.header().cloned())
    }

    /// The host answered with something else than 401.
    pub(crate) fn accepted(self, auth: &Auth) {
        if !matches!(self.sent, Sent::Bare | Sent::Nothing) {
            auth.is_certain();
        }
        if matches!(self.sent, Sent::Bearer { batch: Batch::Apart, .. }) {
            auth.batches.refuse();
        }
        if let Sent::Basic { trial: Some(trial), .. } = self.sent {
            trial.accepted();
        }
    }
}

impl Auth {
    /// What to send with a request, as far as it is known what the host wants.
    pub(crate) async fn ticket(
        &self,
        at: &Endpoint,
        repository: &Repository,
        scopes: &Scopes,
        tried: &Tried,
    ) -> Result<Ticket> {
        self.look_up(at);
        let hearsay = self.is_hearsay();
        let ticket = self.ticket_as_known(at, repository, scopes, tried).await;
        let nothing = ticket.as_ref().map_or(true, |ticket| ticket.sent.is_nothing());
        if hearsay && nothing && matches!(*self.wanted(), Wanted::Bearer(_)) {
            self.drop_hearsay();
            return Ok(Ticket::new(Sent::Bare, None));
        }
        ticket.map(|ticket| Ticket { hearsay, ..ticket })
    }

    async fn ticket_as_known(
        &self,
        at: &Endpoint,
        repository: &Repository,
        scopes: &Scopes,
        tried: &Tried,
    ) -> Result<Ticket> {
        let wanted = tried.introduced_as.clone().unwrap_or_else(|| self.wanted().clone());
        let strangers = wanted == Wanted::Basic && self.strangers.are_welcome(repository);
        if wanted == Wanted::Nothing || (strangers && tried.introduced_as.is_none()) {
            return Ok(Ticket::new(Sent::Bare, None));
        }
        let Lookup { login, failed } = self.look_up_login(repository).await;
        let ticket = self.ticket_for(at, repository, scopes, tried, wanted, login).await;
        ticket.map(|ticket| Ticket { failed, ..ticket })
    }

    async fn ticket_for(
        &self,
        at: &Endpoint,
        repository: &Repository,
        scopes: &Scopes,
        tried: &Tried,
        wanted: Wanted,
        login: Option<Arc<Login>>,
    ) -> Result<Ticket> {
        if let Some(token) = login.as_ref().and_then(|login| login.registry_token()) {
            let header = sensitive(&format!("Bearer {}", token.expose()));
            return Ok(Ticket::new(Sent::Given(header), login));
        }
        match wanted {
            Wanted::Bearer(bearer) => {
                let scopes = scopes.clone().and_demanded(tried.demanded.as_deref());
                let batched = if tried.alone { None } else { self.batched(repository, &scopes).await };
                if let Some(batched) = batched {
                    let ticket = self.bearer_ticket(at, &bearer, &batched, login.clone(), Batch::Together).await;
                    let opens = matches!(&ticket, Ok(Ticket { sent: Sent::Bearer { .. }, .. }));
                    let passes = ticket.as_ref().is_err_and(Error::is_retryable);
                    if opens || passes || self.is_hearsay() {
                        return ticket;
                    }
                    // Not for several, perhaps; what is wrong in any case is told to who asks for one.
                    self.batches.refuse();
                }
                let batch = if tried.alone { Batch::Apart } else { Batch::Alone };
                self.bearer_ticket(at, &bearer, &scopes, login, batch).await
            }
            Wanted::Basic => self.basic_ticket(login).await,
            _ => Ok(Ticket::new(Sent::Nothing, login)),
        }
    }

    async fn basic_ticket(&self, login: Option<Arc<Login>>) -> Result<Ticket> {
        let Some(header) = login.as_ref().and_then(|login| login.basic()) else {
            return Ok(Ticket::new(Sent::Nothing, None));
        };
        let trial = match &login {
            Some(login) => login.proof().enter().await?,
            None => None,
        };
        Ok(Ticket::new(Sent::Basic { header, trial }, login))
    }

    async fn bearer_ticket(
        &self,
        at: &Endpoint,
        bearer: &Bearer,
        scopes: &Scopes,
        login: Option<Arc<Login>>,
        batch: Batch,
    ) -> Result<Ticket> {
        let bearer = bearer.clone();
        let key = Key { bearer, login: login.as_ref().map(|login| login.origin.clone()), scopes: scopes.key() };
        let ask = async {
            let trial = match &login {
                Some(login) => login.proof().enter().await?,
                None => None,
            };
            let fetched = match self.doubted(&key) {
                Some(error) => Err(NoToken::WrongLogin(error)),
                None => self.fetch_token(at, &key.bearer, scopes, login.as_ref()).await,
            };
            match fetched {
                // Whether the login is wrong the registry tells: it looks at the project first, so a database that is
                // away shows there.
                Ok(fresh) if fresh.is_untaken(login.as_ref()) => Ok(fresh.briefly()),
                Ok(fresh) => {
                    trial.into_iter().for_each(Trial::accepted);
                    Ok(fresh)
                }
                Err(NoToken::WrongLogin(error)) if self.is_hearsay() => {
                    self.doubt(&key, error.clone());
                    Err(error.retry(Retry::Soon))
                }
                Err(NoToken::WrongLogin(error)) => {
                    trial.into_iter().for_each(|trial| trial.refused(error.clone()));
                    Err(error)
                }
                Err(NoToken::Other(error)) => Err(error),
            }
        };
        match self.tokens.get(&key, ask).await {
            Ok(token) => {
                let Token { header, serial, fresh, claims } = token;
                let sent = Sent::Bearer { header, key, serial, fresh, batch, claims };
                Ok(Ticket::new(sent, login))
            }
            // Some token services have nothing for the anonymous, while the registry shows them what is public.
            Err(error) if login.is_none() && error.kind() == ErrorKind::Denied && !error.is_retryable() => {
                tracing::debug!(host = %self.transport.name(), %error, "no anonymous token, so none is sent");
                Ok(Ticket::new(Sent::Nothing, None))
            }
            Err(error) => Err(error),
        }
    }

    /// Learns from a 401, and says whether sending the request again can help.
    ///
    /// # Errors
    /// If the login is wrong, which is then known for all requests, or if none can be looked up.
    pub(crate) async fn challenged(
        &self,
        at: &Endpoint,
        operation: Operation<'_>,
        ticket: &mut Ticket,
        headers: &HeaderMap,
        tried: &mut Tried,
    ) -> Result<bool> {
        match (self.answer_challenge(at, operation, ticket, headers, tried).await?, ticket.failed()) {
            (false, Some(error)) => Err(error.clone()),
            (again, _) => Ok(again),
        }
    }

    async fn answer_challenge(
        &self,
        at: &Endpoint,
        operation: Operation<'_>,
        ticket: &mut Ticket,
        headers: &HeaderMap,
        tried: &mut Tried,
    ) -> Result<bool> {
        let challenges = Challenges::read(headers);
        // A host that wants something else than an earlier run said: only what it says now counts.
        let other = match ticket.sent {
            Sent::Bearer { .. } => challenges.bearer.is_none(),
            _ => ticket.sent.is_nothing(),
        };
        if ticket.hearsay && other && once(&mut tried.doubted) {
            self.drop_hearsay();
            self.learn(at, &challenges);
            return Ok(true);
        }
        self.learn(at, &challenges);
        match &mut ticket.sent {
            Sent::Bare if once(&mut tried.introduced) => {
                self.strangers.refused(operation.repository());
                let known = *self.wanted() != Wanted::Nothing;
                if !known && let Some(wanted) = self.introduce(at, operation).await {
                    self.adopt(at, &wanted);
                }
                self.has_something_to_show(operation.repository()).await
            }
            Sent::Bare | Sent::Nothing | Sent::Given(_) => Ok(false),
            Sent::Basic { trial, .. } => {
                if challenges.bearer.is_some() {
                    return Ok(once(&mut tried.changed));
                }
                // Harbor answers 401 for a project that does not exist, but without a challenge.
                match trial.take().filter(|_| challenges.basic) {
                    Some(trial) => {
                        let error = self.wrong_login(ticket.login.as_deref());
                        trial.refused(error.clone());
                        Err(error)
                    }
                    None => Ok(false),
                }
            }
            Sent::Bearer { key, serial, fresh, batch, claims, .. } => {
                let nobodys = claims.as_ref().is_some_and(|claims| claims.is_nobodys()) && ticket.login.is_some();
                if nobodys && challenges.bearer.is_none() {
                    return self.untaken(ticket, tried).await.map(|()| true);
                }
                if challenges.bearer.as_ref().is_some_and(|bearer| *bearer != key.bearer) {
                    return Ok(once(&mut tried.changed));
                }
                // More than was asked for is demanded by registries that map names, and by those that count scopes
                // in their own way.
                if let Some(scope) = challenges.scope.filter(|scope| adds(&key.scopes, scope)) {
                    return Ok(tried.demanded.replace(scope).is_none());
                }
                // Not renewed: a service that looks at the first scope only would give each of them its turn, and no end.
                if *batch == Batch::Together && once(&mut tried.alone) {
                    self.batches.set_apart(operation.repository());
                    return Ok(true);
                }
                if *fresh || !once(&mut tried.renewed) {
                    return Ok(false);
                }
                self.tokens.forget(key, *serial).await;
                Ok(true)
            }
        }
    }

    /// A token that belongs to no login did not do: the next one may, once. The database may have been away when it was
    /// asked for, and is not after this answer.
    ///
    /// # Errors
    /// If it was not the first one.
    pub(crate) async fn untaken(&self, ticket: &Ticket, tried: &mut Tried) -> Result<()> {
        if let Sent::Bearer { key, serial, .. } = &ticket.sent {
            self.tokens.forget(key, *serial).await;
        }
        if once(&mut tried.untaken) {
            tokio::time::sleep(self.retry.policy().backoff).await;
            return Ok(());
        }
        let error = self.wrong_login(ticket.login.as_deref());
        let trial = match &ticket.login {
            Some(login) => login.proof().enter().await?,
            None => None,
        };
        Err(match trial {
            Some(trial) => {
                trial.refused(error.clone());
                error
            }
            // It was taken before in this run.
            None => error.retry(Retry::Soon),
        })
    }

    /// Throws away a token that may be too old for what it is needed for, once for a request.
    pub(crate) async fn renew(&self, ticket: &Ticket, tried: &mut Tried) -> bool {
        match &ticket.sent {
            Sent::Bearer { key, serial, fresh: false, .. } if once(&mut tried.renewed) => {
                self.tokens.forget(key, *serial).await;
                true
            }
            _ => false,
        }
    }

    /// Remembers what a challenge asks for.
    pub(super) fn learn(&self, at: &Endpoint, challenges: &Challenges) {
        if let Some(realm) = &challenges.basic_realm {
            self.profile.detect_by_basic_realm(realm);
        }
        if let Some(wanted) = Wanted::of(challenges) {
            self.adopt(at, &wanted);
        }
    }

    /// Sends what is wanted from now on.
    pub(super) fn adopt(&self, at: &Endpoint, news: &Wanted) {
        {
            let mut wanted = self.wanted();
            // Harbor answers an expired bearer token with a Basic challenge, so the remembered one stays.
            if *news == Wanted::Basic && *wanted != Wanted::Nothing {
                return;
            }
            self.is_certain();
            if *wanted == *news {
                return;
            }
            *wanted = news.clone();
        }
        self.detect(news);
        // The next run would show a password to repositories that want none.
        if !(*news == Wanted::Basic && self.strangers.any()) {
            self.note_wanted(at, news);
        }
    }

    /// The login for a repository, for a request that may do without.
    pub(crate) async fn look_up_login(&self, repository: &Repository) -> Lookup {
        self.logins.look_up(self.own_login.as_ref(), repository).await
    }

    /// Whether there is something to send now that the host said what it wants. A bearer token may be had by nobody in
    /// particular, too.
    async fn has_something_to_show(&self, repository: &Repository) -> Result<bool> {
        let wanted = self.wanted().clone();
        match wanted {
            Wanted::Nothing => Ok(false),
            Wanted::Bearer(_) => Ok(true),
            Wanted::Basic => match self.look_up_login(repository).await {
                Lookup { failed: Some(error), .. } => Err(error),
                Lookup { login, .. } => Ok(login.is_some()),
            },
        }
    }

    fn wrong_login(&self, login: Option<&Login>) -> Error {
        let origin = login.map(|login| login.origin.as_str()).unwrap_or_default();
        let error = Error::new(
            ErrorKind::Denied,
            format!("`{}` does not accept the login from {origin} (401)", self.transport.name()),
        );
        error.hint(match self.profile.facts().projects {
            true => "check user name and password there, and whether a robot expired",
            false => "check user name and password there",
        })
    }
}

/// Whether a demanded scope is more than what a token was asked for.
fn adds(have: &str, demanded: &str) -> bool {
    let scopes = Scopes::of(have);
    scopes.clone().and_demanded(Some(demanded)) != scopes
}
