//! The users of a registry, from an htpasswd file.
//!
//! Only bcrypt is taken: docker-registry takes no other kind either, and the older ones are guessed in no time. A check
//! takes a good part of a second, on purpose, and a pull asks for dozens of things; so a password that was right once
//! is known by its hash from then on, in memory. Wrong ones are always checked, a few at the same time at most.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sealift_core::{
    content::Digest,
    error::{Error, ErrorKind, Result, io_message},
};

use crate::queue::CheckQueue;

/// Passwords that are checked at the same time; each takes a processor.
const TOGETHER: usize = 2;

/// Logins that wait for that; with one more, the one that waits longest is turned away.
const WAITING: usize = 256;

/// The users of an htpasswd file.
pub(crate) struct Users {
    /// From names to bcrypt hashes.
    hashes: HashMap<String, String>,
    /// The hashes once more, for names that are not there.
    others: Vec<String>,
    choice: RandomState,
    /// Passwords that were right: from a name to the digest of hash and password.
    known: Mutex<HashMap<String, Digest>>,
    checks: Arc<CheckQueue>,
}

/// The result of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginVerdict {
    Right,
    Wrong,
    /// Too many others wait to be checked.
    Crowded,
}

impl Users {
    /// Reads an htpasswd file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorKind::Storage, format!("cannot read `{file}`: {}", io_message(&error))).with_source(error)
        })?;
        let mut hashes = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: String| {
                let error = Error::new(ErrorKind::Unsupported, format!("`{file}`, line {number}: {what}"));
                error.with_hint("`htpasswd -B` writes what is taken here")
            };
            let (name, hash) = line.split_once(':').ok_or_else(|| wrong("there is no `:` after a name".to_owned()))?;
            if name.is_empty() {
                return Err(wrong("there is no name before the `:`".to_owned()));
            }
            if !is_bcrypt(hash) {
                return Err(wrong(format!("the password of `{name}` is no bcrypt hash")));
            }
            // The first line of a user counts, as in other servers.
            hashes.entry(name.to_owned()).or_insert_with(|| hash.to_owned());
        }
        if hashes.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported, format!("`{file}` names nobody"))
                .with_hint("`htpasswd -B -c` makes such a file"));
        }
        let others = hashes.values().cloned().collect();
        let checks = CheckQueue::new(TOGETHER, WAITING);
        Ok(Self { hashes, others, choice: RandomState::new(), known: Mutex::default(), checks })
    }

    /// Checks a name and a password that come from `address`.
    ///
    /// An unknown name is checked as well, against the hash of some user, so that the time tells nothing. A check that
    /// was begun goes on when its request is gone, and keeps its turn until it ends.
    pub(crate) async fn admit(self: &Arc<Self>, address: IpAddr, name: &str, password: &str) -> LoginVerdict {
        let there = self.hashes.get(name);
        let hash = there.unwrap_or_else(|| self.another(name));
        let print = Digest::of(format!("{hash}\0{password}").as_bytes());
        let is_known = |this: &Self| there.is_some() && this.known().get(name) == Some(&print);
        if is_known(self) {
            return LoginVerdict::Right;
        }
        let Some(turn) = self.checks.wait(address).await else { return LoginVerdict::Crowded };
        if is_known(self) {
            return LoginVerdict::Right; // a request before this one asked the same
        }
        let (hash, password) = (hash.clone(), password.to_owned());
        let (this, name, there) = (Arc::clone(self), name.to_owned(), there.is_some());
        let check = tokio::task::spawn_blocking(move || {
            let right = bcrypt::verify(password, &hash).unwrap_or(false) && there;
            if right {
                this.known().insert(name, print);
            }
            drop(turn);
            right
        });
        if check.await.unwrap_or(false) { LoginVerdict::Right } else { LoginVerdict::Wrong }
    }

    /// The hash that an unknown name is checked against: always the same one for a name, so that also where hashes have
    /// different costs its time is that of a user.
    fn another(&self, name: &str) -> &String {
        let at = self.choice.hash_one(name) % self.others.len() as u64;
        &self.others[usize::try_from(at).unwrap_or_default()]
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Digest>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_bcrypt(hash: &str) -> bool {
    ["$2y$", "$2b$", "$2a$"].iter().any(|kind| hash.starts_with(kind)) && hash.parse::<bcrypt::HashParts>().is_ok()
}

#[cfg(test)]
mod tests;
