//! As many images as a large site has, staged into one directory: memory follows what is in flight, and `index.json` is
//! not written for each of them.
#![cfg(unix)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::HashSet,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, ImageRef, Manifest, Reference, Repository, well_known},
    engine::{self, RunSettings},
    error::Result,
    event::Event,
    job::{Candidate, Listing, Resolved},
    observer::ObserverFn,
    outlet::Outlet,
    plugin::{BuildContext, Purpose, StageConfig},
    spec::{Named, OpenPipeline, RunOptions},
    stage::{Fetch, FetchCapabilities, List, Push, ResolveMode},
};
use sealift_dest_oci_dir::Config;
use serde_json::json;

/// Counts what is allocated, and the most that ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SHARED: usize = 50;

/// A registry whose images are made up when they are asked for: each has a config of its own and the same layers.
struct Endless {
    images: usize,
    layers: Vec<Descriptor>,
}

impl Endless {
    fn new(images: usize) -> Self {
        let layer = |at| Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, layer(at).as_bytes());
        Self { images, layers: (0..SHARED).map(layer).collect() }
    }

    fn manifest_of(&self, number: &str) -> Manifest {
        let config = Descriptor::of_bytes(well_known::OCI_CONFIG, config(number).as_bytes());
        let text = json!({ "schemaVersion": 2, "config": config, "layers": self.layers }).to_string();
        Manifest::parse(text, &well_known::OCI_MANIFEST).unwrap()
    }
}

fn layer(at: usize) -> String {
    format!("layer {at} of all ").repeat(200)
}

fn config(number: &str) -> String {
    json!({ "os": "linux", "architecture": "amd64", "image": number }).to_string()
}

/// The number of an image is the end of its repository's name.
fn number(repository: &Repository) -> &str {
    repository.path().rsplit('-').next().unwrap()
}

#[async_trait]
impl List for Endless {
    async fn list(&self, out: &Outlet) -> Result<()> {
        for number in 0..self.images {
            let repository = Repository::new("from.io", &format!("team/app-{number}"))?;
            let candidates = vec![Candidate::new(Reference::Tag("v1".parse()?))];
            out.send(Listing { exclusive: true, ..Listing::new(repository, candidates, "rule") }).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Fetch for Endless {
    async fn resolve(&self, image: &ImageRef, _: ResolveMode) -> Result<Resolved> {
        let manifest = self.manifest_of(number(&image.repository));
        Ok(Resolved { image: image.clone(), descriptor: manifest.descriptor(), manifest: Some(manifest) })
    }

    async fn manifest(&self, at: &Repository, _: &Descriptor) -> Result<Manifest> {
        Ok(self.manifest_of(number(at)))
    }

    async fn blob(&self, at: &Repository, item: &Descriptor) -> Result<Blob> {
        let shared = self.layers.iter().position(|layer| layer.digest == item.digest);
        let text = shared.map_or_else(|| config(number(at)), layer);
        Ok(Blob::from_bytes(item.clone(), text.into()))
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default()
    }
}

/// Tells one state of a file from the next: each is a file of its own, renamed to its place.
#[cfg(unix)]
fn stamp(file: &Path) -> Option<(u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    let data = std::fs::metadata(file).ok()?;
    Some((data.ino(), data.mtime(), data.mtime_nsec()))
}

/// Twelve thousand files are synced one by one, which is a matter of a minute on a disk and of seconds in memory.
fn room() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// What staging took: the most memory in bytes, and how often `index.json` was another one after an image, with the
/// seconds for that.
async fn staged(images: usize, dir: &Path) -> (usize, usize, u64) {
    let endless = Arc::new(Endless::new(images));
    let cx = BuildContext::new(Arc::new(|_| None), "/", Purpose::Run);
    let config = Config { path: dir.to_str().unwrap().to_owned(), ..Config::default() };
    let push = StageConfig::<dyn Push>::build(config, &cx).unwrap_or_else(|error| panic!("{error:?}"));
    let pipeline = OpenPipeline {
        run: RunOptions { referrers: Some(false), ..RunOptions::default() },
        ..OpenPipeline::new(
            "many",
            Named::new("endless", Arc::clone(&endless) as Arc<dyn List>),
            Named::new("endless", endless as Arc<dyn Fetch>),
            vec![Named::new("oci-dir", Arc::from(push))],
        )
    };
    let (index, seen) = (dir.join("index.json"), Arc::new(Mutex::new(HashSet::new())));
    let watch = Arc::clone(&seen);
    let observer = ObserverFn(move |event: &Event| {
        if matches!(event, Event::JobFinished { .. }) {
            watch.lock().unwrap().extend(stamp(&index));
        }
    });
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let started = Instant::now();
    let settings = RunSettings::default().with_observer("test", Arc::new(observer));
    let report = engine::run(&pipeline.into(), settings).await;
    assert_eq!((report.copied, report.failed), (images as u64, 0), "{:?}", report.failures);
    let seen = seen.lock().unwrap().len();
    (PEAK.load(Ordering::Relaxed) - before, seen, started.elapsed().as_secs())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_images_are_staged_in_little_memory_and_with_few_indexes() {
    let (few, many) = (room(), room());
    let (small, ..) = staged(1_000, few.path()).await;
    let (large, indexes, seconds) = staged(5_000, many.path()).await;
    // An image has an entry in `index.json`, which is there parsed and as text; nothing else may grow with them.
    let each = large.saturating_sub(small) / 4_000;
    assert!(each < 6_144, "{each} bytes for each further image: {small} bytes at most for 1,000, {large} for 5,000");
    // One in a second, whatever happens meanwhile.
    assert!(indexes as u64 <= seconds + 3, "{indexes} indexes in {seconds} s");
    let blobs = std::fs::read_dir(many.path().join("blobs/sha256")).unwrap().count();
    assert_eq!(blobs, 2 * 5_000 + SHARED, "what is shared is there once");
}
