//! The stage: the registry push, with Harbor's projects asked before.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::try_join_all;
use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::{Error, ErrorKind, Result},
    job::Job,
    stage::{
        Admission, BeginUpload, Notices, Push, PushCapabilities, PutManifest, Quotas, ReferrersTag, RepositoryTags,
        StoreId, TagInventory, TagRequest, Upload, UploadStart, WriteHints,
    },
};
use sealift_registry_client::{Client, Reason, RegistryPush};

use crate::{
    api::{Api, project_of},
    nearby::NearbyBlobs,
    overview::{self, Overview},
    projects::{ProjectOptions, ProjectState, Projects},
};

/// Writes images to Harbors.
pub(crate) struct HarborPush {
    push: RegistryPush,
    client: Arc<Client>,
    projects: Arc<Projects>,
    nearby: NearbyBlobs,
}

impl HarborPush {
    pub(crate) fn new(push: RegistryPush, client: Arc<Client>, options: ProjectOptions) -> Self {
        Self { push, client, projects: Arc::new(Projects::new(options)), nearby: NearbyBlobs::default() }
    }

    fn api<'a>(&'a self, at: &'a Repository) -> Api<'a> {
        Api { client: &self.client, at }
    }

    /// Returns those of the blobs that a repository lacks.
    async fn missing<'d>(&self, at: &Repository, blobs: &'d [Descriptor]) -> Result<Vec<&'d Descriptor>> {
        let answers = try_join_all(blobs.iter().map(|item| self.push.blob_exists(at, item))).await?;
        Ok(blobs.iter().zip(answers).filter(|(_, there)| !there).map(|(item, _)| item).collect())
    }

    /// Makes sure that an image fits into what the quota leaves. Only where not all of its blobs would is it looked for
    /// those that the repository, or another one of the project, has already.
    async fn check_room(&self, at: &ImageRef, blobs: &[Descriptor]) -> Result<()> {
        if self.projects.fits(at, blobs).is_ok() {
            return Ok(());
        }
        let missing = self.missing(&at.repository, blobs).await?;
        if self.projects.fits(at, missing.iter().copied()).is_ok() {
            return Ok(());
        }
        let (found, missing) = self.nearby.look(self.api(&at.repository), &self.push, missing).await?;
        found.into_iter().for_each(|item| self.projects.has(&at.repository, item));
        self.projects.fits(at, missing)
    }

    /// Makes sure that a repository may be written to, then writes; what is refused then is remembered.
    async fn write<T>(&self, at: &Repository, write: impl Future<Output = Result<T>>) -> Result<T> {
        self.projects.ready(self.api(at)).await?;
        write.await.map_err(|error| self.projects.heed(at, error))
    }

    /// Offers a blob to the registry, and names it one repository to take it from.
    async fn offer(&self, at: &Repository, item: &Descriptor, known_in: Option<&Repository>) -> Result<UploadStart> {
        let nearby = self.nearby.of(at, item);
        let known_in = known_in.or(nearby.as_ref());
        let request = BeginUpload::new(at, item).mount_from(known_in.map_or(&[], std::slice::from_ref));
        let start = self.write(at, self.push.begin_upload(&request)).await?;
        // A project counts a blob once, in however many of its repositories it is.
        let counted = known_in.is_some_and(|other| have_one_project(at, other));
        Ok(self.watched(at, item, counted, start))
    }

    /// Returns the start with an upload that counts against the quota and remembers what is refused.
    fn watched(&self, at: &Repository, item: &Descriptor, counted: bool, offer: UploadStart) -> UploadStart {
        match offer {
            UploadStart::Upload(slot) => {
                let (projects, at, item) = (Arc::clone(&self.projects), at.clone(), item.clone());
                UploadStart::Upload(Box::new(HarborSlot { slot, projects, at, item, counted }))
            }
            UploadStart::Mounted if !counted => {
                let _ = self.projects.take_room(at, item); // it is there already, whether it fits or not
                UploadStart::Mounted
            }
            offer => {
                self.projects.has(at, item);
                offer
            }
        }
    }
}

#[async_trait]
impl Push for HarborPush {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        let places = self.push.targets(job)?;
        places.iter().try_for_each(check_name)?;
        Ok(places)
    }

    fn store(&self, at: &Repository) -> StoreId {
        self.push.store(at)
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        let api = self.api(&at.repository);
        match self.push.resolve(at).await {
            Ok(None) => self.projects.expect(api).await.map(|_| None),
            Err(error) if Reason::of(&error) == Some(Reason::NoRight) => {
                self.projects.refuse_wrong_login(api).await?;
                Err(error)
            }
            answer => answer,
        }
    }

    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.push.blob_exists(at, item).await
    }

    async fn begin_upload(&self, request: &BeginUpload<'_>) -> Result<UploadStart> {
        let BeginUpload { repository: at, item, replace, .. } = *request;
        match replace {
            true => {
                let start = self.write(at, self.push.begin_upload(request)).await?;
                Ok(self.watched(at, item, true, start))
            }
            false => request.try_each(|known_in| self.offer(at, item, known_in)).await,
        }
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        self.write(request.repository, self.push.put_manifest(request)).await?;
        if request.root_of.is_none() {
            return Ok(());
        }
        let (api, digest) = (self.api(request.repository), request.manifest.digest());
        self.projects.note_written(request.repository, digest, request.tag).await;
        if let Some(label) = self.projects.label(api).await? {
            api.add_label(digest, label).await?;
        }
        self.projects.scan(api, digest).await;
        Ok(())
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        self.push.registries()
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        let capabilities = self.push.capabilities().tag_inventory(self).admission(self).referrers_tag(self);
        capabilities.write_hints(self).quotas(self).notices(self)
    }

    async fn close(&self) -> Result<()> {
        self.push.close().await?;
        self.projects.conclude(&self.client).await;
        Ok(())
    }
}

impl Notices for HarborPush {
    fn notices(&self) -> Vec<String> {
        self.projects.take_notices()
    }
}

#[async_trait]
impl Quotas for HarborPush {
    async fn quota(&self, at: &Repository) -> Result<Option<(String, u64)>> {
        let left = self.projects.left(self.api(at)).await?;
        Ok(left.map(|left| (format!("the project `{}` of `{}`", project_of(at), at.registry()), left)))
    }
}

impl WriteHints for HarborPush {
    fn announce(&self, source: &Repository, targets: &[Repository], images: &[ImageRef]) {
        self.push.repositories(source, targets).iter().for_each(|at| self.projects.announce(at, images.len()));
        self.push.announce(source, targets, images);
    }
}

#[async_trait]
impl TagInventory for HarborPush {
    async fn tags(&self, at: &Repository, request: TagRequest) -> Result<RepositoryTags> {
        let TagRequest::Digests { wanted } = request else { return self.push.tags(at, request).await };
        let api = self.api(at);
        if let Some(known) = self.projects.tags(api).await? {
            return Ok(known);
        }
        if wanted < 2 {
            return Ok(RepositoryTags::Unknown);
        }
        Ok(match overview::read(api, wanted).await? {
            Overview::Known(known) => known,
            Overview::Missing => {
                self.projects.expect(api).await?;
                RepositoryTags::Empty
            }
            Overview::Closed => {
                self.projects.refuse_wrong_login(api).await?;
                match self.projects.expect(api).await? {
                    ProjectState::Missing => RepositoryTags::Empty,
                    ProjectState::There { .. } | ProjectState::Hidden => RepositoryTags::Unknown,
                }
            }
        })
    }
}

#[async_trait]
impl Admission for HarborPush {
    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>, blobs: &[Descriptor]) -> Result<()> {
        let api = self.api(&at.repository);
        self.projects.ready(api).await?;
        self.projects.label(api).await?; // before anything is sent
        self.check_room(at, blobs).await?;
        let Some((tag, old)) = at.reference.tag().zip(replaces) else { return Ok(()) };
        if self.projects.is_immutable(api, tag).await? {
            let project = project_of(&at.repository);
            let what =
                format!("cannot push `{at}`: the tag is immutable in the project `{project}` and stands for `{old}`");
            let reason = Reason::Immutable;
            return Err(Error::new(reason.kind(), what).with_hint(reason.remedy()).with_source(reason));
        }
        Ok(())
    }
}

#[async_trait]
impl ReferrersTag for HarborPush {
    async fn add_referrers(&self, at: &Repository, subject: &Digest, referrers: &[&Manifest]) -> Result<()> {
        self.write(at, self.push.add_referrers(at, subject, referrers)).await
    }
}

/// A slot for what fits into the quota. What is refused all the same is remembered: Harbor looks when the bytes came.
struct HarborSlot {
    slot: Box<dyn Upload>,
    projects: Arc<Projects>,
    at: Repository,
    item: Descriptor,
    /// The project counts the blob already.
    counted: bool,
}

#[async_trait]
impl Upload for HarborSlot {
    async fn write(self: Box<Self>, blob: Blob) -> Result<()> {
        let Self { slot, projects, at, item, counted } = *self;
        if !counted {
            projects.take_room(&at, &item)?;
        }
        let filled = slot.write(blob).await;
        if !counted && filled.is_err() {
            projects.give_room_back(&at, &item);
        }
        filled.map_err(|error| projects.heed(&at, error))
    }
}

fn have_one_project(one: &Repository, other: &Repository) -> bool {
    one.registry() == other.registry() && project_of(one) == project_of(other)
}

/// Harbor needs a project and a name in it, and is stricter about the former (`pkg/project/manager.go`).
fn check_name(at: &ImageRef) -> Result<()> {
    let path = at.repository.path();
    let wrong = |why: String, hint: &'static str| {
        Err(Error::new(ErrorKind::Unsupported, format!("cannot push `{at}` to Harbor: {why}")).with_hint(hint))
    };
    if !path.contains('/') {
        let why = format!("`{path}` names no project");
        return wrong(
            why,
            "Harbor needs a project before the name: set `prefix` in [[push]], such as `harbor.corp/mirror`",
        );
    }
    let project = project_of(&at.repository);
    // Of a repository's path it is known that parts are lower case; separators may stand there twice.
    if project.split(['.', '_', '-']).any(str::is_empty) {
        return wrong(format!("`{project}` cannot be a project"), "in the name of a project separators stand alone");
    }
    Ok(())
}
