//! Requests to a token service (distribution's "Token Authentication"). Responses are parsed tolerantly.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use http::{HeaderValue, Method, StatusCode, header};
use sealift_core::{
    error::{Error, ErrorKind, Result, Retry},
    secret::Secret,
};
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{Auth, HarborClaims, challenge::BearerChallenge};
use crate::{
    credentials::{CurrentLogin, SentSecrets, account, basic_header, identity_token, wrong_login_hint},
    error::Peer,
    limit::{retry_after, sent_at},
    redact::authority,
    retry::is_transient,
    scope::Scopes,
    transport::{ConnectionPool, Endpoint, HttpBody, HttpRequest, Response, refused},
    url_policy::UrlPurpose,
};

/// A new token.
pub(super) struct Fresh {
    pub(super) token: Secret,
    /// The time for which it is valid from now on.
    pub(super) lifetime: Duration,
    /// The claims of a token of Harbor.
    pub(super) claims: Option<Arc<HarborClaims>>,
}

/// Lifetime of an anonymous token of Harbor where there is a login: long enough for concurrent requests to share it. The next request that it does not authorize drops it.
const ANONYMOUS_LIFETIME: Duration = Duration::from_secs(2);

impl Fresh {
    /// Returns true if Harbor gave it to an anonymous user: a login is wrong, or cannot be looked up.
    pub(super) fn is_anonymous(&self) -> bool {
        self.claims.as_ref().is_some_and(|claims| claims.is_anonymous())
    }

    /// Shortens the lifetime to a few seconds.
    pub(super) fn briefly(self) -> Self {
        Self { lifetime: ANONYMOUS_LIFETIME, ..self }
    }
}

/// The longest response that is read, in bytes; real ones have some KiB.
const MAX_BYTES: u64 = 1 << 20;

const NO_SERVICE: &str =
    "what answers there may be no token service: the registry's operator must look at where its `realm` leads";

/// The failure of a token request.
pub(super) enum TokenFailure {
    /// The login was rejected.
    LoginRejected(Error),
    /// The login was accepted, and may not have this token (403).
    Forbidden(Error),
    /// Any other reason.
    Other(Error),
}

impl TokenFailure {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::LoginRejected(error) | Self::Forbidden(error) | Self::Other(error) => error,
        }
    }
}

impl Auth {
    /// Asks the token service of a challenge for a token. Redirects are not followed, because the request has secrets.
    pub(super) async fn fetch_token(
        &self,
        at: &Endpoint,
        bearer: &BearerChallenge,
        scopes: &Scopes,
        login: Option<&CurrentLogin>,
    ) -> Result<Fresh, TokenFailure> {
        let realm = at.policy().check(UrlPurpose::Realm, &at.root, &bearer.realm);
        let realm = realm.map_err(|why| TokenFailure::Other(refused(why)))?;
        let mut attempts = self.retry.attempts(self.retry.policy().tokens);
        loop {
            self.wait_for_token_service().await;
            let failed = match self.fetch_token_once(at, &realm, bearer, scopes, login).await {
                Err(TokenFailure::Other(error)) if error.is_retryable() => error,
                done => return done,
            };
            let Some(pause) = attempts.pause(&self.retry, &failed) else { return Err(TokenFailure::Other(failed)) };
            self.transport.counts().retry(authority(&realm));
            tokio::time::sleep(pause).await;
        }
    }

    /// Waits until the pause is over that the token service asked for, in answer to any request.
    async fn wait_for_token_service(&self) {
        let until = *self.token_pause.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until.filter(|until| *until <= Instant::now() + self.retry.policy().patience) {
            tokio::time::sleep_until(until).await;
        }
    }

    fn note_token_pause(&self, wait: Duration) {
        let mut pause = self.token_pause.lock().unwrap_or_else(PoisonError::into_inner);
        *pause = (*pause).max(Some(Instant::now() + wait));
    }

    async fn fetch_token_once(
        &self,
        at: &Endpoint,
        realm: &Url,
        bearer: &BearerChallenge,
        scopes: &Scopes,
        login: Option<&CurrentLogin>,
    ) -> Result<Fresh, TokenFailure> {
        let side = Peer(authority(realm));
        let request = match login.and_then(|current| identity_token(&current.login)) {
            Some(token) => exchange_identity(realm, bearer, scopes, token),
            None => ask(realm, bearer, scopes, login),
        };
        let limit = self.transport.timing().response;
        let response = timeout(limit, self.transport.send(at, request))
            .await
            .map_err(|_| TokenFailure::Other(side.silent(limit)))?
            .map_err(TokenFailure::Other)?;
        let answer = Response::new(response, realm.clone(), false, SentSecrets::new(login.cloned(), None));
        self.transport.note_response(); // the network is not away
        if answer.status() == StatusCode::OK {
            let bytes = answer.bytes(MAX_BYTES, limit).await.map_err(TokenFailure::Other)?;
            return read(&bytes).map_err(|why| {
                let what = format!("the token service `{}` {why}", side.0);
                TokenFailure::Other(Error::new(ErrorKind::Unsupported, what).with_hint(NO_SERVICE))
            });
        }
        Err(self.no_token(answer, login).await)
    }

    async fn no_token(&self, answer: Response, login: Option<&CurrentLogin>) -> TokenFailure {
        let (status, host) = (answer.status(), answer.host().to_owned());
        let longest = self.retry.policy().patience_max;
        let retry = match retry_after(answer.headers(), sent_at(answer.headers())) {
            Some(wait) if wait > longest => Retry::Never,
            wait => wait.map_or(Retry::Soon, Retry::After),
        };
        if let (StatusCode::TOO_MANY_REQUESTS, Retry::After(wait)) = (status, retry) {
            self.note_token_pause(wait);
        }
        let said = answer.error_body().await;
        let quoted = if said.text.is_empty() { String::new() } else { format!(": {}", said.text) };
        let code = status.as_u16();
        let denied = |what: String| Error::new(ErrorKind::Denied, format!("{what} ({code}{quoted})"));
        match login {
            // 400 is what OAuth2 says of an identity token that is not good (RFC 6749, `invalid_grant`).
            Some(CurrentLogin { login, .. }) if code == 401 || (code == 400 && identity_token(login).is_some()) => {
                TokenFailure::LoginRejected(
                    denied(format!(
                        "`{host}` does not accept the login from {} for `{}`",
                        login.origin,
                        self.transport.name()
                    ))
                    .with_hint(wrong_login_hint(login)),
                )
            }
            _ if status == StatusCode::TOO_MANY_REQUESTS => TokenFailure::Other(
                Error::new(ErrorKind::Throttled, format!("the token service `{host}` asks for fewer requests"))
                    .with_hint("run again later; a lower `transfers` in [run] asks for less at once")
                    .with_retry(retry),
            ),
            _ if is_transient(status) => TokenFailure::Other(
                Error::new(ErrorKind::Unavailable, format!("the token service `{host}` fails ({code}{quoted})"))
                    .with_hint("run again later; its log may say what is wrong")
                    .with_retry(retry),
            ),
            _ if status.is_redirection() => {
                let what = format!("the token service `{host}` redirects, which is not followed");
                TokenFailure::Other(denied(what).with_hint(NO_SERVICE))
            }
            Some(_) => {
                let error = denied(format!("the token service `{host}` gives no token"))
                    .with_hint("the login may lack the right, or its account is locked: its operator can tell");
                if code == 403 { TokenFailure::Forbidden(error) } else { TokenFailure::Other(error) }
            }
            None => TokenFailure::Other(
                denied(format!("the token service `{host}` gives no token without a login"))
                    .with_hint(format!("log in with `docker login {}`, or name an auth file", self.transport.name())),
            ),
        }
    }
}

fn ask(realm: &Url, bearer: &BearerChallenge, scopes: &Scopes, login: Option<&CurrentLogin>) -> HttpRequest {
    let login = login.map(|current| &*current.login);
    let account = login.and_then(account).map(|name| ("account", name));
    let service = bearer.service.as_deref().map(|service| ("service", service));
    let scopes = scopes.iter().map(|scope| ("scope", scope));
    let query = service.into_iter().chain(scopes).chain(account);
    let mut url = realm.clone();
    url.query_pairs_mut().extend_pairs(query);
    if url.query() == Some("") {
        url.set_query(None);
    }
    let headers = login.and_then(basic_header).map(|basic| (header::AUTHORIZATION, basic)).into_iter().collect();
    HttpRequest { method: Method::GET, url, headers, body: HttpBody::Empty, pool: ConnectionPool::Small }
}

fn exchange_identity(realm: &Url, bearer: &BearerChallenge, scopes: &Scopes, token: &Secret) -> HttpRequest {
    let scope = scopes.iter().collect::<Vec<_>>().join(" ");
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs([
        ("grant_type", "refresh_token"),
        ("service", bearer.service.as_deref().unwrap_or_default()),
        ("client_id", "sealift"),
        ("scope", &scope),
        ("refresh_token", token.expose()),
    ]);
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    HttpRequest {
        method: Method::POST,
        url: realm.clone(),
        headers: [(header::CONTENT_TYPE, form_type)].into_iter().collect(),
        body: HttpBody::Full(form.finish().into()),
        pool: ConnectionPool::Small,
    }
}

#[derive(Deserialize)]
struct TokenBody {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: serde_json::Value,
}

/// Parses the body of a response.
///
/// # Errors
/// Half a sentence that quotes nothing of the body, because it may be a secret.
fn read(bytes: &[u8]) -> Result<Fresh, &'static str> {
    let body: TokenBody = serde_json::from_slice(bytes).map_err(|_| "gave an answer that is no token")?;
    let filled = |token: Option<String>| token.filter(|token| !token.is_empty());
    let token = filled(body.token).or_else(|| filled(body.access_token)).ok_or("gave an answer without a token")?;
    if HeaderValue::from_str(&token).is_err() {
        return Err("gave a token that no header can carry");
    }
    let claims = HarborClaims::read(&token).map(Arc::new);
    Ok(Fresh { token: Secret::new(token), lifetime: lifetime(&body.expires_in), claims })
}

/// Returns the lifetime for `expires_in`: 60 s by default and at least, as documented for token services, and a day at
/// most.
fn lifetime(expires_in: &serde_json::Value) -> Duration {
    let seconds = match expires_in {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Duration::from_secs_f64(seconds.filter(|seconds| seconds.is_finite()).unwrap_or(60.0).clamp(60.0, 86_400.0))
}

/// Returns when to renew a token that was received at `received`. `issued_at` is ignored, because clocks differ.
pub(super) fn renew_at(received: Instant, lifetime: Duration) -> Instant {
    received + (lifetime - (lifetime / 5).min(Duration::from_secs(30)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_name_of_the_token_is_read() {
        for body in
            [r#"{"token":"t"}"#, r#"{"access_token":"t"}"#, r#"{"token":"","access_token":"t","issued_at":"x"}"#]
        {
            assert_eq!(read(body.as_bytes()).ok().unwrap().token.expose(), "t", "{body}");
        }
        for body in ["{}", "<html>", r#"{"token":null}"#, r#"{"token":""}"#, r#"{"token":"a\nb"}"#, "[]"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn odd_lifetimes_are_made_sense_of() {
        for (text, expected) in [
            ("300", 300),
            ("\"300\"", 300),
            ("null", 60),
            ("0", 60),
            ("-5", 60),
            ("1e12", 86_400),
            ("\"soon\"", 60),
            ("5", 60),
            ("[]", 60),
        ] {
            let body = format!(r#"{{"token":"t","expires_in":{text}}}"#);
            assert_eq!(read(body.as_bytes()).ok().unwrap().lifetime, Duration::from_secs(expected), "{text}");
        }
    }

    #[test]
    fn tokens_are_renewed_before_they_run_out() {
        let now = Instant::now();
        assert_eq!(renew_at(now, Duration::from_secs(60)) - now, Duration::from_secs(48));
        assert_eq!(renew_at(now, Duration::from_secs(300)) - now, Duration::from_secs(270));
        assert_eq!(renew_at(now, Duration::from_secs(3600)) - now, Duration::from_secs(3570));
    }
}
