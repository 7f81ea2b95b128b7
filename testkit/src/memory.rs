//! A registry in memory: the stages of the engine's tests.
//!
//! It keeps membership per repository as real ones do, refuses what misses its content, counts what it is asked, and
//! fails or waits where a test tells it to.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag, Version},
    error::{Error, ErrorKind, Result, Retry},
    job::{Candidate, Job, Listing, Resolved},
    outlet::Outlet,
    stage::{Fetch, Known, List, Offer, Push, Slot, StoreId, Want},
};

use crate::images::Image;

/// What was asked of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as the methods of the traits")]
pub enum Op {
    ResolveDigest,
    ResolveManifest,
    Manifest,
    Blob,
    Referrers,
    Tags,
    Overview,
    Survey,
    Current,
    Has,
    Prepare,
    Offer,
    Renew,
    Fill,
    PutManifest,
    Tag,
    Finish,
}

/// One question, for a test to answer differently.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked.
    pub op: Op,
    /// Of which repository.
    pub repository: String,
    /// The tag or digest that it is about.
    pub what: String,
    /// How often the same was asked before.
    pub before: usize,
}

/// What a test wants to happen instead.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It fails.
    Fail(Error),
    /// It takes this long first; for a fill, before every chunk.
    Slow(Duration),
    /// The bytes have a wrong last one.
    Corrupt,
    /// A blob is taken as it comes, and its digest is not confirmed.
    Unconfirmed,
    /// The plugin panics.
    Panic,
    /// The plugin neither answers nor fails.
    Hang,
}

type Script = Box<dyn Fn(&Call) -> Option<Fault> + Send + Sync>;

/// A registry in memory. Clones are the same registry.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    host: String,
    state: Mutex<State>,
    script: Mutex<Option<Script>>,
}

#[derive(Default)]
struct State {
    overviews: bool,
    /// Whether it names the digest of what it took: not asked for, from now on, seen, or no longer.
    confirming: Confirming,
    /// For each fill whether its blob was hashed on the way.
    hashed: Vec<bool>,
    repositories: BTreeMap<String, Members>,
    blobs: HashMap<Digest, Bytes>,
    calls: Vec<Call>,
    counts: HashMap<(Op, String, String), usize>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Confirming {
    #[default]
    Never,
    Unseen,
    Seen,
}

#[derive(Default)]
struct Members {
    tags: BTreeMap<Tag, Digest>,
    manifests: HashMap<Digest, Manifest>,
    blobs: HashSet<Digest>,
}

impl Memory {
    /// An empty registry.
    pub fn new(host: &str) -> Self {
        Self(Arc::new(Inner { host: host.to_owned(), state: Mutex::default(), script: Mutex::default() }))
    }

    /// Puts an image there, with everything below it.
    pub fn add(&self, name: &str, image: &Image) {
        let name: ImageRef = self.name(name);
        let mut state = self.state();
        store(&mut state, name.repository.path(), image);
        if let Version::Tag(tag) = name.version {
            let members = state.repositories.entry(name.repository.path().to_owned()).or_default();
            members.tags.insert(tag, image.manifest.digest().clone());
        }
    }

    /// `repo:tag` or `repo@digest` here, as a reference.
    pub fn name(&self, name: &str) -> ImageRef {
        format!("{}/{name}", self.0.host).parse().expect("a valid name")
    }

    /// Lets the test decide what happens to each call.
    pub fn script(&self, script: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) {
        *self.0.script.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(script));
    }

    /// From now on it tells its tags with their digests at once, as registries with an API of their own can, but not
    /// those that are about a digest.
    #[must_use]
    pub fn with_overview(self) -> Self {
        self.state().overviews = true;
        self
    }

    /// From now on it computes the digest of every blob that it takes, refuses a wrong one and confirms a right one.
    #[must_use]
    pub fn confirming(self) -> Self {
        self.state().confirming = Confirming::Unseen;
        self
    }

    /// Of each blob that it was sent, whether that was hashed on the way.
    pub fn hashed(&self) -> Vec<bool> {
        self.state().hashed.clone()
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        *self.0.script.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How often something was asked since the last [`Memory::forget_calls`].
    pub fn count(&self, op: Op) -> usize {
        self.state().calls.iter().filter(|call| call.op == op).count()
    }

    /// All calls since the last [`Memory::forget_calls`].
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Starts counting anew.
    pub fn forget_calls(&self) {
        let mut state = self.state();
        state.calls.clear();
        state.counts.clear();
    }

    /// What a tag points to.
    pub fn digest_of(&self, name: &str) -> Option<Digest> {
        let name = self.name(name);
        self.state().repositories.get(name.repository.path())?.tags.get(name.version.tag()?).cloned()
    }

    /// Looks through everything: all that a tag leads to must be there, in the same repository.
    ///
    /// # Panics
    /// If something is missing.
    pub fn assert_whole(&self) {
        let state = self.state();
        for (path, members) in &state.repositories {
            for (tag, digest) in &members.tags {
                walk(members, &state.blobs, digest, &format!("{path}:{tag}"));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call, and does to it what the test wants.
    async fn call(&self, op: Op, repository: &Repository, what: impl ToString) -> Result<Option<Fault>> {
        let (repository, what) = (repository.path().to_owned(), what.to_string());
        let call = {
            let mut state = self.state();
            let count = state.counts.entry((op, repository.clone(), what.clone())).or_default();
            let call = Call { op, repository, what, before: *count };
            *count += 1;
            state.calls.push(call.clone());
            call
        };
        let fault = self.0.script.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|s| s(&call));
        tokio::task::yield_now().await;
        match fault {
            Some(Fault::Fail(error)) => Err(error),
            Some(Fault::Panic) => panic!("told to"),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Slow(wait)) if op != Op::Fill => {
                tokio::time::sleep(wait).await;
                Ok(None)
            }
            other => Ok(other),
        }
    }

    fn find(&self, repository: &Repository, digest: &Digest) -> Option<Manifest> {
        self.state().repositories.get(repository.path())?.manifests.get(digest).cloned()
    }

    fn lookup(&self, image: &ImageRef) -> Option<Manifest> {
        let digest = match &image.version {
            Version::Digest(digest) => digest.clone(),
            Version::Tag(tag) => self.state().repositories.get(image.repository.path())?.tags.get(tag)?.clone(),
        };
        self.find(&image.repository, &digest)
    }
}

fn store(state: &mut State, path: &str, image: &Image) {
    for child in &image.children {
        store(state, path, child);
    }
    let members = state.repositories.entry(path.to_owned()).or_default();
    members.manifests.insert(image.manifest.digest().clone(), image.manifest.clone());
    for (pointer, bytes) in &image.blobs {
        members.blobs.insert(pointer.digest.clone());
        state.blobs.insert(pointer.digest.clone(), bytes.clone());
    }
}

fn walk(members: &Members, blobs: &HashMap<Digest, Bytes>, digest: &Digest, name: &str) {
    let manifest = members.manifests.get(digest).unwrap_or_else(|| panic!("{name}: manifest {digest} is missing"));
    for blob in manifest.blobs().filter(|blob| !blob.media_type.is_foreign_layer()) {
        assert!(members.blobs.contains(&blob.digest), "{name}: blob {} is missing", blob.digest);
        assert!(blob.digest.matches(&blobs[&blob.digest]), "{name}: blob {} is wrong", blob.digest);
    }
    for child in manifest.children() {
        walk(members, blobs, &child.digest, name);
    }
}

fn not_found(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::NotFound, format!("`{what}` is not there"))
}

#[async_trait]
impl Fetch for Memory {
    async fn resolve(&self, image: &ImageRef, want: Want) -> Result<Resolved> {
        let op = if want == Want::Digest { Op::ResolveDigest } else { Op::ResolveManifest };
        self.call(op, &image.repository, &image.version).await?;
        let manifest = self.lookup(image).ok_or_else(|| not_found(image))?;
        let descriptor = manifest.descriptor();
        Ok(Resolved { image: image.clone(), descriptor, manifest: (want == Want::Manifest).then_some(manifest) })
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        self.call(Op::Manifest, repository, &item.digest).await?;
        self.find(repository, &item.digest).ok_or_else(|| not_found(&item.digest))
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        let fault = self.call(Op::Blob, repository, &item.digest).await?;
        let mut bytes = self.state().blobs.get(&item.digest).cloned().ok_or_else(|| not_found(&item.digest))?;
        if let Some(Fault::Corrupt) = fault {
            let mut wrong = bytes.to_vec();
            *wrong.last_mut().expect("an empty blob cannot be corrupt") ^= 1;
            bytes = wrong.into();
        }
        let chunks: Vec<_> = bytes.chunks(1024).map(|chunk| Ok(bytes.slice_ref(chunk))).collect();
        Ok(Blob::new(item.clone(), stream::iter(chunks)))
    }

    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        self.call(Op::Tags, repository, "").await?;
        let state = self.state();
        let members = state.repositories.get(repository.path());
        Ok(members.map(|members| members.tags.keys().cloned().collect()).unwrap_or_default())
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.call(Op::Referrers, repository, subject).await?;
        let state = self.state();
        let Some(members) = state.repositories.get(repository.path()) else { return Ok(Vec::new()) };
        let about = |manifest: &&Manifest| manifest.subject().is_some_and(|about| about.digest == *subject);
        Ok(members.manifests.values().filter(about).map(Manifest::descriptor).collect())
    }
}

#[async_trait]
impl Push for Memory {
    fn place(&self, job: &Job) -> Result<Vec<ImageRef>> {
        let mine: Vec<_> = job.targets.iter().filter(|at| at.repository.registry() == self.0.host).cloned().collect();
        if !mine.is_empty() || !job.targets.is_empty() {
            return Ok(mine);
        }
        let repository = Repository::new(&self.0.host, job.source.repository.path())?;
        Ok(vec![ImageRef { repository, version: job.source.version.clone() }])
    }

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new(&self.0.host)
    }

    async fn overview(&self, at: &Repository, _: usize) -> Result<Known> {
        if !self.state().overviews {
            return Ok(Known::Ask);
        }
        self.call(Op::Overview, at, "").await?;
        let state = self.state();
        let tags = state.repositories.get(at.path()).into_iter().flat_map(|members| members.tags.clone());
        Ok(Known::Images(tags.filter(|(tag, _)| tag.about().is_none()).collect()))
    }

    async fn survey(&self, at: &Repository) -> Result<Known> {
        self.call(Op::Survey, at, "").await?;
        let state = self.state();
        let tags = state.repositories.get(at.path()).map(|members| members.tags.keys().cloned().collect());
        Ok(tags.map_or(Known::Nothing, Known::Names))
    }

    async fn current(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        self.call(Op::Current, &at.repository, &at.version).await?;
        Ok(self.lookup(at).map(|manifest| manifest.descriptor()))
    }

    async fn has(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.call(Op::Has, at, &item.digest).await?;
        let state = self.state();
        Ok(state.repositories.get(at.path()).is_some_and(|members| members.blobs.contains(&item.digest)))
    }

    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>, _: &[Descriptor]) -> Result<()> {
        let what = replaces.map_or_else(|| at.version.to_string(), |old| format!("{} instead of {old}", at.version));
        self.call(Op::Prepare, &at.repository, what).await.map(drop)
    }

    async fn offer(&self, at: &Repository, item: &Descriptor, known_in: Option<&Repository>) -> Result<Offer> {
        self.call(Op::Offer, at, &item.digest).await?;
        let mut state = self.state();
        let there = |state: &State, path: &str| {
            state.repositories.get(path).is_some_and(|members| members.blobs.contains(&item.digest))
        };
        if there(&state, at.path()) {
            return Ok(Offer::Have);
        }
        if known_in.is_some_and(|other| there(&state, other.path())) {
            state.repositories.entry(at.path().to_owned()).or_default().blobs.insert(item.digest.clone());
            return Ok(Offer::Mounted);
        }
        drop(state);
        Ok(Offer::Want(Box::new(MemorySlot { registry: self.clone(), at: at.clone(), item: item.clone() })))
    }

    async fn renew(&self, at: &Repository, item: &Descriptor) -> Result<Offer> {
        self.call(Op::Renew, at, &item.digest).await?;
        Ok(Offer::Want(Box::new(MemorySlot { registry: self.clone(), at: at.clone(), item: item.clone() })))
    }

    async fn put_manifest(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        self.call(Op::PutManifest, at, manifest.digest()).await?;
        self.put(at, manifest)
    }

    async fn tag(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.call(Op::Tag, &at.repository, &at.version).await?;
        self.put(&at.repository, manifest)?;
        let tag = at.version.tag().ok_or_else(|| Error::new(ErrorKind::Bug, "a tag was expected"))?;
        let mut state = self.state();
        let members = state.repositories.entry(at.repository.path().to_owned()).or_default();
        members.tags.insert(tag.clone(), manifest.digest().clone());
        Ok(())
    }

    async fn finish(&self) -> Result<()> {
        let anywhere = Repository::new(&self.0.host, "all").expect("a valid name");
        self.call(Op::Finish, &anywhere, "").await.map(drop)
    }
}

impl Memory {
    /// Takes a manifest if everything that it points to is there.
    fn put(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        let mut state = self.state();
        let members = state.repositories.entry(at.path().to_owned()).or_default();
        let refuse = |what: &Digest| Err(Error::new(ErrorKind::Unsupported, format!("`{what}` is not in `{at}`")));
        for child in manifest.children() {
            if !members.manifests.contains_key(&child.digest) {
                return refuse(&child.digest);
            }
        }
        for blob in manifest.blobs().filter(|blob| !blob.media_type.is_foreign_layer()) {
            if !members.blobs.contains(&blob.digest) {
                return refuse(&blob.digest);
            }
        }
        members.manifests.insert(manifest.digest().clone(), manifest.clone());
        Ok(())
    }
}

struct MemorySlot {
    registry: Memory,
    at: Repository,
    item: Descriptor,
}

#[async_trait]
impl Slot for MemorySlot {
    async fn fill(self: Box<Self>, mut blob: Blob) -> Result<()> {
        let fault = self.registry.call(Op::Fill, &self.at, &self.item.digest).await?;
        let hashed = blob.is_hashed();
        self.registry.state().hashed.push(hashed);
        let mut bytes = Vec::new();
        while let Some(chunk) = blob.next().await {
            if let Some(Fault::Slow(wait)) = fault {
                tokio::time::sleep(wait).await;
            }
            bytes.extend_from_slice(&chunk.map_err(|_| Error::new(ErrorKind::Unavailable, "the body broke off"))?);
        }
        let mut state = self.registry.state();
        let confirms = state.confirming != Confirming::Never && !matches!(fault, Some(Fault::Unconfirmed));
        let corrupt = |what: &str| Err(Error::new(ErrorKind::Corrupt, what).retry(Retry::Soon));
        if confirms && !self.item.digest.matches(&bytes) {
            return corrupt("the registry refuses bytes with another digest");
        }
        state.confirming = if confirms { Confirming::Seen } else { Confirming::Never };
        state.blobs.insert(self.item.digest.clone(), bytes.into());
        state.repositories.entry(self.at.path().to_owned()).or_default().blobs.insert(self.item.digest);
        if confirms || hashed { Ok(()) } else { corrupt("the registry did not confirm the digest") }
    }

    fn confirms(&self) -> bool {
        self.registry.state().confirming == Confirming::Seen
    }
}

/// A list of what a test wants copied.
#[derive(Clone, Default)]
pub struct Wanted {
    listings: Vec<Listing>,
    failing: Arc<Mutex<Vec<(Repository, Error)>>>,
}

impl Wanted {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `source` (`host/repo:tag`) goes to these targets; the destination names it if there are none.
    #[must_use]
    pub fn image(mut self, source: &str, targets: &[&str]) -> Self {
        let source: ImageRef = source.parse().expect("a valid source");
        let targets = targets.iter().map(|target| target.parse().expect("a valid target")).collect();
        let candidate = Candidate { version: source.version, targets };
        match self.listings.last_mut().filter(|last| last.repository == source.repository) {
            Some(listing) => listing.candidates.push(candidate),
            None => {
                let rule = format!("rule {}", self.listings.len() + 1);
                self.listings.push(Listing::new(source.repository, vec![candidate], rule));
            }
        }
        self
    }

    /// The listing of this repository fails the first time.
    #[must_use]
    pub fn failing_once(self, repository: &str, error: Error) -> Self {
        let repository = repository.parse().expect("a valid repository");
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).push((repository, error));
        self
    }
}

#[async_trait]
impl List for Wanted {
    async fn list(&self, out: &Outlet) -> Result<()> {
        for listing in &self.listings {
            let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match failing.iter().find(|(repository, _)| *repository == listing.repository) {
                Some((repository, error)) => out.failed(repository, error.clone()).await?,
                None => out.send(listing.clone()).await?,
            }
        }
        Ok(())
    }

    async fn list_again(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        for listing in self.listings.iter().filter(|listing| listing.repository == *repository) {
            out.send(listing.clone()).await?;
        }
        Ok(())
    }
}
