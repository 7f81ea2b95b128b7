//! The reaction to a 401, as one function of what was sent, what the challenge asks for, and what was tried before.

use super::{
    AuthScheme,
    authorization::{Sent, TokenScope},
    challenge::Challenges,
};
use crate::scope::Scopes;

/// A reaction to a 401. Each kind helps a request at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Return the 401 to the caller.
    Return,
    /// Send the request again with what the challenge asks for, or ask the root of the API if it does not tell.
    Authorize,
    /// Send it again, because the challenge differs from the one that was answered.
    FollowChallenge,
    /// Ask for a token with more scopes.
    Widen(String),
    /// Ask for a token for this repository alone.
    UseSingleToken,
    /// Ask for another token in place of an old one.
    RenewToken,
    /// Ask for another token in place of one that Harbor gave to an anonymous user although there is a login.
    ReplaceAnonymousToken,
    /// Handle a rejected login: ask its provider again if it worked before.
    RenewLogin,
}

/// The steps that were taken for one request.
#[derive(Debug, Default)]
pub(crate) struct AuthProgress {
    steps: Vec<std::mem::Discriminant<Action>>,
    /// The scopes that a challenge demanded.
    pub(super) scope: Option<String>,
    /// The scheme that the root of the API asks for. It is tried where an anonymous request was refused without a
    /// challenge.
    pub(super) scheme: Option<AuthScheme>,
    /// The request could not be authorized: the token service or the login failed, after the attempts that help there.
    pub(crate) is_unauthorizable: bool,
}

impl AuthProgress {
    /// Returns the progress of a request for which only the root of the API was asked.
    pub(crate) fn with_scheme(scheme: Option<AuthScheme>) -> Self {
        Self { scheme, ..Self::default() }
    }

    /// Returns true if a single token is needed, because a shared one was rejected.
    pub(super) fn needs_single_token(&self) -> bool {
        self.has_taken(&Action::UseSingleToken)
    }

    /// Takes a step. Returns false if it was taken before.
    pub(super) fn take(&mut self, action: &Action) -> bool {
        let is_new = !self.has_taken(action);
        if is_new {
            self.steps.push(std::mem::discriminant(action));
        }
        is_new
    }

    fn has_taken(&self, action: &Action) -> bool {
        self.steps.contains(&std::mem::discriminant(action))
    }
}

/// Returns the action for a 401, without regard to the steps that were taken before.
pub(super) fn decide(sent: &Sent, challenges: &Challenges, progress: &AuthProgress) -> Action {
    match sent {
        Sent::Unknown => Action::Authorize,
        Sent::Nothing => Action::Return,
        Sent::RegistryToken(_) => Action::RenewLogin,
        Sent::Basic { .. } if challenges.bearer.is_some() => Action::FollowChallenge,
        // Harbor answers 401 for a project that does not exist, but without a challenge.
        Sent::Basic { .. } if challenges.basic => Action::RenewLogin,
        Sent::Basic { .. } => Action::Return,
        Sent::Bearer(token) => {
            if token.is_anonymous_for_login && challenges.bearer.is_none() {
                return Action::ReplaceAnonymousToken;
            }
            if challenges.bearer.as_ref().is_some_and(|bearer| *bearer != token.key.bearer) {
                return Action::FollowChallenge;
            }
            // Registries that map names, and those that count scopes in another way, demand more than was asked for.
            if let Some(scope) = challenges.scope.as_ref().filter(|scope| adds(&token.key.scopes, scope)) {
                return Action::Widen(scope.clone());
            }
            // It is not renewed: a service that looks at the first scope only would give each of them its turn, without
            // end.
            if token.scope == TokenScope::Shared && !progress.needs_single_token() {
                return Action::UseSingleToken;
            }
            if token.is_fresh { Action::Return } else { Action::RenewToken }
        }
    }
}

/// Returns true if a demanded scope is more than a token was asked for.
fn adds(have: &str, demanded: &str) -> bool {
    let scopes = Scopes::of(have);
    scopes.clone().and_demanded(Some(demanded)) != scopes
}

#[cfg(test)]
mod tests;
