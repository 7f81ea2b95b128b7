//! Uploads: POST, PATCH, PUT (distribution-spec, "Pushing blobs").

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::Response,
};
use bytes::{Buf, Bytes};
use futures::StreamExt;
use sealift_core::{
    content::{Algorithm, Digest},
    error::ErrorKind,
};
use sealift_oci_layout::BlobWriter;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    App, about,
    answer::{self, Code, ErrorResponse, empty},
    found, query,
    route::{digest, repository},
    upload_sessions::UploadGuard,
};

/// `POST /v2/<name>/blobs/uploads/`: begins an upload, takes a blob in one request (`digest=`), or takes it from
/// another repository (`mount=&from=`). A `from` that is the repository itself asks whether the blob is there.
pub(crate) async fn start(app: &App, name: &str, head: &Parts, body: Body) -> Result<Response, ErrorResponse> {
    let uri = &head.uri;
    if let (Some(mount), Some(from)) = (query(uri, "mount"), query(uri, "from"))
        && let (Ok(mount), Ok(from)) = (digest(&mount), repository(&from))
        && mounted(app, name, &mount, &from).await
    {
        return Ok(created(name, &mount));
    }
    if let Some(text) = query(uri, "digest") {
        let digest = digest(&text)?;
        let _place = app.files.place().await?;
        let writer = app.store.writer().ok_or(Code::Unsupported)?;
        let mut incoming = writer.begin().await?;
        let mut body = body.into_data_stream();
        while let Some(chunk) = body.next().await {
            incoming.write(chunk.map_err(broke_off)?).await?;
        }
        return commit(app, name, incoming, &digest).await;
    }
    // The digest at the end says which algorithm counts; a client hears at the beginning whether it will be known
    // (distribution-spec 1.2).
    if let Some(algorithm) = query(uri, "digest-algorithm")
        && !Algorithm::ALL.iter().any(|known| known.name() == algorithm)
    {
        return Err(Code::DigestInvalid.because(format!("`{algorithm}` is not supported")));
    }
    let id = app.sessions.add(name);
    Ok(progress(StatusCode::ACCEPTED, name, &id, 0))
}

/// Takes a blob from another repository; says whether it was there. The name is the one where an upload may have put
/// it, or the one that is short for another one.
async fn mounted(app: &App, name: &str, digest: &Digest, from: &str) -> bool {
    for from in [Some(from.to_owned()), found(app, from, None).ok()].into_iter().flatten() {
        match app.store.mount(name, digest, &from).await {
            Ok(false) => {}
            Ok(true) => return true,
            // Sent once more it is right in any case.
            Err(error) => tracing::warn!(%error, "cannot find out whether a blob is there"),
        }
    }
    false
}

/// `GET /v2/<name>/blobs/uploads/<id>`: how far it is.
pub(crate) async fn status(app: &App, name: &str, id: &str) -> Result<Response, ErrorResponse> {
    let length = app.sessions.length(name, id).await?;
    Ok(progress(StatusCode::NO_CONTENT, name, id, length))
}

/// `PATCH /v2/<name>/blobs/uploads/<id>`: the next bytes.
pub(crate) async fn append(
    app: &App,
    name: &str,
    id: &str,
    head: &Parts,
    body: Body,
) -> Result<Response, ErrorResponse> {
    let first = first_byte(&head.headers);
    let mut held = app.sessions.hold(name, id, first.is_some()).await?;
    let known = match comes_next(first, &held) {
        Ok(known) => known,
        Err(length) => return Ok(out_of_order(name, id, length)),
    };
    // When the client vanishes its request is dropped; what came so far shall stay, so that it can go on.
    let (this, id_of) = (app.clone(), id.to_owned());
    let receiving = app.background.spawn(async move {
        receive(&this, &id_of, &mut held, known, body).await?;
        Ok::<u64, ErrorResponse>(held.length())
    });
    let length = receiving.await.map_err(|_| Code::Unknown)??;
    Ok(progress(StatusCode::ACCEPTED, name, id, length))
}

/// `PUT /v2/<name>/blobs/uploads/<id>?digest=`: the last bytes, or none, and the name.
pub(crate) async fn finish(
    app: &App,
    name: &str,
    id: &str,
    head: &Parts,
    body: Body,
) -> Result<Response, ErrorResponse> {
    let wanted = query(&head.uri, "digest").ok_or_else(|| Code::DigestInvalid.because("`digest` is missing"))?;
    let wanted = digest(&wanted)?;
    let first = first_byte(&head.headers);
    let mut held = app.sessions.hold(name, id, first.is_some()).await?;
    let known = match comes_next(first, &held) {
        Ok(known) => known,
        Err(length) => return Ok(out_of_order(name, id, length)),
    };
    let (this, name, id) = (app.clone(), name.to_owned(), id.to_owned());
    let finishing = app.background.spawn(async move {
        receive(&this, &id, &mut held, known, body).await?;
        let _place = this.files.place().await?;
        let incoming = match this.sessions.end(&id, &mut held) {
            Some(incoming) => incoming,
            None => this.store.writer().ok_or(Code::Unsupported)?.begin().await?,
        };
        commit(&this, &name, incoming, &wanted).await
    });
    finishing.await.map_err(|_| Code::Unknown)?
}

/// `DELETE /v2/<name>/blobs/uploads/<id>`: gives it up.
pub(crate) fn cancel(app: &App, name: &str, id: &str) -> Result<Response, ErrorResponse> {
    if app.sessions.remove(name, id) { Ok(empty(StatusCode::NO_CONTENT)) } else { Err(Code::BlobUploadUnknown.into()) }
}

/// Takes the bytes of a request, but for the first `known` ones. A file is open from the first byte to the end of the
/// request. What came before something broke off stays; after an error of the disk the upload is over.
async fn receive(app: &App, id: &str, held: &mut UploadGuard, known: u64, body: Body) -> Result<(), ErrorResponse> {
    let mut place = None;
    let received = receive_all(app, held, known, body, &mut place).await;
    let rested = match held.incoming.as_mut() {
        Some(incoming) => incoming.close_file().await,
        None => Ok(()),
    };
    if held.incoming.as_ref().is_some_and(|incoming| !incoming.is_usable()) {
        app.sessions.end(id, held);
    }
    received?;
    Ok(rested?)
}

async fn receive_all(
    app: &App,
    held: &mut UploadGuard,
    mut known: u64,
    body: Body,
    place: &mut Option<OwnedSemaphorePermit>,
) -> Result<(), ErrorResponse> {
    let writer = app.store.writer().ok_or(Code::Unsupported)?;
    let mut body = body.into_data_stream();
    loop {
        let chunk = tokio::select! {
            biased;
            () = held.stop.cancelled() => return Err(Code::BlobUploadInvalid.because("another request goes on with it")),
            chunk = body.next() => chunk,
        };
        let Some(chunk) = chunk else { return Ok(()) };
        let mut chunk: Bytes = chunk.map_err(broke_off)?;
        let skip = known.min(chunk.len() as u64);
        known -= skip;
        chunk.advance(usize::try_from(skip).unwrap_or_default());
        if chunk.is_empty() {
            continue;
        }
        if place.is_none() {
            *place = Some(app.files.place().await?);
        }
        if held.incoming.is_none() {
            *held.incoming = Some(writer.begin().await?);
        }
        let length = chunk.len() as u64;
        held.incoming.as_mut().expect("it was just made").write(chunk).await?;
        held.add(length);
    }
}

fn broke_off(error: axum::Error) -> ErrorResponse {
    Code::BlobUploadInvalid.because(format!("the body broke off: {error}"))
}

async fn commit(app: &App, name: &str, incoming: BlobWriter, digest: &Digest) -> Result<Response, ErrorResponse> {
    app.store.take_blob(name, incoming, digest).await.map_err(|error| match error.kind() {
        ErrorKind::Corrupt => Code::DigestInvalid.because(error.message()),
        _ => error.into(),
    })?;
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

fn out_of_order(name: &str, id: &str, length: u64) -> Response {
    let mut response = ErrorResponse::from(Code::RangeInvalid).into_response();
    for (key, value) in progress(StatusCode::NO_CONTENT, name, id, length).headers() {
        response.headers_mut().insert(key, value.clone());
    }
    response
}

/// Returns the first byte of a `Content-Range`, if there is one; `u64::MAX` if it cannot be parsed.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().unwrap_or_default();
    let text = text.strip_prefix("bytes ").unwrap_or(text);
    let first = text.split_once('-').and_then(|(first, _)| first.parse::<u64>().ok());
    Some(first.unwrap_or(u64::MAX))
}

/// Returns the number of bytes of a request that the upload has already; or, as an error, the length of the upload if
/// the request does not begin there.
///
/// A request that replaced another one may begin earlier: its client asked for the length while bytes still arrived.
fn comes_next(first: Option<u64>, held: &UploadGuard) -> Result<u64, u64> {
    let length = held.length();
    match first {
        None => Ok(0),
        Some(first) if first == length => Ok(0),
        Some(first) if held.took_over && first < length => Ok(length - first),
        Some(_) => Err(length),
    }
}
