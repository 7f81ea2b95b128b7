//! Several repositories in one token: who will be asked for is told beforehand, and one question to the token service
//! serves a handful of them.
//!
//! Not every host takes such a token. Some token services refuse several scopes, some look at the first one only, some
//! registries have short headers. So what a batch does not open is tried once with a token of its own; if that opens
//! it, the host gets tokens for single repositories from then on.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use sealift_core::content::Repository;

use super::Auth;
use crate::scope::Scopes;

/// Repositories in one token. A token names them all and goes with every request, and servers bound their headers.
const MOST: usize = 16;

/// What a repository will be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// To read it.
    Pull,
    /// To write to it, and to read it.
    Push,
}

/// What is known of tokens for several repositories of a host.
#[derive(Debug, Default)]
pub(super) struct Batches {
    expected: Mutex<Expected>,
    /// By repository, where it was looked up; none: it goes alone.
    found: Mutex<HashMap<Repository, Option<Arc<Scopes>>>>,
    /// Those that their batch did not open.
    apart: Mutex<HashSet<Repository>>,
    refused: AtomicBool,
}

/// What was told beforehand, in that order.
#[derive(Debug, Default)]
struct Expected {
    all: Vec<(Repository, Access)>,
    places: HashMap<Repository, usize>,
}

impl Batches {
    /// A repository will be asked for.
    pub(super) fn expect(&self, repository: &Repository, access: Access) {
        let mut expected = lock(&self.expected);
        let Expected { all, places } = &mut *expected;
        let at = *places.entry(repository.clone()).or_insert_with(|| {
            all.push((repository.clone(), access));
            all.len() - 1
        });
        if access == Access::Push {
            all[at].1 = access;
        }
    }

    /// The host does not take tokens for several repositories.
    pub(super) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    /// The batch of a repository did not open it.
    pub(super) fn set_apart(&self, repository: &Repository) {
        lock(&self.apart).insert(repository.clone());
    }

    fn goes_alone(&self, repository: &Repository) -> bool {
        self.refused.load(Ordering::Relaxed) || lock(&self.apart).contains(repository)
    }

    /// Those that are expected together with a repository, itself first.
    fn companions(&self, repository: &Repository) -> Vec<(Repository, Access)> {
        let expected = lock(&self.expected);
        let Some(at) = expected.places.get(repository).copied() else { return Vec::new() };
        let together = expected.all.chunks(MOST).nth(at / MOST).unwrap_or_default();
        let others = together.iter().filter(|(other, _)| other != repository);
        std::iter::once(&expected.all[at]).chain(others).cloned().collect()
    }
}

impl Auth {
    /// The scopes that a token for these should have: those of the repository's batch as well, if it has one.
    pub(super) async fn batched(&self, repository: &Repository, scopes: &Scopes) -> Option<Scopes> {
        let batches = &self.batches;
        if batches.goes_alone(repository) {
            return None;
        }
        let known = lock(&batches.found).get(repository).cloned();
        let batch = match known {
            Some(batch) => batch,
            None => {
                let batch = self.make_batch(repository).await.map(Arc::new);
                lock(&batches.found).insert(repository.clone(), batch.clone());
                batch
            }
        };
        batch.map(|batch| scopes.iter().fold((*batch).clone(), |all, scope| all.and_demanded(Some(scope))))
    }

    /// Whoever has another login needs another token.
    async fn make_batch(&self, repository: &Repository) -> Option<Scopes> {
        let companions = self.batches.companions(repository);
        if companions.len() < 2 {
            return None;
        }
        let mut batch: Option<Scopes> = None;
        let login = self.look_up_login(repository).await.login;
        let origin = |login: &Option<Arc<crate::credentials::Login>>| login.as_ref().map(|login| login.origin.clone());
        for (other, access) in companions {
            let its_login = self.look_up_login(&other).await.login;
            if origin(&its_login) != origin(&login) {
                continue;
            }
            let scopes = match access {
                Access::Pull => Scopes::pull(&other),
                Access::Push => Scopes::push(&other),
            };
            batch = Some(match batch {
                Some(batch) => scopes.iter().fold(batch, |all, scope| all.and_demanded(Some(scope))),
                None => scopes,
            });
        }
        batch
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
