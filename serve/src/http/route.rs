//! Paths of the protocol.

use axum::http::{Method, Uri};
use sealift_core::content::{Digest, Reference, Repository, Tag};

use super::answer::{Code, ErrorResponse};

/// A path, in its parts. Names are valid repository paths.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Base,
    Catalog,
    Tags(String),
    Referrers(String, Digest),
    Manifest(String, Reference),
    Blob(String, Digest),
    Uploads(String),
    Upload(String, String),
}

impl Route {
    /// The name in it that may be short for another one. The location of an upload is none: it stays what it is.
    pub(crate) fn name_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Base | Self::Catalog | Self::Upload(..) => None,
            Self::Tags(name)
            | Self::Referrers(name, _)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name) => Some(name),
        }
    }

    pub(crate) fn of(uri: &Uri) -> Result<Self, ErrorResponse> {
        let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8();
        let path = path.map_err(|_| Code::NameInvalid.because("the path is not UTF-8"))?;
        let rest = match &*path {
            "/v2" | "/v2/" => return Ok(Self::Base),
            "/v2/_catalog" => return Ok(Self::Catalog),
            other => other.strip_prefix("/v2/").ok_or(Code::NotFound)?,
        };
        // From the right: a repository may have `manifests` or `blobs` in its path.
        let (head, last) = rest.rsplit_once('/').ok_or(Code::NotFound)?;
        let (name, what) = head.rsplit_once('/').ok_or(Code::NotFound)?;
        match (what, last) {
            ("tags", "list") => Ok(Self::Tags(repository(name)?)),
            ("manifests", reference) => Ok(Self::Manifest(repository(name)?, version(reference)?)),
            ("referrers", text) => Ok(Self::Referrers(repository(name)?, digest(text)?)),
            ("blobs", "uploads") => Err(Code::NotFound.because("uploads start at `…/blobs/uploads/`")),
            ("blobs", text) => Ok(Self::Blob(repository(name)?, digest(text)?)),
            ("uploads", id) => {
                let name = repository(name.strip_suffix("/blobs").ok_or(Code::NotFound)?)?;
                Ok(if id.is_empty() { Self::Uploads(name) } else { Self::Upload(name, id.to_owned()) })
            }
            _ => Err(Code::NotFound.into()),
        }
    }
}

/// Turns an invalid tag into an unknown one for requests that read.
pub(crate) fn for_reading(failure: ErrorResponse, method: &Method) -> ErrorResponse {
    match failure.0.first() {
        Some((Code::TagInvalid, detail)) if matches!(*method, Method::GET | Method::HEAD | Method::DELETE) => {
            ErrorResponse(vec![(Code::TagUnknown, detail.clone())])
        }
        _ => failure,
    }
}

/// A valid repository path.
pub(crate) fn repository(name: &str) -> Result<String, ErrorResponse> {
    match Repository::new("localhost", name) {
        Ok(repository) => Ok(repository.path().to_owned()),
        Err(error) => Err(Code::NameInvalid.because(error.to_string())),
    }
}

pub(crate) fn digest(text: &str) -> Result<Digest, ErrorResponse> {
    text.parse().map_err(|error| Code::DigestInvalid.because(format!("{error}")))
}

fn version(text: &str) -> Result<Reference, ErrorResponse> {
    if text.contains(':') {
        return digest(text).map(Reference::Digest);
    }
    let tag = text.parse::<Tag>();
    tag.map(Reference::Tag).map_err(|error| Code::TagInvalid.because(error.to_string()))
}

#[cfg(test)]
mod tests;
