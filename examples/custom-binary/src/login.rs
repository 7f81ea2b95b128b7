//! A login: reads what an agent on each machine of Acme keeps up to date.

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

/// Logs in to the registries of Acme with what the agent of this machine keeps up to date.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
struct Config {
    /// The directory of the agent, with a file `user:token` for each host. Default: that of `ACME_LOGINS`, else none.
    directory: Option<String>,
}

impl StageConfig<dyn LoginProvider> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn LoginProvider>, ConfigError> {
        let directory = self.directory.or_else(|| cx.env("ACME_LOGINS"));
        Ok(Box::new(Agent { directory: directory.map(|directory| cx.path(directory)) }))
    }
}

struct Agent {
    directory: Option<PathBuf>,
}

#[async_trait]
impl LoginProvider for Agent {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let path = directory.join(repository.registry().replace(':', "_"));
        let cannot = |why: String| Error::new(ErrorKind::Denied, format!("`{}` {why}", path.display()));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(format!("cannot be read: {error}"))),
        };
        let (username, token) = text.trim().split_once(':').ok_or_else(|| cannot("is not `user:token`".to_owned()))?;
        Ok(Some(Login::basic(username, Secret::new(token), format!("`{}`", path.display()))))
    }

    // The next `get` reads the file again.
    async fn invalidate(&self, _: &Login) {}
}

// The hosts are asked for without a `[[login]]` in the pipeline, so `sync` and `copy` log in as well. Those of loopback
// are the registries of a developer.
sealift_core::inventory::submit! {
    Plugin::login::<Config>("acme").for_hosts(&["*.acme.example", "127.0.0.1:*"])
}
