//! What is done for written images besides: labels, scans, a look at retention.

use std::sync::PoisonError;

use futures::future::join_all;
use sealift_core::{
    content::{Digest, Repository, Tag},
    error::{Error, ErrorKind, Result},
};
use sealift_registry_client::Client;

use super::{HarborProject, ProjectState, Projects, name_in_project, once};
use crate::api::{Api, Lookup, project_of};

impl Projects {
    /// Returns the number of the label of what is written to the project of a repository, which is made if it is not there;
    /// none if nothing is to be labelled.
    ///
    /// # Errors
    /// If the login may not.
    pub(crate) async fn label(&self, api: Api<'_>) -> Result<Option<u64>> {
        let Some(name) = &self.options.label else { return Ok(None) };
        let (project, host) = (project_of(api.at), api.at.registry());
        let unknown = || {
            let what = format!("cannot look for the label `{name}` of the project `{project}` of `{host}`");
            Error::new(ErrorKind::Denied, what)
                .with_hint("the login may not list the project or its labels: use another one, or leave `label` out")
        };
        let look = || async {
            let id = match self.see(api).await? {
                ProjectState::There { id: Some(id), .. } => id,
                // It was created by this run.
                _ => match api.projects(&[project.to_owned()]).await? {
                    Lookup::Is(found) => found.first().ok_or_else(unknown)?.project_id,
                    Lookup::Missing | Lookup::Closed => return Err(unknown()),
                },
            };
            if let Lookup::Is(Some(label)) = api.find_label(id, name).await? {
                return Ok(label);
            }
            api.create_label(id, name).await?;
            match api.find_label(id, name).await? {
                Lookup::Is(Some(label)) => Ok(label),
                _ => Err(unknown()),
            }
        };
        once(&self.of(api.at).label, look).await.map(Some)
    }

    /// Starts the scan of a written image, if that is wanted.
    pub(crate) async fn scan(&self, api: Api<'_>, digest: &Digest) {
        if self.options.scan {
            self.of(api.at).scans.start(api, digest).await;
        }
    }

    /// Notes an image that was written, where a policy for retention may delete it.
    pub(crate) async fn note_written(&self, at: &Repository, digest: &Digest, tag: Option<&Tag>) {
        if self.retention_id(at).await.is_some() {
            let project = self.of(at);
            let mut written = project.written.lock().unwrap_or_else(PoisonError::into_inner);
            let images = written.entry(name_in_project(at).to_owned()).or_default();
            images.entry(digest.clone()).or_default().extend(tag.map(ToString::to_string));
        }
    }

    /// Returns the number of the policy of a project, as far as the list of projects told it. A project that the run created
    /// has none.
    async fn retention_id(&self, at: &Repository) -> Option<String> {
        let site = self.site(at);
        let listed = site.listed.lock().await;
        match listed.get(project_of(at)) {
            Some(Lookup::Is(Some(project))) => project.retention_id(),
            _ => None,
        }
    }

    /// Finds out what should be known of what was written. Called once, when all is written.
    pub(crate) async fn conclude(&self, client: &Client) {
        let projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut projects: Vec<_> = projects.into_iter().collect();
        projects.sort_by(|one, other| one.0.cmp(&other.0));
        let look = projects.iter().map(|((host, name), project)| self.look_after(client, host, name, project));
        let found = join_all(look).await;
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).extend(found.into_iter().flatten());
    }

    /// Returns the notices collected so far; they are gone then.
    pub(crate) fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn look_after(&self, client: &Client, host: &str, name: &str, project: &HarborProject) -> Vec<String> {
        let unscanned = project.scans.unscanned().map(|found| {
            let (images, example, said) = (images(found.count), found.example, found.said);
            format!("no scan was started of {images} in the project `{name}` of `{host}`, such as `{example}`: {said}")
        });
        let swept = self.swept(client, host, name, project).await;
        unscanned.into_iter().chain(swept).collect()
    }

    async fn swept(&self, client: &Client, host: &str, name: &str, project: &HarborProject) -> Option<String> {
        let written = std::mem::take(&mut *project.written.lock().unwrap_or_else(PoisonError::into_inner));
        let at = Repository::new(host, &format!("{name}/{}", written.keys().next()?)).ok()?;
        let policy = Api { client, at: &at }.retention(&self.retention_id(&at).await?).await?;
        let expected = project.expected.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = policy.endangers(&written, &expected)?;
        let (images, policy, (repository, reference)) = (images(found.count), found.policy, found.example);
        Some(format!(
            "the retention policy of the project `{name}` of `{host}` may delete {images} that this run wrote, such as \
             `{repository}{reference}`: {policy}"
        ))
    }
}

fn images(count: usize) -> String {
    if count == 1 { "1 image".to_owned() } else { format!("{count} images") }
}
