//! Answers, and the error codes of the protocol (distribution-spec, "Error Codes").

use std::io;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use rustix::io::Errno;
use sealift_core::error::{Error, ErrorKind, io_message};
use serde_json::{Value, json};

use crate::store::{ChangeError, Objection};

/// The error codes of the protocol.
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
    RequestInvalid,
    SizeInvalid,
    TagInvalid,
    TagUnknown,
    TooManyRequests,
    TooManyTags,
    Unauthorized,
    Unavailable,
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
            Self::DigestInvalid => ("DIGEST_INVALID", S::BAD_REQUEST, "this is no digest, or not that of the content"),
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
            Self::RequestInvalid => ("UNKNOWN", S::BAD_REQUEST, "the request is not valid"),
            Self::SizeInvalid => ("SIZE_INVALID", S::BAD_REQUEST, "a size is not that of the content"),
            Self::TagInvalid => ("TAG_INVALID", S::BAD_REQUEST, "the reference is neither a tag nor a digest"),
            // Nothing can be there under such a name.
            Self::TagUnknown => ("MANIFEST_UNKNOWN", S::NOT_FOUND, "the reference is neither a tag nor a digest"),
            Self::TooManyRequests => ("TOOMANYREQUESTS", S::TOO_MANY_REQUESTS, "others are asking, too: try again"),
            Self::TooManyTags => ("TAG_INVALID", S::URI_TOO_LONG, "more tags than one request may set"),
            Self::Unauthorized => ("UNAUTHORIZED", S::UNAUTHORIZED, "name and password of a user are needed"),
            Self::Unavailable => ("UNAVAILABLE", S::SERVICE_UNAVAILABLE, "not now: try again"),
            Self::Unknown => ("UNKNOWN", S::INTERNAL_SERVER_ERROR, "something failed here"),
            Self::Unsupported => ("UNSUPPORTED", S::METHOD_NOT_ALLOWED, "this is not possible"),
        }
    }

    /// With a detail for people.
    pub(crate) fn because(self, detail: impl Into<String>) -> ErrorResponse {
        ErrorResponse(vec![(self, Value::String(detail.into()))])
    }
}

/// Errors to answer with; the status is that of the first.
#[derive(Debug)]
pub(crate) struct ErrorResponse(pub(crate) Vec<(Code, Value)>);

impl From<Code> for ErrorResponse {
    fn from(code: Code) -> Self {
        Self(vec![(code, Value::Null)])
    }
}

/// An error of the system, or of the directory. Where the directory is on this machine is not told; the log has it.
impl From<Error> for ErrorResponse {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "a request failed");
        let io = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
        match (error.kind(), io) {
            (_, Some(io)) if is_shortage(io) => Code::Unavailable.because(io_message(io)),
            (ErrorKind::Unavailable, _) => Code::Unavailable.because(error.message()),
            (ErrorKind::Cancelled, _) => Code::Unavailable.because("the registry is being stopped"),
            (_, Some(io)) => Code::Unknown.because(format!("the directory cannot be used: {}", io_message(io))),
            (ErrorKind::Corrupt | ErrorKind::Unsupported, _) => {
                Code::Unknown.because("a file of the directory is damaged, or not what it is called there")
            }
            _ => Code::Unknown.because("the directory cannot be used"),
        }
    }
}

/// Returns true if the system lacks something that it may have again in a moment.
fn is_shortage(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN))
}

impl From<ChangeError> for ErrorResponse {
    fn from(refused: ChangeError) -> Self {
        let objection = match refused {
            ChangeError::Objection(objection) => objection,
            ChangeError::Failed(error) => return error.into(),
        };
        match objection {
            Objection::Missing(missing) => {
                let detail = |digest| (Code::ManifestBlobUnknown, json!({ "digest": digest }));
                Self(missing.into_iter().map(detail).collect())
            }
            Objection::WrongSize { digest, said, found } => {
                let detail = format!("`{digest}` has {found} bytes, the manifest says {said}");
                Code::SizeInvalid.because(detail)
            }
            Objection::WrongDigest(digest) => Code::DigestInvalid.because(format!("the bytes are not `{digest}`")),
            Objection::WrongType(detail) => Code::ManifestInvalid.because(detail),
            Objection::InUse(detail) => Code::Unsupported.because(detail),
        }
    }
}

impl ErrorResponse {
    /// Returns true if it says that something is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status() == StatusCode::NOT_FOUND
    }

    fn status(&self) -> StatusCode {
        self.0.first().map_or(Code::Unknown, |(code, _)| *code).parts().1
    }

    pub(crate) fn into_response(self) -> Response {
        let errors = self.0.iter().map(|(code, detail)| {
            let (code, _, message) = code.parts();
            json!({ "code": code, "message": message, "detail": detail })
        });
        let body = json!({ "errors": errors.collect::<Vec<_>>() });
        let mut response = json(&body);
        let status = self.status();
        *response.status_mut() = status;
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, value(1));
        }
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
