//! The claims of a token of Harbor, a JSON web token: `sub` is the login that was accepted, and `access` lists the
//! actions that are allowed in each repository. The signature is not verified, because the claims only explain what
//! Harbor does with the token.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The payload of a token.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct HarborClaims {
    iss: String,
    /// Empty or absent if the login was not accepted: it is wrong, or Harbor cannot look it up at the moment.
    #[serde(default)]
    sub: String,
    #[serde(default)]
    access: Option<Vec<GrantedAccess>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct GrantedAccess {
    #[serde(default)]
    name: String,
    #[serde(default)]
    actions: Option<Vec<String>>,
}

impl HarborClaims {
    /// Parses a token of Harbor, `None` for tokens of other services.
    pub(super) fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (payload, signature) = (parts.nth(1)?, parts.next());
        signature?;
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims: Self = serde_json::from_slice(&payload).ok()?;
        (claims.iss == "harbor-token-issuer").then_some(claims)
    }

    /// Returns true if it belongs to no login.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.sub.is_empty()
    }

    /// Returns true if it allows an action in a repository.
    pub(crate) fn allows(&self, path: &str, action: &str) -> bool {
        let mine = self.access.iter().flatten().filter(|access| access.name == path);
        mine.flat_map(|access| access.actions.iter().flatten()).any(|allowed| allowed == action)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn token(claims: Value) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn a_token_of_harbor_says_whose_it_is_and_what_it_opens() {
        let access = json!([{ "type": "repository", "name": "p/x", "actions": ["pull", "push"] }, { "name": "q/y" }]);
        let robot = json!({ "iss": "harbor-token-issuer", "sub": "robot$p+ci", "access": access });
        let claims = HarborClaims::read(&token(robot)).unwrap();
        assert!(!claims.is_anonymous());
        assert!(claims.allows("p/x", "push") && !claims.allows("p/x", "delete") && !claims.allows("q/y", "pull"));
        for nobody in [json!({ "iss": "harbor-token-issuer" }), json!({ "iss": "harbor-token-issuer", "access": null })]
        {
            assert!(HarborClaims::read(&token(nobody)).unwrap().is_anonymous());
        }
    }

    #[test]
    fn other_tokens_say_nothing() {
        let other = token(json!({ "iss": "auth.docker.io", "sub": "", "access": [] }));
        for text in ["", "opaque", "a.b", "a.b.c", "a.%%.c", &other, &token(json!([]))] {
            assert_eq!(HarborClaims::read(text), None, "{text}");
        }
    }
}
