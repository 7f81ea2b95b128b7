//! Logins that CI systems put into the environment of a job.

mod github;
mod gitlab;

use sealift_core::{
    async_trait,
    content::Repository,
    error::Result,
    login::{Login, LoginProvider},
    plugin::BuildContext,
};

pub use github::GitHub;
pub use gitlab::GitLab;

/// A login that is the same for a whole run.
struct Fixed {
    login: Option<Login>,
    /// The only registry that it is for. None: all for which it is asked.
    registry: Option<String>,
}

#[async_trait]
impl LoginProvider for Fixed {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        Ok(self.login.clone().filter(|_| self.is_for(repository)))
    }

    // The environment is read once.
    async fn invalidate(&self, _: &Login) {}

    async fn may_have(&self, repository: &Repository) -> bool {
        self.login.is_some() && self.is_for(repository)
    }
}

impl Fixed {
    fn is_for(&self, repository: &Repository) -> bool {
        self.registry.as_ref().is_none_or(|registry| registry.eq_ignore_ascii_case(repository.registry()))
    }
}

/// Returns an environment variable that is not empty.
fn variable(cx: &BuildContext<'_>, name: &str) -> Option<String> {
    cx.env(name).filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests;
