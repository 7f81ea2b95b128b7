//! A login: what is sent, where it came from, and whether it was accepted.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use sealift_core::{error::Error, secret::Secret};
use tokio::sync::OwnedMutexGuard;

/// Who we are at a registry. Made once for each entry of a file, and shared by all repositories that it serves.
pub(crate) struct Login {
    kind: Kind,
    /// Where it was written, for messages: ``[registries."quay.io"]``.
    pub(crate) origin: String,
    proof: Arc<Proof>,
}

/// The kinds of login.
#[derive(Clone)]
enum Kind {
    Password { username: String, password: Secret },
    Identity(Secret),
    Registry(Secret),
}

impl Login {
    /// From a user name and a password, with the names that have a meaning of their own: `<token>` says that the
    /// password is an identity token; `_oauth2_` brings a base64 key, as `_json_key_base64` does at Google.
    pub(crate) fn password(username: &str, password: Secret, origin: String) -> Self {
        let kind = match username {
            "<token>" => Kind::Identity(password),
            "_oauth2_" => Kind::Password { username: "_json_key_base64".to_owned(), password },
            name => Kind::Password { username: name.to_owned(), password },
        };
        Self { kind, origin, proof: Arc::default() }
    }

    /// From an identity token, which is exchanged for bearer tokens.
    pub(crate) fn identity(token: Secret, origin: String) -> Self {
        Self { kind: Kind::Identity(token), origin, proof: Arc::default() }
    }

    /// From a bearer token that the registry itself takes.
    pub(crate) fn registry(token: Secret, origin: String) -> Self {
        Self { kind: Kind::Registry(token), origin, proof: Arc::default() }
    }

    /// The `Authorization` header with user name and password, if it has these.
    pub(crate) fn basic(&self) -> Option<HeaderValue> {
        let Kind::Password { username, password } = &self.kind else { return None };
        let both = BASE64_STANDARD.encode(format!("{username}:{}", password.expose()));
        Some(sensitive(&format!("Basic {both}")))
    }

    /// The user name, for the `account` of a token request.
    pub(crate) fn username(&self) -> Option<&str> {
        match &self.kind {
            Kind::Password { username, .. } => Some(username),
            _ => None,
        }
    }

    /// The token to be exchanged for bearer tokens.
    pub(crate) fn identity_token(&self) -> Option<&Secret> {
        match &self.kind {
            Kind::Identity(token) => Some(token),
            _ => None,
        }
    }

    /// The bearer token that the registry itself takes.
    pub(crate) fn registry_token(&self) -> Option<&Secret> {
        match &self.kind {
            Kind::Registry(token) => Some(token),
            _ => None,
        }
    }

    /// The one thing in it that nobody may see.
    pub(super) fn secret(&self) -> &Secret {
        match &self.kind {
            Kind::Password { password: secret, .. } | Kind::Identity(secret) | Kind::Registry(secret) => secret,
        }
    }

    /// Whether it was accepted.
    pub(crate) fn proof(&self) -> &Arc<Proof> {
        &self.proof
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.origin)
    }
}

/// A header value that is marked as secret, so that nothing prints it.
pub(crate) fn sensitive(text: &str) -> HeaderValue {
    // Only control characters make a header value invalid; a token that has some is nonsense, and so refused.
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("invalid"));
    value.set_sensitive(true);
    value
}

/// Whether a login was accepted.
///
/// A wrong password must be tried once, not once for each image: accounts are locked for less. So while nobody knows,
/// one request tries it and the others wait for what comes of it.
#[derive(Default)]
pub(crate) struct Proof {
    known: Mutex<Known>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Default)]
enum Known {
    #[default]
    Nothing,
    Accepted,
    Refused(Error),
}

/// The right to try a login that nobody tried yet. Gone: whoever waits may try.
pub(crate) struct Trial {
    proof: Arc<Proof>,
    _turn: OwnedMutexGuard<()>,
}

impl Proof {
    /// Whether the login is known to be good.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(&*self.known.lock().unwrap_or_else(PoisonError::into_inner), Known::Accepted)
    }

    /// Waits until it is known whether the login is good, or until it is our turn to find out.
    ///
    /// # Errors
    /// If the login was refused before.
    pub(crate) async fn enter(self: &Arc<Self>) -> Result<Option<Trial>, Error> {
        if let Some(known) = self.known()? {
            return Ok(known);
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        match self.known()? {
            Some(known) => Ok(known),
            None => Ok(Some(Trial { proof: Arc::clone(self), _turn: turn })),
        }
    }

    fn known(&self) -> Result<Option<Option<Trial>>, Error> {
        match self.known.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Known::Nothing => Ok(None),
            Known::Accepted => Ok(Some(None)),
            Known::Refused(error) => Err(error),
        }
    }
}

impl Trial {
    /// The login is good.
    pub(crate) fn accepted(self) {
        *self.proof.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::Accepted;
    }

    /// The login is not taken, for everybody and from now on.
    pub(crate) fn refused(self, error: Error) {
        *self.proof.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::Refused(error);
    }
}

#[cfg(test)]
mod tests {
    use sealift_core::error::ErrorKind;

    use super::*;

    #[test]
    fn some_user_names_have_a_meaning() {
        let login = |name: &str| Login::password(name, Secret::new("CANARY"), "here".to_owned());
        assert!(login("<token>").identity_token().is_some() && login("<token>").basic().is_none());
        assert_eq!(login("_oauth2_").username(), Some("_json_key_base64"));
        assert_eq!(login("_json_key").username(), Some("_json_key"));
        assert_eq!(login("robot$p+x").basic().unwrap().to_str().unwrap(), "Basic cm9ib3QkcCt4OkNBTkFSWQ==");
    }

    #[test]
    fn a_login_does_not_show_what_it_holds() {
        let login = Login::password("bot", Secret::new("CANARY"), "`auth.yaml`".to_owned());
        assert!(!format!("{login:?} {:?}", login.basic()).contains("CANARY"));
        assert!(!format!("{:?}", login.basic()).contains("Basic"));
    }

    #[tokio::test]
    async fn a_login_is_tried_by_one_and_refused_for_all() {
        let proof = Arc::new(Proof::default());
        let trial = proof.enter().await.unwrap().expect("the first one tries");
        let others: Vec<_> = (0..3)
            .map(|_| {
                tokio::spawn({
                    let proof = Arc::clone(&proof);
                    async move { proof.enter().await.is_err() }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(others.iter().all(|other| !other.is_finished()), "they wait for the trial");
        trial.refused(Error::new(ErrorKind::Denied, "no"));
        for other in others {
            assert!(other.await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_trial_without_result_lets_the_next_one_try() {
        let proof = Arc::new(Proof::default());
        drop(proof.enter().await.unwrap().expect("the first one tries"));
        proof.enter().await.unwrap().expect("the second one tries").accepted();
        assert!(proof.enter().await.unwrap().is_none(), "then nobody has to");
    }
}
