//! A login that reads a token from a file, which something else renews: an agent of a cloud, a mounted
//! secret.
//!
//! A token that the API of a cloud gives for a key: `TemporaryLogin` of `sealift-cloud-login` asks once for
//! each registry and renews it, where `get` is asked for each repository.
//!
//! The struct is what users write, the traits are what it does, the last line makes it known. The texts
//! that `sealift plugins` and `sealift explain login my-plugin` show are the doc comments of the struct.

use std::path::PathBuf;

use sealift_core::{
    async_trait,
    content::Repository,
    error::{Error, ErrorKind, Result},
    login::{Login, LoginProvider},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    schemars::JsonSchema,
    secret::Secret,
    serde::Deserialize,
};

/// Reads a token from a file that something else renews.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
pub struct Config {
    /// The file, such as `/run/cloud/registry`. A relative path starts at the pipeline file.
    #[schemars(example = &"/run/cloud/registry")]
    pub file: String,
    /// The user name that is sent with the token. Default: `token`.
    #[serde(default = "default_username")]
    pub username: String,
}

fn default_username() -> String {
    "token".to_owned()
}

impl StageConfig<dyn LoginProvider> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        if self.file.trim().is_empty() {
            return Err(ConfigError::new("the name of the file is empty").at("file"));
        }
        Ok(Box::new(TokenFile {
            path: cx.path(self.file),
            username: self.username,
        }))
    }
}

/// The provider. It is asked for the `hosts` of its table only, and after the registry demanded a login.
struct TokenFile {
    path: PathBuf,
    username: String,
}

#[async_trait]
impl LoginProvider for TokenFile {
    async fn get(&self, _: &Repository) -> Result<Option<Login>> {
        let token = tokio::fs::read_to_string(&self.path)
            .await
            .map_err(|error| {
                let message = format!("cannot read `{}`: {error}", self.path.display());
                Error::new(ErrorKind::Denied, message).with_source(error)
            })?;
        let origin = format!("`{}`", self.path.display());
        let token = Secret::new(token.trim());
        // A token with a known end has `.with_expiry(…)`, and is asked for again shortly before.
        Ok(Some(Login::basic(&self.username, token, origin)))
    }

    // Nothing is kept: the next `get` reads the file again.
    async fn invalidate(&self, _: &Login) {}
}

sealift_core::inventory::submit! { Plugin::login::<Config>("my-plugin") }

#[cfg(test)]
mod tests;
