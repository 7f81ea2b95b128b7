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
    error::{Error, ErrorKind, Result, of_io},
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
pub(crate) enum Admission {
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
            // The first line of a user counts, as in other servers.
            hashes.entry(name.to_owned()).or_insert_with(|| hash.to_owned());
        }
        if hashes.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported, format!("`{file}` names nobody"))
                .hint("`htpasswd -B -c` makes such a file"));
        }
        let others = hashes.values().cloned().collect();
        let checks = CheckQueue::new(TOGETHER, WAITING);
        Ok(Self { hashes, others, choice: RandomState::new(), known: Mutex::default(), checks })
    }

    /// Checks a name and a password that come from `address`.
    ///
    /// An unknown name is checked as well, against the hash of some user, so that the time tells nothing. A check that
    /// was begun goes on when its request is gone, and keeps its turn until it ends.
    pub(crate) async fn admit(self: &Arc<Self>, address: IpAddr, name: &str, password: &str) -> Admission {
        let there = self.hashes.get(name);
        let hash = there.unwrap_or_else(|| self.another(name));
        let print = Digest::of(format!("{hash}\0{password}").as_bytes());
        let is_known = |this: &Self| there.is_some() && this.known().get(name) == Some(&print);
        if is_known(self) {
            return Admission::Right;
        }
        let Some(turn) = self.checks.wait(address).await else { return Admission::Crowded };
        if is_known(self) {
            return Admission::Right; // a request before this one asked the same
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
        if check.await.unwrap_or(false) { Admission::Right } else { Admission::Wrong }
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
mod tests {
    use futures::FutureExt;

    use super::*;

    fn users(text: &str) -> Result<Users> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Users::read(file.path())
    }

    fn line(name: &str, password: &str) -> String {
        format!("{name}:{}\n", bcrypt::hash(password, 4).unwrap())
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn who_has_the_password_is_let_in_and_then_known() {
        let users = Arc::new(users(&format!("# ours\n\n{}{}", line("ann", "a:b"), line("bob", "secret"))).unwrap());
        assert_eq!(users.admit(HERE, "ann", "a:b").await, Admission::Right);
        assert!(users.known().contains_key("ann"));
        assert_eq!(users.admit(HERE, "ann", "a:b").await, Admission::Right);
        for (name, password) in [("ann", "secret"), ("ann", ""), ("bob", "a:b"), ("eve", "secret"), ("", "")] {
            assert_eq!(users.admit(HERE, name, password).await, Admission::Wrong, "{name}");
        }
        assert_eq!(users.known().len(), 1, "what was wrong is not kept");
    }

    /// One user whose password takes long enough to check to be seen at it.
    fn slow() -> Arc<Users> {
        Arc::new(users(&format!("ann:{}\n", bcrypt::hash("x", 11).unwrap())).unwrap())
    }

    // Seen: an unknown name was answered after 1 ms and a known one after 306 ms, and its hash went on without a turn.
    #[tokio::test]
    async fn an_unknown_name_takes_as_long_as_a_known_one() {
        let users = slow();
        for name in ["ann", "eve"] {
            let mut answer = Box::pin(users.admit(HERE, name, "wrong"));
            assert_eq!((&mut answer).now_or_never(), None, "{name}: it waits for the check");
            assert_eq!(users.checks.running(), 1, "{name}");
            assert_eq!(answer.await, Admission::Wrong);
        }
        assert_eq!(users.admit(HERE, "eve", "x").await, Admission::Wrong, "the password of another one");
    }

    // Seen: 150 logins that were hung up on kept 153 threads busy, because their turn ended with them.
    #[tokio::test]
    async fn a_login_that_was_hung_up_on_keeps_its_turn_until_its_check_ends() {
        let users = slow();
        for number in 0..20 {
            let name = if number % 2 == 0 { "ann" } else { "eve" };
            assert_eq!(users.admit(HERE, name, &format!("{number}")).now_or_never(), None);
        }
        assert_eq!(users.checks.running(), TOGETHER, "the first two go on, the others have gone");
        assert_eq!(users.admit(HERE, "ann", "x").await, Admission::Right);
        while users.checks.running() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
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
