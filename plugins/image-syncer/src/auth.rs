//! Who logs in where.

mod file;
mod key;

use sealift_core::{content::Repository, secret::Secret};

pub use file::auth_file;
pub(crate) use file::{read_auth, shown_spans};
use key::Key;

/// The logins of an auth file.
#[derive(Clone, Debug, Default)]
pub struct AuthFile {
    logins: Vec<(Key, Login)>,
}

/// How to log in to a registry, or to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The key as it stands in the file: `registry` or `registry/namespace`.
    pub key: String,
    /// The user name. None: nobody logs in.
    pub username: Option<Secret>,
    /// The password.
    pub password: Option<Secret>,
    /// TLS certificates are not verified, and plain http is used where https is not spoken.
    pub insecure: bool,
}

impl AuthFile {
    /// The login for a repository: the longest key that matches. A key matches a repository that it is equal to, or
    /// that goes on after it at a `/`. The names of Docker Hub are one; of two keys that mean the same, the one that
    /// says `docker.io` wins, else the first.
    pub fn login_for(&self, repository: &Repository) -> Option<&Login> {
        let mut found: Option<(_, &Login)> = None;
        for (key, login) in &self.logins {
            match key.matches(repository) {
                Some(rank) if found.as_ref().is_none_or(|(best, _)| rank > *best) => found = Some((rank, login)),
                _ => {}
            }
        }
        found.map(|(_, login)| login)
    }

    /// All logins, in the order of the file.
    pub fn logins(&self) -> impl Iterator<Item = &Login> {
        self.logins.iter().map(|(_, login)| login)
    }
}

#[cfg(test)]
mod tests;
