//! The API that a product has beside the registry, such as Harbor's `/api/v2.0`.
//!
//! The same connections, pacing and login as for the registry, but with user name and password instead of a token,
//! as such APIs want it, and without cookies: Harbor wants a CSRF token of who sends its session back.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use sealift_core::{
    content::Repository,
    error::{Error, ErrorKind, Result, Retry},
};

use tokio::time::Instant;

use super::{Answer, Ask, To, backoff::Backoff};
use crate::{
    auth::Scopes,
    credentials::Shown,
    doing::Doing,
    error::{Reason, Said, is_transient},
    host::Host,
    quirks::Quirks,
    registries::Registries,
};

/// One call of an API beside a registry.
#[derive(Clone, Debug)]
pub struct ApiCall<'a> {
    /// The repository that it is about: its registry is asked, with its login.
    pub at: &'a Repository,
    /// The method.
    pub method: Method,
    /// Path and query below the root of the host, encoded: `/api/v2.0/projects/team`.
    pub path: String,
    /// Headers of its own.
    pub headers: Vec<(&'static str, &'static str)>,
    /// JSON to send.
    pub body: Option<Bytes>,
}

/// What the API answered, whatever the status.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    /// The status.
    pub status: u16,
    /// The body, whole.
    pub body: Bytes,
    headers: HeaderMap,
    shown: Shown,
}

impl ApiAnswer {
    /// Where the login came from that was used; none if nobody is logged in.
    pub fn login(&self) -> Option<String> {
        self.shown.origin()
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether an error has this code.
    pub fn has_code(&self, code: &str) -> bool {
        Said::of(&self.body, &self.shown).has(code)
    }

    /// What an error says: one short line, fit to be shown; empty if it says nothing.
    pub fn said(&self) -> String {
        Said::of(&self.body, &self.shown).text
    }
}

/// A page of a hundred artifacts with everything that Harbor knows of them has some MiB.
const MAX_BYTES: u64 = 64 << 20;
const ATTEMPTS: u32 = 5;

impl Registries {
    /// Calls the API beside a registry. Refusals are answers; what will pass is waited for.
    ///
    /// # Errors
    /// If there is no answer, or the host is not ready for one.
    pub async fn call_api(&self, call: &ApiCall<'_>) -> Result<ApiAnswer> {
        let host = self.host(call.at);
        // Who calls it says that it is one.
        Quirks::set(&host.quirks.harbor);
        host.call_api(call).await
    }
}

impl Host {
    pub(crate) async fn call_api(&self, call: &ApiCall<'_>) -> Result<ApiAnswer> {
        let doing = Doing::UseApi(call.at);
        let timing = &self.shared.timing;
        let mut backoff = Backoff::new(timing.backoff, timing.backoff_max, ATTEMPTS);
        loop {
            let began = Instant::now();
            let failed = match self.call_api_once(doing, call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // A wait that the host asked for is kept by its gate.
            let (worth, own) = match failed.retry_advice() {
                Retry::Never => (false, false),
                Retry::Soon => (true, true),
                Retry::After(wait) => (wait <= timing.patience, false),
            };
            if Reason::of(&failed) == Some(Reason::Unwell) && self.pace.recovers(began, timing.outage) {
                tokio::time::sleep(timing.backoff.mul_f64(2.0 + 2.0 * fastrand::f64())).await;
                continue;
            }
            let pause = backoff.next().filter(|_| worth && self.pace.spend());
            let pause = pause.map(|pause| if own { pause } else { Duration::ZERO });
            let Some(pause) = pause else { return Err(failed) };
            tokio::time::sleep(pause).await;
        }
    }

    async fn call_api_once(&self, doing: Doing<'_>, call: &ApiCall<'_>) -> Result<ApiAnswer> {
        let context = |error: Error| error.context(doing);
        self.wait_for_gate().await.map_err(context)?;
        let at = self.reached().await.map_err(context)?;
        let login = self.shared.logins.find(self.own_login(), call.at).await.map_err(context)?;
        let basic = login.as_ref().and_then(|login| login.basic());
        let shown = Shown::new(login.filter(|_| basic.is_some()), basic.clone());
        let mut url = at.root.clone();
        let (path, query) = call.path.split_once('?').map_or((&*call.path, None), |(path, query)| (path, Some(query)));
        url.set_path(path);
        url.set_query(query);
        let mut ask = Ask::new(doing, call.method.clone(), To::Url(url), Scopes::pull(call.at), &self.shared.timing)
            .limit(self.shared.timing.slow_response)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in &call.headers {
            ask = ask.header(header::HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(body) = &call.body {
            ask = ask.body(HeaderValue::from_static("application/json"), body.clone());
        }
        let mut answer = self.exchange(at, &ask, basic.as_ref()).await.map_err(context)?;
        answer.shown = shown;
        self.take(doing, answer).await
    }

    async fn take(&self, doing: Doing<'_>, answer: Answer) -> Result<ApiAnswer> {
        let status = answer.status();
        if is_transient(status) {
            return Err(self.refused(doing, answer).await);
        }
        if answer.foreign {
            let what = format!("{doing}: it redirects to another host");
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        let (headers, shown) = (answer.headers().clone(), answer.shown.clone());
        let body = answer.bytes(MAX_BYTES, self.shared.timing.idle_read).await.map_err(|e| e.context(doing))?;
        self.pace.went_well();
        Ok(ApiAnswer { status: status.as_u16(), body, headers, shown })
    }
}
