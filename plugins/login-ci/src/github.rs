//! The GitHub Container Registry.

use schemars::JsonSchema;
use sealift_core::{
    login::{Login, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, Purpose, StageConfig},
    secret::{Secret, SecretValue},
};
use serde::Deserialize;

use super::{Fixed, variable};

/// Logs in to the GitHub Container Registry with `GITHUB_TOKEN`.
///
/// It needs no table in a job of GitHub Actions that has `GITHUB_TOKEN` in its environment. Elsewhere such a token may be
/// for other things, so a table must name the login.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GitHub {
    /// A token with the right `read:packages`, and `write:packages` to push. Default: `GITHUB_TOKEN`.
    #[schemars(extend("examples" = [{ "env": "PACKAGES_TOKEN" }]))]
    token: Option<SecretValue>,
    /// The name of the user. Default: `GITHUB_ACTOR`, else `token`, since GitHub looks at the token alone.
    username: Option<String>,
}

impl StageConfig<dyn LoginProvider> for GitHub {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let user = self.username.or_else(|| variable(cx, "GITHUB_ACTOR")).unwrap_or_else(|| "token".to_owned());
        let is_job = variable(cx, "GITHUB_ACTIONS").is_some_and(|text| text == "true");
        let login = match self.token {
            Some(token) => {
                let origin =
                    if let SecretValue::Env(name) = &token { format!("`{name}`") } else { "its table".to_owned() };
                Some(Login::basic(user, cx.reveal(&token, "token")?, origin))
            }
            None if cx.is_automatic() && !is_job => None,
            None => variable(cx, "GITHUB_TOKEN").map(|token| Login::basic(user, Secret::new(token), "`GITHUB_TOKEN`")),
        };
        if login.is_none() && !cx.is_automatic() && cx.purpose() == Purpose::Run {
            let missing = ConfigError::new("there is no token: `GITHUB_TOKEN` is not set");
            return Err(missing.hint("set it, or write `token = { env = \"…\" }`"));
        }
        Ok(Box::new(Fixed { login, registry: None }))
    }
}

sealift_core::inventory::submit! {
    Plugin::login::<GitHub>("github").for_hosts(&["ghcr.io"])
}
