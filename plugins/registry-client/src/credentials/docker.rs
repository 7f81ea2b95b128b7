//! The credential files of Docker and Podman.
//!
//! In this order: `$REGISTRY_AUTH_FILE`, `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`,
//! `$DOCKER_CONFIG/config.json`, `~/.docker/config.json` (containers-auth.json(5)). Keys may be a host, a host with a
//! path, or one of Docker's URLs; the longest that fits a repository wins, within the first file that has one.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::GeneralPurpose};
use sealift_core::{
    content::Repository,
    error::{Error, ErrorKind, Result, of_io},
    plugin::Environment,
    secret::Secret,
};
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};

use super::{Login, helper};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: HashMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
}

/// What is stored in place. Docker leaves empty entries where a store has the secret.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// By file and key, so that an entry is one login for all repositories; a helper is asked once for each key.
type Found = HashMap<(usize, String), Option<Arc<Login>>>;

/// The files, read when they are first needed, and the answers of helpers.
pub(super) struct DockerFiles {
    environment: Environment,
    helper_limit: Duration,
    files: OnceCell<Vec<(PathBuf, File)>>,
    found: Mutex<Found>,
}

impl DockerFiles {
    pub(super) fn new(environment: Environment, helper_limit: Duration) -> Self {
        Self { environment, helper_limit, files: OnceCell::new(), found: Mutex::default() }
    }

    /// The login for a repository.
    pub(super) async fn find(&self, repository: &Repository) -> Result<Option<Arc<Login>>> {
        let files = self.files.get_or_try_init(|| self.read()).await?;
        // One lookup at a time: helpers may ask the user, and two questions at once are one too many.
        let mut found = self.found.lock().await;
        for (at, (path, file)) in files.iter().enumerate() {
            for key in keys(repository) {
                let known = found.get(&(at, key.clone())).cloned();
                let login = match known {
                    Some(login) => login,
                    None => {
                        let login = self.look(path, file, &key).await?.map(Arc::new);
                        // Where nothing is stored nothing is remembered: keys are as many as repositories.
                        if login.is_some() || file.helper(&key).is_some() {
                            found.insert((at, key), login.clone());
                        }
                        login
                    }
                };
                if login.is_some() {
                    return Ok(login);
                }
            }
        }
        Ok(None)
    }

    async fn look(&self, path: &Path, file: &File, key: &str) -> Result<Option<Login>> {
        let origin = format!("`{}`, entry `{key}`", path.display());
        if let Some((helper, server)) = file.helper(key) {
            let answer = helper::ask(helper, &server, (self.environment)("PATH"), self.helper_limit).await?;
            let origin = format!("credential helper `{helper}`");
            return Ok(answer.map(|(username, secret)| Login::password(&username, secret, origin)));
        }
        let Some(entry) = file.entry(key) else { return Ok(None) };
        entry.login(origin.clone()).map_err(|why| {
            Error::new(ErrorKind::Denied, format!("{origin} {why}"))
                .hint(format!("log in again with `docker login {key}`"))
        })
    }

    /// # Errors
    /// If a file is there but cannot be used.
    async fn read(&self) -> Result<Vec<(PathBuf, File)>> {
        let mut files = Vec::new();
        for path in paths(&self.environment) {
            let bytes = match tokio::fs::read(&path).await {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(unusable(&path, &of_io(&error))),
            };
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue; // Podman treats an empty file as one without entries
            }
            // The parser's own words may hold a piece of the text, so only the line is told.
            let file = serde_json::from_slice(&bytes)
                .map_err(|error| unusable(&path, &format!("line {} is not what it should be", error.line())))?;
            files.push((path, file));
        }
        Ok(files)
    }
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("cannot read the credentials in `{}`: {why}", path.display()))
        .hint("mend the file, or move it away and log in again with `docker login`")
}

fn paths(environment: &Environment) -> Vec<PathBuf> {
    let variable = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HOME");
    let podman = match variable("REGISTRY_AUTH_FILE") {
        Some(file) => vec![file],
        None => {
            let config = variable("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
            let roots = [variable("XDG_RUNTIME_DIR"), config];
            roots.into_iter().flatten().map(|root| root.join("containers/auth.json")).collect()
        }
    };
    let docker = variable("DOCKER_CONFIG").or_else(|| home.map(|home| home.join(".docker")));
    podman.into_iter().chain(docker.map(|docker| docker.join("config.json"))).collect()
}

/// From the repository up to its host.
fn keys(repository: &Repository) -> impl Iterator<Item = String> {
    let mut next = Some(repository.to_string());
    std::iter::from_fn(move || {
        let key = next.take()?;
        next = key.rsplit_once('/').map(|(shorter, _)| shorter.to_owned());
        Some(key)
    })
}

/// What a key of a file means: without scheme, without the `/v1/` of Docker's own URLs, and with one name for Docker
/// Hub.
fn normal(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let key = match bare {
        Some(bare) => bare.split('/').next().unwrap_or_default(), // Docker writes URLs for hosts only
        None => key.trim_end_matches('/'),
    };
    let (host, path) = key.split_once('/').map_or((key, None), |(host, path)| (host, Some(path)));
    let host = if matches!(host, "index.docker.io" | "registry-1.docker.io") { "docker.io" } else { host };
    path.map_or_else(|| host.to_owned(), |path| format!("{host}/{path}"))
}

impl File {
    fn entry(&self, key: &str) -> Option<&Entry> {
        self.auths.get(key).or_else(|| {
            // Sorted, so that two spellings of one host give the same answer each time.
            let mut spellings: Vec<_> = self.auths.iter().filter(|(written, _)| normal(written) == key).collect();
            spellings.sort_by_key(|(written, _)| written.as_str());
            spellings.first().map(|(_, entry)| *entry)
        })
    }

    /// The helper that is responsible for a key, and what to ask it.
    fn helper(&self, key: &str) -> Option<(&str, String)> {
        let of_key = self.cred_helpers.iter().find(|(written, _)| normal(written) == key);
        if let Some((written, helper)) = of_key.filter(|(_, helper)| !helper.is_empty()) {
            return Some((helper, written.clone()));
        }
        let store = self.creds_store.as_deref().filter(|store| !store.is_empty() && !key.contains('/'))?;
        // A store serves hosts that have no login in place; Docker asks it for Docker Hub by its old URL.
        let in_place = self.entry(key).is_some_and(|entry| !entry.is_empty());
        let server = if key == "docker.io" { "https://index.docker.io/v1/" } else { key };
        (!in_place).then(|| (store, server.to_owned()))
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        [&self.auth, &self.username, &self.password, &self.identitytoken, &self.registrytoken]
            .into_iter()
            .all(|field| field.as_deref().unwrap_or_default().is_empty())
    }

    fn login(&self, origin: String) -> Result<Option<Login>, &'static str> {
        let filled = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        if let Some(token) = filled(&self.identitytoken) {
            return Ok(Some(Login::identity(Secret::new(token), origin)));
        }
        if let Some(token) = filled(&self.registrytoken) {
            return Ok(Some(Login::registry(Secret::new(token), origin)));
        }
        let both = match filled(&self.auth) {
            Some(auth) => Some(decode(&auth).ok_or("has an `auth` that is not base64 of `name:password`")?),
            None => filled(&self.username).zip(filled(&self.password)),
        };
        Ok(both.map(|(username, password)| Login::password(&username, Secret::new(password), origin)))
    }
}

fn decode(auth: &str) -> Option<(String, String)> {
    let lenient = base64::engine::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient).decode(auth.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (username, password) = text.split_once(':')?;
    // Some writers end the password with NULs (as Docker's own reader allows for).
    Some((username.to_owned(), password.trim_end_matches('\0').to_owned()))
}

/// Whether a file can be read; if so, looks everything up in it that may be asked for a repository.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn any_file(bytes: &[u8], repository: &Repository) -> bool {
    let Ok(file) = serde_json::from_slice::<File>(bytes) else { return false };
    for key in keys(repository) {
        let _ = file.helper(&key);
        let _ = file.entry(&key).map(|entry| entry.login(key.clone()));
    }
    true
}

#[cfg(test)]
mod tests;
