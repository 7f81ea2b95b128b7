//! The credential files of Docker and Podman.
//!
//! In this order: `$REGISTRY_AUTH_FILE`, `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`,
//! `$DOCKER_CONFIG/config.json`, `~/.docker/config.json`, `~/.dockercfg` (containers-auth.json(5)). Keys may be a host, a
//! host with a path, or one of Docker's URLs; the longest that fits a repository wins, within the first file that has one.
//!
//! A file or helper that fails is no obstacle where another one has the login: its error is returned only if none has.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sealift_core::{
    async_trait,
    content::Repository,
    error::{Error, ErrorKind, Result, io_message},
    login::{Login, LoginProvider},
    plugin::Environment,
};
use tokio::time::Instant;

use super::{docker_file::DockerFile, entry_login, helper};

/// An answer of a helper.
type HelperAnswer = std::result::Result<Option<Login>, (Error, Instant)>;
/// A cell for an answer. The lock is held while the helper runs, so that it runs once for all that wait.
type AnswerCell = Arc<tokio::sync::Mutex<Option<HelperAnswer>>>;

/// Time until a failed helper is run again.
const FAILED_FOR: Duration = Duration::from_secs(60);

/// A credential file, or the error of reading it.
type ReadFile = (PathBuf, Result<DockerFile>);

/// The files, read when they are first needed, and the answers of helpers. Both are dropped with a login that is
/// rejected.
pub(crate) struct DockerFiles {
    environment: Environment,
    helper_limit: Duration,
    files: tokio::sync::Mutex<Option<Arc<Vec<ReadFile>>>>,
    /// By file and key: a helper is asked once for each key, and helpers of different keys run side by side.
    answers: Mutex<HashMap<(PathBuf, String), AnswerCell>>,
}

#[async_trait]
impl LoginProvider for DockerFiles {
    async fn get(&self, repository: &Repository) -> Result<Option<Login>> {
        let mut failed = None;
        for (path, file) in self.files().await.iter() {
            let file = match file {
                Ok(file) => file,
                Err(error) => {
                    failed.get_or_insert_with(|| error.clone());
                    continue;
                }
            };
            for key in keys(repository) {
                match self.look_up(path, file, &key).await {
                    Ok(Some(login)) => return Ok(Some(login)),
                    Ok(None) => {}
                    Err(error) => _ = failed.get_or_insert(error),
                }
            }
        }
        failed.map_or(Ok(None), Err)
    }

    async fn invalidate(&self, login: &Login) {
        *self.files.lock().await = None;
        // An answer that is being fetched is newer than the rejected one.
        self.answers().retain(|_, cell| {
            cell.try_lock().map_or(true, |answer| !matches!(&*answer, Some(Ok(Some(known))) if known == login))
        });
    }

    async fn may_have(&self, repository: &Repository) -> bool {
        self.files().await.iter().any(|(_, file)| {
            file.as_ref().map_or(true, |file| {
                keys(repository).any(|key| file.entry(&key).is_some() || file.helper(&key).is_some())
            })
        })
    }
}

impl DockerFiles {
    pub(crate) fn new(environment: Environment, helper_limit: Duration) -> Self {
        Self { environment, helper_limit, files: tokio::sync::Mutex::default(), answers: Mutex::default() }
    }

    async fn look_up(&self, path: &Path, file: &DockerFile, key: &str) -> Result<Option<Login>> {
        if let Some((helper, server)) = file.helper(key) {
            let cell = Arc::clone(self.answers().entry((path.to_owned(), key.to_owned())).or_default());
            let mut answer = cell.lock().await;
            return match &*answer {
                Some(Ok(login)) => Ok(login.clone()),
                Some(Err((error, at))) if at.elapsed() < FAILED_FOR => Err(error.clone()),
                _ => {
                    let login = self.ask_helper(helper, &server, key).await;
                    *answer = Some(login.clone().map_err(|error| (error, Instant::now())));
                    login
                }
            };
        }
        let Some(entry) = file.entry(key) else { return Ok(None) };
        let origin = format!("`{}`, entry `{key}`", path.display());
        entry.login(origin.clone()).map_err(|why| {
            Error::new(ErrorKind::Denied, format!("{origin} {why}"))
                .with_hint(format!("log in again with `docker login {key}`"))
        })
    }

    async fn ask_helper(&self, helper: &str, server: &str, key: &str) -> Result<Option<Login>> {
        let answer = helper::ask(helper, server, (self.environment)("PATH"), self.helper_limit).await?;
        // Helpers of paths give several logins for one registry.
        let entry = if key.contains('/') { format!(", entry `{key}`") } else { String::new() };
        let origin = format!("credential helper `{helper}`{entry}");
        Ok(answer.map(|(username, secret)| entry_login(&username, secret, origin)))
    }

    async fn files(&self) -> Arc<Vec<ReadFile>> {
        let mut files = self.files.lock().await;
        if let Some(files) = &*files {
            return Arc::clone(files);
        }
        let read = Arc::new(self.read().await);
        *files = Some(Arc::clone(&read));
        read
    }

    async fn read(&self) -> Vec<ReadFile> {
        let mut files = Vec::new();
        for CandidateFile { path, legacy } in candidates(&self.environment) {
            let file = match tokio::fs::read(&path).await {
                Ok(bytes) => DockerFile::parse(&bytes, legacy).map_err(|why| unusable(&path, &why)),
                // A home that is no directory, such as `/dev/null`, contains no files either.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(error) => Err(unusable(&path, &io_message(&error))),
            };
            files.push((path, file));
        }
        files
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<(PathBuf, String), AnswerCell>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("cannot read the credentials in `{}`: {why}", path.display()))
        .with_hint("mend the file, or move it away and log in again with `docker login`")
}

/// A path at which a credential file may be.
struct CandidateFile {
    path: PathBuf,
    /// The format of Docker before 1.7: entries at the top level.
    legacy: bool,
}

fn candidates(environment: &Environment) -> Vec<CandidateFile> {
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
    let today = today.map(|path| CandidateFile { path, legacy: false });
    let legacy = home.map(|home| CandidateFile { path: home.join(".dockercfg"), legacy: true });
    today.chain(legacy).collect()
}

/// Returns the keys that fit a repository, from its full name up to its host.
fn keys(repository: &Repository) -> impl Iterator<Item = String> {
    let mut next = Some(repository.to_string());
    std::iter::from_fn(move || {
        let key = next.take()?;
        next = key.rsplit_once('/').map(|(shorter, _)| shorter.to_owned());
        Some(key)
    })
}

/// Returns true if a file can be read; if so, looks up everything that a repository may need.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn any_file(bytes: &[u8], repository: &Repository) -> bool {
    let Ok(file) = DockerFile::parse(bytes, false) else { return false };
    for key in keys(repository) {
        let _ = file.helper(&key);
        let _ = file.entry(&key).map(|entry| entry.login(key.clone()));
    }
    true
}

#[cfg(test)]
mod tests;
