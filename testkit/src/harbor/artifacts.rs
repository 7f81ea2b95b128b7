//! Artifacts and tags, as the database has them.

use std::collections::HashSet;

use axum::{
    http::{HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    answer::{Refusal, empty, json_answer},
    path::query,
    state::{Artifact, Project, Repository, Shared},
};

/// The digest of a tag or digest that is an artifact (`getManifest`); what only the registry behind has, is not there.
pub(super) fn find(shared: &Shared, repository: &str, reference: &str) -> Result<String, Refusal> {
    let state = shared.state();
    let Some(known) = state.repositories.get(repository) else {
        return Err(Refusal::not_found(format!("repository {repository} not found")));
    };
    if reference.contains(':') {
        return match known.artifacts.contains_key(reference) {
            true => Ok(reference.to_owned()),
            false => Err(Refusal::not_found(format!("artifact {repository}@{reference} not found"))),
        };
    }
    let digest = known.tags.get(reference).cloned();
    digest.ok_or_else(|| Refusal::not_found(format!("artifact {repository}:{reference} not found")))
}

/// Deletes by digest only.
pub(super) fn delete(shared: &Shared, repository: &str, reference: &str) -> Result<Response, Refusal> {
    if !reference.contains(':') {
        return Err(Refusal::unsupported(format!("unsupported digest {reference}")));
    }
    let digest = find(shared, repository, reference)?;
    shared.state().delete_artifact(repository, &digest);
    Ok(empty(StatusCode::ACCEPTED))
}

/// All tags in order, in pages if `n` says so.
pub(super) fn tags(shared: &Shared, repository: &str, uri: &Uri) -> Result<Response, Refusal> {
    let state = shared.state();
    let Some(known) = state.repositories.get(repository) else {
        return Err(Refusal::not_found(format!("repository {repository} not found")));
    };
    let last = query(uri, "last").unwrap_or_default();
    let mut rest = known.tags.keys().filter(|tag| **tag > last);
    let limit = query(uri, "n").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    let page: Vec<&String> = rest.by_ref().take(limit).collect();
    let mut response = json_answer(StatusCode::OK, &json!({ "name": repository, "tags": page }));
    if let (Some(_), Some(last)) = (rest.next(), page.last()) {
        let link = format!("</v2/{repository}/tags/list?last={last}&n={limit}>; rel=\"next\"");
        response.headers_mut().insert(header::LINK, HeaderValue::from_str(&link).expect("tags are ASCII"));
    }
    Ok(response)
}

/// Answers a request for the referrers of a manifest, as Harbor does: an empty index if there are none.
pub(super) fn referrers(shared: &Shared, repository: &str, subject: &str) -> Response {
    let state = shared.state();
    let known = state.repositories.get(repository);
    let about = |artifact: &Artifact| artifact.accessory.as_ref().is_some_and(|(about, _)| about == subject);
    let entries: Vec<Value> = known
        .into_iter()
        .flat_map(|known| &known.artifacts)
        .filter(|(_, artifact)| about(artifact))
        .map(|(digest, artifact)| {
            json!({
                "mediaType": artifact.media_type,
                "digest": digest,
                "size": artifact.size,
                "artifactType": artifact.artifact_type,
            })
        })
        .collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": entries,
    });
    let mut response = json_answer(StatusCode::OK, &index);
    response.headers_mut().insert("x-total-count", index["manifests"].as_array().map_or(0, Vec::len).into());
    let index_type = HeaderValue::from_static("application/vnd.oci.image.index.v1+json");
    response.headers_mut().insert(header::CONTENT_TYPE, index_type);
    response
}

/// The optional parts of artifacts that a request to the API asks for.
pub(super) struct With {
    pub(super) tags: bool,
    pub(super) immutable: bool,
    pub(super) accessories: bool,
}

/// The rows that a list of artifacts is paged over: tagged ones, and those that no index points to, but nothing that is
/// about another artifact (`dao.go`).
pub(super) fn rows(known: &Repository) -> impl Iterator<Item = (&String, &Artifact)> {
    let children: HashSet<&String> = known.artifacts.values().flat_map(|parent| &parent.children).collect();
    let tagged: HashSet<&String> = known.tags.values().collect();
    let is_row = move |digest: &String| tagged.contains(digest) || !children.contains(digest);
    let is_accessory = |artifact: &Artifact| artifact.accessory.is_some();
    known.artifacts.iter().filter(move |(digest, artifact)| is_row(digest) && !is_accessory(artifact))
}

/// One artifact as the API shows it.
pub(super) fn describe(
    project: &Project,
    (project_name, name): (&str, &str),
    known: &Repository,
    row: (&String, &Artifact),
    with: &With,
) -> Value {
    let (digest, artifact) = row;
    let mut shown = json!({
        "id": artifact.id,
        "type": "IMAGE",
        "digest": digest,
        "size": artifact.size,
        "manifest_media_type": artifact.media_type,
        "repository_name": format!("{project_name}/{name}"),
        "tags": null,
        "accessories": null,
    });
    if with.tags {
        let tags = known.tags.iter().filter(|(_, points_to)| *points_to == digest);
        let tags: Vec<Value> = tags
            .map(|(tag, _)| {
                let immutable = with.immutable && project.is_immutable(name, tag);
                json!({ "name": tag, "artifact_id": artifact.id, "immutable": immutable })
            })
            .collect();
        shown["tags"] = if tags.is_empty() { Value::Null } else { tags.into() };
    }
    if with.accessories {
        let about = known.artifacts.iter().filter_map(|(other, accessory)| {
            let (subject, kind) = accessory.accessory.as_ref()?;
            (subject == digest).then(|| {
                json!({
                    "artifact_id": accessory.id,
                    "subject_artifact_digest": subject,
                    "digest": other,
                    "type": kind,
                    "size": accessory.size,
                })
            })
        });
        let about: Vec<Value> = about.collect();
        shown["accessories"] = if about.is_empty() { Value::Null } else { about.into() };
    }
    shown
}
