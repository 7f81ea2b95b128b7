//! The stage: the registry push, with Harbor's projects asked before.

use std::sync::Arc;

use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::{Error, ErrorKind, Result},
    job::Job,
    stage::{Known, Offer, Push, Slot, StoreId},
};
use sealift_registry_client::{Reason, Registries, RegistryPush};

use crate::{
    api::Api,
    overview::{self, Overview},
    projects::{NewProjects, Projects, Seen, project_of},
};

/// Writes images to Harbors.
pub(crate) struct HarborPush {
    push: RegistryPush,
    registries: Arc<Registries>,
    projects: Arc<Projects>,
}

impl HarborPush {
    pub(crate) fn new(push: RegistryPush, registries: Arc<Registries>, create: Option<NewProjects>) -> Self {
        Self { push, registries, projects: Arc::new(Projects::new(create)) }
    }

    fn api<'a>(&'a self, at: &'a Repository) -> Api<'a> {
        Api { registries: &self.registries, at }
    }

    /// Makes sure that a repository may be written to, then writes; what is refused then is remembered.
    async fn write<T>(&self, at: &Repository, write: impl Future<Output = Result<T>>) -> Result<T> {
        self.projects.ready(self.api(at)).await?;
        write.await.map_err(|error| self.projects.heed(at, error))
    }

    /// The same offer, with an ear for what is refused later.
    fn watched(&self, at: &Repository, offer: Offer) -> Offer {
        match offer {
            Offer::Want(slot) => {
                let (projects, at) = (Arc::clone(&self.projects), at.clone());
                Offer::Want(Box::new(HarborSlot { slot, projects, at }))
            }
            offer => offer,
        }
    }
}

#[async_trait]
impl Push for HarborPush {
    fn place(&self, job: &Job) -> Result<Vec<ImageRef>> {
        let places = self.push.place(job)?;
        places.iter().try_for_each(check_name)?;
        Ok(places)
    }

    fn store(&self, at: &Repository) -> StoreId {
        self.push.store(at)
    }

    async fn overview(&self, at: &Repository, wanted: usize) -> Result<Known> {
        let api = self.api(at);
        Ok(match overview::read(api, wanted).await? {
            Overview::Known(known) => known,
            Overview::Missing => {
                self.projects.expect(api).await?;
                Known::Nothing
            }
            Overview::Closed => {
                self.projects.refuse_wrong_login(api).await?;
                match self.projects.expect(api).await? {
                    Seen::Missing => Known::Nothing,
                    Seen::There { .. } | Seen::Hidden => Known::Ask,
                }
            }
        })
    }

    async fn survey(&self, at: &Repository) -> Result<Known> {
        self.push.survey(at).await
    }

    async fn current(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        let api = self.api(&at.repository);
        match self.push.current(at).await {
            Ok(None) => self.projects.expect(api).await.map(|_| None),
            Err(error) if Reason::of(&error) == Some(Reason::NoRight) => {
                self.projects.refuse_wrong_login(api).await?;
                Err(error)
            }
            answer => answer,
        }
    }

    async fn has(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.push.has(at, item).await
    }

    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>) -> Result<()> {
        let api = self.api(&at.repository);
        self.projects.ready(api).await?;
        let Some((tag, old)) = at.version.tag().zip(replaces) else { return Ok(()) };
        if self.projects.is_immutable(api, tag).await? {
            let project = project_of(&at.repository);
            let what =
                format!("cannot push `{at}`: the tag is immutable in the project `{project}` and stands for `{old}`");
            let reason = Reason::Immutable;
            return Err(Error::new(reason.kind(), what).hint(reason.remedy()).because(reason));
        }
        Ok(())
    }

    async fn offer(&self, at: &Repository, item: &Descriptor, known_in: Option<&Repository>) -> Result<Offer> {
        self.write(at, self.push.offer(at, item, known_in)).await.map(|offer| self.watched(at, offer))
    }

    async fn renew(&self, at: &Repository, item: &Descriptor) -> Result<Offer> {
        self.write(at, self.push.renew(at, item)).await.map(|offer| self.watched(at, offer))
    }

    async fn put_manifest(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        self.write(at, self.push.put_manifest(at, manifest)).await
    }

    async fn tag(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.write(&at.repository, self.push.tag(at, manifest)).await
    }

    async fn finish(&self) -> Result<()> {
        self.push.finish().await
    }
}

/// A slot whose refusal is remembered: the quota is asked for when the bytes come.
struct HarborSlot {
    slot: Box<dyn Slot>,
    projects: Arc<Projects>,
    at: Repository,
}

#[async_trait]
impl Slot for HarborSlot {
    async fn fill(self: Box<Self>, blob: Blob) -> Result<()> {
        self.slot.fill(blob).await.map_err(|error| self.projects.heed(&self.at, error))
    }

    async fn ready(&mut self) {
        self.slot.ready().await;
    }

    fn confirms(&self) -> bool {
        self.slot.confirms()
    }
}

/// Harbor needs a project and a name in it, and is stricter about the former (`pkg/project/manager.go`).
fn check_name(at: &ImageRef) -> Result<()> {
    let path = at.repository.path();
    let wrong = |why: String, hint: &'static str| {
        Err(Error::new(ErrorKind::Unsupported, format!("cannot push `{at}` to Harbor: {why}")).hint(hint))
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
