//! Manifests, tags, referrers and blobs.

use bytes::Bytes;
use http::Method;
use sealift_core::content::Digest;
use serde_json::Value;

use super::{Answer, Asked, digest};
use crate::{
    store::{Store, StoredLinks},
    topology::OCI_INDEX,
};

pub(super) fn manifest(
    store: &mut Store,
    asked: Asked<'_>,
    repository: &str,
    reference: &str,
    objections: &mut Vec<String>,
) -> Answer {
    match *asked.method {
        Method::GET | Method::HEAD => read(store, repository, reference),
        Method::PUT => write(store, asked, repository, reference, objections),
        _ => Answer::refusal(405, "UNSUPPORTED"),
    }
}

fn read(store: &Store, repository: &str, reference: &str) -> Answer {
    let Some(repo) = store.repositories.get(repository) else { return Answer::refusal(404, "NAME_UNKNOWN") };
    let found = match digest(reference) {
        Some(digest) => repo.manifests.get(&digest),
        None => repo.tags.get(reference),
    };
    let Some(found) = found else { return Answer::refusal(404, "MANIFEST_UNKNOWN") };
    Answer::new(200)
        .header("content-type", &store.links[found].media_type)
        .header("docker-content-digest", found)
        .body(store.bytes[found].clone())
}

fn write(
    store: &mut Store,
    asked: Asked<'_>,
    repository: &str,
    reference: &str,
    objections: &mut Vec<String>,
) -> Answer {
    let computed = Digest::of(asked.body);
    let Some(links) = links(asked.body) else {
        objections.push(format!("the manifest {computed} cannot be read"));
        return Answer::refusal(400, "MANIFEST_INVALID");
    };
    if asked.header("content-type") != Some(&links.media_type) {
        let said = asked.header("content-type").unwrap_or("nothing");
        objections.push(format!("the manifest {computed} is `{}` and was sent as `{said}`", links.media_type));
    }
    if digest(reference).is_some_and(|said| said != computed) {
        objections.push(format!("a manifest was sent as {reference} and is {computed}"));
        return Answer::refusal(400, "DIGEST_INVALID");
    }
    let repo = store.repositories.entry(repository.to_owned()).or_default();
    let lacks = links.blobs.iter().any(|blob| !repo.blobs.contains(blob))
        || links.manifests.iter().any(|child| !repo.manifests.contains(child));
    // A registry that writes the list of referrers as an index does not know what was deleted since.
    if lacks && store.plan.checks {
        return Answer::refusal(400, "MANIFEST_BLOB_UNKNOWN");
    }
    repo.manifests.insert(computed.clone());
    if digest(reference).is_none() {
        repo.tags.insert(reference.to_owned(), computed.clone());
    }
    let mut answer = Answer::new(201)
        .header("location", format!("/v2/{repository}/manifests/{computed}"))
        .header("docker-content-digest", &computed);
    if let Some(subject) = links.subject.as_ref().filter(|_| store.plan.has_referrers) {
        answer = answer.header("oci-subject", subject);
    }
    store.bytes.insert(computed.clone(), asked.body.clone());
    store.links.insert(computed, links);
    answer
}

/// Reads the links of a manifest.
fn links(bytes: &[u8]) -> Option<StoredLinks> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let of = |value: &Value| digest(value.get("digest")?.as_str()?);
    let all = |name: &str| -> Option<Vec<Digest>> {
        document.get(name).and_then(Value::as_array).map_or(Some(Vec::new()), |list| list.iter().map(of).collect())
    };
    let mut blobs = all("layers")?;
    if let Some(config) = document.get("config") {
        blobs.push(of(config)?);
    }
    Some(StoredLinks {
        media_type: document.get("mediaType")?.as_str()?.to_owned(),
        blobs,
        manifests: all("manifests")?,
        subject: document.get("subject").and_then(of),
    })
}

pub(super) fn tags(store: &Store, asked: Asked<'_>, repository: &str) -> Answer {
    let Some(repo) = store.repositories.get(repository) else { return Answer::refusal(404, "NAME_UNKNOWN") };
    let asked_for = asked.query("n").and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    let (last, most) = (asked.query("last").unwrap_or_default(), asked_for.min(store.plan.page));
    let after: Vec<&String> = repo.tags.keys().filter(|tag| **tag > last).collect();
    let page = &after[..after.len().min(most)];
    let body = serde_json::json!({ "name": repository, "tags": page });
    let answer = Answer::new(200).header("content-type", "application/json").body(body.to_string());
    match page.last() {
        Some(last) if page.len() < after.len() => {
            answer.header("link", format!("</v2/{repository}/tags/list?n={most}&last={last}>; rel=\"next\""))
        }
        _ => answer,
    }
}

pub(super) fn referrers(store: &Store, repository: &str, subject: &str) -> Answer {
    match digest(subject).filter(|_| store.plan.has_referrers) {
        Some(subject) => {
            Answer::new(200).header("content-type", OCI_INDEX).body(store.referrers_index(repository, &subject))
        }
        None => Answer::refusal(404, "UNSUPPORTED"),
    }
}

pub(super) fn blob(store: &Store, asked: Asked<'_>, repository: &str, text: &str) -> Answer {
    let repo = store.repositories.get(repository);
    let Some(found) = digest(text).filter(|found| repo.is_some_and(|repo| repo.blobs.contains(found))) else {
        return Answer::refusal(404, "BLOB_UNKNOWN");
    };
    if store.plan.redirects && *asked.method == Method::GET {
        return Answer::new(307).header("location", format!("https://cdn.{}/{found}?signature=x", store.plan.name));
    }
    bytes_of(store.bytes[&found].clone(), asked).header("docker-content-digest", found)
}

/// Answers for the store behind a registry, where no login of the registry has any business.
pub(super) fn from_elsewhere(store: &Store, asked: Asked<'_>, objections: &mut Vec<String>) -> Answer {
    if asked.header("authorization").is_some() {
        objections.push("the store behind the registry was sent a login".to_owned());
    }
    let found = digest(asked.url.path().trim_start_matches('/')).and_then(|digest| store.bytes.get(&digest));
    found.map_or_else(|| Answer::new(404), |bytes| bytes_of(bytes.clone(), asked))
}

fn bytes_of(bytes: Bytes, asked: Asked<'_>) -> Answer {
    let range = asked.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((from, to)) = range else {
        return Answer::new(200).header("content-type", "application/octet-stream").body(bytes);
    };
    let (from, last) = (from.parse().unwrap_or(0), to.parse().map_or(bytes.len(), |to: usize| to + 1));
    let end = last.min(bytes.len());
    if from >= end {
        return Answer::new(416).header("content-range", format!("bytes */{}", bytes.len()));
    }
    Answer::new(206)
        .header("content-type", "application/octet-stream")
        .header("content-range", format!("bytes {from}-{}/{}", end - 1, bytes.len()))
        .body(bytes.slice(from..end))
}
