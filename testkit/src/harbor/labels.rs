//! Labels (`server/v2.0/handler/label.go`, `artifact.go`; answers of Harbor 2.15.2).

use axum::{
    http::{HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    account::{Account, Right},
    answer::{Refusal, empty, json_answer},
    path::{decode, query},
    state::State,
};

/// The project of this number, for an account that may use its labels.
fn project(state: &State, asker: Option<&Account>, id: &Value) -> Result<String, Refusal> {
    let asker = asker.ok_or_else(|| Refusal::unauthorized("unauthorized"))?;
    let found = state.projects.iter().find(|(_, project)| id.as_u64() == Some(project.id));
    match found {
        Some((name, _)) if asker.can(name, Right::Label) => Ok(name.clone()),
        _ => Err(Refusal::forbidden("forbidden")),
    }
}

pub(super) fn list(state: &State, asker: Option<&Account>, uri: &Uri) -> Result<Response, Refusal> {
    let id: Option<u64> = query(uri, "project_id").and_then(|id| id.parse().ok());
    let name = project(state, asker, &id.into())?;
    let part = query(uri, "name").unwrap_or_default();
    let labels = state.projects[&name].labels.iter().filter(|(name, _)| name.contains(&part));
    let labels: Vec<Value> = labels.map(|(name, id)| json!({ "id": id, "name": name, "scope": "p" })).collect();
    Ok(json_answer(StatusCode::OK, &labels.into()))
}

pub(super) fn create(state: &mut State, asker: Option<&Account>, body: &[u8]) -> Result<Response, Refusal> {
    let wanted: Value = serde_json::from_slice(body).map_err(|_| Refusal::unprocessable("the body is no label"))?;
    let project = project(state, asker, &wanted["project_id"])?;
    let name = wanted["name"].as_str().unwrap_or_default().to_owned();
    let id = state.next();
    let labels = &mut state.project_mut(&project).labels;
    if labels.contains_key(&name) {
        return Err(Refusal::conflict(format!("label {name} already exists")));
    }
    labels.insert(name, id);
    let mut response = empty(StatusCode::CREATED);
    let location = HeaderValue::from_str(&format!("/api/v2.0/labels/{id}")).expect("a number is ASCII");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

pub(super) fn add(
    state: &mut State,
    asker: Option<&Account>,
    (project, repository, digest): (&str, &str, &str),
    body: &[u8],
) -> Result<Response, Refusal> {
    let asker = asker.ok_or_else(|| Refusal::unauthorized("unauthorized"))?;
    if !asker.can(project, Right::Label) {
        return Err(Refusal::forbidden("forbidden"));
    }
    let wanted: Value = serde_json::from_slice(body).map_err(|_| Refusal::unprocessable("the body is no label"))?;
    let name = format!("{project}/{}", decode(&decode(repository)));
    let absent = || Refusal::not_found(format!("artifact {name}@{digest} not found"));
    let artifact = state.repositories.get_mut(&name).and_then(|known| known.artifacts.get_mut(digest));
    let artifact = artifact.ok_or_else(absent)?;
    let label = wanted["id"].as_u64().unwrap_or_default();
    if artifact.labels.contains(&label) {
        return Err(Refusal::conflict(format!("label {label} is already added to the artifact {}", artifact.id)));
    }
    artifact.labels.push(label);
    Ok(empty(StatusCode::OK))
}
