//! The state of projects, each requested once in a run.
//!
//! One request looks at all projects that a list announced, another one reads their quotas, if the login may list these.
//! Else a project that is to be written to costs a request for its quota, and a project that is not there one more. The
//! token says what the login may do. A project that
//! refused a write is not written to again, because the reason holds for all other writes. A full one is an exception:
//! what it has already costs nothing, so only bytes are not sent to it (see [`quota`](crate::quota)).

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures::try_join;
use sealift_core::{
    content::{Descriptor, ImageRef, Repository},
    error::{Error, ErrorKind, Result},
    stage::RepositoryTags,
};
use sealift_registry_client::{Grant, Reason};
use tokio::sync::OnceCell;

use crate::{
    api::{Api, Lookup, NewProject, PAGE, ProjectInfo, QuotaInfo, Right, project_of},
    members::NewMember,
    overview::{self, ProjectTags},
    quota::RemainingQuota,
    refusals::{self, refusal},
    retention::WrittenImages,
    scans::Scans,
};

mod creation;
mod extras;

/// An answer that holds for the rest of the run, or an error that may pass.
type Once<T> = OnceCell<Result<T>>;

/// What a push does with projects and images besides writing.
#[derive(Default)]
pub(crate) struct ProjectOptions {
    /// The settings of created projects; none if none are created.
    pub(crate) create: Option<NewProject>,
    /// The members of created projects.
    pub(crate) members: Vec<NewMember>,
    /// The label of what is written.
    pub(crate) label: Option<String>,
    /// True if a scan of what is written is started.
    pub(crate) scan: bool,
}

/// The projects of all Harbors that a push writes to.
pub(crate) struct Projects {
    options: ProjectOptions,
    /// What should be known at the end of the run.
    notices: Mutex<Vec<String>>,
    sites: Mutex<HashMap<String, Arc<HarborInstance>>>,
    projects: Mutex<HashMap<(String, String), Arc<HarborProject>>>,
}

/// One Harbor.
#[derive(Default)]
struct HarborInstance {
    read_only: Once<bool>,
    /// The projects that images will go to, as far as the list knows.
    announced: Mutex<BTreeSet<String>>,
    /// What the list of projects says about those that were looked for.
    listed: tokio::sync::Mutex<HashMap<String, Lookup<Option<ProjectInfo>>>>,
    /// The quotas of all projects; none if the login may not list them, or there are too many.
    quotas: Once<Option<HashMap<String, QuotaInfo>>>,
}

/// The number of projects from which one request for all quotas is worth the risk that it is refused.
const MANY_PROJECTS: usize = 3;

/// One project.
#[derive(Default)]
pub(crate) struct HarborProject {
    /// The number of listings whose images will go there.
    announced: AtomicUsize,
    /// The tags of all its repositories; none if they cannot be listed, or that is not worth it.
    tags: Once<Option<ProjectTags>>,
    /// True once the tags were asked for. A request that took too long is not repeated.
    tags_asked: AtomicBool,
    seen: Once<ProjectState>,
    /// The check of the login. Logins may differ between projects.
    login: Once<()>,
    ready: Once<()>,
    /// The rest of its quota, if it has one and the login may know.
    room: OnceLock<RemainingQuota>,
    /// What its quota leaves, for a plan.
    left: Once<Option<u64>>,
    without_rules: Once<bool>,
    label: Once<u64>,
    scans: Scans,
    /// The images that were written, where there is a policy for retention.
    written: Mutex<WrittenImages>,
    /// The number of images that a list announced, by the path of their repository without the project.
    expected: Mutex<HashMap<String, usize>>,
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
    pub(crate) fn new(options: ProjectOptions) -> Self {
        Self { options, notices: Mutex::default(), sites: Mutex::default(), projects: Mutex::default() }
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

    /// Notes that images of a listing will go to a repository; their number is 0 if it is not known yet.
    pub(crate) fn announce(&self, at: &Repository, images: usize) {
        let name = project_of(at);
        self.site(at).announced.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        let project = self.of(at);
        project.announced.fetch_add(1, Ordering::Relaxed);
        if images > 0 {
            let mut expected = project.expected.lock().unwrap_or_else(PoisonError::into_inner);
            *expected.entry(name_in_project(at).to_owned()).or_default() += images;
        }
    }

    /// Returns the tags of a repository, if those of the whole project can be listed and that is worth it.
    ///
    /// # Errors
    /// If Harbor cannot tell at the moment.
    pub(crate) async fn tags(&self, api: Api<'_>) -> Result<Option<RepositoryTags>> {
        let project = self.of(api.at);
        let pages = overview::pages_of_project(project.announced.load(Ordering::Relaxed));
        let Some(pages) = pages else { return Ok(None) };
        let look = || async {
            match project.tags_asked.swap(true, Ordering::Relaxed) {
                true => Ok(None),
                false => overview::read_project(api, pages).await,
            }
        };
        Ok(once_ref(&project.tags, look).await?.as_ref().and_then(|tags| tags.of(api.at)))
    }

    /// Looks whether the project of a repository is there, or will be.
    ///
    /// # Errors
    /// If it is not there and shall not be created.
    pub(crate) async fn expect(&self, api: Api<'_>) -> Result<ProjectState> {
        let seen = self.see(api).await?;
        match (seen, &self.options.create) {
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
            match self.listed(api, name).await? {
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

    /// Returns what the list of projects says about one. Those that were announced are looked for in the same request.
    async fn listed(&self, api: Api<'_>, name: &str) -> Result<Lookup<Option<ProjectInfo>>> {
        let site = self.site(api.at);
        let mut listed = site.listed.lock().await;
        if let Some(known) = listed.get(name) {
            return Ok(known.clone());
        }
        let announced = site.announced.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let others = announced.into_iter().filter(|other| other != name && !listed.contains_key(other));
        let names: Vec<_> = std::iter::once(name.to_owned()).chain(others).take(PAGE).collect();
        let answer = api.projects(&names).await?;
        for name in names {
            let found = match &answer {
                Lookup::Is(found) => Lookup::Is(found.iter().find(|project| project.name == name).cloned()),
                Lookup::Missing | Lookup::Closed => Lookup::Closed,
            };
            listed.insert(name, found);
        }
        Ok(listed[name].clone())
    }

    /// Returns the quota of the project of a repository, if the login may know.
    async fn quota(&self, api: Api<'_>) -> Result<Option<QuotaInfo>> {
        let site = self.site(api.at);
        let announced = site.announced.lock().unwrap_or_else(PoisonError::into_inner).len();
        let name = project_of(api.at);
        if announced >= MANY_PROJECTS {
            let all = once_ref(&site.quotas, || api.quotas()).await?.as_ref();
            if let Some(quota) = all.and_then(|all| all.get(name)) {
                return Ok(Some(quota.clone()));
            }
        }
        api.quota(name).await
    }

    /// Returns the bytes that the quota of an existing project leaves, if it has one and the login may know.
    ///
    /// # Errors
    /// If Harbor cannot tell at the moment.
    pub(crate) async fn left(&self, api: Api<'_>) -> Result<Option<u64>> {
        let look = || async {
            match self.see(api).await? {
                ProjectState::There { .. } => {
                    Ok(self.quota(api).await?.and_then(|quota| quota.room()).map(|room| room.left()))
                }
                ProjectState::Missing | ProjectState::Hidden => Ok(None),
            }
        };
        once(&self.of(api.at).left, look).await
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
        let (grant, read_only, quota) =
            try_join!(api.client.grant(api.at), once(&site.read_only, || api.is_read_only()), self.quota(api),)?;
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
        if let (false, Some(new)) = (is_there, &self.options.create) {
            self.create(api, new, seen).await?;
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
            Some(Reason::NoProject) if self.options.create.is_some() => error.with_hint(refusals::MAY_NOT_CREATE),
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

/// Returns the path of a repository without its project.
fn name_in_project(at: &Repository) -> &str {
    at.path().split_once('/').map_or("", |(_, name)| name)
}

/// No rights at all say nothing: some versions tell none of robots.
fn may_push(rights: Lookup<Vec<Right>>) -> bool {
    let Lookup::Is(rights) = rights else { return true };
    rights.is_empty() || rights.iter().any(|right| right.is("repository", "push"))
}

/// Asks once; what may pass is asked again by the next one who needs it.
async fn once<T: Clone, F: Future<Output = Result<T>>>(cell: &Once<T>, ask: impl FnOnce() -> F) -> Result<T> {
    once_ref(cell, ask).await.cloned()
}

/// The same without a copy.
async fn once_ref<T, F: Future<Output = Result<T>>>(cell: &Once<T>, ask: impl FnOnce() -> F) -> Result<&T> {
    let answer = cell.get_or_try_init(|| async {
        match ask().await {
            Err(error) if error.is_retryable() => Err(error),
            answer => Ok(answer),
        }
    });
    answer.await?.as_ref().map_err(Clone::clone)
}

#[cfg(test)]
mod tests;
