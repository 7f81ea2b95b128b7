//! The parts of a login as they are sent.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use sealift_core::{
    login::{Login, LoginKind},
    secret::Secret,
};

/// Returns the login for a user name and a password of a credential file. Two user names have a meaning of their own:
/// `<token>` marks the password as an identity token, and `_oauth2_` a base64 key, which Google calls
/// `_json_key_base64`.
pub(crate) fn entry_login(username: &str, password: Secret, origin: String) -> Login {
    match username {
        "<token>" => Login::identity_token(password, origin),
        "_oauth2_" => Login::basic("_json_key_base64", password, origin),
        name => Login::basic(name, password, origin),
    }
}

/// Returns the `Authorization` header with user name and password, `None` for a token.
pub(crate) fn basic_header(login: &Login) -> Option<HeaderValue> {
    let LoginKind::Basic { username, password } = &login.kind else { return None };
    let both = BASE64_STANDARD.encode(format!("{username}:{}", password.expose()));
    Some(sensitive(&format!("Basic {both}")))
}

/// Returns the user name, which a token request names as `account`.
pub(crate) fn account(login: &Login) -> Option<&str> {
    match &login.kind {
        LoginKind::Basic { username, .. } => Some(username),
        _ => None,
    }
}

/// Returns the token that a token service exchanges for bearer tokens.
pub(crate) fn identity_token(login: &Login) -> Option<&Secret> {
    match &login.kind {
        LoginKind::IdentityToken(token) => Some(token),
        _ => None,
    }
}

/// Returns the bearer token that the registry itself accepts.
pub(crate) fn registry_token(login: &Login) -> Option<&Secret> {
    match &login.kind {
        LoginKind::RegistryToken(token) => Some(token),
        _ => None,
    }
}

/// Returns a header value that is marked as secret, so that `Debug` hides it.
pub(crate) fn sensitive(text: &str) -> HeaderValue {
    // Only control characters make a header value invalid. A secret that has some is rejected by the registry.
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("invalid"));
    value.set_sensitive(true);
    value
}

/// The hint for a user name and a password that are rejected.
pub(crate) const WRONG_PASSWORD: &str = "check user name and password there";

/// Returns the hint for a login that is rejected. A login that was made for a short time has no password to check.
pub(crate) fn wrong_login_hint(login: &Login) -> &'static str {
    match login.kind {
        _ if login.expires.is_some() => {
            "it is a temporary one: look whether the account or role that it is made for may log in there, and whether the \
             clock of this machine is right"
        }
        LoginKind::Basic { .. } => WRONG_PASSWORD,
        _ => "look whether the token there is still valid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_user_names_have_a_meaning() {
        let login = |name: &str| entry_login(name, Secret::new("CANARY"), "here".to_owned());
        assert!(identity_token(&login("<token>")).is_some() && basic_header(&login("<token>")).is_none());
        assert_eq!(account(&login("_oauth2_")), Some("_json_key_base64"));
        assert_eq!(account(&login("_json_key")), Some("_json_key"));
        let header = basic_header(&login("robot$p+x")).unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic cm9ib3QkcCt4OkNBTkFSWQ==");
        assert!(!format!("{header:?}").contains("Basic"));
    }
}
