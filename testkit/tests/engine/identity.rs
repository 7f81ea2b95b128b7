//! Bytes are identity: a fetch that hands on something else than it was asked for is refused.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream;
use sealift_conformance::{
    images::{artifact, image, index},
    memory::{Memory, Wanted},
};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Repository, well_known},
    error::Result,
    job::Resolved,
    spec::Named,
    stage::{Fetch, FetchCapabilities, ResolveMode},
};

use crate::Bench;

/// What a fetch does wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Manifests have one more byte.
    ManifestBytes,
    /// A name resolves to another digest than that of the manifest that comes along.
    ResolvedDigest,
    /// A name resolves to another size than that of its manifest.
    ResolvedSize,
    /// A name with a digest resolves to another image, manifest and all.
    OtherImage,
    /// A blob comes with a descriptor of its own, which its bytes match.
    BlobDescriptor,
    /// A blob is said to have any size.
    BlobSize,
    /// A blob is not hashed, and its bytes are others.
    UnhashedBlob,
}

struct Faulty(Memory, Fault);

impl Faulty {
    fn longer(manifest: &Manifest) -> Manifest {
        let bytes = [manifest.bytes(), &b"\n"[..]].concat();
        Manifest::parse(bytes, manifest.media_type()).unwrap()
    }
}

#[async_trait]
impl Fetch for Faulty {
    async fn resolve(&self, name: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        let mut resolved = self.0.resolve(name, want).await?;
        match self.1 {
            Fault::ManifestBytes => resolved.manifest = resolved.manifest.as_ref().map(Self::longer),
            Fault::ResolvedDigest => resolved.descriptor.digest = Digest::of(b"other"),
            Fault::ResolvedSize => resolved.descriptor.size += 1,
            Fault::OtherImage => {
                let other = image("linux/amd64", &["other"]).manifest;
                resolved = Resolved { image: name.clone(), descriptor: other.descriptor(), manifest: Some(other) };
            }
            _ => {}
        }
        Ok(resolved)
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        let manifest = self.0.manifest(repository, item).await?;
        Ok(if self.1 == Fault::ManifestBytes { Self::longer(&manifest) } else { manifest })
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        let other = Bytes::from(vec![b'x'; usize::try_from(item.size).unwrap()]);
        Ok(match self.1 {
            Fault::BlobDescriptor => {
                let other = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b"other");
                Blob::new(other, stream::iter([Ok(Bytes::from_static(b"other"))]))
            }
            Fault::BlobSize => {
                let unsized_item = Descriptor { size: Descriptor::UNSIZED, ..item.clone() };
                let bytes = self.0.blob(repository, &unsized_item).await?.read_to_end(1 << 20).await?;
                Blob::from_bytes(unsized_item, bytes)
            }
            Fault::UnhashedBlob => Blob::from_bytes(item.clone(), other).unhashed(),
            _ => self.0.blob(repository, item).await?,
        })
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        Fetch::capabilities(&self.0)
    }
}

/// Seen before: a manifest with another digest than was asked for was pushed under the tag, "copied", exit 0.
#[tokio::test(start_paused = true)]
async fn what_has_another_digest_or_size_than_was_asked_for_is_refused() {
    let child = image("linux/amd64", &["layer"]);
    let app = index(&[("linux/amd64", &child)]);
    let lying = artifact(
        well_known::OCI_CONFIG,
        "{}",
        &[],
        &[("layers", serde_json::json!([{ "mediaType": "a/b", "digest": Digest::of(b"layer"), "size": 4711 }]))],
    );
    for (fault, version) in [
        (Fault::ManifestBytes, "v1".to_owned()),
        (Fault::ManifestBytes, app.manifest.digest().to_string()),
        (Fault::ResolvedDigest, "v1".to_owned()),
        (Fault::ResolvedDigest, app.manifest.digest().to_string()),
        (Fault::ResolvedSize, "v1".to_owned()),
        (Fault::OtherImage, app.manifest.digest().to_string()),
        (Fault::BlobDescriptor, "v1".to_owned()),
        (Fault::BlobSize, "lying".to_owned()),
        (Fault::UnhashedBlob, "v1".to_owned()),
    ] {
        // Once into an empty registry, and once where something stands: then names are resolved without a manifest.
        for there in [false, true] {
            let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
            from.add("app:v1", &app);
            from.add("app:layer", &child);
            from.add("app:lying", &lying);
            let before = image("linux/arm64", &["before"]);
            if there {
                to.add("app:v1", &before);
                to.add("app:lying", &before);
            }
            let sign = if version.contains(':') { '@' } else { ':' };
            let wanted = Wanted::new().image(&format!("from.io/app{sign}{version}"), &[]);
            let mut bench = Bench::new(wanted, &from, &[&to]);
            bench.pipeline.fetch = Named::new("faulty", Arc::new(Faulty(from.clone(), fault)) as Arc<dyn Fetch>);
            let report = bench.run().await;
            assert_eq!((report.copied, report.failed), (0, 1), "{fault:?} {version} {there}: {:?}", report.failures);
            let expected = there.then(|| before.manifest.digest().clone());
            assert_eq!(to.digest_of("app:v1"), expected, "{fault:?} {version}");
        }
    }
}

#[tokio::test]
async fn a_referrer_that_is_another_manifest_than_the_list_says_is_refused() {
    let app = image("linux/amd64", &["layer"]);
    let subject = serde_json::to_value(app.manifest.descriptor()).unwrap();
    let signature = artifact(well_known::OCI_EMPTY, "{}", &["signature"], &[("subject", subject)]);
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &app);
    from.add("app:signature", &signature);
    let mut bench = Bench::new(Wanted::new().image("from.io/app:v1", &[]), &from, &[&to])
        .options(|options| options.referrers = Some(true));
    assert_eq!(bench.run().await.failed, 0);
    to.assert_whole();
    let to = Memory::new("to.io");
    bench = Bench::new(Wanted::new().image("from.io/app:v1", &[]), &from, &[&to])
        .options(|options| options.referrers = Some(true));
    bench.pipeline.fetch = Named::new("faulty", Arc::new(OnlyReferrers(from.clone())) as Arc<dyn Fetch>);
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (0, 1), "{:?}", report.failures);
    assert!(report.failures[0].cause.contains("was asked for the manifest"), "{}", report.failures[0].cause);
}

/// Reads rightly, but for manifests that have a subject.
struct OnlyReferrers(Memory);

#[async_trait]
impl Fetch for OnlyReferrers {
    async fn resolve(&self, name: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        self.0.resolve(name, want).await
    }

    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest> {
        let manifest = self.0.manifest(repository, item).await?;
        Ok(if manifest.subject().is_some() { Faulty::longer(&manifest) } else { manifest })
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        self.0.blob(repository, item).await
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        Fetch::capabilities(&self.0)
    }
}
