//! The credential files of Docker and Podman.
//!
//! In this order: `$REGISTRY_AUTH_FILE`, `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`,
//! `$DOCKER_CONFIG/config.json`, `~/.docker/config.json`, `~/.dockercfg` (containers-auth.json(5)). Keys may be a host, a
//! host with a path, or one of Docker's URLs; the longest that fits a repository wins, within the first file that has one.
//!
//! A file or helper that fails is no obstacle where another one has the login, nor where none is needed: the failure is
//! returned by the lookup, and its caller tells it only if the registry insists on a login.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sealift_core::{
    content::Repository,
    error::{Error, ErrorKind, Result, of_io},
    plugin::Environment,
};
use tokio::{
    sync::{Mutex, OnceCell},
    time::Instant,
};

use super::{Login, file::File, helper};

/// By file and key, so that an entry is one login for all repositories; a helper is asked once for each key.
type Found = HashMap<(usize, String), Known>;

/// The result of an earlier lookup.
enum Known {
    Login(Option<Arc<Login>>),
    Failed(Error, Instant),
}

/// A failed lookup counts for this long, so that a helper that hangs does not hold up each request by itself.
const FAILED_FOR: Duration = Duration::from_secs(60);

/// A credential file, or why it cannot be used.
type Read = (PathBuf, Result<File>);

/// The files, read when they are first needed, and the answers of helpers.
pub(super) struct DockerFiles {
    environment: Environment,
    helper_limit: Duration,
    files: OnceCell<Vec<Read>>,
    found: Mutex<Found>,
}

impl DockerFiles {
    pub(super) fn new(environment: Environment, helper_limit: Duration) -> Self {
        Self { environment, helper_limit, files: OnceCell::new(), found: Mutex::default() }
    }

    /// The login for a repository.
    ///
    /// # Errors
    /// If there is none, and a file or helper that may have one failed.
    pub(super) async fn find(&self, repository: &Repository) -> Result<Option<Arc<Login>>> {
        let files = self.files.get_or_init(|| self.read()).await;
        // One lookup at a time: helpers may ask the user, and two questions at once are one too many.
        let mut found = self.found.lock().await;
        let mut failed = None;
        for (at, (path, file)) in files.iter().enumerate() {
            let file = match file {
                Ok(file) => file,
                Err(error) => {
                    failed.get_or_insert_with(|| error.clone());
                    continue;
                }
            };
            for key in keys(repository) {
                let login = match found.get(&(at, key.clone())) {
                    Some(Known::Login(login)) => Ok(login.clone()),
                    Some(Known::Failed(error, since)) if since.elapsed() < FAILED_FOR => Err(error.clone()),
                    _ => {
                        let login = self.look(path, file, &key).await.map(|login| login.map(Arc::new));
                        let known = match &login {
                            Ok(login) => Known::Login(login.clone()),
                            Err(error) => Known::Failed(error.clone(), Instant::now()),
                        };
                        // Where nothing is stored nothing is remembered: keys are as many as repositories.
                        if !matches!(login, Ok(None)) || file.helper(&key).is_some() {
                            found.insert((at, key), known);
                        }
                        login
                    }
                };
                match login {
                    Ok(Some(login)) => return Ok(Some(login)),
                    Ok(None) => {}
                    Err(error) => _ = failed.get_or_insert(error),
                }
            }
        }
        failed.map_or(Ok(None), Err)
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

    async fn read(&self) -> Vec<Read> {
        let mut files = Vec::new();
        for Place { path, legacy } in places(&self.environment) {
            let file = match tokio::fs::read(&path).await {
                Ok(bytes) => File::parse(&bytes, legacy).map_err(|why| unusable(&path, &why)),
                // A home that is no directory, such as `/dev/null`, holds no files either.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(error) => Err(unusable(&path, &of_io(&error))),
            };
            files.push((path, file));
        }
        files
    }
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("cannot read the credentials in `{}`: {why}", path.display()))
        .hint("mend the file, or move it away and log in again with `docker login`")
}

/// Where a credential file may be.
struct Place {
    path: PathBuf,
    /// Entries stand at the top, as Docker wrote them before it had other settings.
    legacy: bool,
}

fn places(environment: &Environment) -> Vec<Place> {
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
    let docker = variable("DOCKER_CONFIG").or_else(|| home.as_ref().map(|home| home.join(".docker")));
    let today = podman.into_iter().chain(docker.map(|docker| docker.join("config.json")));
    let today = today.map(|path| Place { path, legacy: false });
    let legacy = home.map(|home| Place { path: home.join(".dockercfg"), legacy: true });
    today.chain(legacy).collect()
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

/// Whether a file can be read; if so, looks everything up in it that may be asked for a repository.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn any_file(bytes: &[u8], repository: &Repository) -> bool {
    let Ok(file) = File::parse(bytes, false) else { return false };
    for key in keys(repository) {
        let _ = file.helper(&key);
        let _ = file.entry(&key).map(|entry| entry.login(key.clone()));
    }
    true
}

#[cfg(test)]
mod tests;
