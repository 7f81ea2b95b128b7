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
    answer::{Refusal, json_answer},
    artifacts::{self, With},
    auth, labels, members,
    path::{decode, query},
    projects, retention, scans,
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
        let segments: Vec<&str> = path.split('/').collect();
        let asker = auth::account(&state, &parts.headers)
            .filter(|asker| !asker.oidc || cli_secret_counts(&parts.method, &segments));
        if state.database_away && matches!(segments[0], "projects") && parts.method != Method::HEAD {
            return Err(Refusal::unknown());
        }
        match (&parts.method, &segments[..]) {
            (&Method::GET, ["systeminfo"]) => Ok(system_info(&state, asker.as_ref())),
            (&Method::GET, ["users", "current", "permissions"]) => permissions(&state, asker, &parts.uri),
            (&Method::HEAD, ["projects"]) => projects::head(&state, asker.as_ref(), &parts.uri),
            (&Method::GET, ["projects"]) => Ok(projects::list(&state, asker.as_ref(), &parts.uri)),
            (&Method::POST, ["projects"]) => projects::create(&mut state, asker, &body),
            (&Method::GET, ["projects", name]) => show_project(&state, asker.as_ref(), name),
            (&Method::GET, ["projects", name, "summary"]) => summary(&state, asker.as_ref(), name),
            (&Method::GET, ["projects", name, "immutabletagrules"]) => rules(&state, asker.as_ref(), name),
            (&Method::GET, ["labels"]) => labels::list(&state, asker.as_ref(), &parts.uri),
            (&Method::POST, ["labels"]) => labels::create(&mut state, asker.as_ref(), &body),
            (&Method::POST, ["projects", project, "repositories", repository, "artifacts", digest, "labels"]) => {
                labels::add(&mut state, asker.as_ref(), (project, repository, digest), &body)
            }
            (&Method::POST, ["projects", project, "repositories", repository, "artifacts", digest, "scan"]) => {
                scans::start(&mut state, asker.as_ref(), (project, repository, digest))
            }
            (&Method::POST, ["projects", name, "members"]) => members::add(&mut state, asker.as_ref(), name, &body),
            (&Method::GET, ["retentions", id]) => retention::show(&state, asker.as_ref(), id),
            (&Method::GET, ["quotas"]) => quotas(&state, asker.as_ref()),
            (&Method::GET, ["projects", project, "artifacts"]) => {
                list_project_artifacts(&state, asker.as_ref(), project, &parts.uri)
            }
            (&Method::GET, ["projects", project, "repositories"]) => list_repositories(&state, asker.as_ref(), project),
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

/// Returns true if the API accepts the CLI secret of an OIDC user for a request (`security/oidc_cli.go`).
fn cli_secret_counts(method: &Method, segments: &[&str]) -> bool {
    matches!(
        (method, segments),
        (&Method::POST, ["projects"])
            | (&Method::GET, ["projects" | "systeminfo" | "labels"])
            | (&Method::GET, ["projects", _, "repositories"] | ["projects", _, "repositories", _, "artifacts"])
    )
}

/// The CSRF middleware leaves requests alone that carry no session.
fn refuse_cookies(headers: &HeaderMap, writes: bool) -> Result<(), Refusal> {
    match writes && headers.contains_key(header::COOKIE) && !headers.contains_key("x-harbor-csrf-token") {
        true => Err(Refusal::forbidden("CSRF token not found in request")),
        false => Ok(()),
    }
}

/// `RequireProjectAccess`: 401 without a login, 403 without the right. If the project does not exist, administrators
/// get 404, other accounts 403.
fn require<'a>(state: &'a State, asker: Option<&Account>, name: &str, right: Right) -> Result<&'a Project, Refusal> {
    let found = state.project(name).or_else(|| {
        let id: u64 = name.parse().ok()?;
        state.projects.values().find(|project| project.id == id)
    });
    let is_admin = asker.is_some_and(|asker| asker.kind == Kind::Admin);
    let Some(project) = found else {
        return match asker {
            Some(_) if is_admin => Err(Refusal::not_found(format!("project {name} not found"))),
            Some(_) => Err(Refusal::forbidden("forbidden")),
            None => Err(Refusal::unauthorized("unauthorized")),
        };
    };
    let name = state.projects.iter().find(|(_, other)| other.id == project.id).map_or(name, |(name, _)| name);
    let public = project.public && matches!(right, Right::ReadProject | Right::ListArtifacts | Right::ReadArtifact);
    match asker {
        Some(asker) if public || asker.can(name, right) => Ok(project),
        Some(_) => Err(Refusal::forbidden("forbidden")),
        None if public => Ok(project),
        None => Err(Refusal::unauthorized("unauthorized")),
    }
}

/// Answers `GET systeminfo`: public fields, and further ones for a request with a login.
fn system_info(state: &State, asker: Option<&Account>) -> Response {
    let mut info = json!({ "auth_mode": "db_auth", "primary_auth_mode": false, "self_registration": false });
    if asker.is_some() {
        info["harbor_version"] = "v2.15.2-double".into();
        info["read_only"] = state.read_only.into();
        info["project_creation_restriction"] = if state.only_admins_create { "adminonly" } else { "everyone" }.into();
    }
    json_answer(StatusCode::OK, &info)
}

/// Answers with the rights of the account in the project of `scope` (`/project/<id>`); relative names only.
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

fn show_project(state: &State, asker: Option<&Account>, name: &str) -> Result<Response, Refusal> {
    let project = require(state, asker, name, Right::ReadProject)?;
    let name = state.projects.iter().find(|(_, other)| other.id == project.id).map_or(name, |(name, _)| name);
    let mut shown = json!({
        "project_id": project.id,
        "name": name,
        "metadata": project.shown_metadata(),
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

/// Answers `GET quotas`, which administrators may ask.
fn quotas(state: &State, asker: Option<&Account>) -> Result<Response, Refusal> {
    match asker {
        Some(asker) if asker.kind == Kind::Admin => {}
        Some(_) => return Err(Refusal::forbidden("forbidden")),
        None => return Err(Refusal::unauthorized("unauthorized")),
    }
    let shown: Vec<Value> = state
        .projects
        .iter()
        .map(|(name, project)| {
            let mut shown = quota(project);
            shown["id"] = project.id.into();
            shown["ref"] = json!({ "id": project.id, "name": name, "owner_name": "admin" });
            shown
        })
        .take(PAGE)
        .collect();
    let mut response = json_answer(StatusCode::OK, &shown.into());
    response.headers_mut().insert("x-total-count", state.projects.len().into());
    Ok(response)
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

/// The repositories of a project, with their full names. Robots need a right of their own, which none has here unless it
/// may list artifacts.
fn list_repositories(state: &State, asker: Option<&Account>, project: &str) -> Result<Response, Refusal> {
    require(state, asker, project, Right::ListArtifacts)?;
    let known = state.repositories.iter().filter(|(name, _)| name.starts_with(&format!("{project}/")));
    let shown: Vec<Value> =
        known.map(|(name, repository)| json!({ "name": name, "artifact_count": repository.artifacts.len() })).collect();
    Ok(json_answer(StatusCode::OK, &json!(shown)))
}

/// Pages of artifacts.
fn list_artifacts(
    state: &State,
    asker: Option<&Account>,
    project_name: &str,
    encoded: &str,
    uri: &Uri,
) -> Result<Response, Refusal> {
    let project = require(state, asker, project_name, Right::ListArtifacts)?;
    let name = repository_name(encoded);
    let nothing = super::state::Repository::default();
    let known = state.repositories.get(&format!("{project_name}/{name}")).unwrap_or(&nothing);
    paged(uri, &[(name, known)], project_name, project)
}

/// Pages of the artifacts of all repositories of a project (2.12 and later).
fn list_project_artifacts(
    state: &State,
    asker: Option<&Account>,
    project_name: &str,
    uri: &Uri,
) -> Result<Response, Refusal> {
    let project = require(state, asker, project_name, Right::ListArtifacts)?;
    let begin = format!("{project_name}/");
    let repositories: Vec<_> = state
        .repositories
        .iter()
        .filter_map(|(name, known)| Some((name.strip_prefix(&begin)?.to_owned(), known)))
        .collect();
    paged(uri, &repositories, project_name, project)
}

/// One page of the artifacts of repositories, which are called without their project.
fn paged(
    uri: &Uri,
    repositories: &[(String, &super::state::Repository)],
    project_name: &str,
    project: &Project,
) -> Result<Response, Refusal> {
    let number = |key: &str, default: usize| query(uri, key).map_or(Ok(default), |text| text.parse());
    let (page, size) = match (number("page", 1), number("page_size", 10)) {
        (Ok(page), Ok(size)) if page >= 1 && size <= PAGE => (page, size),
        _ => return Err(Refusal::unprocessable("page_size in query should be less than or equal to 100")),
    };
    let with = with(uri);
    let of = |(name, known)| artifacts::rows(known).map(move |row| (name, known, row));
    let mut rows: Vec<_> = repositories.iter().map(|(name, known)| (name.as_str(), *known)).flat_map(of).collect();
    // The last pushed comes first.
    rows.sort_by_key(|(_, _, (_, artifact))| std::cmp::Reverse(artifact.id));
    let total = rows.len();
    let shown: Vec<Value> = rows
        .into_iter()
        .skip((page - 1) * size)
        .take(size)
        .map(|(name, known, row)| artifacts::describe(project, (project_name, name), known, row, &with))
        .collect();
    let mut response = json_answer(StatusCode::OK, &shown.into());
    response.headers_mut().insert("x-total-count", total.into());
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
    let project = require(state, asker, project_name, Right::ReadArtifact)?;
    let name = repository_name(encoded);
    let missing = || Refusal::not_found(format!("artifact {project_name}/{name}:{reference} not found"));
    let known = state.repositories.get(&format!("{project_name}/{name}")).ok_or_else(missing)?;
    let digest = known.tags.get(reference).map_or(reference, String::as_str);
    let row = known.artifacts.get_key_value(digest).ok_or_else(missing)?;
    Ok(json_answer(StatusCode::OK, &artifacts::describe(project, (project_name, &name), known, row, &with(uri))))
}

/// The framework decodes once, the handler once more; a slash that was encoded once comes through as well.
fn repository_name(encoded: &str) -> String {
    decode(&decode(encoded))
}

fn with(uri: &Uri) -> With {
    let flag = |key: &str| query(uri, key).as_deref() == Some("true");
    With {
        tags: query(uri, "with_tag").is_none_or(|value| value == "true"),
        immutable: flag("with_immutable_status"),
        accessories: flag("with_accessory"),
    }
}
