//! Authentication (RFC 7617, the `Basic` scheme).

use std::{net::IpAddr, sync::Arc};

use axum::{
    http::{HeaderMap, header},
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};

use super::answer::{self, Code, ErrorResponse};
use crate::users::{LoginVerdict, Users};

/// Returns the error response for a request without valid credentials; none if they are valid or not required.
pub(super) async fn refusal(users: Option<&Arc<Users>>, peer: IpAddr, headers: &HeaderMap) -> Option<Response> {
    let users = users?;
    if let Some((name, password)) = headers.get(header::AUTHORIZATION).and_then(|value| login(value.to_str().ok()?)) {
        match users.admit(peer, &name, &password).await {
            LoginVerdict::Right => return None,
            LoginVerdict::Wrong => {}
            LoginVerdict::Crowded => return Some(ErrorResponse::from(Code::TooManyRequests).into_response()),
        }
    }
    let mut response = ErrorResponse::from(Code::Unauthorized).into_response();
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, answer::value("Basic realm=\"sealift\", charset=\"UTF-8\""));
    Some(response)
}

/// Name and password in an `Authorization`.
fn login(value: &str) -> Option<(String, String)> {
    let (scheme, text) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(text.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests;
