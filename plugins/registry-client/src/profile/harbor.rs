//! Harbor: how it is recognised, and the meaning of its responses.
//!
//! It says 401 where others say 404, 403 for four different things, and 412 for a tag; the words of the body tell them
//! apart. From Harbor's source: `v2auth/auth.go`, `readonly.go`, `quota.go`, `repoproxy/proxy.go`, `pushmf.go`.

use sealift_core::{
    content::{MediaType, Repository, Tag},
    error::{Error, ErrorKind, Retry},
};
use serde::Deserialize;

use super::{
    ManifestWrites, ProductFacts, RegistryProfile,
    inventory::{BulkInventory, InventoryAccess, InventoryPage, PER_PAGE, record, time},
};
use crate::{
    error::{ErrorBody, Meaning, Reason, Refusal},
    operation::{Operation, project_of},
};

/// Harbor.
#[derive(Debug)]
pub(crate) struct Harbor;

/// Each manifest that is written changes one row of its project in the database, for which all others of the project wait
/// and then try again: measured with Harbor 2.15, 16 at once are slower by a quarter than one at a time. The second
/// one hides the way there and back.
const MANIFESTS_OF_PROJECT: usize = 2;

impl RegistryProfile for Harbor {
    fn name(&self) -> &'static str {
        "harbor"
    }

    fn matches_service(&self, service: &str) -> bool {
        service == "harbor-registry"
    }

    fn matches_basic_realm(&self, realm: &str) -> bool {
        realm == "harbor"
    }

    fn facts(&self) -> ProductFacts {
        ProductFacts {
            projects: true,
            manifest_writes: Some(ManifestWrites::InProject(MANIFESTS_OF_PROJECT)),
            ..ProductFacts::default()
        }
    }

    fn inventory(&self) -> Option<&dyn BulkInventory> {
        Some(self)
    }

    fn interpret(&self, refusal: &Refusal<'_>) -> Option<Meaning> {
        meaning(refusal)
    }
}

#[derive(Deserialize)]
struct ArtifactTags {
    digest: String,
    manifest_media_type: String,
    #[serde(default)]
    tags: Option<Vec<HarborTag>>,
}

#[derive(Deserialize)]
struct HarborTag {
    name: String,
    #[serde(default)]
    push_time: String,
}

/// `GET /api/v2.0/projects/{project}/repositories/{repository}/artifacts`, those that were pushed last first. Signatures are
/// not among them. Versions before 2.8 may show fewer than there are in a page, so only an empty page is the last one.
impl BulkInventory for Harbor {
    fn access(&self) -> InventoryAccess {
        InventoryAccess::Login
    }

    fn path(&self, repository: &Repository, number: usize, _: Option<&Tag>) -> String {
        let (project, name) = repository.path().split_once('/').unwrap_or(("library", repository.path()));
        // Encoded twice, as Harbor wants it.
        let name = name.replace('/', "%252F");
        let query = format!("with_tag=true&sort=-push_time&page_size={PER_PAGE}&page={number}");
        format!("/api/v2.0/projects/{project}/repositories/{name}/artifacts?{query}")
    }

    fn read(&self, body: &[u8]) -> Option<InventoryPage> {
        let listed: Vec<ArtifactTags> = serde_json::from_slice(body).ok()?;
        let tags = listed.iter().flat_map(|artifact| {
            let tags = artifact.tags.iter().flatten();
            let media_type = MediaType::from_header(&artifact.manifest_media_type);
            tags.filter_map(move |tag| record(&tag.name, &artifact.digest, media_type.clone(), time(&tag.push_time)))
        });
        Some(InventoryPage::new(tags.collect(), !listed.is_empty()))
    }
}

/// Returns the error of a login that is good and may not push.
pub(crate) fn may_not_push(operation: Operation<'_>, origin: &str) -> Error {
    let (project, reason) = (project_of(operation.repository()), Reason::NoRight);
    Error::new(reason.kind(), format!("{operation}: the login from {origin} may not push to the project `{project}`"))
        .with_hint(reason.remedy())
        .with_source(reason)
}

/// Returns true if the body of a 401 says that there is no such project.
pub(crate) fn is_missing(said: &ErrorBody, project: &str) -> bool {
    said.mentions(&format!("project {} not found", project.to_ascii_lowercase()))
}

/// None: what the answer means everywhere.
fn meaning(refusal: &Refusal<'_>) -> Option<Meaning> {
    let project = project_of(refusal.operation.repository());
    let (said, writes) = (&refusal.body, refusal.operation.writes());
    let meaning = |reason: Reason, what: String| {
        let hint = if refusal.operation.reads_content() { reason.remedy_of_reading() } else { reason.remedy() };
        Meaning::new(reason.kind(), what).because(reason).hint(hint)
    };
    Some(match refusal.status.as_u16() {
        // The challenge is left empty where the project could not be looked up; only the words say whether that is because
        // there is none. A project that took something in this run is there.
        401 if refusal.unchallenged && is_missing(said, project) && !refusal.wrote => {
            let what = format!("the project `{project}` does not exist");
            meaning(Reason::NoProject, what).says_all()
        }
        401 if refusal.unchallenged && said.mentions("un-recognized request") => return None,
        401 if refusal.unchallenged => {
            let what = format!("`{{registry}}` cannot look up the project `{project}` at the moment");
            meaning(Reason::Unwell, what).retry(Retry::Soon)
        }
        401 => {
            // Its token service treats a wrong password as no login, as long as scopes are requested.
            let origin = refusal.login.as_ref()?;
            let verb = if writes { "push to" } else { "pull from" };
            let doubt = if refusal.proven { "" } else { ", or is wrong" };
            let what = format!("the login from {origin} may not {verb} the project `{project}`{doubt}");
            meaning(Reason::NoRight, what)
        }
        // A manifest is refused in the same words if Harbor cannot read it, see `api/put_manifest.rs`.
        500 if said.is_unknown() && !matches!(refusal.operation, Operation::PushManifest(_)) => {
            meaning(Reason::Unwell, "`{registry}` has an internal error, perhaps with its database".to_owned())
                .retry(Retry::Soon)
        }
        // What stands before it says that its core is away. Of the API that may be so for good, and it can be done without.
        502..=504 if refusal.wait.is_none() && !matches!(refusal.operation, Operation::ProductApi(_)) => {
            meaning(Reason::Unwell, "`{registry}` is away".to_owned()).retry(Retry::Soon)
        }
        403 if said.is_full() => meaning(Reason::Quota, format!("the quota of the project `{project}` is used up")),
        403 if said.mentions("read only") => meaning(Reason::ReadOnly, "`{registry}` is in read-only mode".to_owned()),
        403 if said.mentions("proxy project") => {
            let what = format!("the project `{project}` caches another registry and takes no pushes");
            meaning(Reason::ProxyCache, what)
        }
        404 if writes && said.mentions("in gc") => {
            Meaning::new(ErrorKind::Unavailable, "garbage collection sweeps it at the moment")
                .retry(Retry::Soon)
                .hint("run again when garbage collection is done")
        }
        404 if matches!(refusal.operation, Operation::PushManifest(_)) => {
            let what = "an entry of the index is no artifact of this repository".to_owned();
            meaning(Reason::MissingChild, what).retry(Retry::Soon)
        }
        412 if writes => meaning(Reason::Immutable, format!("the tag is immutable in the project `{project}`")),
        _ => return None,
    })
}
