//! Asking a token service, and reading its answer tolerantly (distribution's "Token Authentication").

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Method, StatusCode, header};
use reqwest::RequestBuilder;
use sealift_core::{
    error::{Error, ErrorKind, Result, Retry},
    secret::Secret,
};
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{Auth, Claims, challenge::Bearer};
use crate::{
    credentials::{Login, Shown},
    error::{Peer, transport},
    limit::{retry_after, sent_at},
    redact::authority,
    retry::is_transient,
    scope::Scopes,
    transport::{ConnectionPool, Endpoint, Response, refused},
    url_policy::UrlPurpose,
};

/// A token and how long it is good for.
pub(super) struct Fresh {
    pub(super) token: Secret,
    pub(super) lifetime: Duration,
    /// What it says of itself, if it is one of Harbor's.
    pub(super) claims: Option<Arc<Claims>>,
}

/// How long a token of Harbor is kept that was asked for with a login and belongs to none. The next request that it does
/// not open throws it away; kept is it at all so that requests that come together do not each ask for one.
const UNTAKEN: Duration = Duration::from_secs(2);

impl Fresh {
    /// Whether Harbor gave it to nobody although there is a login: that one is wrong, or cannot be looked up.
    pub(super) fn is_untaken(&self, login: Option<&Arc<Login>>) -> bool {
        login.is_some() && self.claims.as_ref().is_some_and(|claims| claims.is_nobodys())
    }

    /// The same, to be asked for again soon.
    pub(super) fn briefly(self) -> Self {
        Self { lifetime: UNTAKEN, ..self }
    }
}

/// The longest answer that is read; real ones have some KiB.
const MAX_BYTES: u64 = 1 << 20;

/// What to do about an answer that no token service gives.
const NO_SERVICE: &str =
    "what answers there may be no token service: the registry's operator must look at where its `realm` leads";

/// Why there is no token.
pub(super) enum NoToken {
    /// The login is not good: for everybody, from now on.
    WrongLogin(Error),
    /// Not for these scopes, or not at the moment.
    Other(Error),
}

impl Auth {
    /// Asks the token service of a challenge. Redirects are not followed: the answer is meant for nobody else.
    pub(super) async fn fetch_token(
        &self,
        at: &Endpoint,
        bearer: &Bearer,
        scopes: &Scopes,
        login: Option<&Arc<Login>>,
    ) -> Result<Fresh, NoToken> {
        let realm = at.clients.resolver().policy().check(UrlPurpose::Realm, &at.root, &bearer.realm);
        let realm = realm.map_err(|why| NoToken::Other(refused(why)))?;
        // A service that only an earlier run knows is worth one question.
        let most = if self.is_hearsay() { 1 } else { self.retry.policy().tokens };
        let mut attempts = self.retry.attempts(most);
        loop {
            let failed = match self.fetch_token_once(at, &realm, bearer, scopes, login).await {
                Err(NoToken::Other(error)) if error.is_retryable() => error,
                done => return done,
            };
            let Some(pause) = attempts.pause(&self.retry, &failed) else { return Err(NoToken::Other(failed)) };
            self.transport.counts().retry(authority(&realm));
            tokio::time::sleep(pause).await;
        }
    }

    async fn fetch_token_once(
        &self,
        at: &Endpoint,
        realm: &Url,
        bearer: &Bearer,
        scopes: &Scopes,
        login: Option<&Arc<Login>>,
    ) -> Result<Fresh, NoToken> {
        let side = Peer(authority(realm));
        let client = at.clients.for_url(realm, ConnectionPool::Small).await.map_err(NoToken::Other)?;
        let (method, request) = match login.and_then(|login| login.identity_token()) {
            Some(token) => (Method::POST, exchange_identity(client.post(realm.clone()), bearer, scopes, token)),
            None => (Method::GET, ask(client.get(realm.clone()), bearer, scopes, login.map(Arc::as_ref))),
        };
        self.transport.counts().count(&method, realm);
        let limit = self.transport.timing().response;
        let response = timeout(limit, request.send())
            .await
            .map_err(|_| NoToken::Other(side.silent(limit)))?
            .map_err(|error| NoToken::Other(transport(error, side)))?;
        let answer = Response::new(response, realm.clone(), false, Shown::new(login.cloned(), None));
        self.transport.note_response(); // the network is not away
        if answer.status() == StatusCode::OK {
            let bytes = answer.bytes(MAX_BYTES, limit).await.map_err(NoToken::Other)?;
            return read(&bytes).map_err(|why| {
                let what = format!("the token service `{}` {why}", side.0);
                NoToken::Other(Error::new(ErrorKind::Unsupported, what).hint(NO_SERVICE))
            });
        }
        Err(self.no_token(answer, login).await)
    }

    async fn no_token(&self, answer: Response, login: Option<&Arc<Login>>) -> NoToken {
        let (status, host) = (answer.status(), answer.host().to_owned());
        let wait = retry_after(answer.headers(), sent_at(answer.headers()))
            .map(|wait| wait.min(self.retry.policy().patience_max));
        let said = answer.error_body().await;
        let quoted = if said.text.is_empty() { String::new() } else { format!(": {}", said.text) };
        let code = status.as_u16();
        let denied = |what: String| Error::new(ErrorKind::Denied, format!("{what} ({code}{quoted})"));
        match login {
            // 400 is what OAuth2 says of an identity token that is not good (RFC 6749, `invalid_grant`).
            Some(login) if code == 401 || (code == 400 && login.identity_token().is_some()) => NoToken::WrongLogin(
                denied(format!(
                    "`{host}` does not accept the login from {} for `{}`",
                    login.origin,
                    self.transport.name()
                ))
                .hint("check user name and password there"),
            ),
            _ if status == StatusCode::TOO_MANY_REQUESTS => NoToken::Other(
                Error::new(ErrorKind::Throttled, format!("the token service `{host}` asks for fewer requests"))
                    .hint("run again later; a lower `transfers` in [run] asks for less at once")
                    .retry(wait.map_or(Retry::Soon, Retry::After)),
            ),
            _ if is_transient(status) => NoToken::Other(
                Error::new(ErrorKind::Unavailable, format!("the token service `{host}` fails ({code}{quoted})"))
                    .hint("run again later; its log may say what is wrong")
                    .retry(wait.map_or(Retry::Soon, Retry::After)),
            ),
            _ if status.is_redirection() => {
                let what = format!("the token service `{host}` redirects, which is not followed");
                NoToken::Other(denied(what).hint(NO_SERVICE))
            }
            Some(_) => NoToken::Other(
                denied(format!("the token service `{host}` gives no token"))
                    .hint("the login may lack the right, or its account is locked: its operator can tell"),
            ),
            None => NoToken::Other(
                denied(format!("the token service `{host}` gives no token without a login"))
                    .hint(format!("log in with `docker login {}`, or name an auth file", self.transport.name())),
            ),
        }
    }
}

fn ask(request: RequestBuilder, bearer: &Bearer, scopes: &Scopes, login: Option<&Login>) -> RequestBuilder {
    let account = login.and_then(Login::username).map(|name| ("account", name));
    let service = bearer.service.as_deref().map(|service| ("service", service));
    let scopes = scopes.iter().map(|scope| ("scope", scope));
    let query: Vec<_> = service.into_iter().chain(scopes).chain(account).collect();
    let request = request.query(&query);
    match login.and_then(Login::basic) {
        Some(basic) => request.header(header::AUTHORIZATION, basic),
        None => request,
    }
}

fn exchange_identity(request: RequestBuilder, bearer: &Bearer, scopes: &Scopes, token: &Secret) -> RequestBuilder {
    let scope = scopes.iter().collect::<Vec<_>>().join(" ");
    request.form(&[
        ("grant_type", "refresh_token"),
        ("service", bearer.service.as_deref().unwrap_or_default()),
        ("client_id", "sealift"),
        ("scope", &scope),
        ("refresh_token", token.expose()),
    ])
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: serde_json::Value,
}

/// # Errors
/// What is wrong with it, without repeating any of it: it is a secret.
fn read(bytes: &[u8]) -> Result<Fresh, &'static str> {
    let body: Body = serde_json::from_slice(bytes).map_err(|_| "gave an answer that is no token")?;
    let filled = |token: Option<String>| token.filter(|token| !token.is_empty());
    let token = filled(body.token).or_else(|| filled(body.access_token)).ok_or("gave an answer without a token")?;
    if HeaderValue::from_str(&token).is_err() {
        return Err("gave a token that no header can carry");
    }
    let claims = Claims::read(&token).map(Arc::new);
    Ok(Fresh { token: Secret::new(token), lifetime: lifetime(&body.expires_in), claims })
}

/// Default and least: 60 s (the documentation's own numbers). Nobody is believed for longer than a day.
fn lifetime(expires_in: &serde_json::Value) -> Duration {
    let seconds = match expires_in {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Duration::from_secs_f64(seconds.filter(|seconds| seconds.is_finite()).unwrap_or(60.0).clamp(60.0, 86_400.0))
}

/// When a token that was received at `received` should be renewed: before it runs out, and reckoned by our own clock,
/// because `issued_at` comes from somebody else's.
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
