//! Reading from a registry in memory.

use async_trait::async_trait;
use futures::stream;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, Tag},
    error::{Error, ErrorKind, Result},
    job::Resolved,
    stage::{Fetch, FetchCapabilities, ReadHints, Referrers, ResolveMode, TagList},
};

use super::{Fault, Memory, Op};

#[async_trait]
impl Fetch for Memory {
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        let op = if want == ResolveMode::Descriptor { Op::ResolveDigest } else { Op::ResolveManifest };
        self.call(op, &image.repository, &image.reference).await?;
        let manifest = self.lookup(image).ok_or_else(|| not_found(image))?;
        let descriptor = manifest.descriptor();
        Ok(Resolved { image: image.clone(), descriptor, manifest: (want == ResolveMode::Manifest).then_some(manifest) })
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

    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default().referrers(self).tag_list(self).read_hints(self)
    }
}

impl ReadHints for Memory {
    fn announce(&self, repository: &Repository) {
        self.state().expected.push(repository.path().to_owned());
    }
}

#[async_trait]
impl TagList for Memory {
    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        self.call(Op::Tags, repository, "").await?;
        let state = self.state();
        let members = state.repositories.get(repository.path());
        Ok(members.map(|members| members.tags.keys().cloned().collect()).unwrap_or_default())
    }
}

#[async_trait]
impl Referrers for Memory {
    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        self.call(Op::TagsAbout, repository, subject).await?;
        let state = self.state();
        let members = state.repositories.get(repository.path());
        let about = |tag: &&Tag| tag.referenced_digest().as_ref() == Some(subject) && tag.contains('.');
        Ok(members.into_iter().flat_map(|members| members.tags.keys()).filter(about).cloned().collect())
    }

    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.call(Op::Referrers, repository, subject).await?;
        let state = self.state();
        let Some(members) = state.repositories.get(repository.path()) else { return Ok(Vec::new()) };
        let about = |manifest: &&Manifest| manifest.subject().is_some_and(|about| about.digest == *subject);
        Ok(members.manifests.values().filter(about).map(Manifest::descriptor).collect())
    }
}

fn not_found(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::NotFound, format!("`{what}` is not there"))
}
