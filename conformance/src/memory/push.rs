//! Writing to a registry in memory.

use std::collections::HashSet;

use async_trait::async_trait;
use futures::StreamExt;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::{Error, ErrorKind, Result, Retry},
    job::Job,
    stage::{
        Admission, BeginUpload, ChildRetention, DigestVerification, DistinctTargets, ManifestReader, Push,
        PushCapabilities, PutManifest, ReferrerPresence, ReferrerSupport, RepositoryTags, StoreId, TagInventory,
        TagRequest, Upload, UploadStart, WriteHints,
    },
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

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new(&self.0.host)
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

    async fn begin_upload(&self, request: &BeginUpload<'_>) -> Result<UploadStart> {
        if !request.replace {
            return request.try_each(|known_in| self.offer(request.repository, request.item, known_in)).await;
        }
        self.call(Op::Renew, request.repository, &request.item.digest).await?;
        Ok(self.upload(request.repository, request.item))
    }

    async fn put_manifest(&self, &PutManifest { repository, manifest, tag, .. }: &PutManifest<'_>) -> Result<()> {
        match tag {
            Some(tag) => self.call(Op::Tag, repository, tag).await?,
            None => self.call(Op::PutManifest, repository, manifest.digest()).await?,
        };
        self.put(repository, manifest)?;
        if let Some(tag) = tag {
            let mut state = self.state();
            let members = state.repositories.entry(repository.path().to_owned()).or_default();
            members.tags.insert(tag.clone(), manifest.digest().clone());
        }
        Ok(())
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default()
            .distinct_targets(self)
            .tag_inventory(self)
            .admission(self)
            .manifest_reader(self)
            .referrer_support(self)
            .referrer_presence(self)
            .child_retention(self)
            .digest_verification(self)
            .write_hints(self)
    }

    async fn close(&self) -> Result<()> {
        let anywhere = Repository::new(&self.0.host, "all").expect("a valid name");
        self.call(Op::Finish, &anywhere, "").await.map(drop)
    }
}

impl Memory {
    fn upload(&self, at: &Repository, item: &Descriptor) -> UploadStart {
        UploadStart::Upload(Box::new(MemoryUpload { registry: self.clone(), at: at.clone(), item: item.clone() }))
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
        Ok(self.upload(at, item))
    }
}

impl DistinctTargets for Memory {
    fn keeps_apart(&self) -> bool {
        true
    }
}

impl WriteHints for Memory {
    fn announce(&self, source: &Repository, targets: &[Repository], _: &[ImageRef]) {
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        self.state().expected.push(format!("{}: {}", source.path(), targets.join(" ")));
    }
}

#[async_trait]
impl TagInventory for Memory {
    async fn tags(&self, at: &Repository, request: TagRequest) -> Result<RepositoryTags> {
        let TagRequest::Digests { wanted } = request else {
            self.call(Op::Survey, at, "").await?;
            let state = self.state();
            let tags = state.repositories.get(at.path()).map(|members| members.tags.keys().cloned().collect());
            return Ok(tags.map_or(RepositoryTags::Empty, RepositoryTags::Names));
        };
        if wanted < 2 || !self.state().overviews {
            return Ok(RepositoryTags::Unknown);
        }
        self.call(Op::Overview, at, "").await?;
        let state = self.state();
        let tags = state.repositories.get(at.path()).into_iter().flat_map(|members| members.tags.clone());
        let tags = tags.filter(|(tag, _)| tag.referenced_digest().is_none()).collect();
        Ok(RepositoryTags::Digests { tags, has_referrer_tags: false })
    }
}

#[async_trait]
impl Admission for Memory {
    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>, _: &[Descriptor]) -> Result<()> {
        let what =
            replaces.map_or_else(|| at.reference.to_string(), |old| format!("{} instead of {old}", at.reference));
        self.call(Op::Prepare, &at.repository, what).await.map(drop)
    }
}

impl DigestVerification for Memory {
    fn verifies_digest(&self, _: &Repository) -> bool {
        self.state().confirming == Confirming::Seen
    }
}

#[async_trait]
impl ManifestReader for Memory {
    async fn read_back(&self, at: &ImageRef) -> Result<Option<Manifest>> {
        self.call(Op::ReadBack, &at.repository, &at.reference).await?;
        Ok(self.lookup(at))
    }
}

impl ChildRetention for Memory {
    fn keeps_children(&self, _: &Repository) -> bool {
        self.state().keeps_children
    }
}

impl ReferrerSupport for Memory {
    fn takes_referrers(&self) -> bool {
        !self.state().without_referrers
    }
}

#[async_trait]
impl ReferrerPresence for Memory {
    async fn present_referrers(
        &self,
        at: &Repository,
        subject: &Digest,
        referrers: &[Descriptor],
    ) -> Result<HashSet<Digest>> {
        self.call(Op::Related, at, subject).await?;
        let state = self.state();
        let Some(members) = state.repositories.get(at.path()) else { return Ok(HashSet::new()) };
        let there = |entry: &&Descriptor| members.manifests.contains_key(&entry.digest);
        Ok(referrers.iter().filter(there).map(|entry| entry.digest.clone()).collect())
    }
}

struct MemoryUpload {
    registry: Memory,
    at: Repository,
    item: Descriptor,
}

#[async_trait]
impl Upload for MemoryUpload {
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
