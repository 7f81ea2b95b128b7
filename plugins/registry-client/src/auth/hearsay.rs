//! What an earlier run learned of how a host logs in: it saves the first request that would only find that out.
//!
//! Until the host took something that was sent because of it, it is hearsay: if it does not work, it is dropped, the
//! request goes out bare, and the host says itself what it wants. A wrong password is no news then: nobody knows yet
//! whether it was shown to the right door. If the host names the same door, it is not shown there again: two wrong
//! passwords are enough for some directories to lock an account. Nothing is noted of hosts that need not prove who they
//! are, because a challenge says where passwords are sent.

use std::sync::{PoisonError, atomic::Ordering};

use sealift_core::{error::Error, notes::Room};

use super::{Auth, Wanted, challenge::Bearer, tokens::Key};
use crate::transport::Endpoint;

/// A login and the door that refused it, which may have been the wrong one.
pub(super) struct Doubted {
    door: Bearer,
    login: Option<String>,
    error: Error,
}

impl Auth {
    /// Whether what the host wants is known from an earlier run only.
    pub(super) fn is_hearsay(&self) -> bool {
        self.hearsay.load(Ordering::Acquire)
    }

    /// The host itself said or showed what it wants.
    pub(super) fn is_certain(&self) {
        self.hearsay.store(false, Ordering::Release);
    }

    /// What was said did not work: the next request, bare, finds out.
    pub(super) fn drop_hearsay(&self) {
        if self.hearsay.swap(false, Ordering::AcqRel) {
            *self.wanted() = Wanted::Nothing;
            self.profile.reset_detection();
        }
    }

    /// A login was refused at a door that only an earlier run knew.
    pub(super) fn doubt(&self, key: &Key, error: Error) {
        let doubted = Doubted { door: key.bearer.clone(), login: key.login.clone(), error };
        *self.doubted.lock().unwrap_or_else(PoisonError::into_inner) = Some(doubted);
    }

    /// What this door said of this login before it was known to be the right one.
    pub(super) fn doubted(&self, key: &Key) -> Option<Error> {
        let doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        let same = doubted.as_ref().filter(|doubted| doubted.door == key.bearer && doubted.login == key.login);
        same.map(|doubted| doubted.error.clone())
    }
}

impl Auth {
    /// Takes up what an earlier run noted, once and if nothing better is known.
    pub(super) fn look_up(&self, at: &Endpoint) {
        if self.transport.is_insecure() || self.looked_up.swap(true, Ordering::Relaxed) {
            return;
        }
        let note = self.notes.get(Room::Challenges, at.root.as_str());
        let Some(noted) = note.as_deref().and_then(read) else { return };
        let mut wanted = self.wanted();
        if *wanted == Wanted::Nothing {
            self.detect(&noted);
            *wanted = noted;
            self.hearsay.store(true, Ordering::Release);
        }
    }

    /// Notes what the host said.
    pub(super) fn note_wanted(&self, at: &Endpoint, wanted: &Wanted) {
        if let Some(note) = written(wanted).filter(|_| !self.transport.is_insecure()) {
            self.notes.put(Room::Challenges, at.root.as_str(), note.as_bytes());
        }
    }
}

fn written(wanted: &Wanted) -> Option<String> {
    match wanted {
        Wanted::Nothing => None,
        Wanted::Basic => Some("basic".to_owned()),
        Wanted::Bearer(bearer) => {
            let service = bearer.service.as_deref().unwrap_or_default();
            let one_line = !bearer.realm.contains('\n') && !service.contains('\n');
            one_line.then(|| format!("bearer\n{}\n{service}", bearer.realm))
        }
    }
}

fn read(note: &[u8]) -> Option<Wanted> {
    let mut lines = std::str::from_utf8(note).ok()?.split('\n');
    match (lines.next()?, lines.next(), lines.next()) {
        ("basic", None, None) => Some(Wanted::Basic),
        ("bearer", Some(realm), Some(service)) if !realm.is_empty() => {
            let service = Some(service.to_owned()).filter(|service| !service.is_empty());
            Some(Wanted::Bearer(Bearer { realm: realm.to_owned(), service }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again_and_nonsense_is_not() {
        let bearer = |service: Option<&str>| {
            Wanted::Bearer(Bearer { realm: "https://a/t?x=y".to_owned(), service: service.map(str::to_owned) })
        };
        for wanted in [Wanted::Basic, bearer(None), bearer(Some("a registry"))] {
            assert_eq!(read(written(&wanted).unwrap().as_bytes()), Some(wanted));
        }
        for nonsense in ["", "basic\n", "bearer", "bearer\n\n", "digest\nx\ny"] {
            assert_eq!(read(nonsense.as_bytes()), None, "{nonsense:?}");
        }
        assert_eq!(read(b"\xff"), None);
        assert_eq!(written(&Wanted::Nothing), None);
    }
}
