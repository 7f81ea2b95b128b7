//! Repositories that answer without a login.
//!
//! Passwords are costly to check, and a login that nobody asked for is shown for nothing. So where a host has shown one
//! repository to strangers, a password goes only with requests to repositories that refused one without it. Bearer
//! tokens are another matter: such registries want one for everything, and give it to strangers as well.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sealift_core::content::Repository;

/// The repositories of one host, by how they answered requests without a login.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    open: HashSet<Repository>,
    closed: HashSet<Repository>,
}

impl Strangers {
    /// A request without a login was a success.
    pub(super) fn served(&self, repository: &Repository) {
        let mut seen = self.seen();
        if !seen.open.contains(repository) && !seen.closed.contains(repository) {
            seen.open.insert(repository.clone());
        }
    }

    /// A request was refused without a login.
    pub(super) fn refused(&self, repository: &Repository) {
        let mut seen = self.seen();
        seen.open.remove(repository);
        if !seen.closed.contains(repository) {
            seen.closed.insert(repository.clone());
        }
    }

    /// Returns true if a repository shows itself to strangers, so that what it says is not there is not there.
    pub(super) fn is_open(&self, repository: &Repository) -> bool {
        self.seen().open.contains(repository)
    }

    /// Returns true if a request to a repository is worth sending without a login.
    pub(super) fn are_welcome(&self, repository: &Repository) -> bool {
        let seen = self.seen();
        !seen.open.is_empty() && !seen.closed.contains(repository)
    }

    /// Returns true if some repository shows itself to strangers.
    pub(super) fn any(&self) -> bool {
        !self.seen().open.is_empty()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
