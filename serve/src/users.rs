//! The users of a registry, from an htpasswd file.
//!
//! Only bcrypt is taken: docker-registry takes no other kind either, and the older ones are guessed in no time. A check
//! takes a good part of a second, on purpose, and a pull asks for dozens of things; so a password that was right once
//! is known by its hash from then on, in memory. Wrong ones are always checked, a few at the same time at most.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sealift_core::{
    content::Digest,
    error::{Error, ErrorKind, Result, of_io},
};
use tokio::sync::Semaphore;

/// Passwords that are checked at the same time; each takes a processor.
const TOGETHER: usize = 2;

/// Who may ask.
pub(crate) struct Users {
    /// From names to bcrypt hashes.
    hashes: HashMap<String, String>,
    /// Passwords that were right: from a name to the digest of hash and password.
    known: Mutex<HashMap<String, Digest>>,
    checks: Semaphore,
}

impl Users {
    /// Reads an htpasswd file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorKind::Storage, format!("cannot read `{file}`: {}", of_io(&error))).because(error)
        })?;
        let mut hashes = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: String| {
                let error = Error::new(ErrorKind::Unsupported, format!("`{file}`, line {number}: {what}"));
                error.hint("`htpasswd -B` writes what is taken here")
            };
            let (name, hash) = line.split_once(':').ok_or_else(|| wrong("there is no `:` after a name".to_owned()))?;
            if name.is_empty() {
                return Err(wrong("there is no name before the `:`".to_owned()));
            }
            if !is_bcrypt(hash) {
                return Err(wrong(format!("the password of `{name}` is no bcrypt hash")));
            }
            // As everywhere, the first line about somebody counts.
            hashes.entry(name.to_owned()).or_insert_with(|| hash.to_owned());
        }
        if hashes.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported, format!("`{file}` names nobody"))
                .hint("`htpasswd -B -c` makes such a file"));
        }
        Ok(Self { hashes, known: Mutex::default(), checks: Semaphore::new(TOGETHER) })
    }

    /// Whether somebody has this password.
    pub(crate) async fn admit(&self, name: &str, password: &str) -> bool {
        // Who is unknown waits as long as who is known: nobody learns here which names there are.
        let (there, hash) = match self.hashes.get(name) {
            Some(hash) => (true, hash),
            None => (false, self.hashes.values().next().expect("there is a user")),
        };
        let print = Digest::of(format!("{hash}\0{password}").as_bytes());
        let is_known = || self.known().get(name) == Some(&print);
        if is_known() {
            return true;
        }
        let Ok(_turn) = self.checks.acquire().await else { return false };
        if is_known() {
            return true; // a request before this one asked the same
        }
        let (hash, password) = (hash.clone(), password.to_owned());
        let check = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false));
        let right = there && check.await.unwrap_or(false);
        if right {
            self.known().insert(name.to_owned(), print);
        }
        right
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Digest>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_bcrypt(hash: &str) -> bool {
    ["$2y$", "$2b$", "$2a$"].iter().any(|kind| hash.starts_with(kind)) && hash.parse::<bcrypt::HashParts>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(text: &str) -> Result<Users> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Users::read(file.path())
    }

    fn line(name: &str, password: &str) -> String {
        format!("{name}:{}\n", bcrypt::hash(password, 4).unwrap())
    }

    #[tokio::test]
    async fn who_has_the_password_is_let_in_and_then_known() {
        let users = users(&format!("# ours\n\n{}{}", line("ann", "a:b"), line("bob", "secret"))).unwrap();
        assert!(users.admit("ann", "a:b").await);
        assert!(users.known().contains_key("ann"));
        assert!(users.admit("ann", "a:b").await);
        for (name, password) in [("ann", "secret"), ("ann", ""), ("bob", "a:b"), ("eve", "secret"), ("", "")] {
            assert!(!users.admit(name, password).await, "{name}");
        }
        assert_eq!(users.known().len(), 1, "what was wrong is not kept");
    }

    #[test]
    fn a_line_that_cannot_be_taken_is_named() {
        let good = line("ann", "x");
        for (bad, expected) in [
            ("bob:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", "line 2: the password of `bob` is no bcrypt hash"),
            ("bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "line 2: the password of `bob` is no bcrypt hash"),
            ("bob:$2y$05$short", "line 2: the password of `bob` is no bcrypt hash"),
            ("bob:plain", "line 2: the password of `bob` is no bcrypt hash"),
            ("bob", "line 2: there is no `:` after a name"),
            (":x", "line 2: there is no name before the `:`"),
        ] {
            let error = users(&format!("{good}{bad}\n")).err().unwrap();
            assert!(error.message().ends_with(expected), "{error}");
        }
        assert!(users("# nobody\n").err().unwrap().message().ends_with("names nobody"));
    }
}
