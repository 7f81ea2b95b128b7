//! The logins of an auth file.

mod file;
mod key;

use sealift_core::{content::Repository, secret::Secret};

pub use file::auth_file;
pub(crate) use file::{read_auth, shown_spans};
use key::LoginKey;

/// The logins of an auth file.
#[derive(Clone, Debug, Default)]
pub struct AuthFile {
    logins: Vec<(LoginKey, AuthEntry)>,
}

/// The login for a registry, or for a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthEntry {
    /// The key as it stands in the file: `registry` or `registry/namespace`.
    pub key: String,
    /// The user name; none means anonymous access.
    pub username: Option<Secret>,
    /// The password.
    pub password: Option<Secret>,
    /// Does not verify TLS certificates, and uses plain http where https is not spoken.
    pub insecure: bool,
}

impl AuthFile {
    /// Returns the login for a repository: the longest key that matches. A key matches a repository that it is equal to, or
    /// that goes on after it at a `/`. The names of Docker Hub are one; of two keys that mean the same, the one that
    /// says `docker.io` wins, else the first.
    pub fn login_for(&self, repository: &Repository) -> Option<&AuthEntry> {
        let mut found: Option<(_, &AuthEntry)> = None;
        for (key, login) in &self.logins {
            match key.matches(repository) {
                Some(rank) if found.as_ref().is_none_or(|(best, _)| rank > *best) => found = Some((rank, login)),
                _ => {}
            }
        }
        found.map(|(_, login)| login)
    }

    /// Adds the logins of a later part of the file. Of two with the same key the later one counts.
    pub(crate) fn extend(&mut self, later: Self) {
        self.logins.retain(|(_, login)| !later.logins().any(|other| other.key == login.key));
        self.logins.extend(later.logins);
    }

    /// Returns all logins, in the order of the file.
    pub fn logins(&self) -> impl Iterator<Item = &AuthEntry> {
        self.logins.iter().map(|(_, login)| login)
    }
}

#[cfg(test)]
mod tests;
