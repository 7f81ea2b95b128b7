//! Answers, and the error codes of the protocol (distribution-spec, "Error Codes").

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use sealift_core::error::{Error, ErrorKind};
use serde_json::{Value, json};

/// What went wrong, in the words of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestTooLarge,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    NotFound,
    PageInvalid,
    RangeInvalid,
    TagInvalid,
    Unauthorized,
    Unknown,
    Unsupported,
}

impl Code {
    const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::BlobUnknown => ("BLOB_UNKNOWN", S::NOT_FOUND, "the repository has no such blob"),
            Self::BlobUploadInvalid => ("BLOB_UPLOAD_INVALID", S::BAD_REQUEST, "the upload cannot go on like this"),
            Self::BlobUploadUnknown => ("BLOB_UPLOAD_UNKNOWN", S::NOT_FOUND, "there is no such upload"),
            Self::DigestInvalid => ("DIGEST_INVALID", S::BAD_REQUEST, "the digest is not that of the content"),
            Self::ManifestBlobUnknown => {
                ("MANIFEST_BLOB_UNKNOWN", S::BAD_REQUEST, "the repository lacks something that the manifest points to")
            }
            Self::ManifestInvalid => ("MANIFEST_INVALID", S::BAD_REQUEST, "the manifest is not valid"),
            Self::ManifestTooLarge => ("MANIFEST_INVALID", S::PAYLOAD_TOO_LARGE, "the manifest is longer than 4 MiB"),
            Self::ManifestUnknown => ("MANIFEST_UNKNOWN", S::NOT_FOUND, "the repository has no such manifest"),
            Self::NameInvalid => ("NAME_INVALID", S::BAD_REQUEST, "the name cannot be that of a repository"),
            Self::NameUnknown => ("NAME_UNKNOWN", S::NOT_FOUND, "there is no such repository"),
            Self::NotFound => ("NOT_FOUND", S::NOT_FOUND, "there is nothing here"),
            Self::PageInvalid => ("PAGINATION_NUMBER_INVALID", S::BAD_REQUEST, "`n` is not a number"),
            Self::RangeInvalid => ("BLOB_UPLOAD_INVALID", S::RANGE_NOT_SATISFIABLE, "this is not what comes next"),
            Self::TagInvalid => ("TAG_INVALID", S::NOT_FOUND, "the reference is neither a tag nor a digest"),
            Self::Unauthorized => ("UNAUTHORIZED", S::UNAUTHORIZED, "name and password of a user are needed"),
            Self::Unknown => ("UNKNOWN", S::INTERNAL_SERVER_ERROR, "something failed here"),
            Self::Unsupported => ("UNSUPPORTED", S::METHOD_NOT_ALLOWED, "this is not possible"),
        }
    }

    /// With a detail for people.
    pub(crate) fn because(self, detail: impl Into<String>) -> Failure {
        Failure(vec![(self, Value::String(detail.into()))])
    }
}

/// Errors to answer with; the status is that of the first.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Vec<(Code, Value)>);

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self(vec![(code, Value::Null)])
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Corrupt => Code::DigestInvalid.because(error.message()),
            _ => {
                tracing::error!(%error, "a request failed");
                Code::Unknown.because(error.message())
            }
        }
    }
}

impl Failure {
    pub(crate) fn into_response(self) -> Response {
        let errors = self.0.iter().map(|(code, detail)| {
            let (code, _, message) = code.parts();
            json!({ "code": code, "message": message, "detail": detail })
        });
        let body = json!({ "errors": errors.collect::<Vec<_>>() });
        let mut response = json(&body);
        *response.status_mut() = self.0.first().map_or(Code::Unknown, |(code, _)| *code).parts().1;
        response
    }
}

/// A header's value; what cannot be one, which nothing here makes, is left empty.
pub(crate) fn value(text: impl ToString) -> HeaderValue {
    HeaderValue::from_str(&text.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

pub(crate) fn json(body: &Value) -> Response {
    bytes("application/json", body.to_string().into())
}

/// An answer with content that is in memory.
pub(crate) fn bytes(media_type: &str, content: bytes::Bytes) -> Response {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(header::CONTENT_LENGTH, value(content.len()));
    response.headers_mut().insert(header::CONTENT_TYPE, value(media_type));
    *response.body_mut() = Body::from(content);
    response
}

pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(header::CONTENT_LENGTH, value(0));
    }
    response
}
