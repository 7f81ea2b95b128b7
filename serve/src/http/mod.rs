//! The distribution protocol: from requests to the store and back.

mod answer;
mod auth;
mod blobs;
mod conditional;
mod lists;
mod manifests;
mod route;
mod upload_sessions;
mod uploads;

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, Version, header, request::Parts},
    response::Response,
};
use tokio_util::task::TaskTracker;

use crate::{
    access,
    access_log::AccessLog,
    descriptors::FilePermits,
    store::{NameClash, RepositoryStore},
    users::Users,
};
use answer::{Code, ErrorResponse, empty};
use route::Route;
use upload_sessions::UploadSessions;

/// The state that handlers share.
#[derive(Clone)]
pub(crate) struct App {
    store: Arc<RepositoryStore>,
    sessions: Arc<UploadSessions>,
    log: AccessLog,
    users: Option<Arc<Users>>,
    /// Permits for files of blobs that are open for clients.
    files: FilePermits,
    /// Work that goes on when its request is gone.
    background: TaskTracker,
}

impl App {
    /// Must be called in a tokio runtime.
    pub(crate) fn new(
        store: Arc<RepositoryStore>,
        users: Option<Users>,
        log: AccessLog,
        files: FilePermits,
        background: TaskTracker,
    ) -> Self {
        let sessions = UploadSessions::sweeping();
        Self { store, sessions, log, users: users.map(Arc::new), files, background }
    }

    /// Answers what is asked from an address.
    pub(crate) fn router(&self, peer: IpAddr) -> Router {
        Router::new().fallback(handle).with_state((self.clone(), peer))
    }
}

async fn handle(State((app, peer)): State<(App, IpAddr)>, request: Request) -> Response {
    let mut record = access::AccessRecord {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        status: 0,
        bytes: 0,
    };
    let head = request.method() == Method::HEAD;
    let mut response = match auth::refusal(app.users.as_ref(), peer, request.headers()).await {
        Some(refusal) => refusal,
        None => answer_to(&app, request).await.unwrap_or_else(ErrorResponse::into_response),
    };
    response.headers_mut().insert("docker-distribution-api-version", answer::value("registry/2.0"));
    record.status = response.status().as_u16();
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length > 0 && !head => app.log.watch(record, response, length),
        _ => {
            app.log.note(record);
            response
        }
    }
}

async fn answer_to(app: &App, request: Request) -> Result<Response, ErrorResponse> {
    let (head, body) = request.into_parts();
    if head.version == Version::HTTP_11 && !head.headers.contains_key(header::HOST) {
        return Err(Code::RequestInvalid.because("there is no `Host`")); // RFC 9112, 3.2
    }
    let route = Route::of(&head.uri).map_err(|failure| route::for_reading(failure, &head.method))?;
    let follows = matches!(route, Route::Catalog | Route::Tags(_) | Route::Referrers(..) | Route::Manifest(..));
    let stale = if follows { app.store.refresh().await.err() } else { None };
    if let (Route::Referrers(..), Some(error)) = (&route, &stale) {
        return Err(error.clone().into()); // a list that may lack something would be taken for a whole one
    }
    let answer = routed(app, route, &head, body).await;
    match (answer, stale) {
        // It may be there: the index could not be read.
        (Err(failure), Some(error)) if failure.is_not_found() => Err(error.into()),
        (answer, Some(error)) => {
            tracing::warn!(%error, "what changed in the directory cannot be served");
            answer
        }
        (answer, None) => answer,
    }
}

async fn routed(app: &App, mut route: Route, head: &Parts, body: Body) -> Result<Response, ErrorResponse> {
    let reads = head.method == Method::GET || head.method == Method::HEAD;
    if !reads && !app.store.is_writable() {
        return Err(Code::Unsupported.because("this registry is read-only"));
    }
    // A blob that was pushed is found where it was pushed to, also if that path is short for another one now.
    let is_there = matches!(&route, Route::Blob(name, digest) if app.store.is_loose(name, digest));
    if let Some(name) = route.name_mut().filter(|_| !is_there) {
        // containerd says which registry it takes this one for a mirror of.
        let registry = query(&head.uri, "ns");
        let found = if reads {
            app.store.find(name, registry.as_deref())
        } else {
            app.store.find_for_push(name, registry.as_deref())
        };
        *name = named(found)?;
    }
    let namespace = query(&head.uri, "ns").filter(|_| reads).and_then(|registry| HeaderValue::try_from(registry).ok());
    let mut response = dispatched(app, route, head, body).await?;
    if let Some(registry) = namespace {
        response.headers_mut().insert("oci-namespace", registry); // distribution-spec 1.2, "Registry Proxying"
    }
    Ok(response)
}

async fn dispatched(app: &App, route: Route, head: &Parts, body: Body) -> Result<Response, ErrorResponse> {
    let reads = head.method == Method::GET || head.method == Method::HEAD;
    match (&head.method, route) {
        (_, Route::Base) if reads => Ok(answer::json(&serde_json::json!({}))),
        (_, Route::Catalog) if reads => lists::catalog(app, &head.uri),
        (_, Route::Tags(name)) if reads => lists::tags(app, &name, &head.uri),
        (_, Route::Referrers(name, digest)) if reads => lists::referrers(app, &name, &digest, &head.uri).await,
        (_, Route::Manifest(name, reference)) if reads => manifests::get(app, &name, &reference, head).await,
        (&Method::PUT, Route::Manifest(name, reference)) => manifests::put(app, &name, &reference, head, body).await,
        (&Method::DELETE, Route::Manifest(name, reference)) => manifests::delete(app, &name, &reference).await,
        (_, Route::Blob(name, digest)) if reads => blobs::get(app, &name, &digest, head).await,
        (&Method::DELETE, Route::Blob(name, digest)) => blobs::delete(app, &name, &digest).await,
        (&Method::POST, Route::Uploads(name)) => uploads::start(app, &name, head, body).await,
        (&Method::GET, Route::Upload(name, id)) => uploads::status(app, &name, &id).await,
        (&Method::PATCH, Route::Upload(name, id)) => uploads::append(app, &name, &id, head, body).await,
        (&Method::PUT, Route::Upload(name, id)) => uploads::finish(app, &name, &id, head, body).await,
        (&Method::DELETE, Route::Upload(name, id)) => uploads::cancel(app, &name, &id),
        (method, _) => Err(Code::Unsupported.because(format!("{method} is not possible here"))),
    }
}

/// The path of the repository that is meant by a name.
fn found(app: &App, name: &str, registry: Option<&str>) -> Result<String, ErrorResponse> {
    named(app.store.find(name, registry))
}

fn named(found: Result<String, NameClash>) -> Result<String, ErrorResponse> {
    found.map_err(|clash| Code::NameUnknown.because(format!("{clash}: put the registry before the path")))
}

/// The value of a query parameter.
fn query(uri: &axum::http::Uri, key: &str) -> Option<String> {
    queries(uri, key).next()
}

/// The values of a query parameter that may be there several times.
fn queries<'a>(uri: &'a axum::http::Uri, key: &'a str) -> impl Iterator<Item = String> + 'a {
    uri.query().unwrap_or_default().split('&').filter_map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
        (name == key).then(|| decoded.into_owned())
    })
}

/// An answer without content, with what a client has to know of a digest.
fn about(status: axum::http::StatusCode, digest: &sealift_core::content::Digest, location: String) -> Response {
    let mut response = empty(status);
    response.headers_mut().insert("docker-content-digest", answer::value(digest));
    response.headers_mut().insert(header::LOCATION, answer::value(location));
    response
}

#[cfg(test)]
mod tests;
