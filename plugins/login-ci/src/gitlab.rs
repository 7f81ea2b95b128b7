//! The registry of a GitLab, from its CI jobs.

use schemars::JsonSchema;
use sealift_core::{
    login::{Login, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, Purpose, StageConfig},
    secret::Secret,
};
use serde::Deserialize;

use super::{Fixed, variable};

/// Logs in to the registry of a GitLab from a CI job.
///
/// It needs no table: GitLab puts `CI_REGISTRY`, `CI_REGISTRY_USER` and `CI_REGISTRY_PASSWORD` into the environment of a
/// job; without the last two, `CI_JOB_TOKEN` is sent. No other registry than `CI_REGISTRY` gets them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GitLab {
    /// The registry, with its port. Default: `CI_REGISTRY`.
    #[schemars(example = &"registry.gitlab.com")]
    registry: Option<String>,
}

impl StageConfig<dyn LoginProvider> for GitLab {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let token = |token| Login::basic("gitlab-ci-token", Secret::new(token), "`CI_JOB_TOKEN`");
        let user = variable(cx, "CI_REGISTRY_USER").zip(variable(cx, "CI_REGISTRY_PASSWORD"));
        let user = user.map(|(user, password)| Login::basic(user, Secret::new(password), "`CI_REGISTRY_PASSWORD`"));
        let login = user.or_else(|| variable(cx, "CI_JOB_TOKEN").map(token));
        let registry = self.registry.or_else(|| variable(cx, "CI_REGISTRY"));
        if (login.is_none() || registry.is_none()) && !cx.is_automatic() && cx.purpose() == Purpose::Run {
            let lacks = if registry.is_none() { "CI_REGISTRY" } else { "CI_REGISTRY_PASSWORD" };
            let missing = ConfigError::new(format!("there is no login: `{lacks}` is not set"));
            return Err(missing.hint("jobs of GitLab have it; elsewhere write user name and password in [registries]"));
        }
        let login = login.filter(|_| registry.is_some());
        Ok(Box::new(Fixed { login, registry }))
    }
}

sealift_core::inventory::submit! {
    Plugin::login::<GitLab>("gitlab").for_hosts(&["*"])
}
