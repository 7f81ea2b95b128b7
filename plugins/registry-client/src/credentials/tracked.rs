//! A login together with the answers that it got in this run.
//!
//! A wrong password must not be tried once for each image: accounts are locked for less. So one request tries a login
//! that was never accepted, and the others wait for its result. A login that was accepted and is rejected later may have
//! expired, or the directory behind the registry is away for a moment: its provider is asked again, and what it returns
//! is tried again after a pause, [at most a few times](MOST_REJECTIONS).

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sealift_core::{
    content::Repository,
    error::{Error, Retry},
    login::{Login, LoginProvider},
};
use tokio::{sync::OwnedMutexGuard, time::Instant};

/// Rejections in a row, after which a login that was accepted before counts as wrong for the rest of the run.
const MOST_REJECTIONS: u32 = 6;
/// Time for which an acceptance counts at a token service. After that one request goes first, so that an account that was
/// locked meanwhile is not tried by all requests at once.
const CONFIRMED_FOR: Duration = Duration::from_secs(30);
/// A login is renewed this long before it expires.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);
/// The shortest time between two questions to a provider about one login. It doubles each time that the answer is the
/// same, up to [`RENEWAL_PAUSE_MAX`].
const RENEWAL_PAUSE: Duration = Duration::from_secs(1);
const RENEWAL_PAUSE_MAX: Duration = Duration::from_secs(60);

/// A login of one origin in one run.
pub(crate) struct TrackedLogin {
    provider: Arc<dyn LoginProvider>,
    state: Mutex<LoginState>,
    turn: Arc<tokio::sync::Mutex<()>>,
    renewal: tokio::sync::Mutex<()>,
}

struct LoginState {
    login: Arc<Login>,
    standing: Standing,
    /// A secret of this origin was accepted in this run.
    has_worked: bool,
    /// Rejections since the last acceptance.
    rejections: u32,
    renewed_at: Instant,
    renewal_pause: Duration,
}

#[derive(Clone)]
enum Standing {
    Untested,
    Accepted(Instant),
    /// Rejected after it was accepted; not tried before `until`.
    Suspended {
        until: Instant,
        error: Error,
    },
    Rejected(Error),
}

/// A tracked login with the secret that is current at the moment.
#[derive(Clone)]
pub(crate) struct CurrentLogin {
    pub(crate) tracked: Arc<TrackedLogin>,
    pub(crate) login: Arc<Login>,
}

/// The right to try a login that is not known to be good. When it is dropped, the next request may try.
pub(crate) struct Trial {
    was_suspended: bool,
    _turn: OwnedMutexGuard<()>,
}

impl Trial {
    /// Returns true if the login was rejected before, so that this is its only trial for now.
    pub(crate) fn was_suspended(&self) -> bool {
        self.was_suspended
    }
}

impl TrackedLogin {
    pub(super) fn new(login: Login, provider: Arc<dyn LoginProvider>) -> Self {
        let state = LoginState {
            login: Arc::new(login),
            standing: Standing::Untested,
            has_worked: false,
            rejections: 0,
            renewed_at: Instant::now(),
            renewal_pause: RENEWAL_PAUSE,
        };
        Self { provider, state: Mutex::new(state), turn: Arc::default(), renewal: tokio::sync::Mutex::default() }
    }

    /// Returns where it comes from.
    pub(super) fn provider(&self) -> Arc<dyn LoginProvider> {
        Arc::clone(&self.provider)
    }

    pub(crate) fn current(self: &Arc<Self>) -> CurrentLogin {
        CurrentLogin { tracked: Arc::clone(self), login: Arc::clone(&self.state().login) }
    }

    /// Returns true if its secret was accepted and not rejected since.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.state().standing, Standing::Accepted(_))
    }

    /// Returns true if a secret of this origin was accepted in this run.
    pub(crate) fn has_worked(&self) -> bool {
        self.state().has_worked
    }

    /// Waits until the login is known to be good, or until it is the caller's turn to try it.
    ///
    /// # Errors
    /// If it was rejected: for the rest of the run, or for now (`Retry::After`).
    pub(crate) async fn enter(&self) -> Result<Option<Trial>, Error> {
        self.enter_within(None).await
    }

    /// Does the same for a token service, where an acceptance counts only for a while.
    pub(crate) async fn enter_token_service(&self) -> Result<Option<Trial>, Error> {
        self.enter_within(Some(CONFIRMED_FOR)).await
    }

    async fn enter_within(&self, confirmed_for: Option<Duration>) -> Result<Option<Trial>, Error> {
        if self.needs_no_trial(confirmed_for)? {
            return Ok(None);
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if self.needs_no_trial(confirmed_for)? {
            return Ok(None);
        }
        let was_suspended = matches!(self.state().standing, Standing::Suspended { .. });
        Ok(Some(Trial { was_suspended, _turn: turn }))
    }

    fn needs_no_trial(&self, confirmed_for: Option<Duration>) -> Result<bool, Error> {
        match &self.state().standing {
            Standing::Untested => Ok(false),
            Standing::Accepted(at) => Ok(confirmed_for.is_none_or(|limit| at.elapsed() < limit)),
            Standing::Suspended { until, error } if *until > Instant::now() => {
                Err(error.clone().with_retry(Retry::After(*until - Instant::now())))
            }
            Standing::Suspended { .. } => Ok(false),
            Standing::Rejected(error) => Err(error.clone()),
        }
    }

    /// Notes that the registry or its token service accepted a secret.
    pub(crate) fn accept(&self, login: &Arc<Login>) {
        let mut state = self.state();
        if Arc::ptr_eq(&state.login, login) {
            state.standing = Standing::Accepted(Instant::now());
            (state.has_worked, state.rejections) = (true, 0);
        }
    }

    /// Notes a rejection and returns its error. A login that never worked is rejected for the rest of the run; another
    /// one is not tried for `pause`.
    pub(crate) fn reject(&self, login: &Arc<Login>, error: Error, pause: Duration) -> Error {
        let mut state = self.state();
        state.rejections += 1;
        if !state.has_worked || state.rejections >= MOST_REJECTIONS {
            state.standing = Standing::Rejected(error.clone());
            return error;
        }
        let error = error.with_retry(Retry::After(pause));
        if Arc::ptr_eq(&state.login, login) {
            state.standing = Standing::Suspended { until: Instant::now() + pause, error: error.clone() };
        }
        error
    }

    /// Notes a rejection that may be about one repository only. The login stays accepted, unless it was rejected too
    /// often in a row.
    pub(crate) fn note_rejection(&self, error: Error) {
        let mut state = self.state();
        state.rejections += 1;
        if state.rejections >= MOST_REJECTIONS {
            state.standing = Standing::Rejected(error);
        }
    }

    /// Notes a rejection after which the caller tries once more. Others wait for the result.
    ///
    /// # Errors
    /// If it was rejected too often.
    pub(crate) fn doubt(&self, login: &Arc<Login>, error: &Error) -> Result<(), Error> {
        let mut state = self.state();
        state.rejections += 1;
        if state.rejections >= MOST_REJECTIONS {
            state.standing = Standing::Rejected(error.clone());
            return Err(error.clone());
        }
        if Arc::ptr_eq(&state.login, login) {
            state.standing = Standing::Untested;
        }
        Ok(())
    }

    /// Returns true if the provider should be asked again, because the secret is about to expire.
    pub(super) fn expires_soon(&self) -> bool {
        self.state().login.expires_within(EXPIRY_MARGIN)
    }

    /// Asks the provider again, unless it was asked a moment ago. Returns true if there is another secret now than
    /// `rejected`.
    pub(crate) async fn renew(&self, repository: &Repository, rejected: &Arc<Login>) -> bool {
        let _renewal = self.renewal.lock().await;
        {
            let state = self.state();
            if !Arc::ptr_eq(&state.login, rejected) {
                return true;
            }
            if state.renewed_at.elapsed() < state.renewal_pause {
                return false;
            }
        }
        self.provider.invalidate(rejected).await;
        let renewed = self.provider.get(repository).await.unwrap_or_else(|error| {
            tracing::debug!(%repository, %error, "the login cannot be renewed");
            None
        });
        let mut state = self.state();
        state.renewed_at = Instant::now();
        match renewed {
            Some(renewed) if renewed.kind != rejected.kind => {
                tracing::debug!(origin = renewed.origin, "the login was renewed");
                state.replace(renewed);
                true
            }
            renewed => {
                state.renewal_pause = (state.renewal_pause * 2).min(RENEWAL_PAUSE_MAX);
                // The expiry may have moved.
                if let Some(expires) = renewed.and_then(|renewed| renewed.expires) {
                    state.login = Arc::new(Login::clone(&state.login).with_expiry(expires));
                }
                false
            }
        }
    }

    /// Takes over the answer of the provider for another repository.
    pub(super) fn update(&self, login: Login) {
        let mut state = self.state();
        if state.login.kind != login.kind {
            state.replace(login);
        }
    }

    fn state(&self) -> MutexGuard<'_, LoginState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoginState {
    fn replace(&mut self, login: Login) {
        self.login = Arc::new(login);
        (self.renewed_at, self.renewal_pause) = (Instant::now(), RENEWAL_PAUSE);
        if !matches!(self.standing, Standing::Rejected(_)) {
            self.standing = Standing::Untested;
        }
    }
}

impl fmt::Debug for CurrentLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.login.fmt(f)
    }
}

#[cfg(test)]
mod tests;
