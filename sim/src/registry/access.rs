//! Logins and tokens of simulated registries.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{Answer, Asked};
use crate::{
    store::Store,
    topology::{Scheme, marker_of, secret_of},
};

/// The header of a login by name and password.
fn basic(host: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("robot:{}", secret_of(host))))
}

/// Checks the login of a request: to read or to write a repository, or none in particular.
///
/// # Errors
/// The refusal.
pub(super) fn check(store: &Store, asked: Asked<'_>, wanted: Option<(&str, bool)>) -> Result<(), Answer> {
    let host = &store.plan.name;
    let said = asked.header("authorization");
    match store.plan.scheme {
        Scheme::Open => Ok(()),
        Scheme::Basic if said == Some(&basic(host)) => Ok(()),
        Scheme::Basic => {
            Err(Answer::refusal(401, "UNAUTHORIZED").header("www-authenticate", format!("Basic realm=\"{host}\"")))
        }
        Scheme::Token { .. } => {
            let token = said.and_then(|said| said.strip_prefix("Bearer ")).and_then(|token| store.tokens.get(token));
            let valid = token.filter(|(end_ms, _)| asked.now_ms < *end_ms);
            let covers = |scopes: &BTreeSet<String>| match wanted {
                None => true,
                Some((repository, writes)) => {
                    scopes.contains(&format!("{repository} {}", if writes { "push" } else { "pull" }))
                }
            };
            if valid.is_some_and(|(_, scopes)| covers(scopes)) {
                return Ok(());
            }
            let mut challenge = format!("Bearer realm=\"https://auth.{host}/token\",service=\"{host}\"");
            if let Some((repository, writes)) = wanted {
                let actions = if writes { "pull,push" } else { "pull" };
                challenge += &format!(",scope=\"repository:{repository}:{actions}\"");
            }
            if valid.is_some() {
                challenge += ",error=\"insufficient_scope\"";
            }
            Err(Answer::refusal(401, "UNAUTHORIZED").header("www-authenticate", challenge))
        }
    }
}

/// Returns true if a request carries the password of the registry, or a token that is valid.
pub(super) fn is_logged_in(store: &Store, asked: Asked<'_>) -> bool {
    let said = asked.header("authorization");
    let token = said.and_then(|said| said.strip_prefix("Bearer ")).and_then(|token| store.tokens.get(token));
    said == Some(&basic(&store.plan.name)) || token.is_some_and(|(end_ms, _)| asked.now_ms < *end_ms)
}

/// Answers a request to the token service.
pub(super) fn token(store: &mut Store, asked: Asked<'_>) -> Answer {
    let host = store.plan.name.clone();
    let known = asked.header("authorization") == Some(&basic(&host));
    let anonymous =
        asked.header("authorization").is_none() && matches!(store.plan.scheme, Scheme::Token { anonymous_reads: true });
    if !known && !anonymous {
        return Answer::refusal(401, "UNAUTHORIZED");
    }
    let mut scopes = BTreeSet::new();
    for (_, scope) in asked.url.query_pairs().filter(|(key, _)| key == "scope") {
        for scope in scope.split(' ') {
            let Some((name, actions)) = scope.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':')) else {
                continue;
            };
            let granted = actions.split(',').filter(|action| known || *action == "pull");
            scopes.extend(granted.map(|action| format!("{name} {action}")));
        }
    }
    let token = format!("{}token{}", marker_of(&host), store.tokens.len());
    let life = store.plan.token_life_s;
    store.tokens.insert(token.clone(), (asked.now_ms + life * 1000, scopes));
    let body = serde_json::json!({ "token": token, "expires_in": life });
    Answer::new(200).header("content-type", "application/json").body(body.to_string())
}
