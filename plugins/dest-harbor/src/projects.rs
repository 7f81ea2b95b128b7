//! The state of projects, each requested once in a run.
//!
//! The first look at a project takes one request or two. Making it ready for writes takes
//! two more, and creates it where that is wanted. The token says what the login may do there. A project that
//! refused a write is not written to again, because the reason holds for all other writes. A full one is an exception:
//! what it has already costs nothing, so only bytes are not sent to it (see [`quota`](crate::quota)).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use futures::try_join;
use sealift_core::{
    content::{Descriptor, ImageRef, Repository},
    error::{Error, ErrorKind, Result},
};
use sealift_registry_client::{Grant, Reason};
use tokio::sync::OnceCell;

use crate::{
    api::{Api, Created, Lookup, Right, project_of},
    quota::RemainingQuota,
    refusals::{self, refusal},
};

/// Settings of new projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewProjects {
    /// Pulls need no login.
    pub(crate) public: bool,
    /// Their quota, in bytes.
    pub(crate) storage_limit: Option<u64>,
}

/// An answer that holds for the rest of the run, or an error that may pass.
type Once<T> = OnceCell<Result<T>>;

/// The projects of all Harbors that a push writes to.
pub(crate) struct Projects {
    create: Option<NewProjects>,
    sites: Mutex<HashMap<String, Arc<HarborInstance>>>,
    projects: Mutex<HashMap<(String, String), Arc<HarborProject>>>,
}

/// One Harbor.
#[derive(Default)]
struct HarborInstance {
    read_only: Once<bool>,
}

/// One project.
#[derive(Default)]
pub(crate) struct HarborProject {
    seen: Once<ProjectState>,
    /// The check of the login. Logins may differ between projects.
    login: Once<()>,
    ready: Once<()>,
    /// The rest of its quota, if it has one and the login may know.
    room: OnceLock<RemainingQuota>,
    without_rules: Once<bool>,
    refused: Mutex<Option<Error>>,
}

/// The result of the first look at a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProjectState {
    There {
        /// None if the login may only know that it is there.
        id: Option<u64>,
        proxy_cache: bool,
    },
    Missing,
    /// It is unknown whether it exists.
    Hidden,
}

impl Projects {
    pub(crate) fn new(create: Option<NewProjects>) -> Self {
        Self { create, sites: Mutex::default(), projects: Mutex::default() }
    }

    /// The project of a repository.
    pub(crate) fn of(&self, at: &Repository) -> Arc<HarborProject> {
        let key = (at.registry().to_owned(), project_of(at).to_owned());
        Arc::clone(self.projects.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }

    fn site(&self, at: &Repository) -> Arc<HarborInstance> {
        let key = at.registry().to_owned();
        Arc::clone(self.sites.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }

    /// Looks whether the project of a repository is there, or will be.
    ///
    /// # Errors
    /// If it is not there and shall not be created.
    pub(crate) async fn expect(&self, api: Api<'_>) -> Result<ProjectState> {
        let seen = self.see(api).await?;
        match (seen, self.create) {
            (ProjectState::Missing, None) => Err(refusals::missing(api.at)),
            _ => Ok(seen),
        }
    }

    /// Tells a wrong login from one that may not do something. The API is no help: to the secret of an OIDC user it says
    /// 401 although the registry takes it, and to all logins while the database is away.
    ///
    /// # Errors
    /// If there is a login and it is wrong, or Harbor cannot tell at the moment.
    pub(crate) async fn refuse_wrong_login(&self, api: Api<'_>) -> Result<()> {
        let project = self.of(api.at);
        once(&project.login, || api.client.check_login(api.at)).await
    }

    async fn see(&self, api: Api<'_>) -> Result<ProjectState> {
        let project = self.of(api.at);
        let look = || async {
            let name = project_of(api.at);
            match api.project(name).await? {
                Lookup::Is(Some(found)) => {
                    return Ok(ProjectState::There { id: Some(found.project_id), proxy_cache: found.is_proxy_cache() });
                }
                Lookup::Is(None) => {}
                // A 404 to HEAD says nothing where the API itself may not be there.
                Lookup::Missing | Lookup::Closed => return Ok(ProjectState::Hidden),
            }
            Ok(match api.exists(name).await {
                Ok(Lookup::Is(())) => ProjectState::There { id: None, proxy_cache: false },
                Ok(Lookup::Missing) => ProjectState::Missing,
                Ok(Lookup::Closed) => ProjectState::Hidden,
                Err(error) if Reason::of(&error) == Some(Reason::Unwell) => return Err(error),
                Err(error) if error.kind() == ErrorKind::Unavailable => ProjectState::Hidden,
                Err(error) => return Err(error),
            })
        };
        once(&project.seen, look).await
    }

    /// Makes sure that the project of a repository may be written to, as far as that can be known before.
    ///
    /// # Errors
    /// If it cannot be written to, or refused before.
    pub(crate) async fn ready(&self, api: Api<'_>) -> Result<()> {
        let project = self.of(api.at);
        if let Some(error) = project.refused.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Err(error);
        }
        once(&project.ready, || self.prepare(api)).await
    }

    async fn prepare(&self, api: Api<'_>) -> Result<()> {
        let site = self.site(api.at);
        let seen = self.expect(api).await?;
        if let ProjectState::There { proxy_cache: true, .. } = seen {
            return Err(refusal(api.at, Reason::ProxyCache));
        }
        let (grant, read_only, quota) = try_join!(
            api.client.grant(api.at),
            once(&site.read_only, || api.is_read_only()),
            api.quota(project_of(api.at)),
        )?;
        if read_only {
            return Err(refusal(api.at, Reason::ReadOnly));
        }
        match (grant, seen) {
            (Grant::Nobody, _) => return Err(refusals::no_login(api.at)),
            (Grant::NoPush, ProjectState::There { .. }) => return Err(refusal(api.at, Reason::NoRight)),
            (Grant::Unknown, ProjectState::There { id: Some(id), .. }) if !may_push(api.rights(id).await?) => {
                return Err(refusal(api.at, Reason::NoRight));
            }
            _ => {}
        }
        let mut room = quota.and_then(|quota| quota.room());
        let is_there = matches!(seen, ProjectState::There { .. }) || grant == Grant::Push;
        if let (false, Some(new)) = (is_there, self.create) {
            create(api, new, seen).await?;
            // Whether the limit that was asked for holds is Harbor's to say: only an administrator's counts.
            if new.storage_limit.is_some() {
                room = api.quota(project_of(api.at)).await?.and_then(|quota| quota.room());
            }
        }
        if let Some(room) = room {
            let _ = self.of(api.at).room.set(room); // the first look is the one from before anything was sent
        }
        Ok(())
    }

    /// Takes a place for a blob that is about to be sent.
    ///
    /// # Errors
    /// If it would exceed the project's quota.
    pub(crate) fn take_room(&self, at: &Repository, item: &Descriptor) -> Result<()> {
        let project = self.of(at);
        let Some(room) = project.room.get() else { return Ok(()) };
        room.take(item).map_err(|why| refusals::no_room(at, item, why))
    }

    /// Notes that a project has a blob already: it needs no room in its other repositories.
    pub(crate) fn has(&self, at: &Repository, item: &Descriptor) {
        if let Some(room) = self.of(at).room.get() {
            room.has(item);
        }
    }

    /// Looks whether the project has room for these blobs of an image.
    ///
    /// # Errors
    /// If they would exceed the project's quota.
    pub(crate) fn fits<'d>(&self, at: &ImageRef, blobs: impl IntoIterator<Item = &'d Descriptor>) -> Result<()> {
        let project = self.of(&at.repository);
        let Some(room) = project.room.get() else { return Ok(()) };
        room.fits(blobs).map_err(|why| refusals::no_room_for(at, why))
    }

    /// Gives back what was taken for a blob that was not taken in.
    pub(crate) fn give_room_back(&self, at: &Repository, item: &Descriptor) {
        if let Some(room) = self.of(at).room.get() {
            room.give_back(item);
        }
    }

    /// Returns true if a tag may not be overwritten. Requested only for a tag that exists with another digest.
    pub(crate) async fn is_immutable(&self, api: Api<'_>, tag: &str) -> Result<bool> {
        let project = self.of(api.at);
        if once(&project.without_rules, || api.has_no_rules(project_of(api.at))).await? {
            return Ok(false);
        }
        Ok(match api.artifact(tag).await? {
            Lookup::Is(artifact) => artifact.tags.iter().flatten().any(|found| found.name == tag && found.immutable),
            _ => false,
        })
    }
}

impl Projects {
    /// An error of a write: if it tells that a project takes no more, that is remembered, and what was tried already
    /// is not recommended.
    pub(crate) fn heed(&self, at: &Repository, error: Error) -> Error {
        self.of(at).heed(at, &error);
        match Reason::of(&error) {
            Some(Reason::NoProject) if self.create.is_some() => error.with_hint(refusals::MAY_NOT_CREATE),
            Some(Reason::NoProject) => error.with_hint(refusals::CREATE),
            _ => error,
        }
    }
}

impl HarborProject {
    /// Remembers an error of a write, if it tells that the project takes no more.
    fn heed(&self, at: &Repository, error: &Error) {
        // A token that ran out during an upload looks like a missing right, but the next one may be good.
        let Some(reason) = Reason::of(error).filter(|_| !error.is_retryable()) else { return };
        match reason {
            Reason::NoProject | Reason::NoRight | Reason::ReadOnly | Reason::ProxyCache => {
                let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                refused.get_or_insert_with(|| refusal(at, reason));
            }
            // What a full project has already costs nothing, and the registry's client sends it nothing more.
            Reason::Quota => {}
            Reason::Immutable | Reason::MissingChild | Reason::Unwell | Reason::Unreadable => {}
        }
    }
}

/// No rights at all say nothing: some versions tell none of robots.
fn may_push(rights: Lookup<Vec<Right>>) -> bool {
    let Lookup::Is(rights) = rights else { return true };
    rights.is_empty() || rights.iter().any(|right| right.is("repository", "push"))
}

/// Asks once; what may pass is asked again by the next one who needs it.
async fn once<T: Clone, F: Future<Output = Result<T>>>(cell: &Once<T>, ask: impl FnOnce() -> F) -> Result<T> {
    let answer = cell.get_or_try_init(|| async {
        match ask().await {
            Err(error) if error.is_retryable() => Err(error),
            answer => Ok(answer),
        }
    });
    answer.await?.clone()
}

async fn create(api: Api<'_>, new: NewProjects, seen: ProjectState) -> Result<()> {
    let (host, project) = (api.at.registry(), project_of(api.at));
    match api.create_project(project, new.public, new.storage_limit).await? {
        Created::New => {
            tracing::info!(%host, %project, public = new.public, "created a project");
            Ok(())
        }
        Created::There => Ok(()),
        // It may be there all the same, where the API is hidden: the push will tell.
        Created::Denied(_) if seen == ProjectState::Hidden => Ok(()),
        Created::Denied(said) => Err(refusals::may_not_create(api.at, &said)),
        Created::BadName(said) => Err(refusals::bad_name(api.at, &said)),
    }
}
