//! One token for several repositories: requests are announced, and one token serves a group of repositories.
//!
//! Some token services refuse several scopes or look at the first one only, and some registries limit headers. So a
//! repository that the shared token does not authorize gets a single one. If that does, the registry gets single tokens
//! from then on.

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

/// The number of repositories in one token. It names them all, and servers limit the size of headers.
const MAX_REPOSITORIES: usize = 16;

/// The access to a repository that will be needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RepositoryAccess {
    /// Reading.
    Pull,
    /// Writing and reading.
    Push,
}

/// The groups of one registry.
#[derive(Debug, Default)]
pub(super) struct TokenGroups {
    announced: Mutex<Announced>,
    /// The scopes of the group of a repository, `None` if it has no group.
    scopes: Mutex<HashMap<Repository, Option<Arc<Scopes>>>>,
    /// Repositories that the token of their group does not authorize.
    apart: Mutex<HashSet<Repository>>,
    is_disabled: AtomicBool,
}

/// The announced repositories, in order.
#[derive(Debug, Default)]
struct Announced {
    all: Vec<(Repository, RepositoryAccess)>,
    positions: HashMap<Repository, usize>,
}

impl TokenGroups {
    /// Announces requests to a repository.
    pub(super) fn announce(&self, repository: &Repository, access: RepositoryAccess) {
        let mut announced = lock(&self.announced);
        let Announced { all, positions } = &mut *announced;
        let at = *positions.entry(repository.clone()).or_insert_with(|| {
            all.push((repository.clone(), access));
            all.len() - 1
        });
        if access == RepositoryAccess::Push {
            all[at].1 = access;
        }
    }

    /// Uses single tokens from now on.
    pub(super) fn disable(&self) {
        self.is_disabled.store(true, Ordering::Relaxed);
    }

    /// Uses a single token for a repository.
    pub(super) fn set_apart(&self, repository: &Repository) {
        lock(&self.apart).insert(repository.clone());
    }

    pub(super) fn is_apart(&self, repository: &Repository) -> bool {
        self.is_disabled.load(Ordering::Relaxed) || lock(&self.apart).contains(repository)
    }

    /// Returns the group of a repository, itself first; empty if it was not announced.
    fn group_of(&self, repository: &Repository) -> Vec<(Repository, RepositoryAccess)> {
        let announced = lock(&self.announced);
        let Some(at) = announced.positions.get(repository).copied() else { return Vec::new() };
        let group = announced.all.chunks(MAX_REPOSITORIES).nth(at / MAX_REPOSITORIES).unwrap_or_default();
        let others = group.iter().filter(|(other, _)| other != repository);
        std::iter::once(&announced.all[at]).chain(others).cloned().collect()
    }
}

impl Auth {
    /// Returns `scopes` together with those of the group of a repository, `None` if it needs a single token.
    pub(super) async fn shared_scopes(&self, repository: &Repository, scopes: &Scopes) -> Option<Scopes> {
        let groups = &self.groups;
        if groups.is_apart(repository) {
            return None;
        }
        let known = lock(&groups.scopes).get(repository).cloned();
        let shared = match known {
            Some(shared) => shared,
            None => {
                let shared = self.group_scopes(repository).await.map(Arc::new);
                lock(&groups.scopes).insert(repository.clone(), shared.clone());
                shared
            }
        };
        shared.map(|shared| (*shared).clone().and(scopes))
    }

    /// Collects the scopes of a group. Repositories with another login need another token.
    async fn group_scopes(&self, repository: &Repository) -> Option<Scopes> {
        let group = self.groups.group_of(repository);
        if group.len() < 2 {
            return None;
        }
        let login = self.origin_for(repository).await;
        let mut shared: Option<Scopes> = None;
        for (other, access) in group {
            if self.origin_for(&other).await != login {
                continue;
            }
            let scopes = match access {
                RepositoryAccess::Pull => Scopes::pull(&other),
                RepositoryAccess::Push => Scopes::push(&other),
            };
            shared = Some(shared.map_or_else(|| scopes.clone(), |shared| shared.and(&scopes)));
        }
        shared
    }

    async fn origin_for(&self, repository: &Repository) -> Option<String> {
        self.logins.look_up(repository).await.login.map(|current| current.login.origin.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
