//! A registry in memory, written from the specification alone: a second opinion on what the product sends.
//!
//! It is strict. What a real registry would let pass, and the product should not do, is an objection.

mod access;
mod content;
mod harbor;
mod uploads;

use bytes::Bytes;
use http::{HeaderMap, Method};
use sealift_core::content::Digest;
use url::Url;

use crate::store::Store;

/// A request as it arrived, body included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// Method.
    pub(crate) method: &'a Method,
    /// URL.
    pub(crate) url: &'a Url,
    /// Headers.
    pub(crate) headers: &'a HeaderMap,
    /// The bytes of the body that arrived.
    pub(crate) body: &'a Bytes,
    /// Simulated time in milliseconds.
    pub(crate) now_ms: u64,
}

impl Asked<'_> {
    /// Returns a header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns a parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// Status.
    pub(crate) status: u16,
    /// Headers.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Body.
    pub(crate) body: Bytes,
}

impl Answer {
    /// Returns an answer without a body.
    pub(crate) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Returns a refusal.
    pub(crate) fn refusal(status: u16, code: &str) -> Self {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": code.to_lowercase() }] });
        Self::new(status).header("content-type", "application/json").body(body.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub(crate) fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }
}

/// The ways in which a registry does not keep its word.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lies {
    /// It confirms a mount that does not happen.
    pub(crate) mount: bool,
    /// It confirms an upload and loses the bytes.
    pub(crate) blob: bool,
}

/// Answers a request, and notes what is wrong with it.
pub(crate) fn handle(store: &mut Store, asked: Asked<'_>, lies: Lies, objections: &mut Vec<String>) -> Answer {
    let host = store.plan.name.clone();
    let path = asked.url.path().to_owned();
    if asked.url.host_str() == Some(&*format!("auth.{host}")) {
        return access::token(store, asked);
    }
    if asked.url.host_str() == Some(&*format!("cdn.{host}")) {
        return content::from_elsewhere(store, asked, objections);
    }
    if path == "/v2/" {
        return access::check(store, asked, None).err().unwrap_or_else(|| Answer::new(200));
    }
    if let Some(path) = path.strip_prefix("/api/v2.0/").filter(|_| store.plan.harbor.is_some()) {
        return harbor::api(store, asked, path, objections);
    }
    let Some((repository, rest)) = split(&path) else {
        objections.push(format!("`{path}` is no path of the API"));
        return Answer::refusal(404, "NAME_UNKNOWN");
    };
    let writes = !matches!(*asked.method, Method::GET | Method::HEAD) || rest.starts_with("blobs/uploads");
    if let Err(refusal) = access::check(store, asked, Some((repository, writes))) {
        return refusal;
    }
    if let Some(refusal) = harbor::refusal(store, asked, repository, rest) {
        return refusal;
    }
    match rest.split('/').collect::<Vec<_>>()[..] {
        ["manifests", reference] => content::manifest(store, asked, repository, reference, objections),
        ["tags", "list"] => content::tags(store, asked, repository),
        ["referrers", subject] => content::referrers(store, repository, subject),
        ["blobs", "uploads", ""] => uploads::begin(store, asked, repository, lies, objections),
        ["blobs", "uploads", session] => uploads::go_on(store, asked, repository, session, lies, objections),
        ["blobs", digest] => content::blob(store, asked, repository, digest),
        _ => {
            objections.push(format!("`{path}` is no path of the API"));
            Answer::refusal(404, "NAME_UNKNOWN")
        }
    }
}

/// Splits a path into repository and the rest.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix("/v2/")?;
    let at = ["/manifests/", "/blobs/", "/tags/", "/referrers/"].iter().filter_map(|part| path.rfind(part)).min()?;
    Some((&path[..at], &path[at + 1..]))
}

/// Parses a digest that a client sent.
fn digest(text: &str) -> Option<Digest> {
    text.parse().ok()
}
