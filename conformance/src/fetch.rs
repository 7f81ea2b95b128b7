//! The rules of fetches.

use std::sync::Arc;

use sealift_core::{
    content::{Descriptor, Digest, ImageRef, Reference, well_known},
    error::{Error, ErrorKind},
    plugin::Role,
    stage::{Fetch, ResolveMode},
};

use super::{
    Given, Violation, rules,
    samples::{put, samples, told},
};
use crate::images::Image;

rules!(
    Role::Fetch;
    tag_and_digest_lead_to_the_same: "resolve tags and digests alike, for `ResolveMode::Descriptor` and for `ResolveMode::Manifest`",
    bytes_are_verbatim: "hand on manifests and blobs as they were read, and parse only to look",
    reads_an_empty_blob: "a blob without bytes is one: give a stream that ends at once",
    two_tags_share_a_manifest: "let any number of tags point to one digest",
    what_is_not_there_is_not_found: "answer `ErrorKind::NotFound` where nothing is",
);

/// Enough for every blob of the samples.
const LIMIT: u64 = 8 << 20;

/// A source with the samples, and how they are called there.
struct FilledSource {
    fetch: Arc<dyn Fetch>,
    images: Vec<(&'static str, ImageRef, Image)>,
}

impl FilledSource {
    async fn new(given: &Given) -> Result<Self, Violation> {
        let mut images = Vec::new();
        match given.held_at() {
            Some(prefix) => {
                for (name, image) in samples() {
                    let at =
                        format!("{prefix}/{name}").parse().map_err(|error| format!("`{prefix}/{name}`: {error}"))?;
                    images.push((name, at, image));
                }
            }
            None => {
                let push = given.filler()?;
                for (name, image) in samples() {
                    images.push((name, put(&*push, name, &image).await?, image));
                }
                push.close().await.map_err(told("close"))?;
            }
        }
        Ok(Self { fetch: given.fetch()?, images })
    }

    fn named(&self, name: &str) -> (&ImageRef, &Image) {
        let found = self.images.iter().find(|(other, ..)| *other == name);
        found.map(|(_, at, image)| (at, image)).expect("it is one of the samples")
    }

    async fn digest(&self, at: &ImageRef, want: ResolveMode) -> Result<Digest, Violation> {
        let resolved =
            self.fetch.resolve(at, want).await.map_err(|error| format!("`{at}` cannot be resolved: {error}"))?;
        let read = resolved.manifest.as_ref().map(|manifest| manifest.digest());
        if read.is_some_and(|digest| *digest != resolved.descriptor.digest) {
            return Err(format!("the manifest of `{at}` is not what its descriptor says"));
        }
        Ok(resolved.descriptor.digest)
    }
}

/// A tag and the digest that it points to are one image, however much of it is wanted.
async fn tag_and_digest_lead_to_the_same(given: Arc<Given>) -> Result<(), Violation> {
    let bench = FilledSource::new(&given).await?;
    for name in ["kit/app:v1", "kit/app:v2"] {
        let (at, image) = bench.named(name);
        let expected = image.manifest.digest();
        for at in [at.clone(), at.repository.with_digest(expected)] {
            for want in [ResolveMode::Descriptor, ResolveMode::Manifest] {
                let found = bench.digest(&at, want).await?;
                if found != *expected {
                    return Err(format!("`{at}` is `{found}` for {want:?}, expected `{expected}`"));
                }
            }
        }
    }
    Ok(())
}

/// Manifests and blobs come byte for byte as they were put there.
async fn bytes_are_verbatim(given: Arc<Given>) -> Result<(), Violation> {
    let bench = FilledSource::new(&given).await?;
    for name in ["kit/app:v1", "kit/app:v2"] {
        let (at, image) = bench.named(name);
        same_bytes(&*bench.fetch, at, image).await?;
    }
    Ok(())
}

/// Reads an image with all that is below it, and compares.
pub(super) async fn same_bytes(fetch: &dyn Fetch, at: &ImageRef, image: &Image) -> Result<(), Violation> {
    let pointer = image.manifest.descriptor();
    let manifest = fetch.manifest(&at.repository, &pointer).await;
    let manifest = manifest.map_err(|error| format!("the manifest `{}` cannot be read: {error}", pointer.digest))?;
    if manifest.bytes() != image.manifest.bytes() || manifest.media_type() != image.manifest.media_type() {
        return Err(format!("the manifest `{}` has other bytes or another type than it was given", pointer.digest));
    }
    for (item, bytes) in &image.blobs {
        let read = read(fetch, at, item).await.map_err(|error| format!("`{}` cannot be read: {error}", item.digest))?;
        if read != *bytes {
            return Err(format!("the blob `{}` has other bytes than it was given", item.digest));
        }
    }
    for child in &image.children {
        Box::pin(same_bytes(fetch, at, child)).await?;
    }
    Ok(())
}

pub(super) async fn read(fetch: &dyn Fetch, at: &ImageRef, item: &Descriptor) -> Result<bytes::Bytes, Error> {
    fetch.blob(&at.repository, item).await?.read_to_end(LIMIT).await
}

/// A blob without bytes is a blob.
async fn reads_an_empty_blob(given: Arc<Given>) -> Result<(), Violation> {
    let bench = FilledSource::new(&given).await?;
    let (at, image) = bench.named("kit/empty:v1");
    let (item, _) = image.blobs.iter().find(|(_, bytes)| bytes.is_empty()).expect("there is one");
    let bytes = read(&*bench.fetch, at, item).await.map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.is_empty() { Ok(()) } else { Err(format!("it has {} bytes", bytes.len())) }
}

/// Two tags may point to one manifest.
async fn two_tags_share_a_manifest(given: Arc<Given>) -> Result<(), Violation> {
    let bench = FilledSource::new(&given).await?;
    let (one, other) = (bench.named("kit/app:v1").0, bench.named("kit/app:same").0);
    let (one, other) =
        (bench.digest(one, ResolveMode::Descriptor).await?, bench.digest(other, ResolveMode::Descriptor).await?);
    if one == other { Ok(()) } else { Err(format!("they are `{one}` and `{other}`")) }
}

/// A missing image is an error of the kind "not found", so that the engine does not retry and the user checks the name.
async fn what_is_not_there_is_not_found(given: Arc<Given>) -> Result<(), Violation> {
    let bench = FilledSource::new(&given).await?;
    let (at, _) = bench.named("kit/app:v1");
    let nothing = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"nothing has these bytes");
    let tag = Reference::Tag("not-there".parse().expect("a valid tag"));
    let no_tag = ImageRef { reference: tag, ..at.clone() };
    let no_digest = at.repository.with_digest(&nothing.digest);
    for image in [no_tag, no_digest] {
        for want in [ResolveMode::Descriptor, ResolveMode::Manifest] {
            let resolved = bench.fetch.resolve(&image, want).await.map(|resolved| resolved.descriptor.digest);
            not_found(&format!("`resolve` of `{image}` for {want:?}"), resolved)?;
        }
    }
    let manifest = bench.fetch.manifest(&at.repository, &nothing).await.map(|manifest| manifest.digest().clone());
    not_found("`manifest`", manifest)?;
    not_found("`blob`", read(&*bench.fetch, at, &nothing).await)
}

fn not_found<T: std::fmt::Debug>(doing: &str, result: Result<T, Error>) -> Result<(), Violation> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{doing} says `{:?}` instead of `NotFound`: {error}", error.kind())),
        Ok(found) => Err(format!("{doing} found {found:?} where nothing is")),
    }
}
