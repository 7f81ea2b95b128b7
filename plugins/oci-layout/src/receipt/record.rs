//! A destination that takes nothing and writes down everything: any pipeline that ends here makes a receipt.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use sealift_core::{
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::Result,
    job::Job,
    stage::{
        BeginUpload, Push, PushCapabilities, PutManifest, RepositoryTags, StoreId, TagInventory, TagRequest,
        UploadStart,
    },
};

use super::{Receipt, ReceiptBuilder};

/// Writes down what a pipeline finds. It says of every blob that it has it, so none is read.
#[derive(Debug, Default)]
pub struct ReceiptRecorder(Mutex<RecordedManifests>);

#[derive(Debug, Default)]
struct RecordedManifests {
    manifests: HashMap<Digest, RecordedLinks>,
    /// Under these names.
    roots: HashMap<ImageRef, Digest>,
    /// Manifests without a name, and where they are.
    others: HashSet<(Repository, Digest)>,
}

#[derive(Debug)]
struct RecordedLinks {
    children: Vec<Digest>,
    blobs: Vec<(Digest, u64)>,
}

impl ReceiptRecorder {
    /// Makes a receipt of everything that was recorded.
    pub fn receipt(&self, of: impl IntoIterator<Item = impl Into<String>>) -> Receipt {
        let seen = self.seen();
        let mut builder = ReceiptBuilder::new(of);
        let mut in_images = HashSet::new();
        for (name, digest) in &seen.roots {
            let all = seen.below(digest);
            in_images.extend(all.manifests.into_iter().map(|digest| (name.repository.clone(), digest)));
            builder.add(name.clone(), digest.clone(), Vec::new(), all.blobs);
        }
        // Signatures and the like: they belong to no image, and their blobs are there all the same.
        for (repository, digest) in seen.others.iter().filter(|other| !in_images.contains(*other)) {
            builder.add(repository.with_digest(digest), digest.clone(), Vec::new(), seen.below(digest).blobs);
        }
        builder.finish()
    }

    fn seen(&self) -> MutexGuard<'_, RecordedManifests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, manifest: &Manifest) -> MutexGuard<'_, RecordedManifests> {
        let mut seen = self.seen();
        seen.manifests.entry(manifest.digest().clone()).or_insert_with(|| RecordedLinks {
            children: manifest.children().map(|child| child.digest.clone()).collect(),
            blobs: manifest
                .blobs()
                .filter(|blob| !blob.is_foreign())
                .map(|blob| (blob.digest.clone(), blob.size))
                .collect(),
        });
        seen
    }
}

#[derive(Default)]
struct Closure {
    manifests: Vec<Digest>,
    blobs: Vec<(Digest, u64)>,
}

impl RecordedManifests {
    fn below(&self, root: &Digest) -> Closure {
        let mut all = Closure::default();
        let mut met = HashSet::new();
        let mut open = vec![root];
        while let Some(digest) = open.pop() {
            if let Some(links) = self.manifests.get(digest).filter(|_| met.insert(digest)) {
                all.manifests.push(digest.clone());
                all.blobs.extend(links.blobs.iter().cloned());
                open.extend(&links.children);
            }
        }
        all
    }
}

#[async_trait]
impl Push for ReceiptRecorder {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        Ok(vec![job.source.clone()])
    }

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new("receipt")
    }

    async fn resolve(&self, _: &ImageRef) -> Result<Option<Descriptor>> {
        Ok(None)
    }

    async fn blob_exists(&self, _: &Repository, _: &Descriptor) -> Result<bool> {
        Ok(true)
    }

    async fn begin_upload(&self, _: &BeginUpload<'_>) -> Result<UploadStart> {
        Ok(UploadStart::Present)
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        let (mut seen, digest) = (self.note(request.manifest), request.manifest.digest().clone());
        match request.tag {
            Some(_) => _ = seen.roots.insert(request.target(), digest),
            None => _ = seen.others.insert((request.repository.clone(), digest)),
        }
        Ok(())
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default().tag_inventory(self)
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl TagInventory for ReceiptRecorder {
    async fn tags(&self, _: &Repository, request: TagRequest) -> Result<RepositoryTags> {
        Ok(if request == TagRequest::Names { RepositoryTags::Empty } else { RepositoryTags::Unknown })
    }
}
