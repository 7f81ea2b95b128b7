//! `/api/v2.0/projects`: which there are, and new ones (`handler/project.go`).

use axum::{
    http::{HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    account::{Account, Kind},
    answer::{Refusal, empty, json_answer},
    path::query,
    state::State,
};

/// Any login may know whether a project is there.
pub(super) fn head(state: &State, asker: Option<&Account>, uri: &Uri) -> Result<Response, Refusal> {
    let name = query(uri, "project_name").ok_or_else(|| Refusal::unprocessable("project_name in query is required"))?;
    match (asker, state.project(&name)) {
        (None, _) => Err(Refusal::unauthorized("unauthorized")),
        (Some(_), Some(_)) => Ok(empty(StatusCode::OK)),
        (Some(_), None) => Err(Refusal::not_found(format!("project {name} not found"))),
    }
}

/// The projects that the asker has to do with, and the public ones; robots see those of their permissions without the
/// right to read them. `q=name={'a' 'b'}` names those that are wanted.
pub(super) fn list(state: &State, asker: Option<&Account>, uri: &Uri) -> Response {
    let q = query(uri, "q").unwrap_or_default();
    let wanted = q
        .strip_prefix("name={")
        .and_then(|rest| rest.strip_suffix('}'))
        .map(|names| names.split(' ').map(|name| name.trim_matches('\'').to_owned()).collect::<Vec<_>>());
    let part = query(uri, "name").unwrap_or_default();
    let with_detail = query(uri, "with_detail").is_none_or(|value| value == "true");
    let shown: Vec<Value> = state
        .projects
        .iter()
        .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted.contains(name)) && name.contains(&part))
        .filter(|(name, project)| asker.is_some_and(|asker| asker.knows(name) || project.public))
        .map(|(name, project)| {
            let mut shown = json!({ "project_id": project.id, "name": name });
            if with_detail {
                shown["metadata"] = project.shown_metadata();
            }
            if project.proxy_cache {
                shown["registry_id"] = 1.into();
            }
            shown
        })
        .collect();
    let mut response = json_answer(StatusCode::OK, &json!(shown));
    response.headers_mut().insert("x-total-count", shown.len().into());
    response
}

/// The rule for names is that of `pkg/project/manager.go`; robots of a project never create another one.
pub(super) fn create(state: &mut State, asker: Option<Account>, body: &[u8]) -> Result<Response, Refusal> {
    let asker = asker.ok_or_else(|| Refusal::unauthorized("unauthorized"))?;
    if asker.kind == Kind::ProjectRobot {
        return Err(Refusal::forbidden("Only system level robot can create project"));
    }
    // Robots of the system that may create projects count as administrators here.
    let admin = asker.kind == Kind::Admin || (asker.kind == Kind::SystemRobot && asker.creates_projects);
    if state.only_admins_create && !admin {
        return Err(Refusal::forbidden("Only system admin can create project"));
    }
    let wanted: Value = serde_json::from_slice(body).map_err(|_| Refusal::unprocessable("the body is no project"))?;
    let name = wanted["project_name"].as_str().unwrap_or_default();
    if name.len() > 255 {
        return Err(Refusal::unprocessable(
            "validation failure list:\nvalidation failure list:\nproject_name in body should be at most 255 chars long",
        ));
    }
    if !is_project_name(name) {
        return Err(Refusal::bad_request("project name is not in lower case or contains illegal characters"));
    }
    let public = match &wanted["metadata"]["public"] {
        Value::Null => false,
        Value::String(text) if text == "true" || text == "false" => text == "true",
        other => {
            let message = format!("metadata.public should only be 'true' or 'false', but got: '{other}'");
            return Err(Refusal::bad_request(message));
        }
    };
    if state.project(name).is_some() {
        return Err(Refusal::conflict(format!("The project named {name} already exists")));
    }
    // A limit is the administrators' to give; for others the default of the system holds, which here is none.
    let limit = wanted["storage_limit"].as_i64().filter(|limit| admin && *limit > 0).map(i64::unsigned_abs);
    let id = state.add_project(name, public, limit);
    if let Value::Object(metadata) = &wanted["metadata"] {
        state.project_mut(name).metadata = metadata.clone();
    }
    if let Some(account) = state.accounts.get_mut(&asker.name) {
        account.own(name);
    }
    let mut response = empty(StatusCode::CREATED);
    let location = HeaderValue::from_str(&format!("/api/v2.0/projects/{id}")).expect("a number is ASCII");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// `[a-z0-9]+(?:[._-][a-z0-9]+)*`.
fn is_project_name(name: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.split(['.', '_', '-']).all(part)
}
