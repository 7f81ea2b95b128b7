//! `/service/token`: JSON web tokens that say what their owner may do (`core/service/token/creator.go`).

use std::{
    collections::HashSet,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::Request,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::*};
use serde_json::{Value, json};

use super::{
    answer::{empty, json_answer},
    auth::{SERVICE, Who, who},
    path::{project_of, query},
    state::{Shared, State, Token},
};

/// Answers with a token for the actions that the account has. A missing project gives no actions and no error. Neither
/// does a wrong login if the request has scopes: the token is then anonymous.
pub(super) fn answer(shared: &Shared, request: &Request) -> Response {
    if *request.method() != Method::GET {
        return (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n").into_response();
    }
    let service = query(request.uri(), "service").unwrap_or_default();
    if service != SERVICE {
        return (StatusCode::BAD_REQUEST, format!("Unable to handle service: {service}\n")).into_response();
    }
    let mut state = shared.state();
    let who = who(&state, request.headers());
    let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let scopes: Vec<String> = pairs
        .filter(|(key, _)| key == "scope")
        .flat_map(|(_, value)| value.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    if matches!(who, Who::Nobody) && scopes.is_empty() {
        return empty(StatusCode::UNAUTHORIZED);
    }
    let subject = match &who {
        Who::Account(account) => Some(account.name.clone()),
        _ => None,
    };
    let access: Vec<_> = scopes.iter().filter_map(|scope| granted(&state, &who, scope)).collect();
    let (lifetime, serial) = (state.token_lifetime, state.next());
    let text = written(subject.as_deref(), &access, lifetime.as_secs(), serial);
    state.tokens.insert(text.clone(), Token { access, until: Instant::now() + lifetime });
    json_answer(StatusCode::OK, &json!({ "token": text, "access_token": "", "expires_in": lifetime.as_secs() }))
}

/// The token as it goes over the wire. Its signature is nothing that could be checked.
fn written(subject: Option<&str>, access: &[(String, Vec<String>)], lifetime: u64, serial: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let access: Vec<Value> = access
        .iter()
        .map(|(name, actions)| json!({ "type": "repository", "name": name, "actions": actions }))
        .collect();
    let mut claims = json!({
        "iss": "harbor-token-issuer", "aud": SERVICE, "exp": now + lifetime, "nbf": now, "iat": now,
        "jti": format!("double-{serial}"), "access": access,
    });
    if let Some(subject) = subject {
        claims["sub"] = subject.into();
    }
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "RS256", "typ": "JWT" }));
    format!("{header}.{}.{}", part(claims), BASE64_URL_SAFE_NO_PAD.encode(serial.to_string()))
}

/// Returns the repository of the scope `repository:name:actions` and all actions that are allowed there, regardless of
/// those requested. `None` if the scope has another form.
fn granted(state: &State, who: &Who, scope: &str) -> Option<(String, Vec<String>)> {
    let (name, _) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    let project = project_of(name);
    let there = !state.database_away && state.project(project).is_some();
    let actions: HashSet<&str> =
        ["pull", "push", "delete"].into_iter().filter(|action| there && who.can(state, project, action)).collect();
    Some((name.to_owned(), actions.into_iter().map(str::to_owned).collect()))
}
