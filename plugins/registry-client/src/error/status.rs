//! From an HTTP status to an error: the one place that knows what registries mean by their answers.
//!
//! Decided on the status first, then on the code of the body, then on its words, because bodies are JSON, HTML or
//! nothing, depending on what stands in front of a registry.

use std::time::Duration;

use http::StatusCode;
use sealift_core::{
    content::{Algorithm, ImageRef, Reference, Repository},
    error::{Error, ErrorKind, Retry},
};

use super::{
    ErrorBody, Reason,
    remedy::{CHANGED, LOST_UPLOAD, NO_REGISTRY, SHA256_ONLY, log_in, needed_right},
};
use crate::{
    operation::Operation,
    quota::{Quota, time_words},
    retry::is_transient,
};

/// An answer that is no success.
#[derive(Debug)]
pub struct Refusal<'a> {
    pub(crate) operation: Operation<'a>,
    pub(crate) status: StatusCode,
    pub(crate) body: ErrorBody,
    /// It comes from a host that the registry redirected to.
    pub(crate) foreign: bool,
    /// It has no challenge, or an empty one.
    pub(crate) unchallenged: bool,
    /// The project accepted a write in this run.
    pub(crate) wrote: bool,
    /// The origin of the login that was used; none if there was none.
    pub(crate) login: Option<String>,
    /// The login was accepted before.
    pub(crate) proven: bool,
    /// The pause that the host asked for.
    pub(crate) wait: Option<Duration>,
    /// The quota that the host named last.
    pub(crate) quota: Option<Quota>,
}

impl Refusal<'_> {
    /// Returns the status of HTTP.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Returns the first sentence of the body, or of the first error in it, fit to be shown; empty if there is none.
    pub fn message(&self) -> &str {
        &self.body.text
    }

    /// Returns true if the body has this error code (distribution-spec, "Error Codes").
    pub fn has_code(&self, code: &str) -> bool {
        self.body.codes.iter().any(|found| found == code)
    }

    /// Returns the repository that was asked.
    pub fn repository(&self) -> &Repository {
        self.operation.repository()
    }
}

/// Names up to this length every registry takes.
pub(crate) const LONG_NAME: usize = 245;

/// Returns the error for a refusal that means this.
pub(crate) fn refusal(refusal: &Refusal<'_>, meaning: Meaning) -> Error {
    let registry = refusal.operation.repository().registry();
    let mut sentence = format!("{}: {}", refusal.operation, meaning.what.replace("{registry}", registry));
    if !refusal.body.text.is_empty() && !meaning.says_all {
        sentence = format!("{sentence} ({}: {})", refusal.status.as_u16(), refusal.body.text);
    } else if !meaning.says_all {
        sentence = format!("{sentence} ({})", refusal.status.as_u16());
    }
    let mut error = Error::new(meaning.kind, sentence);
    if let Some(retry) = meaning.retry {
        error = error.with_retry(retry);
    }
    if let Some(why) = meaning.why {
        error = error.with_source(why);
    }
    match meaning.hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The meaning of a refusal.
#[derive(Debug)]
pub struct Meaning {
    kind: ErrorKind,
    what: String,
    hint: Option<String>,
    retry: Option<Retry>,
    why: Option<Reason>,
    /// Nothing needs to be quoted beside it.
    says_all: bool,
}

impl Meaning {
    /// Returns what was refused, as a kind of error and a sentence without its beginning, which names the operation.
    /// `{registry}` in it becomes the name of the registry.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), hint: None, retry: None, why: None, says_all: false }
    }

    /// Adds what the reader can do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Sets whether and when it may be tried again; the default depends on the kind.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        Self { retry: Some(retry), ..self }
    }

    /// For those who must react to it.
    pub(crate) fn because(self, why: Reason) -> Self {
        Self { why: Some(why), ..self }
    }

    pub(crate) fn says_all(self) -> Self {
        Self { says_all: true, ..self }
    }
}

pub(crate) fn explain(refusal: &Refusal<'_>) -> Meaning {
    use ErrorKind::{Conflict, Denied, Storage, Throttled, Unavailable, Unsupported};
    let Refusal { operation, status, body, .. } = refusal;
    if refusal.foreign {
        return foreign(refusal);
    }
    if body.is_page && matches!(status.as_u16(), 401 | 403 | 404) {
        let meaning = if *status == StatusCode::NOT_FOUND { not_found(refusal) } else { forbidden(refusal) };
        return Meaning { what: format!("{}; the answer is a web page", meaning.what), ..meaning }.hint(NO_REGISTRY);
    }
    match status.as_u16() {
        400 => bad_request(refusal),
        401 => unauthorized(refusal),
        403 => forbidden(refusal),
        404 => not_found(refusal),
        405 => Meaning::new(Unsupported, "`{registry}` does not allow this here")
            .hint("it is read-only, or mirrors another registry: its operator may know one that is written to"),
        // A policy of Harbor that bars pulls.
        412 if body.has("PROJECTPOLICYVIOLATION") => Meaning::new(Denied, "a policy of the project forbids it")
            .hint("look at the project's rules for vulnerabilities and signatures"),
        409 | 412 if operation.writes() => Meaning::new(Conflict, "what stands there may not be changed")
            .hint("the tag is immutable, or somebody else writes it at the moment"),
        413 => Meaning::new(Unsupported, "it is too large for the registry or for a proxy in front of it")
            .hint("raise the limit there, such as `client_max_body_size 0;` of nginx"),
        415 if matches!(operation, Operation::PushManifest(_)) => {
            Meaning::new(Unsupported, "`{registry}` does not take manifests of this media type")
                .hint("a registry for OCI types only can be told to take Docker's: `\"compat\": [\"docker2s2\"]` in `http` of zot")
        }
        416 => Meaning::new(Unavailable, "`{registry}` lost track of the transfer").retry(Retry::Soon),
        // The project asked to be throttled by some registries with 403, but those cannot be told apart.
        429 => {
            let after = refusal.wait.map_or(Retry::Soon, Retry::After);
            let mut what = "`{registry}` asks for fewer requests".to_owned();
            if let Some(quota) = &refusal.quota {
                what += &format!("; of its quota {}", quota.words());
            }
            if let Some(wait) = refusal.wait {
                what += &format!(", it opens again in {}", time_words(wait));
            }
            let meaning = Meaning::new(Throttled, what).retry(after);
            match refusal.login {
                // Docker Hub and others count by login, and anonymous ones by address.
                None => meaning.hint("most registries allow more requests to those who log in"),
                Some(_) => meaning.hint("run again later: what was copied is not copied again"),
            }
        }
        // distribution 2.8 refuses layers with `urls` like this unless it is configured to take them.
        500 if body.has("MANIFEST_BLOB_UNKNOWN") || body.mentions("invalid url on layer") => {
            Meaning::new(Unsupported, "`{registry}` does not take images with foreign layers")
                .hint("its operator can allow their URLs, with `validation.manifests.urls.allow` of distribution")
        }
        // distribution takes names of 255 characters at most, and counts `docker.io/` into them.
        500 if operation.repository().path().len() > LONG_NAME => {
            Meaning::new(Unsupported, "`{registry}` fails, perhaps because the name is too long")
                .hint(format!("push under a shorter name: many registries take {LONG_NAME} characters at most"))
        }
        507 => Meaning::new(Storage, "`{registry}` has no space left").hint("its operator must make room"),
        501 | 505 => Meaning::new(Unsupported, "`{registry}` does not support this request"),
        500..=599 => {
            let after = refusal.wait.map_or(Retry::Soon, Retry::After);
            Meaning::new(Unavailable, "`{registry}` has an internal error")
                .retry(after)
                .hint("run again later; its log may say what is wrong")
        }
        _ if is_transient(*status) => Meaning::new(Unavailable, "`{registry}` timed out")
            .retry(Retry::Soon)
            .hint("run again later, or with a lower `transfers` in [run]"),
        300..=399 => Meaning::new(Unsupported, "`{registry}` redirects, which cannot be followed here")
            .hint("name the host that it redirects to"),
        _ => Meaning::new(Unsupported, "`{registry}` does not support this request").hint(NO_REGISTRY),
    }
}

/// Answers of object stores and mirrors that a registry sent us to.
fn foreign(refusal: &Refusal<'_>) -> Meaning {
    let status = refusal.status.as_u16();
    let what = "the host that `{registry}` sent us to refuses";
    match status {
        // Signed URLs expire; the registry gives a new one.
        400 | 401 | 403 | 404 | 410 => {
            Meaning::new(ErrorKind::Denied, what).retry(Retry::Soon).hint("the log of that host may say why")
        }
        _ if is_transient(refusal.status) => Meaning::new(ErrorKind::Unavailable, what).retry(Retry::Soon),
        _ => Meaning::new(ErrorKind::Unsupported, what),
    }
}

fn bad_request(refusal: &Refusal<'_>) -> Meaning {
    use ErrorKind::{Conflict, Unsupported};
    let body = &refusal.body;
    let immutable = body.mentions("immutable") || body.has("IMAGETAGALREADYEXISTSEXCEPTION");
    if refusal.operation.writes() && (immutable || body.mentions("tag already exists")) {
        return Meaning::new(Conflict, "the tag is immutable and stands for something else")
            .hint("push another tag, or change the rule for immutable tags there");
    }
    if body.has("DIGEST_INVALID") || body.has("SIZE_INVALID") {
        return match refusal.operation {
            Operation::PushBlob(_, digest) if digest.algorithm() == Algorithm::Sha256 => other_bytes(),
            // distribution 2.8 reads back what it is writing, which fails while another client writes the same manifest.
            Operation::PushManifest(image) if !has_other_digest(image) => other_bytes(),
            operation if operation.writes() => {
                Meaning::new(Unsupported, "`{registry}` does not take this digest").hint(SHA256_ONLY)
            }
            _ => Meaning::new(Unsupported, "`{registry}` does not take this digest"),
        };
    }
    if body.has("BLOB_UPLOAD_INVALID") || body.has("BLOB_UPLOAD_UNKNOWN") {
        return lost_upload();
    }
    if body.has("MANIFEST_BLOB_UNKNOWN") || body.has("BLOB_UNKNOWN") {
        return lost_part();
    }
    if body.has("MANIFEST_INVALID") {
        return Meaning::new(Unsupported, "`{registry}` does not take this kind of manifest")
            .hint("some take no indexes or no artifacts: `index` and `referrers` in [run] say what is sent");
    }
    Meaning::new(Unsupported, "`{registry}` does not understand the request")
}

/// Every registry knows sha256, not every one knows more.
fn has_other_digest(image: &ImageRef) -> bool {
    matches!(&image.reference, Reference::Digest(digest) if digest.algorithm() != Algorithm::Sha256)
}

fn unauthorized(refusal: &Refusal<'_>) -> Meaning {
    let repository = refusal.operation.repository();
    match &refusal.login {
        Some(origin) => Meaning::new(ErrorKind::Denied, format!("the login from {origin} is not enough"))
            .hint(needed_right(&refusal.operation)),
        None => {
            let log_in = log_in(repository.registry());
            let hint = format!("{log_in}; a repository that does not exist looks the same at some registries");
            Meaning::new(ErrorKind::Denied, "`{registry}` wants a login").hint(hint)
        }
    }
}

fn lost_upload() -> Meaning {
    Meaning::new(ErrorKind::Unavailable, "`{registry}` lost the upload").retry(Retry::Soon).hint(LOST_UPLOAD)
}

fn lost_part() -> Meaning {
    Meaning::new(ErrorKind::NotFound, "something that the manifest points to is not there")
        .retry(Retry::Soon)
        .hint("it may have been deleted there meanwhile: run again")
}

fn other_bytes() -> Meaning {
    Meaning::new(ErrorKind::Corrupt, "other bytes arrived than were sent").retry(Retry::Soon).hint(CHANGED)
}

fn forbidden(refusal: &Refusal<'_>) -> Meaning {
    let body = &refusal.body;
    if body.is_full() {
        return Meaning::new(ErrorKind::Storage, "the quota of the project is used up")
            .hint("delete something there, or let its operator raise the quota");
    }
    if body.mentions("read only") || body.mentions("read-only") {
        return Meaning::new(ErrorKind::Denied, "`{registry}` is in read-only mode")
            .hint("its operator can switch that off; it may be so for a cleaning only");
    }
    if body.mentions("proxy project") {
        return Meaning::new(ErrorKind::Denied, "the project is a proxy cache, which takes no pushes")
            .hint("push to another project");
    }
    match &refusal.login {
        Some(origin) => Meaning::new(ErrorKind::Denied, format!("not allowed; the login from {origin} may not"))
            .hint(needed_right(&refusal.operation)),
        None => Meaning::new(ErrorKind::Denied, "not allowed without a login")
            .hint(log_in(refusal.operation.repository().registry())),
    }
}

fn not_found(refusal: &Refusal<'_>) -> Meaning {
    use ErrorKind::{NotFound, Unsupported};
    let body = &refusal.body;
    // distribution without the OCI types in `Accept`; every request names them, so something in between lost them.
    if body.mentions("accept header does not support") {
        return Meaning::new(Unsupported, "the registry did not see which media types are accepted")
            .hint("a proxy in front of it drops or cuts the `Accept` header");
    }
    match refusal.operation {
        Operation::PushBlob(..) if body.has("BLOB_UPLOAD_UNKNOWN") || body.has("BLOB_UPLOAD_INVALID") => lost_upload(),
        // The specification asks for 404, distribution answers 400.
        Operation::PushManifest(_) if body.has("MANIFEST_BLOB_UNKNOWN") || body.has("BLOB_UNKNOWN") => lost_part(),
        Operation::PushBlob(..) | Operation::PushManifest(_) => Meaning::new(NotFound, "the repository does not exist")
            .hint("at some registries (ECR, Artifact Registry) it must be created first"),
        Operation::ListTags(_) | Operation::ListReferrers(..) => {
            Meaning::new(NotFound, "the repository does not exist").says_all()
        }
        Operation::ReadManifest(_) | Operation::CheckManifest(_) if body.has("NAME_UNKNOWN") => {
            Meaning::new(NotFound, "the repository does not exist").says_all()
        }
        Operation::ReadBlob(..) => Meaning::new(NotFound, "it does not exist")
            .hint("its manifest is there and it is not: push the image there again")
            .says_all(),
        _ => Meaning::new(NotFound, "it does not exist").says_all(),
    }
}
