//! The API that a product has beside the registry, such as Harbor's `/api/v2.0`.
//!
//! The same connections, limits and login as for the registry, but with user name and password instead of a token, as
//! such APIs want it, and without cookies: Harbor demands a CSRF token of clients that send its session back.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sealift_core::{
    content::Repository,
    error::{Error, ErrorKind, Result},
};
use tokio::time::Instant;

use crate::{
    credentials::{SentSecrets, basic_header},
    error::ErrorBody,
    operation::Operation,
    registry::Registry,
    retry::is_transient,
    scope::Scopes,
    transport::{Endpoint, Request, RequestTarget, Response},
};

/// One request to an API beside a registry.
#[derive(Clone, Debug)]
pub struct ApiRequest<'a> {
    /// The repository that it concerns: its registry is asked, with the login for it.
    pub repository: &'a Repository,
    /// The method.
    pub method: Method,
    /// Path and query below the root of the host, encoded: `/api/v2.0/projects/team`.
    pub path: String,
    /// Headers of its own.
    pub headers: Vec<(&'static str, &'static str)>,
    /// JSON to send.
    pub body: Option<Bytes>,
}

/// The response of an API, of any status.
#[derive(Clone, Debug)]
pub struct ApiResponse {
    /// The status.
    pub status: u16,
    /// The body, whole.
    pub body: Bytes,
    headers: HeaderMap,
    secrets: SentSecrets,
}

impl ApiResponse {
    /// Returns where the login came from that was used; none if there was none.
    pub fn login(&self) -> Option<String> {
        self.secrets.origin()
    }

    /// Returns a header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns true if an error has this code.
    pub fn has_code(&self, code: &str) -> bool {
        ErrorBody::of(&self.body, &self.secrets).has(code)
    }

    /// Returns the message of an error: one short line without secrets, empty if there is none.
    pub fn message(&self) -> String {
        ErrorBody::of(&self.body, &self.secrets).text
    }
}

/// A page of a hundred artifacts with everything that Harbor knows of them has some MiB.
const MAX_BYTES: u64 = 64 << 20;

/// Sends a request to the API beside a registry. Refusals are responses.
///
/// # Errors
/// If there is no response, or the host is not ready for one.
pub(crate) async fn send(registry: &Registry, request: &ApiRequest<'_>) -> Result<ApiResponse> {
    send_as(registry, request, true).await
}

/// Does the same without a login.
///
/// # Errors
/// As [`send`].
pub(crate) async fn send_anonymously(registry: &Registry, request: &ApiRequest<'_>) -> Result<ApiResponse> {
    send_as(registry, request, false).await
}

/// Does the same without a login, and repeats nothing.
///
/// # Errors
/// As [`send`].
pub(crate) async fn send_anonymously_once(registry: &Registry, request: &ApiRequest<'_>) -> Result<ApiResponse> {
    send_once(registry, request, false).await
}

async fn send_as(registry: &Registry, request: &ApiRequest<'_>, with_login: bool) -> Result<ApiResponse> {
    let mut attempts = registry.retry.attempts(registry.retry.policy().requests);
    loop {
        let began = Instant::now();
        let failed = match send_once(registry, request, with_login).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let failed_try = registry.failed_try(began, &failed, false);
        let pause = attempts.pause_of_request(&registry.retry, &failed, &failed_try);
        let Some(pause) = pause else { return Err(failed) };
        tokio::time::sleep(pause).await;
    }
}

async fn send_once(registry: &Registry, api_request: &ApiRequest<'_>, with_login: bool) -> Result<ApiResponse> {
    let operation = Operation::ProductApi(api_request.repository);
    let context = |error: Error| error.with_context(operation);
    registry.wait_for_pause(false).await.map_err(context)?;
    let at = registry.transport.endpoint().await.map_err(context)?;
    let mut url = at.root.clone();
    let path = &*api_request.path;
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    url.set_path(path);
    url.set_query(query);
    let (method, scopes) = (api_request.method.clone(), Scopes::pull(api_request.repository));
    let json = HeaderValue::from_static("application/json");
    let mut request = Request::new(operation, method, RequestTarget::Url(url), scopes, registry.timing())
        .limit(registry.timing().slow_response)
        .header(header::ACCEPT, json.clone());
    for (name, value) in &api_request.headers {
        request = request.header(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(body) = &api_request.body {
        request = request.body(json, body.clone());
    }
    if !with_login {
        let response = registry.transport.exchange(at, &request, None).await.map_err(context)?;
        return read(registry, operation, response).await;
    }
    let mut response = send_with_login(registry, at, &request).await.map_err(context)?;
    if response.status() == StatusCode::UNAUTHORIZED && response.secrets.renew(api_request.repository).await {
        response = send_with_login(registry, at, &request).await.map_err(context)?;
    }
    read(registry, operation, response).await
}

async fn send_with_login(registry: &Registry, at: &Endpoint, request: &Request<'_>) -> Result<Response> {
    let login = registry.auth.login(request.operation.repository()).await?;
    registry.wait_for_pause(false).await?;
    let basic = login.as_ref().and_then(|current| basic_header(&current.login));
    let mut response = registry.transport.exchange(at, request, basic.as_ref()).await?;
    response.secrets = SentSecrets::new(login.filter(|_| basic.is_some()), basic);
    Ok(response)
}

async fn read(registry: &Registry, operation: Operation<'_>, response: Response) -> Result<ApiResponse> {
    let status = response.status();
    if is_transient(status) {
        return Err(registry.refused(operation, response).await);
    }
    if response.foreign {
        let what = format!("{operation}: it redirects to another host");
        return Err(Error::new(ErrorKind::Unsupported, what));
    }
    let (headers, secrets) = (response.headers().clone(), response.secrets.clone());
    let body = response.bytes(MAX_BYTES, registry.timing().idle_read).await;
    let body = body.map_err(|error| error.with_context(operation))?;
    registry.went_well();
    Ok(ApiResponse { status: status.as_u16(), body, headers, secrets })
}
