//! What the copy loop allocates: nothing for a chunk, and a bounded number of things for a blob.
//!
//! The counts are exact for one machine and compiler, and nearly the same everywhere, so they tell of a needless copy
//! or box long before a stopwatch would.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use sealift_conformance::{
    images::{Image, image},
    memory::Wanted,
};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    engine::{self, RunSettings},
    error::Result,
    job::{Job, Resolved},
    spec::{Named, OpenPipeline, RunOptions},
    stage::{
        BeginUpload, Fetch, FetchCapabilities, List, Push, PushCapabilities, PutManifest, ResolveMode, StoreId, Upload,
        UploadStart,
    },
};
use sealift_testkit::allocations::{self, Counting};
use tokio::sync::{Mutex, MutexGuard};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations are counted for the whole process, so one test at a time.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// A chunk that is hashed at once, and one that may wait until it is hashed beside that of another blob.
const SHORT: usize = 1024;
const LONG: usize = 64 << 10;

/// One image, read in chunks of this length that are there already.
struct Source(Image, usize);

#[async_trait]
impl Fetch for Source {
    async fn resolve(&self, image: &ImageRef, _: ResolveMode) -> Result<Resolved> {
        let manifest = self.0.manifest.clone();
        Ok(Resolved { image: image.clone(), descriptor: manifest.descriptor(), manifest: Some(manifest) })
    }

    async fn manifest(&self, _: &Repository, _: &Descriptor) -> Result<Manifest> {
        Ok(self.0.manifest.clone())
    }

    async fn blob(&self, _: &Repository, item: &Descriptor) -> Result<Blob> {
        let (_, bytes) = self.0.blobs.iter().find(|(known, _)| known.digest == item.digest).expect("one of ours");
        let bytes: Bytes = bytes.clone();
        let chunk = self.1;
        let chunks = (0..bytes.len()).step_by(chunk).map(move |at| Ok(bytes.slice(at..bytes.len().min(at + chunk))));
        Ok(Blob::new(item.clone(), stream::iter(chunks)))
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default()
    }
}

/// Takes everything and keeps nothing.
struct Sink(&'static str);

#[async_trait]
impl Push for Sink {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        let repository = Repository::new(self.0, job.source.repository.path())?;
        Ok(vec![ImageRef { repository, reference: job.source.reference.clone() }])
    }

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new(self.0)
    }

    async fn resolve(&self, _: &ImageRef) -> Result<Option<Descriptor>> {
        Ok(Some(Descriptor::new(Default::default(), Digest::of(b"another"), 7)))
    }

    async fn blob_exists(&self, _: &Repository, _: &Descriptor) -> Result<bool> {
        Ok(false)
    }

    async fn begin_upload(&self, _: &BeginUpload<'_>) -> Result<UploadStart> {
        Ok(UploadStart::Upload(Box::new(Sink(self.0))))
    }

    async fn put_manifest(&self, _: &PutManifest<'_>) -> Result<()> {
        Ok(())
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default()
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Upload for Sink {
    async fn write(self: Box<Self>, mut blob: Blob) -> Result<()> {
        while let Some(chunk) = blob.next().await {
            chunk?;
        }
        Ok(())
    }
}

/// How often a run allocates that copies a layer of so many chunks to so many destinations.
async fn allocations_of_chunks(chunks: usize, length: usize, destinations: usize) -> usize {
    let image = image("linux/amd64", &[&"x".repeat(chunks * length)]);
    allocations_of(Source(image, length), destinations).await
}

/// How often a run allocates that copies an image with so many layers.
async fn allocations_of_layers(layers: usize) -> usize {
    let layers: Vec<String> = (0..layers).map(|layer| format!("layer {layer}")).collect();
    let image = image("linux/amd64", &layers.iter().map(String::as_str).collect::<Vec<_>>());
    allocations_of(Source(image, SHORT), 1).await
}

async fn allocations_of(source: Source, destinations: usize) -> usize {
    let wanted = Wanted::new().image("from.io/app:v1", &[]);
    let hosts = ["a.io", "b.io", "c.io"];
    let pipeline = OpenPipeline {
        run: RunOptions { referrers: Some(false), ..RunOptions::default() },
        ..OpenPipeline::new(
            "loop",
            Named::new("wanted", Arc::new(wanted) as Arc<dyn List>),
            Named::new("source", Arc::new(source) as Arc<dyn Fetch>),
            hosts[..destinations]
                .iter()
                .map(|host| Named::new("sink", Arc::new(Sink(host)) as Arc<dyn Push>))
                .collect(),
        )
    };
    let before = allocations::count();
    let report = engine::run(&pipeline.into(), RunSettings::default()).await;
    assert_eq!(report.copied, destinations as u64);
    allocations::count() - before
}

#[tokio::test]
async fn a_chunk_on_its_way_allocates_nothing() {
    let _turn = alone().await;
    for length in [SHORT, LONG] {
        let (few, many) = (allocations_of_chunks(100, length, 1).await, allocations_of_chunks(600, length, 1).await);
        let more = many.saturating_sub(few);
        assert!(more < 10, "{more} allocations for 500 chunks of {length} bytes");
    }
}

#[tokio::test]
async fn a_chunk_for_three_destinations_allocates_next_to_nothing() {
    let _turn = alone().await;
    let (short, long) = (allocations_of_chunks(100, SHORT, 3).await, allocations_of_chunks(1100, SHORT, 3).await);
    let more = long.saturating_sub(short);
    // A queue takes memory for 32 chunks at a time, and there are three of them.
    assert!(more < 3 * 1000 / 32 + 50, "{more} allocations for 1,000 chunks");
}

#[tokio::test]
async fn a_blob_allocates_a_bounded_number_of_things() {
    let _turn = alone().await;
    let (few, many) = (allocations_of_layers(10).await, allocations_of_layers(110).await);
    let each = many.saturating_sub(few) / 100;
    assert!(each * 10 <= PER_BLOB * 11, "{each} allocations for a blob, {PER_BLOB} are known");
    assert!(each * 10 >= PER_BLOB * 9, "{each} allocations for a blob: pin the better number instead of {PER_BLOB}");
}

/// Boxed futures and streams, events, the once-map, a manifest's link: measured, and a tenth more or less is no news.
const PER_BLOB: usize = 29;
