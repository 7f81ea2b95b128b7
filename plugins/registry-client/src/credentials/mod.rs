//! Who we are at a registry.
//!
//! Looked up in this order, and only when a registry asks for it: the entry of the host in `[registries]`, the auth
//! file of `[credentials]` (longest match), Docker's and Podman's credential files and helpers (from the path of the
//! repository up to the host), nobody.

mod docker;
mod file;
mod helper;
mod login;
mod section;
mod shown;

use std::{sync::Arc, time::Duration};

pub(crate) use login::{Login, Trial, sensitive};
use sealift_core::{
    content::Repository,
    error::{Error, Result},
    plugin::Environment,
};
pub use section::{Config, Credentials};
pub(crate) use shown::Shown;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use docker::any_file as any_docker_file;

use docker::DockerFiles;

/// The result of looking for a login.
#[derive(Default)]
pub(crate) struct Lookup {
    /// The login, if there is one.
    pub(crate) login: Option<Arc<Login>>,
    /// Why there is none although there may be one: a helper or a file that cannot be used. Only a request that needs
    /// a login fails with it.
    pub(crate) failed: Option<Error>,
}

/// Finds logins.
pub(crate) struct Logins {
    auth_file: Arc<Credentials>,
    docker: DockerFiles,
}

impl Logins {
    pub(crate) fn new(auth_file: Arc<Credentials>, environment: Environment, helper_limit: Duration) -> Self {
        Self { auth_file, docker: DockerFiles::new(environment, helper_limit) }
    }

    /// The login for a repository; `own` is that of the host's entry.
    pub(crate) async fn find(&self, own: Option<&Arc<Login>>, repository: &Repository) -> Result<Option<Arc<Login>>> {
        if let Some(login) = own.or_else(|| self.auth_file.find(repository)) {
            return Ok(Some(Arc::clone(login)));
        }
        self.docker.find(repository).await
    }

    /// The same for a request that may do without one.
    pub(crate) async fn look_up(&self, own: Option<&Arc<Login>>, repository: &Repository) -> Lookup {
        match self.find(own, repository).await {
            Ok(login) => Lookup { login, failed: None },
            Err(error) => {
                tracing::debug!(%repository, %error, "no login can be looked up");
                Lookup { login: None, failed: Some(error) }
            }
        }
    }
}
