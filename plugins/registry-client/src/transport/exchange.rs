//! One exchange with a registry, and the redirects that it may lead to.
//!
//! Redirects are followed by hand: the policy judges each of them, and secrets stay with the origin of the
//! registry (distribution-spec, "API"; Azure and S3 refuse requests that still carry it).

use http::{HeaderValue, Method, StatusCode, header};
use sealift_core::error::{Error, ErrorKind, Result};
use tokio::time::timeout;
use url::Url;

use super::{Endpoint, HostConnections, HttpBody, HttpRequest, Request, RequestTarget, Response};
use crate::{
    credentials::SentSecrets,
    error::Peer,
    redact::{Redacted, authority},
    url_policy::{RefusedUrl, UrlPurpose, same_origin},
};

/// Redirects that are followed for one request.
const HOPS: usize = 10;

impl HostConnections {
    /// Sends a request once, and follows where it is redirected to.
    pub(crate) async fn exchange(
        &self,
        at: &Endpoint,
        request: &Request<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response> {
        let mut url = match &request.target {
            RequestTarget::Path(path) => at.api(path),
            RequestTarget::Url(url) => url.clone(),
        };
        for _ in 0..=HOPS {
            let response = self.hop(at, request, &url, authorization).await?;
            match redirect(request, &response) {
                Some(location) if !request.follow_redirects && !is_same_place(&response.url, &location) => {
                    return Ok(response);
                }
                Some(location) => {
                    url = at.policy().check(UrlPurpose::Redirect, &response.url, &location).map_err(refused)?;
                    response.discard().await;
                }
                None => return Ok(response),
            }
        }
        Err(Error::new(ErrorKind::Unsupported, format!("`{}` redirects more than {HOPS} times", self.name()))
            .with_hint("its operator, or who runs the proxy in front of it, must look where that leads"))
    }

    async fn hop(
        &self,
        at: &Endpoint,
        request: &Request<'_>,
        url: &Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response> {
        let foreign = !same_origin(url, &at.root);
        let mut headers = request.headers.clone();
        // Compressed on the way, bytes would not be what their digest says.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if request.body.is_none() && request.method == Method::POST {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if let Some(value) = authorization.filter(|_| !foreign) {
            headers.insert(header::AUTHORIZATION, value.clone());
        }
        let sent = HttpRequest {
            method: request.method.clone(),
            url: url.clone(),
            headers,
            body: request.body.clone().map_or(HttpBody::Empty, HttpBody::Full),
            pool: request.pool,
        };
        let response = timeout(request.limit, self.send(at, sent)).await;
        let response = response.map_err(|_| Peer(authority(url)).silent(request.limit))??;
        if !foreign {
            self.note_response();
        }
        let secrets = SentSecrets::new(None, authorization.cloned());
        tracing::debug!(
            method = %request.method, url = secrets.hide(Redacted(url).to_string()), status = response.status().as_u16(), "asked"
        );
        Ok(Response::new(response, url.clone(), foreign, secrets))
    }
}

/// Returns the location of a redirect that a request with this method may follow.
fn redirect(request: &Request<'_>, response: &Response) -> Option<String> {
    let follows = match response.status() {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => reads(&request.method),
        // These keep method and body. A POST that starts an upload carries nothing, so it may go on.
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
            reads(&request.method) || (request.method == Method::POST && request.body.is_none())
        }
        _ => false,
    };
    follows.then(|| response.header(header::LOCATION).map(str::to_owned)).flatten()
}

/// Returns true if a redirect only leads to another spelling of a URL: another query or, at the same host, scheme.
/// Another host or port may be a store that keeps the blobs under the same paths and cannot be reached from here.
fn is_same_place(asked: &Url, location: &str) -> bool {
    let spelled = |url: &Url| url.path().trim_end_matches('/').to_owned();
    asked.join(location).is_ok_and(|to| {
        let same_server =
            same_origin(&to, asked) || (to.host_str() == asked.host_str() && to.scheme() != asked.scheme());
        same_server && spelled(&to) == spelled(asked)
    })
}

fn reads(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// Returns the error for a URL that the policy refuses; it is final.
pub(crate) fn refused(refused: RefusedUrl) -> Error {
    Error::new(ErrorKind::Denied, refused.to_string()).with_hint(refused.remedy())
}
