//! Logging in: what to send with a request, and what to make of a 401.
//!
//! Nobody is asked beforehand (`GET /v2/`): the first real request is sent bare, its 401 says what the host wants, and
//! that is remembered. From then on requests bring what is wanted from the start. Only where answers do not say enough
//! is the root of the API [asked](introduction). What an earlier run learned [is tried first](hearsay).

mod batch;
mod challenge;
mod claims;
mod hearsay;
mod introduction;
mod strangers;
mod ticket;
mod token;
mod tokens;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

pub(crate) use batch::Access;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use challenge::Challenges;
pub(crate) use claims::Claims;
pub(crate) use ticket::Tried;

use sealift_core::{content::Repository, notes::Notes};

use self::{
    batch::Batches,
    challenge::{Bearer, Challenges as Read},
    hearsay::Doubted,
    strangers::Strangers,
    tokens::Tokens,
};
use crate::{
    credentials::{Login, Logins},
    profile::CurrentProfile,
    retry::RetryState,
    transport::Transport,
};

/// The login at one registry: a layer around its transport.
pub(crate) struct Auth {
    transport: Arc<Transport>,
    logins: Arc<Logins>,
    /// The login of its entry in `[registries]`.
    own_login: Option<Arc<Login>>,
    notes: Notes,
    retry: Arc<RetryState>,
    profile: Arc<CurrentProfile>,
    wanted: Mutex<Wanted>,
    /// Whether only an earlier run says so.
    hearsay: AtomicBool,
    /// The login that was refused where only an earlier run sent it.
    doubted: Mutex<Option<Doubted>>,
    looked_up: AtomicBool,
    met: AtomicBool,
    first: tokio::sync::Mutex<()>,
    introduced: tokio::sync::OnceCell<Option<Wanted>>,
    strangers: Strangers,
    tokens: Tokens,
    batches: Batches,
}

/// What a host wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wanted {
    #[default]
    Nothing,
    Basic,
    Bearer(Bearer),
}

impl Wanted {
    /// What challenges ask for, if anything.
    fn of(challenges: &Read) -> Option<Self> {
        match &challenges.bearer {
            Some(bearer) => Some(Self::Bearer(bearer.clone())),
            None => challenges.basic.then_some(Self::Basic),
        }
    }
}

/// The parts of a client that a login needs.
pub(crate) struct AuthContext {
    pub(crate) transport: Arc<Transport>,
    pub(crate) logins: Arc<Logins>,
    pub(crate) own_login: Option<Arc<Login>>,
    pub(crate) notes: Notes,
    pub(crate) retry: Arc<RetryState>,
    pub(crate) profile: Arc<CurrentProfile>,
}

impl Auth {
    pub(crate) fn new(context: AuthContext) -> Self {
        let AuthContext { transport, logins, own_login, notes, retry, profile } = context;
        Self {
            transport,
            logins,
            own_login,
            notes,
            retry,
            profile,
            wanted: Mutex::default(),
            hearsay: AtomicBool::default(),
            doubted: Mutex::default(),
            looked_up: AtomicBool::default(),
            met: AtomicBool::default(),
            first: tokio::sync::Mutex::default(),
            introduced: tokio::sync::OnceCell::default(),
            strangers: Strangers::default(),
            tokens: Tokens::default(),
            batches: Batches::default(),
        }
    }

    /// Lets one request go first, so that a hundred at once do not all learn from a 401 of their own. Whatever
    /// comes of it, the others go together then.
    pub(crate) async fn first_request(&self) -> Option<FirstRequest<'_>> {
        if self.met.load(Ordering::Acquire) {
            return None;
        }
        let turn = self.first.lock().await;
        (!self.met.load(Ordering::Acquire)).then(|| FirstRequest { auth: self, _turn: turn })
    }

    /// A repository will be asked for: one token may serve it and others.
    pub(crate) fn expect(&self, repository: &Repository, access: Access) {
        self.batches.expect(repository, access);
    }

    /// Detects the product by what the host wants.
    fn detect(&self, wanted: &Wanted) {
        if let Wanted::Bearer(Bearer { service: Some(service), .. }) = wanted {
            self.profile.detect_by_service(service);
        }
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held while the first request to a host is on its way.
pub(crate) struct FirstRequest<'a> {
    auth: &'a Auth,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Drop for FirstRequest<'_> {
    fn drop(&mut self) {
        self.auth.met.store(true, Ordering::Release);
    }
}
