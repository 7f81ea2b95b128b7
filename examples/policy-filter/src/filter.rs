//! The stage: one question for each image that would be copied.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use sealift_core::{
    async_trait,
    error::{Error, ErrorKind, Result},
    job::Resolved,
    secret::Secret,
    stage::{Fetch, Filter, Verdict},
};
use serde_json::Value;
use url::Url;

use crate::question;

/// Asks one service.
pub(crate) struct Asking {
    url: Url,
    token: Option<Secret>,
    client: Client,
}

impl Asking {
    pub(crate) fn new(url: Url, token: Option<Secret>, timeout: Duration) -> Self {
        // This reqwest brings no cryptography (its feature `rustls-no-provider`) and takes that of the process. An error
        // means that the process has one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(timeout).build().expect("a client without certificates of its own");
        Self { url, token, client }
    }

    async fn ask(&self, question: &Value) -> Result<Value> {
        let mut request = self.client.post(self.url.clone()).json(question);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let answer = request.send().await.map_err(|error| self.cannot_be_asked(error))?;
        match answer.status() {
            StatusCode::OK => answer.json().await.map_err(|error| self.cannot_be_asked(error)),
            status => Err(refused(status)),
        }
    }

    /// Whether it works later is for the engine to find out: this kind of error is tried again in a later round.
    fn cannot_be_asked(&self, error: reqwest::Error) -> Error {
        let message = format!("`{}` does not answer", self.url);
        Error::new(ErrorKind::Unavailable, message).with_hint("check that the policy service runs").with_source(error)
    }
}

fn refused(status: StatusCode) -> Error {
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Denied,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
        status if status.is_server_error() => ErrorKind::Unavailable,
        _ => ErrorKind::Unsupported,
    };
    Error::new(kind, format!("the policy service answers `{status}`"))
}

#[async_trait]
impl Filter for Asking {
    fn drops_entries(&self) -> bool {
        false // an image goes on whole or not at all
    }

    async fn check(&self, image: &Resolved, from: &dyn Fetch) -> Result<Verdict> {
        let question = question::about(image, from).await?;
        let answer = self.ask(&question).await.and_then(|answer| question::verdict(&answer));
        answer.map_err(|error| error.with_context(format_args!("cannot tell whether `{}` is allowed", image.image)))
    }
}
