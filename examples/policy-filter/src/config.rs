//! What is written in the pipeline, and the stage that it becomes.

use std::time::Duration;

use sealift_core::{
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    schemars::JsonSchema,
    secret::{Secret, SecretValue},
    serde::Deserialize,
    stage::Filter,
};
use url::Url;

use crate::filter::Asking;

/// Asks a policy service about each image and skips what it does not allow.
///
/// The service gets `POST` with `{"input": {"image": …, "registry": …, "repository": …, "tag": …, "digest": …,
/// "media_type": …, "config": …}}` and answers `{"result": true}`, `{"result": false}` or `{"result": {"allow": false,
/// "reason": "…"}}`, as Open Policy Agent does. An image that it cannot be asked about fails: nothing goes on unseen.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
pub struct Policy {
    /// Where to ask, such as `http://127.0.0.1:8181/v1/data/images/admit`.
    #[schemars(example = &"http://127.0.0.1:8181/v1/data/images/admit")]
    pub url: String,

    /// A bearer token for the service. Default: none.
    #[serde(default)]
    pub token: Option<SecretValue>,

    /// How long an answer may take, in seconds. Default: 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 300))]
    pub timeout_s: u64,
}

fn ten() -> u64 {
    10
}

impl StageConfig<dyn Filter> for Policy {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Filter>, ConfigError> {
        let mut problems = ConfigError::default();
        let mut note = |problem: ConfigError| problems = std::mem::take(&mut problems).and(problem);
        let url = self.url().map_err(&mut note).ok();
        let token = self.token(cx).map_err(&mut note).ok();
        let (Some(url), Some(token)) = (url, token) else { return Err(problems) };
        Ok(Box::new(Asking::new(url, token, Duration::from_secs(self.timeout_s))))
    }
}

impl Policy {
    fn url(&self) -> Result<Url, ConfigError> {
        let hint = "write where the policy is, such as `http://127.0.0.1:8181/v1/data/images/admit`";
        let wrong = |what: String| ConfigError::new(what).at("url").hint(hint);
        let url: Url = self.url.parse().map_err(|error| wrong(format!("`{}` is no URL: {error}", self.url)))?;
        match url.scheme() {
            "http" | "https" => Ok(url),
            other => Err(wrong(format!("`{other}` is not what a policy service speaks"))),
        }
    }

    fn token(&self, cx: &BuildContext<'_>) -> Result<Option<Secret>, ConfigError> {
        self.token.as_ref().map(|token| cx.reveal(token, "token")).transpose()
    }
}

sealift_core::inventory::submit! { Plugin::filter::<Policy>("policy") }
