//! Uploads of blobs.

use http::Method;
use sealift_core::content::Digest;

use super::{Answer, Asked, Lies, access, digest};
use crate::store::{Session, Store};

pub(super) fn begin(
    store: &mut Store,
    asked: Asked<'_>,
    repository: &str,
    lies: Lies,
    objections: &mut Vec<String>,
) -> Answer {
    if *asked.method != Method::POST {
        return Answer::refusal(405, "UNSUPPORTED");
    }
    if !asked.body.is_empty() || asked.header("content-length") != Some("0") {
        objections.push("an upload is begun with a body, or without its length".to_owned());
    }
    if let Some(wanted) = asked.query("mount").and_then(|text| digest(&text)) {
        let from = asked.query("from").unwrap_or_default();
        let may_read = from == repository || access::check(store, asked, Some((&from, false))).is_ok();
        let has = |at: &str| store.repositories.get(at).is_some_and(|repo| repo.blobs.contains(&wanted));
        let there = has(repository) || (store.plan.mounts && may_read && has(&from));
        if there || lies.mount {
            if there {
                store.repositories.entry(repository.to_owned()).or_default().blobs.insert(wanted.clone());
            }
            return Answer::new(201)
                .header("location", format!("/v2/{repository}/blobs/{wanted}"))
                .header("docker-content-digest", wanted);
        }
    }
    store.begun += 1;
    let name = format!("u{}", store.begun);
    store.sessions.insert(name.clone(), Session { repository: repository.to_owned(), bytes: Vec::new() });
    Answer::new(202).header("location", location(store, repository, &name)).header("range", "0-0")
}

fn location(store: &Store, repository: &str, session: &str) -> String {
    let path = format!("/v2/{repository}/blobs/uploads/{session}?_state={session}");
    if store.plan.absolute_locations { format!("https://{}{path}", store.plan.name) } else { path }
}

pub(super) fn go_on(
    store: &mut Store,
    asked: Asked<'_>,
    repository: &str,
    name: &str,
    lies: Lies,
    objections: &mut Vec<String>,
) -> Answer {
    if asked.query("_state").as_deref() != Some(name) {
        objections.push(format!("the location of the upload `{name}` was changed: {}", asked.url));
    }
    let Some(session) = store.sessions.get_mut(name).filter(|session| session.repository == repository) else {
        return Answer::refusal(404, "BLOB_UPLOAD_UNKNOWN");
    };
    let length = session.bytes.len();
    let range = format!("0-{}", length.saturating_sub(1));
    match *asked.method {
        Method::GET => Answer::new(204).header("location", location(store, repository, name)).header("range", range),
        Method::DELETE => {
            store.sessions.remove(name);
            Answer::new(204)
        }
        Method::PATCH | Method::PUT => {
            if asked.header("content-length").and_then(|length| length.parse().ok()) != Some(asked.body.len()) {
                objections.push(format!("{} bytes came, and others were announced", asked.body.len()));
            }
            let start = asked.header("content-range").and_then(|range| range.split('-').next()?.parse().ok());
            if start.unwrap_or(length) != length {
                return Answer::refusal(416, "RANGE_INVALID").header("range", range);
            }
            session.bytes.extend_from_slice(asked.body);
            if *asked.method == Method::PATCH {
                let range = format!("0-{}", session.bytes.len().saturating_sub(1));
                return Answer::new(202).header("location", location(store, repository, name)).header("range", range);
            }
            let Some(wanted) = asked.query("digest").and_then(|text| digest(&text)) else {
                objections.push("an upload is ended without a digest".to_owned());
                return Answer::refusal(400, "DIGEST_INVALID");
            };
            let bytes = std::mem::take(&mut session.bytes);
            store.sessions.remove(name);
            if Digest::of(&bytes) != wanted {
                return Answer::refusal(400, "DIGEST_INVALID");
            }
            if !lies.blob {
                store.bytes.insert(wanted.clone(), bytes.into());
                store.repositories.entry(repository.to_owned()).or_default().blobs.insert(wanted.clone());
            }
            Answer::new(201)
                .header("location", format!("/v2/{repository}/blobs/{wanted}"))
                .header("docker-content-digest", wanted)
        }
        _ => Answer::refusal(405, "UNSUPPORTED"),
    }
}
