//! A hundred thousand images need hardly more memory than a thousand.

use std::sync::Arc;

use async_trait::async_trait;
use sealift_conformance::images::{Image, image};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Reference, Repository},
    engine::{self, RunSettings},
    error::Result,
    job::{Candidate, Job, Listing, Resolved},
    outlet::Outlet,
    spec::{Named, OpenPipeline, RunOptions},
    stage::{
        BeginUpload, DistinctTargets, Fetch, FetchCapabilities, List, Push, PushCapabilities, PutManifest, ResolveMode,
        StoreId, Upload, UploadStart,
    },
};
use sealift_testkit::allocations::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A source that makes its images up, and a destination that forgets them.
struct Endless {
    repositories: usize,
    image: Image,
}

#[async_trait]
impl List for Endless {
    async fn list(&self, out: &Outlet) -> Result<()> {
        for number in 0..self.repositories {
            let repository = Repository::new("from.io", &format!("app{number}"))?;
            let tag = |tag: usize| Candidate::new(Reference::Tag(format!("v{tag}").parse().expect("a valid tag")));
            let candidates = (0..100).map(tag).collect();
            out.send(Listing { exclusive: true, ..Listing::new(repository, candidates, "rule") }).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Fetch for Endless {
    async fn resolve(&self, image: &ImageRef, _: ResolveMode) -> Result<Resolved> {
        let manifest = self.image.manifest.clone();
        Ok(Resolved { image: image.clone(), descriptor: manifest.descriptor(), manifest: Some(manifest) })
    }

    async fn manifest(&self, _: &Repository, _: &Descriptor) -> Result<Manifest> {
        Ok(self.image.manifest.clone())
    }

    async fn blob(&self, _: &Repository, item: &Descriptor) -> Result<Blob> {
        let (_, bytes) = self.image.blobs.iter().find(|(known, _)| known.digest == item.digest).expect("one of ours");
        Ok(Blob::from_bytes(item.clone(), bytes.clone()))
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default()
    }
}

struct Forgetful;

#[async_trait]
impl Push for Forgetful {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        let repository = Repository::new("to.io", job.source.repository.path())?;
        Ok(vec![ImageRef { repository, reference: job.source.reference.clone() }])
    }

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new("to.io")
    }

    async fn resolve(&self, _: &ImageRef) -> Result<Option<Descriptor>> {
        tokio::task::yield_now().await;
        Ok(Some(Descriptor::new(Default::default(), Digest::of(b"another"), 7)))
    }

    async fn blob_exists(&self, _: &Repository, _: &Descriptor) -> Result<bool> {
        Ok(false)
    }

    async fn begin_upload(&self, _: &BeginUpload<'_>) -> Result<UploadStart> {
        Ok(UploadStart::Upload(Box::new(Forgetful)))
    }

    async fn put_manifest(&self, _: &PutManifest<'_>) -> Result<()> {
        Ok(())
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default().distinct_targets(self)
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

impl DistinctTargets for Forgetful {
    /// As any registry does. Otherwise the engine has to remember each name.
    fn keeps_apart(&self) -> bool {
        true
    }
}

#[async_trait]
impl Upload for Forgetful {
    async fn write(self: Box<Self>, blob: Blob) -> Result<()> {
        blob.read_to_end(1 << 20).await.map(drop)
    }
}

async fn peak_of(repositories: usize) -> usize {
    let endless = Arc::new(Endless { repositories, image: image("linux/amd64", &["layer"]) });
    let pipeline = OpenPipeline {
        run: RunOptions { referrers: Some(false), ..RunOptions::default() },
        ..OpenPipeline::new(
            "many",
            Named::new("endless", Arc::clone(&endless) as Arc<dyn List>),
            Named::new("endless", endless as Arc<dyn Fetch>),
            vec![Named::new("forgetful", Arc::new(Forgetful) as Arc<dyn Push>)],
        )
    };
    let (report, peak) = allocations::peak_of(engine::run(&pipeline.into(), RunSettings::default())).await;
    assert_eq!(report.copied, repositories as u64 * 100);
    peak
}

#[tokio::test]
async fn memory_follows_what_is_in_flight_and_not_what_there_is() {
    let (few, many) = (peak_of(10).await, peak_of(1000).await);
    assert!(many * 10 <= few * 12, "1,000 images: {few} bytes at most, 100,000 images: {many} bytes");
}
