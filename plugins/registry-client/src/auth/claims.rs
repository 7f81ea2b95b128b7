//! What a token of Harbor says of itself.
//!
//! It is a JSON web token: `sub` is the login that was taken, and `access` has everything that it may do in each
//! repository that was asked for. Nothing of it is verified here, and nothing needs to be: it is our own token, and what
//! it says only explains what Harbor does with it.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The readable part of a token.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Claims {
    iss: String,
    /// Empty or absent if the login was not taken: it is wrong, or Harbor cannot look it up at the moment.
    #[serde(default)]
    sub: String,
    #[serde(default)]
    access: Option<Vec<Access>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct Access {
    #[serde(default)]
    name: String,
    #[serde(default)]
    actions: Option<Vec<String>>,
}

impl Claims {
    /// Reads a token of Harbor; none for tokens of other services, which may be anything.
    pub(super) fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (payload, signature) = (parts.nth(1)?, parts.next());
        signature?;
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims: Self = serde_json::from_slice(&payload).ok()?;
        (claims.iss == "harbor-token-issuer").then_some(claims)
    }

    /// Whether it belongs to no login.
    pub(crate) fn is_nobodys(&self) -> bool {
        self.sub.is_empty()
    }

    /// Whether it opens a repository for this.
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
        let claims = Claims::read(&token(robot)).unwrap();
        assert!(!claims.is_nobodys());
        assert!(claims.allows("p/x", "push") && !claims.allows("p/x", "delete") && !claims.allows("q/y", "pull"));
        for nobody in [json!({ "iss": "harbor-token-issuer" }), json!({ "iss": "harbor-token-issuer", "access": null })]
        {
            assert!(Claims::read(&token(nobody)).unwrap().is_nobodys());
        }
    }

    #[test]
    fn other_tokens_say_nothing() {
        let other = token(json!({ "iss": "auth.docker.io", "sub": "", "access": [] }));
        for text in ["", "opaque", "a.b", "a.b.c", "a.%%.c", &other, &token(json!([]))] {
            assert_eq!(Claims::read(text), None, "{text}");
        }
    }
}
