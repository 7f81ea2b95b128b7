//! Authentication and authorization of requests, and Harbor's refusals.

use std::time::Instant;

use axum::http::{HeaderMap, Method, Uri, header};
use base64::{Engine as _, prelude::*};

use super::{
    account::{Account, Kind, Right},
    answer::Refusal,
    path::{Route, project_of, query},
    state::{Shared, State, Token},
};

/// The service that stands in every Bearer challenge of Harbor (`creator.go`, `Registry`).
pub(super) const SERVICE: &str = "harbor-registry";

/// The message of the PostgreSQL driver if there is no connection to the database.
const NO_CONNECTION: &str = "failed to connect to `user=harbor database=registry`: 127.0.0.1:5432 (127.0.0.1): dial \
                             error: dial tcp 127.0.0.1:5432: connect: connection refused";

/// The identity of a request. With a wrong password or an expired token it is anonymous, as in
/// `UnauthorizedMiddleware`.
pub(super) enum Who {
    Nobody,
    Account(Account),
    Bearer(Token),
}

pub(super) fn who(state: &State, headers: &HeaderMap) -> Who {
    let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Who::Nobody;
    };
    let found = match value.split_once(' ') {
        Some(("Basic", login)) => basic(state, login).map(Who::Account),
        Some(("Bearer", token)) => {
            state.tokens.get(token).filter(|token| token.until > Instant::now()).cloned().map(Who::Bearer)
        }
        _ => None,
    };
    found.unwrap_or(Who::Nobody)
}

/// Only user name and password, as the API takes them.
pub(super) fn account(state: &State, headers: &HeaderMap) -> Option<Account> {
    match who(state, headers) {
        Who::Account(account) => Some(account),
        _ => None,
    }
}

fn basic(state: &State, login: &str) -> Option<Account> {
    let text = String::from_utf8(BASE64_STANDARD.decode(login).ok()?).ok()?;
    let (name, password) = text.split_once(':').filter(|_| !state.database_away)?;
    state.accounts.get(name).filter(|account| account.secret == password).cloned()
}

impl Who {
    /// Returns true if this action is allowed in a project, which must exist.
    pub(super) fn can(&self, state: &State, project: &str, action: &str) -> bool {
        let public = action == "pull" && state.project(project).is_some_and(|project| project.public);
        match self {
            Self::Nobody => public,
            Self::Account(account) => public || may(account, project, action),
            // The rights of a token are kept by project (`security/v2token/context.go`).
            Self::Bearer(token) => token
                .access
                .iter()
                .any(|(name, actions)| project_of(name) == project && actions.iter().any(|granted| granted == action)),
        }
    }
}

fn may(account: &Account, project: &str, action: &str) -> bool {
    match action {
        "pull" => account.can(project, Right::Pull),
        "push" => account.can(project, Right::Push),
        _ => account.kind == Kind::Admin,
    }
}

/// Lets a request below `/v2/` through, or says why not: `reqChecker.check` of `v2auth/auth.go`.
pub(super) fn check(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let state = shared.state();
    let route = Route::of(uri.path());
    let who = who(&state, headers);
    let Some(repository) = route.repository() else {
        return match (&route, who) {
            (Route::Ping, Who::Nobody) => Err(refuse(shared, headers, &[], "unauthorized")),
            (Route::Catalog, Who::Account(account)) if account.kind == Kind::Admin => Ok(()),
            (Route::Catalog, _) => {
                Err(Refusal::unauthorized_v2("unauthorized to list catalog").challenge("Basic realm=\"harbor\""))
            }
            (Route::Other, _) => {
                let message = format!("un-recognized request: {method} {}", uri.path());
                Err(Refusal::unauthorized_v2(&message).challenge(""))
            }
            _ => Ok(()),
        };
    };
    let action = match *method {
        Method::GET | Method::HEAD => "pull",
        Method::DELETE => "delete",
        _ => "push",
    };
    let mut wanted = vec![(repository.to_owned(), action)];
    if let Some(from) = query(uri, "from").filter(|_| *method == Method::POST && query(uri, "mount").is_some()) {
        wanted.push((from, "pull"));
    }
    for (repository, action) in &wanted {
        // Docker's own client needs a challenge here (goharbor/harbor#11271), so no project is looked up.
        let reads = matches!(*method, Method::HEAD | Method::GET);
        if reads && !headers.contains_key(header::AUTHORIZATION) {
            return Err(refuse(shared, headers, &wanted, "authorize header needed to send HEAD to repository"));
        }
        let project = project_of(repository);
        if state.database_away {
            return Err(match (&route, method) {
                // These open a transaction before anything else.
                (Route::Upload(_, None), _) | (Route::Manifest(..), &Method::PUT) => Refusal::unknown(),
                _ => Refusal::unauthorized_v2(NO_CONNECTION).challenge(""),
            });
        }
        if state.project(project).is_none() {
            return Err(Refusal::unauthorized_v2(&format!("project {project} not found")).challenge(""));
        }
        if !who.can(&state, project, action) {
            let message = format!("unauthorized to access repository: {repository}, action: {action}");
            return Err(refuse(shared, headers, &wanted, &message));
        }
    }
    Ok(())
}

/// A 401 with the challenge that `getChallenge` picks: who came with a header, even with an old token, is told *Basic*.
fn refuse(shared: &Shared, headers: &HeaderMap, wanted: &[(String, &str)], message: &str) -> Refusal {
    let refusal = Refusal::unauthorized_v2(message);
    if headers.contains_key(header::AUTHORIZATION) {
        return refusal.challenge("Basic realm=\"harbor\"");
    }
    let scope = |(name, action): &(String, &str)| {
        let actions = if *action == "push" { "pull,push" } else { action };
        format!("repository:{name}:{actions}")
    };
    let scopes: Vec<String> = wanted.iter().map(scope).collect();
    let mut challenge = format!("Bearer realm=\"http://{}/service/token\",service=\"{SERVICE}\"", shared.addr);
    if !scopes.is_empty() {
        challenge += &format!(",scope=\"{}\"", scopes.join(" "));
    }
    refusal.challenge(challenge)
}
