//! Error responses in Harbor's words: `lib/http/error.go`.

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use serde_json::{Value, json};

/// A refusal: status, code, words.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// The challenge of a 401 below `/v2/`; empty for a project that is not there.
    challenge: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), challenge: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub(super) fn manifest_invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "UNSUPPORTED", message)
    }

    /// A 401 of `v2auth`, which prints the message twice: `Error()` joins message and cause (`lib/errors/errors.go`).
    pub(super) fn unauthorized_v2(message: &str) -> Self {
        Self::unauthorized(format!("{message}: {message}"))
    }

    /// Any error without a code of its own; the cause is in the log of the core only (`lib/http/error.go`).
    pub(super) fn unknown() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", "internal server error")
    }

    /// A deployment policy of the project bars the pull.
    pub(super) fn policy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "PROJECTPOLICYVIOLATION", message)
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
    }

    pub(super) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "DENIED", message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "CONFLICT", message)
    }

    pub(super) fn precondition(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "PRECONDITION", message)
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "UNPROCESSABLE_ENTITY", message)
    }

    /// `v2auth` always sets `Www-Authenticate`, also to nothing.
    pub(super) fn challenge(self, challenge: impl Into<String>) -> Self {
        Self { challenge: Some(challenge.into()), ..self }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "errors": [{ "code": self.code, "message": self.message }] });
        let mut response = json_answer(self.status, &body);
        if let Some(challenge) = self.challenge {
            let value = HeaderValue::from_str(&challenge).expect("challenges are ASCII");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
            let version = HeaderValue::from_static("registry/2.0");
            response.headers_mut().insert("docker-distribution-api-version", version);
        }
        response
    }
}

pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, json, format!("{body}\n")).into_response()
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain")], text).into_response()
}

pub(super) fn empty(status: StatusCode) -> Response {
    (status, Body::empty()).into_response()
}

/// Reads the rest of a request that was refused, as the nginx in front of Harbor does; otherwise the client finds a broken
/// connection instead of the answer.
pub(super) async fn drain(body: Body) {
    let mut body: BodyDataStream = body.into_data_stream();
    while let Some(Ok(_)) = body.next().await {}
}
