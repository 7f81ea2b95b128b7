//! Pushes that break one rule.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::StreamExt;
use schemars::JsonSchema;
use sealift_conformance::{
    Given,
    images::{Image, artifact},
    memory::Memory,
    push::RULES,
};
use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Reference, Repository, well_known},
    error::{Error, ErrorKind, Result},
    inventory,
    job::Job,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::{
        BeginUpload, Push, PushCapabilities, PutManifest, RepositoryTags, StoreId, TagInventory, TagRequest, Upload,
        UploadStart,
    },
};
use serde::Deserialize;

use super::{each_breaks_its_rule, memory, unused};

/// Writes to memory, and is odd in one way.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Odd {
    /// The name of the registry.
    name: String,
    /// In which way it is odd. Default: none.
    how: Option<How>,
}

/// In which way it is odd.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    /// It counts what it places.
    Counts,
    /// It keeps what it has of a blob that broke off.
    KeepsHalves,
    /// It shows a blob from the first byte on.
    ShowsEarly,
    /// It says that all is well with what it could not read.
    SwallowsErrors,
    /// It takes a blob from one writer at a time.
    OneWriter,
    /// It thinks that blobs have bytes.
    NoEmptyBlobs,
    /// It writes manifests anew.
    Reformats,
    /// It has one tag for each manifest.
    OneTag,
    /// It never moves a tag.
    FirstWins,
    /// It takes an image once.
    RefusesAgain,
    /// It does not tell manifests that it has.
    ForgetsManifests,
    /// It says that there is no such repository.
    DeniesAll,
    /// It wants blobs that it has.
    WantsAgain,
    /// It calls it an error that nothing is there.
    MissesTags,
}

struct Stage {
    memory: Memory,
    how: Option<How>,
    placed: AtomicUsize,
    busy: Arc<Mutex<HashSet<Digest>>>,
    tags: Mutex<HashMap<ImageRef, Descriptor>>,
}

impl StageConfig<dyn Push> for Odd {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn Push>, ConfigError> {
        Ok(Box::new(Stage {
            memory: memory(&self.name),
            how: self.how,
            placed: AtomicUsize::new(0),
            busy: Arc::default(),
            tags: Mutex::default(),
        }))
    }
}

/// Puts bytes into a registry that are perhaps not what they should be.
fn force(memory: &Memory, at: &Repository, item: &Descriptor, bytes: Vec<u8>) {
    let carrier = artifact(well_known::OCI_CONFIG, "{}", &[], &[]);
    let image = Image { blobs: vec![(item.clone(), bytes.into())], ..carrier };
    memory.add(&format!("{}@{}", at.path(), image.manifest.digest()), &image);
}

struct OddSlot {
    how: Option<How>,
    memory: Memory,
    at: Repository,
    item: Descriptor,
    real: Box<dyn Upload>,
    _busy: Busy,
}

/// One writer's turn, given back when it ends in whatever way.
struct Busy(Arc<Mutex<HashSet<Digest>>>, Digest);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.lock().unwrap().remove(&self.1);
    }
}

#[async_trait]
impl Upload for OddSlot {
    async fn write(self: Box<Self>, mut blob: Blob) -> Result<()> {
        let Self { how, memory, at, item, real, _busy } = *self;
        if how == Some(How::NoEmptyBlobs) && item.size == 0 {
            return Err(Error::new(ErrorKind::Unsupported, "there is nothing to write"));
        }
        if how == Some(How::ShowsEarly) {
            force(&memory, &at, &item, Vec::new());
            let mut all = Vec::new();
            while let Some(chunk) = blob.next().await {
                all.extend_from_slice(&chunk?);
            }
            force(&memory, &at, &item, all);
            return Ok(());
        }
        if how == Some(How::KeepsHalves) {
            let mut all = Vec::new();
            let mut result = Ok(());
            while let Some(chunk) = blob.next().await {
                match chunk {
                    Ok(chunk) => all.extend_from_slice(&chunk),
                    Err(error) => result = Err(error),
                }
            }
            force(&memory, &at, &item, all);
            return result;
        }
        let result = real.write(blob).await;
        if how == Some(How::SwallowsErrors) { Ok(()) } else { result }
    }
}

#[async_trait]
impl Push for Stage {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        let mut places = self.memory.targets(job)?;
        if self.how == Some(How::Counts) {
            let number = self.placed.fetch_add(1, Ordering::Relaxed);
            for place in &mut places {
                place.reference = Reference::Tag(format!("{}-{number}", place.reference).parse()?);
            }
        }
        Ok(places)
    }

    fn store(&self, at: &Repository) -> StoreId {
        self.memory.store(at)
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        match self.how {
            Some(How::Reformats | How::OneTag | How::FirstWins) => Ok(self.tags.lock().unwrap().get(at).cloned()),
            Some(How::MissesTags) => {
                let found = self.memory.resolve(at).await?;
                found.map(Some).ok_or_else(|| Error::new(ErrorKind::NotFound, "no such tag"))
            }
            _ => self.memory.resolve(at).await,
        }
    }

    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        let forgets = self.how == Some(How::ForgetsManifests) && item.media_type.is_manifest();
        Ok(!forgets && self.memory.blob_exists(at, item).await?)
    }

    async fn begin_upload(&self, request: &BeginUpload<'_>) -> Result<UploadStart> {
        let BeginUpload { repository: at, item, .. } = *request;
        if self.how == Some(How::OneWriter) && !self.busy.lock().unwrap().insert(item.digest.clone()) {
            return Err(Error::new(ErrorKind::Conflict, "somebody else is writing it"));
        }
        let busy = Busy(Arc::clone(&self.busy), item.digest.clone());
        let real = match self.memory.begin_upload(request).await? {
            UploadStart::Upload(real) => real,
            UploadStart::Present if self.how == Some(How::WantsAgain) => Box::new(Again),
            other => return Ok(other),
        };
        let memory = self.memory.clone();
        Ok(UploadStart::Upload(Box::new(OddSlot {
            how: self.how,
            memory,
            at: at.clone(),
            item: item.clone(),
            real,
            _busy: busy,
        })))
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        let (at, manifest) = (request.target(), request.manifest);
        if request.tag.is_some() {
            let mut tags = self.tags.lock().unwrap();
            if self.how == Some(How::RefusesAgain) && tags.get(&at).is_some_and(|old| old.digest == *manifest.digest())
            {
                return Err(Error::new(ErrorKind::Conflict, "it is there already"));
            }
            if self.how == Some(How::OneTag) {
                tags.retain(|_, digest| digest.digest != *manifest.digest());
            }
            match self.how {
                Some(How::FirstWins) => _ = tags.entry(at.clone()).or_insert_with(|| manifest.descriptor()),
                _ => _ = tags.insert(at.clone(), manifest.descriptor()),
            }
        }
        let written = self.written(manifest);
        let request = match request.tag {
            Some(_) => PutManifest::named(&at, &written),
            None => PutManifest::new(request.repository, &written),
        };
        self.memory.put_manifest(&request).await
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default().tag_inventory(self)
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl TagInventory for Stage {
    async fn tags(&self, at: &Repository, request: TagRequest) -> Result<RepositoryTags> {
        match self.how {
            _ if request != TagRequest::Names => Ok(RepositoryTags::Unknown),
            Some(How::DeniesAll) => Ok(RepositoryTags::Empty),
            Some(How::Reformats | How::OneTag | How::FirstWins) => Ok(RepositoryTags::Unknown),
            _ => Push::capabilities(&self.memory).tag_inventory.unwrap().tags(at, request).await,
        }
    }
}

/// Takes what is there already.
struct Again;

#[async_trait]
impl Upload for Again {
    async fn write(self: Box<Self>, mut blob: Blob) -> Result<()> {
        while let Some(chunk) = blob.next().await {
            chunk?;
        }
        Ok(())
    }
}

impl Stage {
    /// The manifest as it is written: of an index nothing is changed, since its entries would have to be as well.
    fn written(&self, manifest: &Manifest) -> Manifest {
        if self.how != Some(How::Reformats) || manifest.media_type().is_index() {
            return manifest.clone();
        }
        let document: serde_json::Value = serde_json::from_slice(manifest.bytes()).unwrap();
        Manifest::parse(document.to_string(), manifest.media_type()).unwrap()
    }
}

inventory::submit! { Plugin::push::<Odd>("memory") }

fn given(how: &str) -> Given {
    let name = unused();
    Given::new(format!("[[push]]\nuse = \"memory\"\nname = \"{name}\"\n{how}\n"))
        .other_end(format!("[fetch]\nuse = \"memory\"\nname = \"{name}\"\n"))
}

#[tokio::test]
async fn each_way_to_be_odd_breaks_one_rule() {
    let ways = [
        ("counts", "place_is_pure"),
        ("keeps_halves", "a_blob_is_there_whole_or_not_at_all"),
        ("shows_early", "a_blob_is_there_whole_or_not_at_all"),
        ("swallows_errors", "a_blob_is_there_whole_or_not_at_all"),
        ("one_writer", "ten_may_write_one_blob"),
        ("no_empty_blobs", "takes_an_empty_blob"),
        ("reformats", "bytes_are_verbatim"),
        ("one_tag", "two_tags_share_a_manifest"),
        ("first_wins", "a_tag_can_move"),
        ("refuses_again", "twice_is_once"),
        ("forgets_manifests", "an_index_is_there_the_next_time"),
        ("denies_all", "knows_what_it_has"),
        ("wants_again", "knows_what_it_has"),
        ("misses_tags", "knows_what_it_has"),
    ];
    each_breaks_its_rule(RULES, &ways, |how| given(&format!("how = \"{how}\""))).await;
}

mod well {
    sealift_conformance::conformance!(push: super::given(""));
}

mod without_something_to_read_with {
    use super::{Given, unused};

    sealift_conformance::conformance!(
        push: Given::new(format!("[[push]]\nuse = \"memory\"\nname = \"{}\"\n", unused()))
    );
}
