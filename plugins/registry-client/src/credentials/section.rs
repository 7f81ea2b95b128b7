//! The section `[credentials]`: image-syncer's auth file.

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::{PoisonError, RwLock},
};

use schemars::JsonSchema;
use sealift_core::{
    async_trait,
    content::Repository,
    diagnostic::Diagnostic,
    error::Result as CoreResult,
    login::{Login, LoginProvider},
    plugin::{BuildContext, ConfigError, Section, SectionPlugin},
};
use sealift_image_syncer::{AuthFile, Dialect, Variables, auth_file, config_file, is_config_file, read};
use serde::Deserialize;

use super::entry_login;
use crate::config::canonical;

/// The file with logins, besides those in `[registries]`.
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

/// The logins of an auth file. It is read again after a login was rejected.
#[derive(Default)]
pub struct Credentials {
    auth: RwLock<AuthFile>,
    source: Option<AuthFileSource>,
    insecure: BTreeSet<String>,
}

/// The location of an auth file and its dialect.
struct AuthFileSource {
    path: PathBuf,
    /// The path as the user wrote it, for messages.
    written: String,
    variables: Variables,
}

sealift_core::inventory::submit! { SectionPlugin::of::<Credentials>() }

impl Section for Credentials {
    const TABLE: &'static str = "credentials";
    type Config = Config;

    fn build(config: Option<Config>, cx: &BuildContext<'_>) -> Result<Self, ConfigError> {
        let Config { file, dialect } = config.unwrap_or_default();
        let Some(written) = file else { return Ok(Self::default()) };
        let variables = Variables::of(cx).in_dialect(dialect);
        let source = AuthFileSource { path: cx.path(&written), written, variables };
        let (auth, warnings) = source.read().map_err(|error| error.at("file"))?;
        warnings.into_iter().for_each(|warning| cx.warn(warning));
        Ok(Self::of(auth, source))
    }
}

impl AuthFileSource {
    fn read(&self) -> Result<(AuthFile, Vec<Diagnostic>), ConfigError> {
        let Self { path, written, variables } = self;
        let text = read(path, written).map_err(ConfigError::from)?;
        if !is_config_file(&text, written) {
            return auth_file(&text, written, variables).map_err(ConfigError::from);
        }
        let (config, found) = config_file(&text, written, variables).map_err(ConfigError::from)?;
        // The list reports rules that are left out.
        Ok((config.auth, found.into_iter().filter(|found| !found.is_error()).collect()))
    }
}

#[async_trait]
impl LoginProvider for Credentials {
    async fn get(&self, repository: &Repository) -> CoreResult<Option<Login>> {
        let Some(source) = &self.source else { return Ok(None) };
        let auth = self.auth.read().unwrap_or_else(PoisonError::into_inner);
        Ok(auth.login_for(repository).and_then(|entry| {
            let (username, password) = entry.username.as_ref().zip(entry.password.as_ref())?;
            let origin = format!("`{}`, entry `{}`", source.written, entry.key);
            Some(entry_login(username.expose(), password.clone(), origin))
        }))
    }

    async fn invalidate(&self, _: &Login) {
        let Some(source) = &self.source else { return };
        match source.read() {
            Ok((auth, _)) => *self.auth.write().unwrap_or_else(PoisonError::into_inner) = auth,
            Err(_) => tracing::debug!(file = source.written, "the auth file cannot be read again"),
        }
    }

    async fn may_have(&self, repository: &Repository) -> bool {
        self.auth.read().unwrap_or_else(PoisonError::into_inner).login_for(repository).is_some()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    fn of(auth: AuthFile, source: AuthFileSource) -> Self {
        let insecure = auth.logins().filter(|entry| entry.insecure);
        let insecure = insecure.filter_map(|entry| canonical(entry.key.split('/').next()?).ok()).collect();
        Self { auth: RwLock::new(auth), source: Some(source), insecure }
    }

    /// Returns true if the logins are those of this file.
    pub fn are_from(&self, file: &str) -> bool {
        self.source.as_ref().is_some_and(|source| source.written == file)
    }

    /// Returns true if an entry for this registry says `insecure`. It counts for all repositories of the registry.
    pub(crate) fn is_insecure(&self, registry: &str) -> bool {
        self.insecure.contains(registry)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sealift_core::plugin::Purpose;

    use super::{super::account, *};

    fn build(file: &str, text: &str) -> Result<Credentials, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(file), text).unwrap();
        let cx = BuildContext::new(Arc::new(|_| None), dir.path(), Purpose::Run);
        Credentials::build(Some(Config { file: Some(file.to_owned()), ..Config::default() }), &cx)
    }

    async fn username(credentials: &Credentials, repository: &str) -> Option<String> {
        let login = credentials.get(&repository.parse().unwrap()).await.unwrap()?;
        account(&login).map(str::to_owned)
    }

    #[tokio::test]
    async fn the_longest_key_gives_the_login() {
        let text = "quay.io: {username: a, password: p}\nquay.io/coreos: {username: b, password: p, insecure: true}\n";
        let found = build("auth.yaml", text).unwrap();
        assert_eq!(username(&found, "quay.io/coreos/etcd").await.as_deref(), Some("b"));
        assert_eq!(username(&found, "quay.io/other/x").await.as_deref(), Some("a"));
        assert_eq!(username(&found, "ghcr.io/other/x").await, None);
        assert!(found.is_insecure("quay.io") && !found.is_insecure("ghcr.io"));
    }

    #[tokio::test]
    async fn the_old_single_file_serves_as_well() {
        let text =
            r#"{"auth": {"quay.io": {"username": "a", "password": "p"}}, "images": {"quay.io/a/b": "h.io/a/b"}}"#;
        assert_eq!(username(&build("config.json", text).unwrap(), "quay.io/a/b").await.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn the_file_is_read_again_after_a_login_was_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("auth.yaml");
        let cx = BuildContext::new(Arc::new(|_| None), dir.path(), Purpose::Run);
        let config = Config { file: Some("auth.yaml".to_owned()), ..Config::default() };
        std::fs::write(&file, "quay.io: {username: a, password: old}\n").unwrap();
        let found = Credentials::build(Some(config), &cx).unwrap();
        let repository = "quay.io/a/b".parse().unwrap();
        let get = async || found.get(&repository).await.unwrap().unwrap();
        let old = get().await;
        std::fs::write(&file, "quay.io: {username: a, password: new}\n").unwrap();
        assert_eq!(get().await, old);
        found.invalidate(&old).await;
        assert_eq!(get().await.secret().expose(), "new");
        std::fs::write(&file, "quay.io: {usern").unwrap();
        found.invalidate(&old).await;
        assert_eq!(get().await.secret().expose(), "new", "a file that is being written is no reason to forget");
    }

    #[test]
    fn mistakes_are_passed_on_with_their_places() {
        let problems = build("auth.yaml", "quay.io: {user: a}\n").err().unwrap().into_problems();
        assert!(
            problems.iter().any(|problem| problem.diagnostic.location.as_ref().is_some_and(|place| place.line == 1))
        );
        let missing = BuildContext::new(Arc::new(|_| None), "/nonexistent", Purpose::Run);
        let config = Config { file: Some("auth.yaml".to_owned()), ..Config::default() };
        let problems = Credentials::build(Some(config), &missing).err().unwrap().into_problems();
        assert_eq!(problems[0].key.as_deref(), Some("file"));
    }
}
