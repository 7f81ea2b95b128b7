//! Writing to a registry in memory.

use std::collections::HashSet;

use async_trait::async_trait;
use futures::StreamExt;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::{Error, ErrorKind, Result, Retry},
    job::Job,
    stage::{Push, RepositoryTags, StoreId, Upload, UploadStart},
};

use super::{
    Fault, Memory, Op,
    content::{Confirming, Members, State},
};

#[async_trait]
impl Push for Memory {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        let mine: Vec<_> = job.targets.iter().filter(|at| at.repository.registry() == self.0.host).cloned().collect();
        if !mine.is_empty() || !job.targets.is_empty() {
            return Ok(mine);
        }
        let repository = Repository::new(&self.0.host, job.source.repository.path())?;
        Ok(vec![ImageRef { repository, reference: job.called().reference }])
    }

    fn keeps_apart(&self) -> bool {
        true
    }

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new(&self.0.host)
    }

    fn announce(&self, source: &Repository, targets: &[Repository]) {
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        self.state().expected.push(format!("{}: {}", source.path(), targets.join(" ")));
    }

    async fn overview(&self, at: &Repository, wanted: usize) -> Result<RepositoryTags> {
        if wanted < 2 || !self.state().overviews {
            return Ok(RepositoryTags::Unknown);
        }
        self.call(Op::Overview, at, "").await?;
        let state = self.state();
        let tags = state.repositories.get(at.path()).into_iter().flat_map(|members| members.tags.clone());
        Ok(RepositoryTags::Images(tags.filter(|(tag, _)| tag.referenced_digest().is_none()).collect()))
    }

    async fn survey(&self, at: &Repository) -> Result<RepositoryTags> {
        self.call(Op::Survey, at, "").await?;
        let state = self.state();
        let tags = state.repositories.get(at.path()).map(|members| members.tags.keys().cloned().collect());
        Ok(tags.map_or(RepositoryTags::Empty, RepositoryTags::Names))
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        self.call(Op::Current, &at.repository, &at.reference).await?;
        Ok(self.lookup(at).map(|manifest| manifest.descriptor()))
    }

    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.call(Op::Has, at, &item.digest).await?;
        let state = self.state();
        let has = |members: &Members| match item.media_type.is_manifest() {
            true => members.manifests.contains_key(&item.digest),
            false => members.blobs.contains(&item.digest),
        };
        Ok(state.repositories.get(at.path()).is_some_and(has))
    }

    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>, _: &[Descriptor]) -> Result<()> {
        let what =
            replaces.map_or_else(|| at.reference.to_string(), |old| format!("{} instead of {old}", at.reference));
        self.call(Op::Prepare, &at.repository, what).await.map(drop)
    }

    fn verifies_digest(&self, _: &Repository) -> bool {
        self.state().confirming == Confirming::Seen
    }

    async fn offer(&self, at: &Repository, item: &Descriptor, known_in: Option<&Repository>) -> Result<UploadStart> {
        self.call(Op::Offer, at, &item.digest).await?;
        let mut state = self.state();
        state.named_sources += usize::from(known_in.is_some());
        let there = |state: &State, path: &str| {
            state.repositories.get(path).is_some_and(|members| members.blobs.contains(&item.digest))
        };
        if there(&state, at.path()) {
            return Ok(UploadStart::Present);
        }
        if !state.never_mounts && known_in.is_some_and(|other| there(&state, other.path())) {
            state.repositories.entry(at.path().to_owned()).or_default().blobs.insert(item.digest.clone());
            return Ok(UploadStart::Mounted);
        }
        drop(state);
        Ok(UploadStart::Upload(Box::new(MemorySlot { registry: self.clone(), at: at.clone(), item: item.clone() })))
    }

    async fn renew(&self, at: &Repository, item: &Descriptor) -> Result<UploadStart> {
        self.call(Op::Renew, at, &item.digest).await?;
        Ok(UploadStart::Upload(Box::new(MemorySlot { registry: self.clone(), at: at.clone(), item: item.clone() })))
    }

    async fn read_back(&self, at: &ImageRef) -> Result<Option<Manifest>> {
        self.call(Op::ReadBack, &at.repository, &at.reference).await?;
        Ok(self.lookup(at))
    }

    fn keeps_children(&self, _: &Repository) -> bool {
        self.state().keeps_children
    }

    async fn related(&self, at: &Repository, subject: &Digest, referrers: &[Descriptor]) -> Result<HashSet<Digest>> {
        self.call(Op::Related, at, subject).await?;
        let state = self.state();
        let Some(members) = state.repositories.get(at.path()) else { return Ok(HashSet::new()) };
        let there = |entry: &&Descriptor| members.manifests.contains_key(&entry.digest);
        Ok(referrers.iter().filter(there).map(|entry| entry.digest.clone()).collect())
    }

    async fn put_manifest(&self, at: &Repository, manifest: &Manifest) -> Result<()> {
        self.call(Op::PutManifest, at, manifest.digest()).await?;
        self.put(at, manifest)
    }

    async fn tag(&self, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        self.call(Op::Tag, &at.repository, &at.reference).await?;
        self.put(&at.repository, manifest)?;
        let tag = at.reference.tag().ok_or_else(|| Error::new(ErrorKind::Bug, "a tag was expected"))?;
        let mut state = self.state();
        let members = state.repositories.entry(at.repository.path().to_owned()).or_default();
        members.tags.insert(tag.clone(), manifest.digest().clone());
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        let anywhere = Repository::new(&self.0.host, "all").expect("a valid name");
        self.call(Op::Finish, &anywhere, "").await.map(drop)
    }
}

struct MemorySlot {
    registry: Memory,
    at: Repository,
    item: Descriptor,
}

#[async_trait]
impl Upload for MemorySlot {
    async fn write(self: Box<Self>, mut blob: Blob) -> Result<()> {
        let fault = self.registry.call(Op::Fill, &self.at, &self.item.digest).await?;
        let hashing = blob.hashing();
        let mut bytes = Vec::new();
        while let Some(chunk) = blob.next().await {
            if let Some(Fault::Slow(wait)) = fault {
                tokio::time::sleep(wait).await;
            }
            bytes.extend_from_slice(&chunk.map_err(|_| Error::new(ErrorKind::Unavailable, "the body broke off"))?);
        }
        let hashed = hashing.is_on();
        let mut state = self.registry.state();
        state.hashed.push(hashed);
        let confirms = state.confirming != Confirming::Never && !matches!(fault, Some(Fault::Unconfirmed));
        let corrupt = |what: &str| Err(Error::new(ErrorKind::Corrupt, what).with_retry(Retry::Soon));
        if confirms && !self.item.digest.matches(&bytes) {
            return corrupt("the registry refuses bytes with another digest");
        }
        state.confirming = if confirms { Confirming::Seen } else { Confirming::Never };
        state.blobs.insert(self.item.digest.clone(), bytes.into());
        state.repositories.entry(self.at.path().to_owned()).or_default().blobs.insert(self.item.digest);
        if confirms || hashed { Ok(()) } else { corrupt("the registry did not confirm the digest") }
    }
}
