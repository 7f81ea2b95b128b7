//! Logging in: what to send with a request, and what to make of a 401.
//!
//! Nobody is asked beforehand (`GET /v2/`): the first real request is sent bare, its 401 says what the host wants, and
//! that is remembered. From then on requests bring what is wanted from the start. Only where answers do not say enough
//! is the root of the API [asked](introduction). What an earlier run learned [is tried first](hearsay).

mod batch;
mod challenge;
mod claims;
mod grant;
mod hearsay;
mod introduction;
mod scope;
mod strangers;
mod ticket;
mod token;
mod tokens;

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

pub(crate) use batch::Access;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use challenge::Challenges;
pub(crate) use claims::Claims;
pub use grant::Grant;
pub(crate) use scope::Scopes;
pub(crate) use ticket::Tried;

use sealift_core::content::Repository;

use self::{
    batch::Batches,
    challenge::{Bearer, Challenges as Read},
    hearsay::Doubted,
    strangers::Strangers,
    tokens::Tokens,
};

/// What is known of how a host logs in.
#[derive(Default)]
pub(crate) struct Auth {
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
enum Wanted {
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

impl Auth {
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

    /// Whether its token service is that of Harbor.
    pub(crate) fn is_harbor(&self) -> bool {
        matches!(&*self.wanted(), Wanted::Bearer(bearer) if bearer.service.as_deref() == Some("harbor-registry"))
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
