//! Uploads: POST, PATCH, PUT (distribution-spec, "Pushing blobs").

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::Response,
};
use futures::StreamExt;
use sealift_core::content::Digest;
use sealift_oci_layout::Incoming;
use tokio::{sync::OwnedMutexGuard, time::Instant};

use super::{
    App, about,
    answer::{self, Code, Failure, empty},
    found, query,
    route::{digest, repository},
};

/// Uploads that were begun and are not finished.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<String, Session>>,
    names: RandomState,
}

struct Session {
    repository: String,
    incoming: Arc<tokio::sync::Mutex<Incoming>>,
    used: Instant,
}

/// After this time without a request an upload is forgotten.
const IDLE: Duration = Duration::from_secs(3600);

impl Sessions {
    fn add(&self, repository: &str, incoming: Incoming) -> String {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        open.retain(|_, session| now.duration_since(session.used) < IDLE);
        // Whoever knows the name may go on with the upload, so it should not be easy to guess.
        let part = |salt: usize| self.names.hash_one((salt, now, open.len(), repository));
        let id = format!("{:016x}-{:016x}", part(1), part(2));
        let incoming = Arc::new(tokio::sync::Mutex::new(incoming));
        open.insert(id.clone(), Session { repository: repository.to_owned(), incoming, used: now });
        id
    }

    /// Takes hold of an upload; who comes second to the same one is refused.
    fn hold(&self, repository: &str, id: &str) -> Result<OwnedMutexGuard<Incoming>, Failure> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session = open.get_mut(id).filter(|session| session.repository == repository);
        let session = session.ok_or(Code::BlobUploadUnknown)?;
        session.used = Instant::now();
        let held = Arc::clone(&session.incoming).try_lock_owned();
        let held = held.map_err(|_| Code::BlobUploadInvalid.because("another request is using this upload"))?;
        if held.is_whole() { Ok(held) } else { Err(Code::BlobUploadUnknown.into()) }
    }

    /// Forgets an upload; says whether there was one.
    fn remove(&self, repository: &str, id: &str) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let known = open.get(id).is_some_and(|session| session.repository == repository);
        known && open.remove(id).is_some()
    }
}

/// `POST /v2/<name>/blobs/uploads/`: begins an upload, takes a blob in one request (`digest=`), or takes it from
/// another repository (`mount=&from=`). A `from` that is the repository itself asks whether the blob is there.
pub(crate) async fn start(app: &App, name: &str, head: &Parts, body: Body) -> Result<Response, Failure> {
    let uri = &head.uri;
    if let (Some(mount), Some(from)) = (query(uri, "mount"), query(uri, "from"))
        && let (Ok(mount), Ok(from)) = (digest(&mount), repository(&from))
        && let Ok(from) = found(app, &from, None)
        && app.store.mount(name, &mount, &from).await
    {
        return Ok(created(name, &mount));
    }
    let writer = app.store.writer().ok_or(Code::Unsupported)?;
    let mut incoming = writer.begin().await?;
    if let Some(text) = query(uri, "digest") {
        let digest = digest(&text)?;
        receive(&mut incoming, body).await?;
        return commit(app, name, incoming, &digest).await;
    }
    let id = app.sessions.add(name, incoming);
    Ok(progress(StatusCode::ACCEPTED, name, &id, 0))
}

/// `GET /v2/<name>/blobs/uploads/<id>`: how far it is.
pub(crate) async fn status(app: &App, name: &str, id: &str) -> Result<Response, Failure> {
    let incoming = app.sessions.hold(name, id)?;
    Ok(progress(StatusCode::NO_CONTENT, name, id, incoming.length()))
}

/// `PATCH /v2/<name>/blobs/uploads/<id>`: the next bytes.
pub(crate) async fn append(app: &App, name: &str, id: &str, head: &Parts, body: Body) -> Result<Response, Failure> {
    let mut incoming = app.sessions.hold(name, id)?;
    if let Err(offset) = comes_next(&head.headers, incoming.length()) {
        let mut response = Failure::from(Code::RangeInvalid).into_response();
        for (key, value) in progress(StatusCode::NO_CONTENT, name, id, offset).headers() {
            response.headers_mut().insert(key, value.clone());
        }
        return Ok(response);
    }
    // When the client vanishes its request is dropped; what came so far shall stay, so that it can go on.
    let receiving = app.background.spawn(async move {
        receive(&mut incoming, body).await?;
        Ok::<u64, Failure>(incoming.length())
    });
    let length = receiving.await.map_err(|_| Code::Unknown)??;
    Ok(progress(StatusCode::ACCEPTED, name, id, length))
}

/// `PUT /v2/<name>/blobs/uploads/<id>?digest=`: the last bytes, or none, and the name.
pub(crate) async fn finish(app: &App, name: &str, id: &str, head: &Parts, body: Body) -> Result<Response, Failure> {
    let wanted = query(&head.uri, "digest").ok_or_else(|| Code::DigestInvalid.because("`digest` is missing"))?;
    let wanted = digest(&wanted)?;
    let mut held = app.sessions.hold(name, id)?;
    if comes_next(&head.headers, held.length()).is_err() {
        return Err(Code::RangeInvalid.into());
    }
    receive(&mut held, body).await?;
    drop(held);
    let incoming = app.sessions.take(name, id)?;
    commit(app, name, incoming, &wanted).await
}

/// `DELETE /v2/<name>/blobs/uploads/<id>`: gives it up.
pub(crate) fn cancel(app: &App, name: &str, id: &str) -> Result<Response, Failure> {
    if app.sessions.remove(name, id) { Ok(empty(StatusCode::NO_CONTENT)) } else { Err(Code::BlobUploadUnknown.into()) }
}

impl Sessions {
    /// Takes an upload out, to end it.
    fn take(&self, repository: &str, id: &str) -> Result<Incoming, Failure> {
        let session = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            match open.get(id) {
                Some(session) if session.repository == repository => open.remove(id),
                _ => None,
            }
        };
        let incoming = session.and_then(|session| Arc::into_inner(session.incoming));
        Ok(incoming.ok_or(Code::BlobUploadUnknown)?.into_inner())
    }
}

async fn receive(incoming: &mut Incoming, body: Body) -> Result<(), Failure> {
    let mut body = body.into_data_stream();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Code::BlobUploadInvalid.because(format!("the body broke off: {error}")))?;
        incoming.write(chunk).await?;
    }
    Ok(())
}

async fn commit(app: &App, name: &str, incoming: Incoming, digest: &Digest) -> Result<Response, Failure> {
    incoming.commit(digest).await?;
    app.store.add_blob(name, digest).await;
    Ok(created(name, digest))
}

fn created(name: &str, digest: &Digest) -> Response {
    about(StatusCode::CREATED, digest, format!("/v2/{name}/blobs/{digest}"))
}

fn progress(status: StatusCode, name: &str, id: &str, length: u64) -> Response {
    let mut response = empty(status);
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, answer::value(format!("/v2/{name}/blobs/uploads/{id}")));
    // With nothing there it is `0-0`, too: the protocol has no word for an empty range.
    headers.insert(header::RANGE, answer::value(format!("0-{}", length.saturating_sub(1))));
    headers.insert("docker-upload-uuid", answer::value(id));
    response
}

/// Whether a `Content-Range`, if there is one, begins where the upload ends. Otherwise: where that is.
fn comes_next(headers: &HeaderMap, length: u64) -> Result<(), u64> {
    let Some(range) = headers.get(header::CONTENT_RANGE) else { return Ok(()) };
    let text = range.to_str().unwrap_or_default();
    let text = text.strip_prefix("bytes ").unwrap_or(text);
    let first = text.split_once('-').and_then(|(first, _)| first.parse::<u64>().ok());
    if first == Some(length) { Ok(()) } else { Err(length) }
}
