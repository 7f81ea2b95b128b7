//! Members of projects (`server/v2.0/handler/member.go`, `controller/member/controller.go`), in a Harbor that keeps its users
//! itself.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::Value;

use super::{
    account::{Account, Kind, Right},
    answer::{Refusal, empty},
    state::State,
};

/// Roles have the numbers from 1 to this.
const ROLES: u64 = 5;

/// Answers `POST projects/NAME/members`.
pub(super) fn add(state: &mut State, asker: Option<&Account>, project: &str, body: &[u8]) -> Result<Response, Refusal> {
    let asker = asker.ok_or_else(|| Refusal::unauthorized("unauthorized"))?;
    if !asker.can(project, Right::AddMembers) {
        return Err(Refusal::forbidden("forbidden"));
    }
    if state.project(project).is_none() {
        return Err(Refusal::not_found(format!("project {project} not found")));
    }
    let wanted: Value = serde_json::from_slice(body).map_err(|_| Refusal::unprocessable("the body is no member"))?;
    let group = &wanted["member_group"];
    let member = match (wanted["member_user"]["username"].as_str(), &group["group_name"], &group["ldap_group_dn"]) {
        (Some(user), ..) => user_of(state, user)?,
        (None, Value::String(name), _) | (None, _, Value::String(name)) => group_of(state, name)?,
        _ => return Err(Refusal::bad_request("at least one of member_user or member_group must be provided")),
    };
    let id = state.next();
    let members = &mut state.project_mut(project).members;
    if members.iter().any(|(known, _)| *known == member) {
        return Err(Refusal::conflict("The project member specified already exist"));
    }
    let role = wanted["role_id"].as_u64().filter(|role| (1..=ROLES).contains(role));
    let role = role.ok_or_else(|| Refusal::bad_request("Failed to update project member, role is not in 1,2,3"))?;
    members.push((member, role));
    let mut response = empty(StatusCode::CREATED);
    let location = format!("/api/v2.0/projects/{project}/members/{id}");
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(&location).expect("names are ASCII"));
    Ok(response)
}

fn user_of(state: &State, name: &str) -> Result<String, Refusal> {
    let is_user = |account: &Account| matches!(account.kind, Kind::User | Kind::Admin);
    match state.accounts.get(name) {
        Some(account) if is_user(account) => Ok(name.to_owned()),
        _ => Err(Refusal::not_found(format!("user {name} is not found"))),
    }
}

/// Groups come from a directory or a provider of logins; without one the error of the search is all that is said.
fn group_of(state: &State, name: &str) -> Result<String, Refusal> {
    match state.groups.contains(name) {
        true => Ok(format!("group {name}")),
        false => Err(Refusal::not_found(format!("{name} not found: not supported"))),
    }
}
