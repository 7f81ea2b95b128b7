//! The configuration of the list.

use schemars::JsonSchema;
use sealift_core::{
    content::Repository,
    plugin::{BuildContext, ConfigError, StageConfig},
    stage::List,
};
use sealift_registry_client::Registries;
use serde::Deserialize;

use crate::{
    list::CatalogList,
    wanted::{RepositorySelection, globs},
};

/// Lists all repositories of a registry with all their tags, also those that come in future.
///
/// The registry must have a catalog and show it: Docker Hub and GHCR have none, Harbor and others show it to
/// administrators only. Which tags are wanted is said by filters such as `tag` and `newest`. Images have no targets, so
/// a push to a registry needs a `prefix`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The registry, such as `registry.example.com:5000`; with a path only the repositories below it are listed, such as
    /// `harbor.example.com/team`.
    #[schemars(example = &"registry.example.com:5000")]
    pub registry: String,
    /// Keep only repositories of which the path at the registry matches at least one of these globs: `team/*` is one
    /// level, `team/**` all below. Default: all.
    #[serde(default)]
    pub include: Vec<String>,
    /// Drop repositories of which the path matches one of these globs. They win over `include`. Default: none.
    #[serde(default)]
    pub exclude: Vec<String>,
}

impl StageConfig<dyn List> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn List>, ConfigError> {
        let mut errors = ConfigError::default();
        let mut note = |error: ConfigError| errors = std::mem::take(&mut errors).and(error);
        let at = place(&self.registry).map_err(|error| note(error.at("registry"))).ok();
        let include = globs(&self.include, "include").map_err(&mut note).ok();
        let exclude = globs(&self.exclude, "exclude").map_err(&mut note).ok();
        let registries = cx.section::<Registries>().map_err(&mut note).ok();
        match (at, include, exclude, registries) {
            (Some((at, below)), Some(include), Some(exclude), Some(registries)) => {
                let include = (!self.include.is_empty()).then_some(include);
                let wanted = RepositorySelection { below, include, exclude };
                Ok(Box::new(CatalogList::new(registries.client(), at, wanted)))
            }
            _ => Err(errors),
        }
    }
}

/// A name at the registry whose login is used, and the path that everything must be below.
fn place(written: &str) -> Result<(Repository, Option<String>), ConfigError> {
    let hint =
        "write a registry, such as `registry.example.com:5000`, or one with a path, such as `harbor.example.com/team`";
    let (registry, path) = written.trim_end_matches('/').split_once('/').unwrap_or((written.trim_end_matches('/'), ""));
    let at = Repository::new(registry, if path.is_empty() { "catalog" } else { path });
    let at = at.map_err(|error| ConfigError::new(error.to_string()).hint(hint))?;
    if at.registry() == "docker.io" {
        let error = ConfigError::new("Docker Hub has no catalog of its repositories");
        return Err(error.hint("name the repositories in a list of another kind, such as `text` or rules"));
    }
    Ok((at, (!path.is_empty()).then(|| format!("{path}/"))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealift_core::plugin::Purpose;

    use super::*;

    fn problems(config: Config) -> Vec<String> {
        let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Check);
        let line = |problem: sealift_core::plugin::Problem| {
            format!("{}: {}", problem.key.unwrap_or_default(), problem.diagnostic.message)
        };
        config.build(&cx).err().map(|error| error.into_problems().into_iter().map(line).collect()).unwrap_or_default()
    }

    fn config(registry: &str) -> Config {
        Config { registry: registry.to_owned(), include: Vec::new(), exclude: Vec::new() }
    }

    #[test]
    fn a_registry_may_have_a_path() {
        for registry in ["h.io", "h.io/", "127.0.0.1:5000", "h.io/team", "h.io/team/sub/"] {
            assert_eq!(problems(config(registry)), [""; 0], "{registry}");
        }
        assert_eq!(place("h.io/team/").unwrap().1.as_deref(), Some("team/"));
        assert_eq!(place("h.io").unwrap().1, None);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_its_key() {
        let wrong = Config {
            registry: "https://h.io".to_owned(),
            include: vec!["team/*".to_owned(), "[".to_owned()],
            exclude: vec!["".to_owned()],
        };
        let keys: Vec<_> = problems(wrong).iter().map(|line| line.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(keys, ["registry", "include[1]", "exclude[0]"]);
    }

    #[test]
    fn docker_hub_cannot_be_listed() {
        for name in ["docker.io", "index.docker.io", "docker.io/bitnami"] {
            assert_eq!(problems(config(name)), ["registry: Docker Hub has no catalog of its repositories"]);
        }
    }
}
