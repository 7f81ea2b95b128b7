//! New projects.

use std::sync::PoisonError;

use sealift_core::error::Result;

use super::{ProjectState, Projects};
use crate::{
    api::{Api, Created, NewProject, project_of},
    refusals,
};

impl Projects {
    /// Creates the project of a repository, and adds its members if it was not there.
    pub(super) async fn create(&self, api: Api<'_>, new: &NewProject, seen: ProjectState) -> Result<()> {
        let (host, project) = (api.at.registry(), project_of(api.at));
        match api.create_project(project, new).await? {
            Created::New => {
                tracing::info!(%host, %project, settings = ?new.metadata, "created a project");
                self.add_members(api).await;
                Ok(())
            }
            Created::There => Ok(()),
            // It may be there all the same, where the API is hidden: the push will tell.
            Created::Denied(_) if seen == ProjectState::Hidden => Ok(()),
            Created::Denied(said) => Err(refusals::may_not_create(api.at, &said)),
            Created::BadName(said) => Err(refusals::bad_name(api.at, &said)),
        }
    }

    /// Images can go into a project without them, so one that cannot be added is told at the end.
    async fn add_members(&self, api: Api<'_>) {
        let (host, project) = (api.at.registry(), project_of(api.at));
        for member in &self.options.members {
            let said = api.add_member(member).await.unwrap_or_else(|error| Some(error.message().to_owned()));
            if let Some(said) = said {
                let notice =
                    format!("`{}` is no member of the new project `{project}` of `{host}`: {said}", member.name);
                self.notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
            }
        }
    }
}
