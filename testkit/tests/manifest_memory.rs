//! However large the manifests of a source are, and however many: few of them are in memory at once.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sealift_conformance::images::{Image, image};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, MediaType, Reference, Repository, Tag, well_known},
    engine::{self, RunSettings},
    error::Result,
    job::{Candidate, Job, Listing, Resolved},
    outlet::Outlet,
    spec::{Named, OpenPipeline},
    stage::{
        BeginUpload, Fetch, FetchCapabilities, List, Push, PushCapabilities, PutManifest, Referrers, ResolveMode,
        StoreId, Upload, UploadStart,
    },
};
use sealift_testkit::allocations::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Images, and manifests that refer to one image.
const MANY: usize = 16;

/// Manifests below each index.
const CHILDREN: usize = 3;

/// The most memory for the manifests of any source, in bytes: those of two images, and what reading one takes.
const MEMORY: usize = (2 * CHILDREN * 4 + 12) << 20;

/// The large manifests of a source.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Large {
    Roots,
    Children,
    Referrers,
}

/// A source that makes its images up when they are asked for.
struct Source {
    large: Large,
    image: Image,
    /// Those that it can make.
    padded: Vec<Descriptor>,
}

/// Returns an image with a manifest of nearly 4 MiB, and another digest for each number.
fn padded(image: &Image, number: usize) -> Manifest {
    let mut text = String::with_capacity(4 << 20);
    text.push_str(&format!(r#"{{"annotations":{{"number":"{number}","pad":""#));
    text.extend(std::iter::repeat_n('x', (4 << 20) - 4096));
    text.push_str(r#""},"#);
    text.push_str(std::str::from_utf8(&image.manifest.bytes()[1..]).unwrap());
    Manifest::parse(text, &well_known::OCI_MANIFEST).unwrap()
}

impl Source {
    fn new(large: Large) -> Self {
        let image = image("linux/amd64", &["layer"]);
        let count = if large == Large::Children { CHILDREN * MANY } else { MANY };
        let padded = (0..count).map(|number| padded(&image, number).descriptor()).collect();
        Self { large, image, padded }
    }

    fn root(&self, number: usize) -> Manifest {
        match self.large {
            Large::Roots => padded(&self.image, number),
            Large::Referrers => self.image.manifest.clone(),
            Large::Children => {
                let entries = &self.padded[number * CHILDREN..][..CHILDREN];
                let index = serde_json::json!({ "schemaVersion": 2, "manifests": entries });
                Manifest::parse(index.to_string(), &well_known::OCI_INDEX).unwrap()
            }
        }
    }
}

#[async_trait]
impl List for Source {
    async fn list(&self, out: &Outlet) -> Result<()> {
        let tag = |tag: usize| Candidate::new(Reference::Tag(format!("v{tag}").parse().expect("a valid tag")));
        let count = if self.large == Large::Referrers { 1 } else { MANY };
        let repository = Repository::new("from.io", "app")?;
        out.send(Listing { exclusive: true, ..Listing::new(repository, (0..count).map(tag).collect(), "rule") }).await
    }
}

#[async_trait]
impl Fetch for Source {
    async fn resolve(&self, image: &ImageRef, _: ResolveMode) -> Result<Resolved> {
        let number = image.reference.tag().map(|tag| tag[1..].parse().expect("a number")).unwrap_or_default();
        let manifest = self.root(number);
        Ok(Resolved { image: image.clone(), descriptor: manifest.descriptor(), manifest: Some(manifest) })
    }

    async fn manifest(&self, _: &Repository, item: &Descriptor) -> Result<Manifest> {
        let number = self.padded.iter().position(|one| one.digest == item.digest).expect("one of ours");
        Ok(padded(&self.image, number))
    }

    async fn blob(&self, _: &Repository, item: &Descriptor) -> Result<Blob> {
        let (_, bytes) = self.image.blobs.iter().find(|(known, _)| known.digest == item.digest).expect("one of ours");
        Ok(Blob::from_bytes(item.clone(), bytes.clone()))
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default().referrers(self)
    }
}

#[async_trait]
impl Referrers for Source {
    async fn referrers(&self, _: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        let has_some = self.large == Large::Referrers && subject == self.image.manifest.digest();
        Ok(if has_some { self.padded.clone() } else { Vec::new() })
    }

    async fn referrer_tags(&self, _: &Repository, _: &Digest) -> Result<Vec<Tag>> {
        Ok(Vec::new())
    }
}

/// A destination that is slow and forgets everything.
struct Slow;

#[async_trait]
impl Push for Slow {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        let repository = Repository::new("to.io", job.source.repository.path())?;
        Ok(vec![ImageRef { repository, reference: job.source.reference.clone() }])
    }

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new("to.io")
    }

    async fn resolve(&self, _: &ImageRef) -> Result<Option<Descriptor>> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Some(Descriptor::new(MediaType::default(), Digest::of(b"another"), 7)))
    }

    async fn blob_exists(&self, _: &Repository, _: &Descriptor) -> Result<bool> {
        Ok(false)
    }

    async fn begin_upload(&self, _: &BeginUpload<'_>) -> Result<UploadStart> {
        Ok(UploadStart::Upload(Box::new(Self)))
    }

    async fn put_manifest(&self, _: &PutManifest<'_>) -> Result<()> {
        tokio::time::sleep(Duration::from_millis(1)).await;
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
impl Upload for Slow {
    async fn write(self: Box<Self>, blob: Blob) -> Result<()> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        blob.read_to_end(1 << 20).await.map(drop)
    }
}

#[tokio::test]
async fn few_large_manifests_are_in_memory_at_once() {
    for large in [Large::Roots, Large::Children, Large::Referrers] {
        let source = Arc::new(Source::new(large));
        let pipeline = OpenPipeline::new(
            "large",
            Named::new("source", Arc::clone(&source) as Arc<dyn List>),
            Named::new("source", source as Arc<dyn Fetch>),
            vec![Named::new("slow", Arc::new(Slow) as Arc<dyn Push>)],
        );
        let (report, peak) = allocations::peak_of(engine::run(&pipeline.into(), RunSettings::default())).await;
        let images = if large == Large::Referrers { 1 } else { MANY as u64 };
        assert_eq!((report.copied, report.failed), (images, 0), "{large:?}: {report:#?}");
        assert!(peak < MEMORY, "{large:?}: {} MiB", peak >> 20);
    }
}
