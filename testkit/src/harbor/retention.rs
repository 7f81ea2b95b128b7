//! Policies for retention (`server/v2.0/handler/retention.go`, `pkg/retention`). They are told and never run.

use axum::{http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{
    account::{Account, Right},
    answer::{Refusal, json_answer},
    state::State,
};

/// Returns the policy of a project as the API shows it.
pub(super) fn policy(id: u64, project: u64, cron: &str, rules: &Value) -> Value {
    json!({
        "algorithm": "or",
        "id": id,
        "rules": rules,
        "scope": { "level": "project", "ref": project },
        "trigger": { "kind": "Schedule", "settings": { "cron": cron } },
    })
}

/// Answers `GET retentions/ID`. A policy that is not there is an error without a code (`pkg/retention/manager.go`).
pub(super) fn show(state: &State, asker: Option<&Account>, id: &str) -> Result<Response, Refusal> {
    let id: u64 = id.parse().map_err(|_| Refusal::unprocessable("id in path must be of type int64"))?;
    let found = state.projects.iter().find_map(|(name, project)| {
        let (own, policy) = project.retention.as_ref()?;
        (*own == id).then_some((name, policy))
    });
    let (name, policy) = found.ok_or_else(Refusal::unknown)?;
    match asker {
        Some(asker) if asker.can(name, Right::ReadRetention) => Ok(json_answer(StatusCode::OK, policy)),
        Some(_) => Err(Refusal::forbidden("forbidden")),
        None => Err(Refusal::unauthorized("unauthorized")),
    }
}
