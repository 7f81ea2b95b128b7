//! The calls of Harbor's API that a push takes (`/api/v2.0`, Harbor 2.x).
//!
//! Who may push need not be allowed to ask any of this, and some put only `/v2/` before the world. So what is refused or
//! does not work is [`Lookup::Closed`] and no error: the push itself will tell.

use std::collections::HashMap;

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sealift_core::{
    content::{Digest, Repository},
    error::{Error, ErrorKind, Result},
};
use sealift_registry_client::{ApiRequest, ApiResponse, Client, Reason};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::quota::RemainingQuota;

/// Harbor's API, asked with the login for a repository.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a> {
    pub(crate) client: &'a Client,
    pub(crate) at: &'a Repository,
}

/// Returns the project of a repository: the first element of its path.
pub(crate) fn project_of(at: &Repository) -> &str {
    at.path().split('/').next().unwrap_or_default()
}

/// The result of a request to the API.
#[derive(Clone, Debug)]
pub(crate) enum Lookup<T> {
    /// The answer.
    Is(T),
    /// It is not there (404).
    Missing,
    /// This login may not know (403), or not by this way: what an OIDC user has for the command line counts for images
    /// and for a small part of the API (401). Or Harbor's API is not to be had.
    Closed,
}

/// A project.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ProjectInfo {
    pub(crate) name: String,
    pub(crate) project_id: u64,
    /// The registry that it caches.
    #[serde(default)]
    registry_id: Option<u64>,
    #[serde(default)]
    metadata: Option<ProjectMetadata>,
}

/// Settings of a project.
#[derive(Clone, Debug, Deserialize)]
struct ProjectMetadata {
    /// A number, as a text.
    #[serde(default)]
    retention_id: Option<Value>,
}

impl ProjectInfo {
    pub(crate) fn is_proxy_cache(&self) -> bool {
        self.registry_id.is_some_and(|id| id > 0)
    }

    /// Returns the number of its policy for retention, if it has one.
    pub(crate) fn retention_id(&self) -> Option<String> {
        let id = self.metadata.as_ref()?.retention_id.as_ref()?;
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        id.parse::<u64>().is_ok().then_some(id)
    }
}

/// A right in a project.
#[derive(Debug, Deserialize)]
pub(crate) struct Right {
    resource: String,
    action: String,
}

impl Right {
    pub(crate) fn is(&self, resource: &str, action: &str) -> bool {
        self.resource == resource && self.action == action
    }
}

#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    quota: Option<QuotaInfo>,
}

/// The quota of a project and what is used of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct QuotaInfo {
    hard: StorageFigure,
    used: StorageFigure,
}

/// A quota in the list of all of them.
#[derive(Deserialize)]
struct ListedQuota {
    #[serde(rename = "ref")]
    of: NamedProject,
    #[serde(flatten)]
    quota: QuotaInfo,
}

#[derive(Clone, Debug, Deserialize)]
struct StorageFigure {
    #[serde(default)]
    storage: Option<i64>,
}

impl QuotaInfo {
    /// Returns what is left; none if there is no limit.
    pub(crate) fn room(&self) -> Option<RemainingQuota> {
        let limit = u64::try_from(self.hard.storage?).ok().filter(|limit| *limit > 0)?;
        Some(RemainingQuota::new(limit, u64::try_from(self.used.storage?).unwrap_or_default()))
    }
}

#[derive(Deserialize)]
struct NamedProject {
    name: String,
}

#[derive(Deserialize)]
struct SystemInfo {
    #[serde(default)]
    read_only: Option<bool>,
}

/// One artifact and its tags.
#[derive(Debug, Deserialize)]
pub(crate) struct ArtifactInfo {
    /// The path of its repository, project included.
    #[serde(default)]
    pub(crate) repository_name: String,
    pub(crate) digest: String,
    #[serde(default)]
    pub(crate) tags: Option<Vec<ArtifactTag>>,
}

/// A tag of an artifact.
#[derive(Debug, Deserialize)]
pub(crate) struct ArtifactTag {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) immutable: bool,
}

/// One page of artifacts.
#[derive(Debug)]
pub(crate) struct ArtifactPage {
    pub(crate) artifacts: Vec<ArtifactInfo>,
    /// The number in all pages. Harbor leaves out of it what it leaves out of the pages.
    pub(crate) total: Option<usize>,
    /// Harbor names a next page.
    pub(crate) has_next: bool,
}

#[derive(Deserialize)]
struct LabelInfo {
    id: u64,
    name: String,
}

/// Settings of a project that is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewProject {
    /// Settings by the names of Harbor's API (`ProjectMetadata`), all as text.
    pub(crate) metadata: Vec<(&'static str, String)>,
    /// Its quota, in bytes.
    pub(crate) storage_limit: Option<u64>,
}

/// The result of creating a project.
#[derive(Debug)]
pub(crate) enum Created {
    /// It is there now.
    New,
    /// It was there already.
    There,
    /// The login may not; what Harbor said.
    Denied(String),
    /// The name is not one of a project.
    BadName(String),
}

/// Harbor gives no more than this at once.
pub(crate) const PAGE: usize = 100;

impl Api<'_> {
    /// Returns true if Harbor says that it is in read-only mode.
    pub(crate) async fn is_read_only(&self) -> Result<bool> {
        let info: Lookup<SystemInfo> = self.get("systeminfo").await?;
        Ok(matches!(info, Lookup::Is(SystemInfo { read_only: Some(true) })))
    }

    /// Projects by their names, of which there are at most [`PAGE`]. Looked for in the list, which any login may read as far
    /// as it has to do with the projects, robots included; a project itself may be read by few. The settings that come with
    /// `with_detail` cost Harbor one look into its database.
    pub(crate) async fn projects(&self, names: &[String]) -> Result<Lookup<Vec<ProjectInfo>>> {
        let quoted: Vec<_> = names.iter().map(|name| format!("%27{name}%27")).collect();
        let names = quoted.join("%20");
        let path = format!("projects?q=name%3D%7B{names}%7D&with_detail=true&page_size={PAGE}");
        Ok(match self.get::<Option<Vec<ProjectInfo>>>(&path).await? {
            Lookup::Is(listed) => Lookup::Is(listed.unwrap_or_default()),
            Lookup::Missing | Lookup::Closed => Lookup::Closed,
        })
    }

    /// Returns whether a project exists. Any login may ask, also for projects that it may not see.
    pub(crate) async fn exists(&self, name: &str) -> Result<Lookup<()>> {
        let answer = self.send(Method::HEAD, &format!("projects?project_name={name}"), None).await?;
        Ok(match answer.status {
            200 => Lookup::Is(()),
            404 => Lookup::Missing,
            _ => Lookup::Closed,
        })
    }

    /// Returns the rights of the login in a project. An empty list says nothing: some versions have none for robots.
    pub(crate) async fn rights(&self, project: u64) -> Result<Lookup<Vec<Right>>> {
        let path = format!("users/current/permissions?scope=/project/{project}&relative=true");
        let answer = self.get::<Option<Vec<Right>>>(&path).await?;
        Ok(match answer {
            Lookup::Is(rights) => Lookup::Is(rights.unwrap_or_default()),
            Lookup::Missing | Lookup::Closed => Lookup::Closed,
        })
    }

    /// Returns the quota of a project, if the login may know.
    pub(crate) async fn quota(&self, name: &str) -> Result<Option<QuotaInfo>> {
        Ok(match self.get::<Summary>(&format!("projects/{name}/summary")).await? {
            Lookup::Is(summary) => summary.quota,
            _ => None,
        })
    }

    /// Returns the quotas of all projects by their names, if the login may list them and one page has them all.
    pub(crate) async fn quotas(&self) -> Result<Option<HashMap<String, QuotaInfo>>> {
        let path = format!("quotas?reference=project&page_size={PAGE}");
        let page = self.ask(&path, |answer| Ok((total(answer), self.read::<Option<Vec<ListedQuota>>>(answer)?)));
        let Lookup::Is((total, Some(listed))) = page.await? else { return Ok(None) };
        let is_whole = total.is_some_and(|total| total <= listed.len());
        Ok(is_whole.then(|| listed.into_iter().map(|listed| (listed.of.name, listed.quota)).collect()))
    }

    /// The repositories of the project at hand, with their full paths, as far as one page shows them; none if the login may
    /// not list them.
    pub(crate) async fn repositories(&self) -> Result<Vec<String>> {
        let (project, _) = self.split();
        let listed =
            self.get::<Option<Vec<NamedProject>>>(&format!("projects/{project}/repositories?page_size={PAGE}")).await?;
        Ok(match listed {
            Lookup::Is(listed) => listed.into_iter().flatten().map(|repository| repository.name).collect(),
            Lookup::Missing | Lookup::Closed => Vec::new(),
        })
    }

    /// Returns true if a project certainly has no rules for immutable tags.
    pub(crate) async fn has_no_rules(&self, name: &str) -> Result<bool> {
        let path = format!("projects/{name}/immutabletagrules");
        let rules = self.get::<Option<Vec<serde_json::Value>>>(&path).await?;
        Ok(matches!(rules, Lookup::Is(rules) if rules.as_ref().is_none_or(Vec::is_empty)))
    }

    /// The artifact that a tag stands for, with its tags.
    pub(crate) async fn artifact(&self, tag: &str) -> Result<Lookup<ArtifactInfo>> {
        let (project, repository) = self.split();
        let path = format!("projects/{project}/repositories/{repository}/artifacts/{tag}");
        self.get(&format!("{path}?with_tag=true&with_immutable_status=true")).await
    }

    /// A page of the artifacts of the repository, from 1.
    pub(crate) async fn artifacts(&self, page: usize) -> Result<Lookup<ArtifactPage>> {
        let (project, repository) = self.split();
        self.artifact_page(&format!("projects/{project}/repositories/{repository}/artifacts"), page).await
    }

    /// A page of the artifacts of all repositories of the project, from 1 (Harbor 2.12 and later).
    pub(crate) async fn project_artifacts(&self, page: usize) -> Result<Lookup<ArtifactPage>> {
        self.artifact_page(&format!("projects/{}/artifacts", project_of(self.at)), page).await
    }

    async fn artifact_page(&self, path: &str, page: usize) -> Result<Lookup<ArtifactPage>> {
        let path = format!("{path}?with_tag=true&page_size={PAGE}&page={page}");
        self.ask(&path, |answer| {
            Ok(ArtifactPage {
                artifacts: self.read::<Option<Vec<ArtifactInfo>>>(answer)?.unwrap_or_default(),
                total: total(answer),
                has_next: answer.header("link").is_some_and(|link| link.contains("rel=\"next\"")),
            })
        })
        .await
    }

    /// Returns the number of a label of a project; none if there is none of that name.
    pub(crate) async fn find_label(&self, project: u64, name: &str) -> Result<Lookup<Option<u64>>> {
        let quoted = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let path = format!("labels?scope=p&project_id={project}&name={quoted}&page_size={PAGE}");
        // The name is looked for within names.
        Ok(match self.get::<Option<Vec<LabelInfo>>>(&path).await? {
            Lookup::Is(listed) => {
                Lookup::Is(listed.into_iter().flatten().find(|label| label.name == name).map(|label| label.id))
            }
            Lookup::Missing => Lookup::Missing,
            Lookup::Closed => Lookup::Closed,
        })
    }

    /// Makes a label of a project. One that is there already is as good.
    ///
    /// # Errors
    /// If the login may not.
    pub(crate) async fn create_label(&self, project: u64, name: &str) -> Result<()> {
        let body = json!({ "name": name, "scope": "p", "project_id": project });
        let answer = self.send(Method::POST, "labels", Some(body.to_string())).await?;
        match answer.status {
            201 | 409 => Ok(()),
            _ => Err(self.no_label(&format!("cannot make the label `{name}`"), &answer)),
        }
    }

    /// Puts a label on an artifact of the repository. One that has it already is as good.
    ///
    /// # Errors
    /// If the login may not.
    pub(crate) async fn add_label(&self, digest: &Digest, label: u64) -> Result<()> {
        let (project, repository) = self.split();
        let path = format!("projects/{project}/repositories/{repository}/artifacts/{digest}/labels");
        let answer = self.send(Method::POST, &path, Some(json!({ "id": label }).to_string())).await?;
        match answer.status {
            200 | 201 | 409 => Ok(()),
            _ => Err(self.no_label(&format!("cannot label `{}@{digest}`", self.at), &answer)),
        }
    }

    fn no_label(&self, what: &str, answer: &ApiResponse) -> Error {
        let (host, said) = (self.at.registry(), answer.message());
        Error::new(ErrorKind::Denied, format!("{what} at `{host}`: {said}")).with_hint(
            "the login needs the rights to list and create labels of the project and to put them on artifacts; or leave \
             `label` out",
        )
    }

    pub(crate) async fn create_project(&self, name: &str, new: &NewProject) -> Result<Created> {
        let metadata: Map<String, Value> =
            new.metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into())).collect();
        let mut body = json!({ "project_name": name, "metadata": metadata });
        if let Some(limit) = new.storage_limit {
            body["storage_limit"] = limit.into();
        }
        let answer = self.send(Method::POST, "projects", Some(body.to_string())).await?;
        match answer.status {
            201 => Ok(Created::New),
            409 => Ok(Created::There),
            401 | 403 => Ok(Created::Denied(answer.message())),
            400 | 422 => Ok(Created::BadName(answer.message())),
            _ => Err(self.unexpected(&answer)),
        }
    }

    /// ProjectInfo and repository, as they stand in paths. Harbor unescapes twice, so a slash is escaped twice.
    pub(crate) fn split(&self) -> (&str, String) {
        let (project, repository) = self.at.path().split_once('/').unwrap_or((self.at.path(), ""));
        (project, repository.replace('/', "%252F"))
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Lookup<T>> {
        self.ask(path, |answer| self.read(answer)).await
    }

    async fn ask<T>(&self, path: &str, read: impl FnOnce(&ApiResponse) -> Result<T>) -> Result<Lookup<T>> {
        let answer = match self.send(Method::GET, path, None).await {
            // Harbor itself says that it cannot tell: that passes, and is no reason to believe anything.
            Err(error) if Reason::of(&error) == Some(Reason::Unwell) => return Err(error),
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tracing::warn!(host = self.at.registry(), %error, "Harbor's API does not answer");
                return Ok(Lookup::Closed);
            }
            answer => answer?,
        };
        match answer.status {
            200 => read(&answer).map(Lookup::Is),
            404 if answer.has_code("NOT_FOUND") => Ok(Lookup::Missing),
            status => {
                tracing::debug!(
                    host = self.at.registry(),
                    status,
                    said = answer.message(),
                    "Harbor's API does not say"
                );
                Ok(Lookup::Closed)
            }
        }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<String>) -> Result<ApiResponse> {
        let path = format!("/api/v2.0/{path}");
        // A project may be called `2024`, which would else be taken for the id of another one.
        let headers = vec![("x-is-resource-name", "true")];
        let request = ApiRequest { repository: self.at, method, path, headers, body: body.map(Into::into) };
        self.client.treat_as_harbor(self.at);
        // The type of the future would else be too deep for the compiler.
        Box::pin(self.client.product_api(&request)).await
    }

    fn read<T: DeserializeOwned>(&self, answer: &ApiResponse) -> Result<T> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            let what = format!("the API of `{}` answers something else than Harbor does: {error}", self.at.registry());
            Error::new(ErrorKind::Unsupported, what).with_hint("is it a Harbor? use `use = \"registry\"` for others")
        })
    }

    fn unexpected(&self, answer: &ApiResponse) -> Error {
        let (host, status, said) = (self.at.registry(), answer.status, answer.message());
        Error::new(ErrorKind::Unsupported, format!("the API of `{host}` answers {status}: {said}"))
    }
}

/// Returns the number of rows in all pages.
fn total(answer: &ApiResponse) -> Option<usize> {
    answer.header("x-total-count").and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests;
