//! One exchange with a registry, and the redirects that it may lead to.
//!
//! Redirects are followed by hand: the policy judges each of them, and whatever is secret stays with the origin of the
//! registry (distribution-spec, "API"; Azure and S3 refuse requests that still carry it).

use http::{HeaderValue, Method, StatusCode, header};
use sealift_core::error::{Error, ErrorKind, Result};
use tokio::time::timeout;
use url::Url;

use super::{Answer, Ask, To};
use crate::{
    credentials::Shown,
    error::{Side, transport},
    host::{Host, Reached},
    redact::{Redacted, authority},
    url_policy::{Use, same_origin},
};

/// Redirects that are followed for one request.
const HOPS: usize = 10;

impl Host {
    /// Sends a request once, and follows where it is redirected to.
    pub(crate) async fn exchange(
        &self,
        at: &Reached,
        ask: &Ask<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer> {
        let mut url = match &ask.to {
            To::Path(path) => at.api(path),
            To::Url(url) => url.clone(),
        };
        for _ in 0..=HOPS {
            let answer = self.hop(at, ask, &url, authorization).await?;
            match redirect(ask, &answer) {
                Some(location) if !ask.follows && !is_same_place(&answer.url, &location) => return Ok(answer),
                Some(location) => {
                    let home = at.clients.whereabouts().home();
                    url = home.judge(Use::Redirect, &answer.url, &location).map_err(refused)?;
                    answer.discard().await;
                }
                None => return Ok(answer),
            }
        }
        Err(Error::new(ErrorKind::Unsupported, format!("`{}` redirects more than {HOPS} times", self.name))
            .hint("its operator, or who runs the proxy in front of it, must look where that leads"))
    }

    async fn hop(&self, at: &Reached, ask: &Ask<'_>, url: &Url, authorization: Option<&HeaderValue>) -> Result<Answer> {
        let foreign = !same_origin(url, &at.root);
        let client = at.clients.for_url(url, ask.lane).await?;
        let mut request = client.request(ask.method.clone(), url.clone()).headers(ask.headers.clone());
        // Compressed on the way, bytes would not be what their digest says.
        request = request.header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(body) = &ask.body {
            request = request.body(body.clone());
        } else if ask.method == Method::POST {
            request = request.header(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if let Some(value) = authorization.filter(|_| !foreign) {
            request = request.header(header::AUTHORIZATION, value.clone());
        }
        self.shared.counters.count(&ask.method, url);
        let side = Side(authority(url));
        let response = timeout(ask.limit, request.send())
            .await
            .map_err(|_| side.silent(ask.limit))?
            .map_err(|error| transport(error, side))?;
        if !foreign {
            self.pace.heard(None);
        }
        tracing::debug!(
            method = %ask.method, url = %Redacted(url), status = response.status().as_u16(), "asked"
        );
        Ok(Answer::new(response, url.clone(), foreign, Shown::default()))
    }
}

/// Where an answer wants the request to go instead, if that request may go there.
fn redirect(ask: &Ask<'_>, answer: &Answer) -> Option<String> {
    let follows = match answer.status() {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => reads(&ask.method),
        // These keep method and body. A POST that starts an upload carries nothing, so it may go on.
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
            reads(&ask.method) || (ask.method == Method::POST && ask.body.is_none())
        }
        _ => false,
    };
    follows.then(|| answer.header(header::LOCATION).map(str::to_owned)).flatten()
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

/// What the policy refuses will be refused again.
pub(crate) fn refused(refused: crate::url_policy::Refused) -> Error {
    Error::new(ErrorKind::Denied, refused.to_string()).hint(refused.remedy())
}
