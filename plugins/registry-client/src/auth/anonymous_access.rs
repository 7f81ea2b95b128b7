//! Repositories that answer without a login.
//!
//! Passwords are costly to verify, and a login should not be sent where it is not needed. So where a registry served one
//! repository to an anonymous user, a password is sent only to repositories that refused a request without it. Bearer
//! tokens are different: such registries want one for everything, and give it to anonymous users as well.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sealift_core::content::Repository;

/// The repositories of one registry, by how they answered requests without a login.
#[derive(Debug, Default)]
pub(super) struct AnonymousAccess(Mutex<AnonymousResponses>);

#[derive(Debug, Default)]
struct AnonymousResponses {
    served: HashSet<Repository>,
    refused: HashSet<Repository>,
}

impl AnonymousAccess {
    /// Notes a success without a login.
    pub(super) fn note_served(&self, repository: &Repository) {
        let mut all = self.lock();
        if !all.served.contains(repository) && !all.refused.contains(repository) {
            all.served.insert(repository.clone());
        }
    }

    /// Notes a refusal without a login.
    pub(super) fn note_refused(&self, repository: &Repository) {
        let mut all = self.lock();
        all.served.remove(repository);
        if !all.refused.contains(repository) {
            all.refused.insert(repository.clone());
        }
    }

    /// Returns true if a repository is public, so that its 404 is not meant for anonymous users only.
    pub(super) fn is_served(&self, repository: &Repository) -> bool {
        self.lock().served.contains(repository)
    }

    /// Returns true if a request to a repository should be sent without a login first.
    pub(super) fn may_serve(&self, repository: &Repository) -> bool {
        let all = self.lock();
        !all.served.is_empty() && !all.refused.contains(repository)
    }

    fn lock(&self) -> MutexGuard<'_, AnonymousResponses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
