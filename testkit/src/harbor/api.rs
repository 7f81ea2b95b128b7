//! `/api/v2.0`: projects, quotas, rules, artifacts, rights (`server/v2.0/handler`).

use axum::{
    body::to_bytes,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    account::{Account, Kind, Right},
    answer::{Refusal, empty, json_answer},
    artifacts::{self, With},
    auth,
    path::query,
    state::{Project, Shared, State},
};

/// No page is longer than this; who asks for more gets 422.
const PAGE: usize = 100;

pub(super) async fn answer(shared: &Shared, path: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let writes = !matches!(parts.method, Method::GET | Method::HEAD);
    let answered = refuse_cookies(&parts.headers, writes).and_then(|()| {
        let mut state = shared.state();
        if writes && state.read_only {
            return Err(Refusal::denied("The system is in read only mode. Any modification is prohibited."));
        }
        let asker = auth::account(&state, &parts.headers);
        let segments: Vec<&str> = path.split('/').collect();
        match (&parts.method, &segments[..]) {
            (&Method::GET, ["systeminfo"]) => Ok(system_info(&state, asker.as_ref())),
            (&Method::GET, ["users", "current", "permissions"]) => permissions(&state, asker, &parts.uri),
            (&Method::HEAD, ["projects"]) => head_project(&state, asker.as_ref(), &parts.uri),
            (&Method::POST, ["projects"]) => create_project(&mut state, asker, &body),
            (&Method::GET, ["projects", name]) => show_project(&state, asker.as_ref(), name),
            (&Method::GET, ["projects", name, "summary"]) => summary(&state, asker.as_ref(), name),
            (&Method::GET, ["projects", name, "immutabletagrules"]) => rules(&state, asker.as_ref(), name),
            (&Method::GET, ["quotas"]) => quotas(&state, asker.as_ref(), &parts.uri),
            (&Method::GET, ["projects", project, "repositories", repository, "artifacts"]) => {
                list_artifacts(&state, asker.as_ref(), project, repository, &parts.uri)
            }
            (&Method::GET, ["projects", project, "repositories", repository, "artifacts", reference]) => {
                show_artifact(&state, asker.as_ref(), (project, repository, reference), &parts.uri)
            }
            _ => Err(Refusal::not_found(format!("path {path} not found"))),
        }
    });
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    // Every answer of the API opens a session; who sends it back must know the CSRF token too.
    response.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static("sid=0123456789; Path=/; HttpOnly"));
    response
}

/// The CSRF middleware leaves requests alone that carry no session.
fn refuse_cookies(headers: &HeaderMap, writes: bool) -> Result<(), Refusal> {
    match writes && headers.contains_key(header::COOKIE) && !headers.contains_key("x-harbor-csrf-token") {
        true => Err(Refusal::forbidden("CSRF token not found in request")),
        false => Ok(()),
    }
}

/// `RequireProjectAccess`: nobody gets 401, others 403 where they have no right. That a project is not there is told
/// with 404 to administrators; to others with 403, at least in some versions (goharbor/harbor#21800).
fn require<'a>(state: &'a State, asker: Option<&Account>, name: &str, right: Right) -> Result<&'a Project, Refusal> {
    let found = state.project(name).or_else(|| {
        let id: u64 = name.parse().ok()?;
        state.projects.values().find(|project| project.id == id)
    });
    let is_admin = asker.is_some_and(|asker| asker.kind == Kind::Admin);
    let Some(project) = found else {
        return match asker {
            Some(_) if is_admin || !state.hides_missing => Err(Refusal::not_found(format!("project {name} not found"))),
            Some(_) => Err(Refusal::forbidden("forbidden")),
            None => Err(Refusal::unauthorized("unauthorized")),
        };
    };
    let name = state.projects.iter().find(|(_, other)| other.id == project.id).map_or(name, |(name, _)| name);
    let public = project.public && matches!(right, Right::ReadProject | Right::ListArtifacts);
    match asker {
        Some(asker) if public || asker.can(name, right) => Ok(project),
        Some(_) => Err(Refusal::forbidden("forbidden")),
        None if public => Ok(project),
        None => Err(Refusal::unauthorized("unauthorized")),
    }
}

/// What everybody may know, and a little more for those who logged in.
fn system_info(state: &State, asker: Option<&Account>) -> Response {
    let mut info = json!({ "auth_mode": "db_auth", "primary_auth_mode": false, "self_registration": false });
    if asker.is_some() {
        info["harbor_version"] = "v2.13.0-double".into();
        info["read_only"] = state.read_only.into();
        info["project_creation_restriction"] = if state.only_admins_create { "adminonly" } else { "everyone" }.into();
    }
    json_answer(StatusCode::OK, &info)
}

/// What the asker may do in `/project/<id>`; relative names only.
fn permissions(state: &State, asker: Option<Account>, uri: &Uri) -> Result<Response, Refusal> {
    let asker = asker.ok_or_else(|| Refusal::unauthorized("unauthorized"))?;
    let scope = query(uri, "scope").unwrap_or_default();
    let id: Option<u64> = scope.strip_prefix("/project/").and_then(|id| id.parse().ok());
    let project = state.projects.iter().find(|(_, project)| Some(project.id) == id);
    let rights: Vec<Value> = Right::ALL
        .into_iter()
        .filter(|right| project.is_some_and(|(name, _)| asker.can(name, *right)))
        .map(|right| {
            let (resource, action) = right.policy();
            json!({ "resource": resource, "action": action })
        })
        .collect();
    Ok(json_answer(StatusCode::OK, &rights.into()))
}

fn head_project(state: &State, asker: Option<&Account>, uri: &Uri) -> Result<Response, Refusal> {
    let name = query(uri, "project_name").ok_or_else(|| Refusal::unprocessable("project_name in query is required"))?;
    require(state, asker, &name, Right::ReadProject).map(|_| empty(StatusCode::OK))
}

fn show_project(state: &State, asker: Option<&Account>, name: &str) -> Result<Response, Refusal> {
    let project = require(state, asker, name, Right::ReadProject)?;
    let name = state.projects.iter().find(|(_, other)| other.id == project.id).map_or(name, |(name, _)| name);
    let mut shown = json!({
        "project_id": project.id,
        "name": name,
        "metadata": { "public": project.public.to_string() },
        "repo_count": state.repositories.keys().filter(|repository| repository.starts_with(&format!("{name}/"))).count(),
    });
    if project.proxy_cache {
        shown["registry_id"] = 1.into();
    }
    Ok(json_answer(StatusCode::OK, &shown))
}

/// The quota is in it only for those who may read it; -1 is no limit.
fn summary(state: &State, asker: Option<&Account>, name: &str) -> Result<Response, Refusal> {
    let project = require(state, asker, name, Right::ReadProject)?;
    let mut shown = json!({ "repo_count": 0 });
    if asker.is_some_and(|asker| asker.can(name, Right::ReadQuota)) {
        shown["quota"] = quota(project);
    }
    Ok(json_answer(StatusCode::OK, &shown))
}

fn quota(project: &Project) -> Value {
    let limit = project.storage_limit.map_or(json!(-1), Value::from);
    json!({ "hard": { "storage": limit }, "used": { "storage": project.used() } })
}

/// Of the whole system: for administrators.
fn quotas(state: &State, asker: Option<&Account>, uri: &Uri) -> Result<Response, Refusal> {
    match asker {
        None => return Err(Refusal::unauthorized("unauthorized")),
        Some(asker) if asker.kind != Kind::Admin => return Err(Refusal::forbidden("forbidden")),
        Some(_) => {}
    }
    let id: Option<u64> = query(uri, "reference_id").and_then(|id| id.parse().ok());
    let wanted = state.projects.iter().filter(|(_, project)| id.is_none_or(|id| id == project.id));
    let quotas: Vec<Value> = wanted
        .map(|(name, project)| {
            let mut quota = quota(project);
            quota["id"] = project.id.into();
            quota["ref"] = json!({ "id": project.id, "name": name });
            quota
        })
        .collect();
    Ok(json_answer(StatusCode::OK, &quotas.into()))
}

fn rules(state: &State, asker: Option<&Account>, name: &str) -> Result<Response, Refusal> {
    let project = require(state, asker, name, Right::ListRules)?;
    let selector = |pattern: &String, decoration: &str| json!({ "kind": "doublestar", "decoration": decoration, "pattern": pattern });
    let rules: Vec<Value> = (1..)
        .zip(&project.immutable)
        .map(|(id, (repositories, tags))| {
            json!({
                "id": id,
                "action": "immutable",
                "template": "immutable_template",
                "disabled": false,
                "scope_selectors": { "repository": [selector(repositories, "repoMatches")] },
                "tag_selectors": [selector(tags, "matches")],
            })
        })
        .collect();
    Ok(json_answer(StatusCode::OK, &rules.into()))
}

/// The rule for names is that of `pkg/project/manager.go`; robots of a project never create another one.
fn create_project(state: &mut State, asker: Option<Account>, body: &[u8]) -> Result<Response, Refusal> {
    let asker = asker.ok_or_else(|| Refusal::unauthorized("unauthorized"))?;
    if asker.kind == Kind::ProjectRobot {
        return Err(Refusal::forbidden("Only system level robot can create project"));
    }
    let admin = asker.kind == Kind::Admin;
    let allowed = match state.only_admins_create {
        true => admin || (asker.is_robot() && asker.creates_projects),
        false => asker.creates_projects,
    };
    if !allowed {
        return Err(Refusal::forbidden("Only system admin can create project"));
    }
    let wanted: Value = serde_json::from_slice(body).map_err(|_| Refusal::unprocessable("the body is no project"))?;
    let name = wanted["project_name"].as_str().unwrap_or_default();
    if !is_project_name(name) {
        return Err(Refusal::bad_request(
            "project name is not in lower case or contains illegal characters, or longer than 255",
        ));
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
    if let Some(account) = state.accounts.get_mut(&asker.name) {
        account.own(name);
    }
    let mut response = empty(StatusCode::CREATED);
    let location = HeaderValue::from_str(&format!("/api/v2.0/projects/{id}")).expect("a number is ASCII");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// `[a-z0-9]+(?:[._-][a-z0-9]+)*`, at most 255 characters.
fn is_project_name(name: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.len() <= 255 && name.split(['.', '_', '-']).all(part)
}

/// Pages of artifacts. The repository's name must be encoded twice if it has a slash; encoded once, the slash is one
/// of the path and there is no such page.
fn list_artifacts(
    state: &State,
    asker: Option<&Account>,
    project_name: &str,
    encoded: &str,
    uri: &Uri,
) -> Result<Response, Refusal> {
    let project = require(state, asker, project_name, Right::ListArtifacts)?;
    let name = repository_name(encoded)?;
    let number = |key: &str, default: usize| query(uri, key).map_or(Ok(default), |text| text.parse());
    let (page, size) = match (number("page", 1), number("page_size", 10)) {
        (Ok(page), Ok(size)) if page >= 1 && size <= PAGE => (page, size),
        _ => return Err(Refusal::unprocessable("page_size in query should be less than or equal to 100")),
    };
    let with = with(uri);
    let nothing = super::state::Repository::default();
    let known = state.repositories.get(&format!("{project_name}/{name}")).unwrap_or(&nothing);
    let rows = artifacts::rows(known);
    let total = rows.iter().filter(|(_, artifact)| artifacts::shown(artifact)).count();
    let shown: Vec<Value> = rows
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .filter(|(_, artifact)| artifacts::shown(artifact))
        .map(|row| artifacts::describe(project, &name, known, *row, &with))
        .collect();
    let mut response = json_answer(StatusCode::OK, &shown.into());
    response.headers_mut().insert("x-total-count", total.into());
    // The link is reckoned from the shown ones although the pages are cut from all rows.
    if page * size < total {
        let path = uri.path();
        let link = format!("<{path}?page={}&page_size={size}&with_tag={}>; rel=\"next\"", page + 1, with.tags);
        response.headers_mut().insert(header::LINK, HeaderValue::from_str(&link).expect("paths are ASCII"));
    }
    Ok(response)
}

/// One artifact, by tag or digest.
fn show_artifact(
    state: &State,
    asker: Option<&Account>,
    (project_name, encoded, reference): (&str, &str, &str),
    uri: &Uri,
) -> Result<Response, Refusal> {
    let project = require(state, asker, project_name, Right::ListArtifacts)?;
    let name = repository_name(encoded)?;
    let missing = || Refusal::not_found(format!("artifact {project_name}/{name}:{reference} not found"));
    let known = state.repositories.get(&format!("{project_name}/{name}")).ok_or_else(missing)?;
    let digest = known.tags.get(reference).map_or(reference, String::as_str);
    let row = known.artifacts.get_key_value(digest).ok_or_else(missing)?;
    Ok(json_answer(StatusCode::OK, &artifacts::describe(project, &name, known, row, &with(uri))))
}

fn repository_name(encoded: &str) -> Result<String, Refusal> {
    let once = decode(encoded);
    match once.contains('/') {
        true => Err(Refusal::not_found("path not found")),
        false => Ok(decode(&once)),
    }
}

fn with(uri: &Uri) -> With {
    let flag = |key: &str| query(uri, key).as_deref() == Some("true");
    With {
        tags: query(uri, "with_tag").is_none_or(|value| value == "true"),
        immutable: flag("with_immutable_status"),
        accessories: flag("with_accessory"),
    }
}

fn decode(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
