//! A Harbor: projects with quotas in front of the registry, and the part of the API that a push asks.
//!
//! The answers are those of Harbor 2.15.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Method;
use sealift_core::content::Digest;
use serde_json::{Value, json};

use super::{Answer, Asked, access, digest};
use crate::{projects::HarborProjects, store::Store};

/// The project of all destinations.
const PROJECT: &str = "mirror";

impl HarborProjects {
    /// Sets up the project of a Harbor that was filled.
    pub(crate) fn set_up(store: &mut Store) {
        if let Some(plan) = store.plan.harbor.clone().filter(|plan| plan.has_project) {
            let quota = plan.room.map(|room| used(store, PROJECT) + room);
            store.projects.0.insert(PROJECT.to_owned(), quota);
        }
    }

    /// Lifts all quotas.
    pub(crate) fn lift_quotas(&mut self) {
        self.0.values_mut().for_each(|quota| *quota = None);
    }
}

fn project_of(repository: &str) -> &str {
    repository.split('/').next().unwrap_or_default()
}

/// Returns the repositories of a project, with their names in it.
fn repositories<'s>(store: &'s Store, project: &str) -> impl Iterator<Item = (&'s str, &'s crate::store::Repo)> {
    let project = format!("{project}/");
    store.repositories.iter().filter_map(move |(path, repo)| Some((path.strip_prefix(&project)?, repo)))
}

/// Returns the content of a project: each blob counts once, in however many repositories it is.
fn contents(store: &Store, project: &str) -> BTreeSet<Digest> {
    repositories(store, project).flat_map(|(_, repo)| repo.blobs.iter().chain(&repo.manifests)).cloned().collect()
}

fn used(store: &Store, project: &str) -> u64 {
    contents(store, project).iter().map(|digest| store.bytes.get(digest).map_or(0, Bytes::len) as u64).sum()
}

/// Returns the refusal of a request to a repository, by its project.
pub(super) fn refusal(store: &Store, asked: Asked<'_>, repository: &str, rest: &str) -> Option<Answer> {
    store.plan.harbor.as_ref()?;
    let project = project_of(repository);
    let Some(quota) = store.projects.0.get(project) else {
        let said = format!("project {project} not found");
        let body = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": format!("{said}: {said}") }] });
        return Some(json(401, &body).header("www-authenticate", ""));
    };
    let limit = (*quota)?;
    let in_session = |session: &str| store.sessions.get(session).map_or(0, |session| session.bytes.len());
    let (content, length) = match (asked.method, &rest.split('/').collect::<Vec<_>>()[..]) {
        (&Method::PUT, ["manifests", _]) => (Some(Digest::of(asked.body)), asked.body.len()),
        (&Method::PUT, ["blobs", "uploads", session]) => {
            (asked.query("digest").and_then(|text| digest(&text)), in_session(session) + asked.body.len())
        }
        (&Method::POST, ["blobs", "uploads", ""]) => {
            let mounted = asked.query("mount").and_then(|text| digest(&text));
            let from = asked.query("from").and_then(|from| store.repositories.get(&from));
            let mounted = mounted.filter(|mounted| from.is_some_and(|from| from.blobs.contains(mounted)));
            let length = mounted.as_ref().and_then(|mounted| store.bytes.get(mounted)).map_or(0, Bytes::len);
            (mounted, length)
        }
        _ => return None,
    };
    let (has, used) = (contents(store, project), used(store, project));
    let adds = if content.as_ref().is_some_and(|content| has.contains(content)) { 0 } else { length as u64 };
    let is_free = adds == 0 && content.is_some();
    (used + adds > limit && !is_free).then(|| {
        let said = format!(
            "adding {adds} B of storage resource, which when updated to current usage of {used} B will exceed the \
             configured upper limit of {limit} B."
        );
        json(403, &json!({ "errors": [{ "code": "DENIED", "message": said }] }))
    })
}

/// Answers a request to the API.
pub(super) fn api(store: &mut Store, asked: Asked<'_>, path: &str, objections: &mut Vec<String>) -> Answer {
    if !access::is_logged_in(store, asked) {
        return Answer::refusal(401, "UNAUTHORIZED");
    }
    let may_read = store.plan.harbor.as_ref().is_some_and(|plan| plan.may_read);
    let id = |project: &str| 1 + store.projects.0.keys().position(|known| known == project).unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    if let ["projects", project, ..] = parts[..]
        && *asked.method != Method::POST
    {
        if !may_read {
            return Answer::refusal(403, "FORBIDDEN");
        }
        if !store.projects.0.contains_key(project) {
            return Answer::refusal(404, "NOT_FOUND");
        }
    }
    match (asked.method, &parts[..]) {
        (&Method::GET, ["systeminfo"]) => json(200, &json!({ "harbor_version": "v2.15.2", "read_only": false })),
        (&Method::GET, ["quotas"]) => Answer::refusal(403, "FORBIDDEN"),
        (&Method::GET, ["users", "current", "permissions"]) => json(
            200,
            &json!([{ "action": "pull", "resource": "repository" }, { "action": "push", "resource": "repository" }]),
        ),
        (&Method::HEAD, ["projects"]) => {
            let name = asked.query("project_name").unwrap_or_default();
            Answer::new(if store.projects.0.contains_key(&name) { 200 } else { 404 })
        }
        (&Method::GET, ["projects"]) => {
            let wanted = asked.query("q").unwrap_or_default();
            let names = store.projects.0.keys().filter(|name| wanted.contains(&format!("'{name}'")));
            let found: Vec<Value> = names.map(|name| json!({ "name": name, "project_id": id(name) })).collect();
            page(&found)
        }
        (&Method::POST, ["projects"]) => {
            let document: Value = serde_json::from_slice(asked.body).unwrap_or_default();
            let Some(name) = document["project_name"].as_str() else {
                objections.push("a project is created without a name".to_owned());
                return Answer::refusal(400, "BAD_REQUEST");
            };
            if store.projects.0.contains_key(name) {
                return Answer::refusal(409, "CONFLICT");
            }
            store.projects.0.insert(name.to_owned(), None);
            Answer::new(201).header("location", format!("/api/v2.0/projects/{}", store.projects.0.len()))
        }
        (&Method::GET, ["projects", project, "summary"]) => {
            let hard = store.projects.0[*project].and_then(|quota| i64::try_from(quota).ok()).unwrap_or(-1);
            let used = used(store, project);
            json(200, &json!({ "quota": { "hard": { "storage": hard }, "used": { "storage": used } } }))
        }
        (&Method::GET, ["projects", project, "repositories"]) => {
            let names = repositories(store, project).map(|(name, _)| json!({ "name": format!("{project}/{name}") }));
            page(&names.collect::<Vec<_>>())
        }
        (&Method::GET, ["projects", _, "immutabletagrules"]) => page(&[]),
        (&Method::GET, ["projects", project, "artifacts"]) => {
            let all = repositories(store, project).flat_map(|(name, repo)| artifacts(store, project, name, repo));
            page(&all.collect::<Vec<_>>())
        }
        (&Method::GET, ["projects", project, "repositories", name, "artifacts", rest @ ..]) => {
            // A slash is escaped twice, and the path is taken as it came.
            let name = name.replace("%252F", "/");
            let found = repositories(store, project).find(|(known, _)| *known == name);
            let Some((_, repo)) = found else { return Answer::refusal(404, "NOT_FOUND") };
            let all = artifacts(store, project, &name, repo);
            let has_tag = |artifact: &&Value, tag: &str| {
                artifact["tags"].as_array().is_some_and(|tags| tags.iter().any(|known| known["name"] == tag))
            };
            match rest {
                [] => page(&all),
                [tag] => match all.iter().find(|artifact| has_tag(artifact, tag)) {
                    Some(found) => json(200, found),
                    None => Answer::refusal(404, "NOT_FOUND"),
                },
                _ => Answer::refusal(404, "NOT_FOUND"),
            }
        }
        _ => {
            objections.push(format!("`{} /api/v2.0/{path}` is not asked of a Harbor", asked.method));
            Answer::refusal(404, "NOT_FOUND")
        }
    }
}

/// Returns the artifacts of a repository: its manifests but the parts of indexes and those about others.
fn artifacts(store: &Store, project: &str, name: &str, repo: &crate::store::Repo) -> Vec<Value> {
    let parts: BTreeSet<&Digest> = repo.manifests.iter().flat_map(|digest| &store.links[digest].manifests).collect();
    let shown = repo.manifests.iter().filter(|digest| {
        let is_tagged = repo.tags.values().any(|tagged| tagged == *digest);
        is_tagged || (!parts.contains(digest) && store.links[*digest].subject.is_none())
    });
    let artifact = |digest: &Digest| {
        let tags = repo.tags.iter().filter(|(_, tagged)| *tagged == digest);
        let tags: Vec<Value> = tags.map(|(tag, _)| json!({ "name": tag, "immutable": false })).collect();
        json!({ "digest": digest.to_string(), "repository_name": format!("{project}/{name}"), "tags": tags })
    };
    shown.map(artifact).collect()
}

fn page(all: &[Value]) -> Answer {
    json(200, &Value::from(all)).header("x-total-count", all.len())
}

fn json(status: u16, body: &Value) -> Answer {
    Answer::new(status).header("content-type", "application/json").body(body.to_string())
}
