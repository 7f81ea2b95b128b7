//! The section `[credentials]`: image-syncer's auth file.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use schemars::JsonSchema;
use sealift_core::{
    content::Repository,
    diagnostic::Diagnostic,
    plugin::{BuildContext, ConfigError, Section, SectionPlugin},
};
use sealift_image_syncer::{AuthFile, Dialect, Variables, auth_file, config_file, is_config_file, read};
use serde::Deserialize;

use super::Login;
use crate::config::canonical;

/// Where logins are written besides `[registries]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// An auth file as image-syncer has it, YAML or JSON: a map from registry, or registry and namespace, to
    /// `username`, `password` and `insecure`. The longest key that matches a repository wins. The old single file with
    /// `auth` and `images` serves as well. Default: none.
    #[schemars(example = &"auth.yaml")]
    pub file: Option<String>,

    /// How strictly the file is read: `strict`, so that one mistake refuses the run, or `image-syncer`, as image-syncer
    /// reads it: a wrong entry is left out with a warning, and so is a variable that is not set. `sealift check`
    /// refuses in both. Default: `strict`.
    #[serde(default)]
    pub dialect: Dialect,
}

/// The logins of an auth file.
#[derive(Default)]
pub struct Credentials {
    auth: AuthFile,
    logins: HashMap<String, Arc<Login>>,
    insecure: BTreeSet<String>,
}

sealift_core::inventory::submit! { SectionPlugin::of::<Credentials>() }

impl Section for Credentials {
    const TABLE: &'static str = "credentials";
    type Config = Config;

    fn build(config: Option<Config>, cx: &BuildContext<'_>) -> Result<Self, ConfigError> {
        let Config { file, dialect } = config.unwrap_or_default();
        let Some(file) = file else { return Ok(Self::of(AuthFile::default(), "")) };
        let text = read(&cx.path(&file), &file).map_err(ConfigError::from).map_err(|error| error.at("file"))?;
        let variables = Variables::of(cx).in_dialect(dialect);
        let at_the_key = |found: Vec<Diagnostic>| ConfigError::from(found).at("file");
        let (auth, warnings) = if is_config_file(&text, &file) {
            let (config, found) = config_file(&text, &file, &variables).map_err(at_the_key)?;
            // Where rules may fail alone, the list tells what is wrong with them.
            (config.auth, found.into_iter().filter(|found| !found.is_error()).collect())
        } else {
            auth_file(&text, &file, &variables).map_err(at_the_key)?
        };
        warnings.into_iter().for_each(|warning| cx.warn(warning));
        Ok(Self::of(auth, &file))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    fn of(auth: AuthFile, file: &str) -> Self {
        let mut logins = HashMap::new();
        let mut insecure = BTreeSet::new();
        for login in auth.logins() {
            if let Some((username, password)) = login.username.as_ref().zip(login.password.as_ref()) {
                let origin = format!("`{file}`, entry `{}`", login.key);
                let made = Login::password(username.expose(), password.clone(), origin);
                logins.insert(login.key.clone(), Arc::new(made));
            }
            let registry = login.key.split('/').next().unwrap_or_default();
            if let Some(registry) = canonical(registry).ok().filter(|_| login.insecure) {
                insecure.insert(registry);
            }
        }
        Self { auth, logins, insecure }
    }

    /// The login for a repository.
    pub(crate) fn find(&self, repository: &Repository) -> Option<&Arc<Login>> {
        self.logins.get(&self.auth.login_for(repository)?.key)
    }

    /// Whether an entry for this registry says `insecure`. How a host is reached is one thing for all its
    /// repositories, so one entry is enough.
    pub(crate) fn is_insecure(&self, registry: &str) -> bool {
        self.insecure.contains(registry)
    }
}

#[cfg(test)]
mod tests {
    use sealift_core::plugin::Purpose;

    use super::*;

    fn build(file: &str, text: &str) -> Result<Credentials, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(file), text).unwrap();
        let cx = BuildContext::new(Arc::new(|_| None), dir.path(), Purpose::Run);
        Credentials::build(Some(Config { file: Some(file.to_owned()), ..Config::default() }), &cx)
    }

    fn username(credentials: &Credentials, repository: &str) -> Option<String> {
        credentials.find(&repository.parse().unwrap()).and_then(|login| login.username().map(str::to_owned))
    }

    #[test]
    fn the_longest_key_gives_the_login() {
        let text = "quay.io: {username: a, password: p}\nquay.io/coreos: {username: b, password: p, insecure: true}\n";
        let found = build("auth.yaml", text).unwrap();
        assert_eq!(username(&found, "quay.io/coreos/etcd").as_deref(), Some("b"));
        assert_eq!(username(&found, "quay.io/other/x").as_deref(), Some("a"));
        assert_eq!(username(&found, "ghcr.io/other/x"), None);
        assert!(found.is_insecure("quay.io") && !found.is_insecure("ghcr.io"));
    }

    #[test]
    fn the_old_single_file_serves_as_well() {
        let text =
            r#"{"auth": {"quay.io": {"username": "a", "password": "p"}}, "images": {"quay.io/a/b": "h.io/a/b"}}"#;
        assert_eq!(username(&build("config.json", text).unwrap(), "quay.io/a/b").as_deref(), Some("a"));
    }

    #[test]
    fn mistakes_are_passed_on_with_their_places() {
        let problems = build("auth.yaml", "quay.io: {user: a}\n").err().unwrap().into_problems();
        assert!(problems.iter().any(|problem| problem.diagnostic.place.as_ref().is_some_and(|place| place.line == 1)));
        let missing = BuildContext::new(Arc::new(|_| None), "/nonexistent", Purpose::Run);
        let config = Config { file: Some("auth.yaml".to_owned()), ..Config::default() };
        let problems = Credentials::build(Some(config), &missing).err().unwrap().into_problems();
        assert_eq!(problems[0].key.as_deref(), Some("file"));
    }
}
