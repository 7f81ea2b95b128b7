//! The rules of pushes.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, future::join_all, stream};
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, well_known},
    error::{Error, ErrorKind},
    plugin::Role,
    stage::{BeginUpload, Push, RepositoryTags, TagRequest, Upload, UploadStart},
};

use super::{
    Given, Violation, fetch, rules,
    samples::{blob, chunks, image, job, place, prepare, put, put_at, put_blob, samples, told},
};

rules!(
    Role::Push;
    place_is_pure: "let `targets` look at the job and the config alone, and remember nothing",
    a_blob_is_there_whole_or_not_at_all: "write beside, rename after the last chunk, and return every error of the blob",
    ten_may_write_one_blob: "give each writer a temporary file of its own, and let the last one win",
    takes_an_empty_blob: "a blob without bytes is one: write it like every other",
    bytes_are_verbatim: "write manifests and blobs as they come, and parse only to look",
    two_tags_share_a_manifest: "let any number of tags point to one digest",
    a_tag_can_move: "replace what a tag points to, and answer `resolve` from what stands there now",
    twice_is_once: "take an image that is there already once more, without an error and without a change",
    an_index_is_there_the_next_time: "let `blob_exists` tell manifests that were written before, or say that it `keeps_children` (`ChildRetention`)",
    knows_what_it_has: "let `resolve`, `blob_exists`, `begin_upload` and the tag inventory tell what was written; nothing there is no error",
);

/// A layer that is larger than a few chunks.
fn layer(name: &str) -> (Descriptor, Bytes) {
    let bytes = Bytes::from(format!("layer {name} ").repeat(30_000));
    (Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, &bytes), bytes)
}

async fn has(push: &dyn Push, at: &ImageRef, item: &Descriptor) -> Result<bool, Violation> {
    push.blob_exists(&at.repository, item).await.map_err(told("blob_exists"))
}

async fn begin(push: &dyn Push, at: &ImageRef, item: &Descriptor) -> Result<UploadStart, Violation> {
    push.begin_upload(&BeginUpload::new(&at.repository, item)).await.map_err(told("begin_upload"))
}

/// Begins an upload of a blob that cannot be there yet.
async fn slot(push: &dyn Push, at: &ImageRef, item: &Descriptor) -> Result<Box<dyn Upload>, Violation> {
    match begin(push, at, item).await? {
        UploadStart::Upload(slot) => Ok(slot),
        _ => Err("`begin_upload` says that a blob is there that was never whole".to_owned()),
    }
}

/// Reads a blob back, where the suite was given something to read with.
async fn reads_back(given: &Given, at: &ImageRef, item: &Descriptor, bytes: &Bytes) -> Result<(), Violation> {
    let Some(reader) = given.reader()? else { return Ok(()) };
    match fetch::read(&*reader, at, item).await {
        Ok(read) if read == *bytes => Ok(()),
        Ok(_) => Err("what was written reads back with other bytes".to_owned()),
        Err(error) => Err(format!("what was written cannot be read back: {error}")),
    }
}

/// The same job has the same places, regardless of the calls in between.
async fn place_is_pure(given: Arc<Given>) -> Result<(), Violation> {
    let push = given.push()?;
    let ask = |name: &str| push.targets(&job(name)).map(|at| format!("{at:?}")).map_err(told("targets"));
    let names = ["kit/app:v1", "kit/app:v2", "kit/other:v1"];
    let first: Vec<String> = names.iter().map(|name| ask(name)).collect::<Result<_, _>>()?;
    put(&*push, names[0], &image("linux/amd64", "pure")).await?;
    let again: Vec<String> = names.iter().rev().map(|name| ask(name)).collect::<Result<_, _>>()?;
    match first.iter().eq(again.iter().rev()) {
        true => Ok(()),
        false => Err(format!("places were {first:?}, and asked once more in reverse {again:?}")),
    }
}

/// A blob that broke off, that is not what its digest says, or whose writer was stopped, is not there; and does not
/// hinder the next one.
async fn a_blob_is_there_whole_or_not_at_all(given: Arc<Given>) -> Result<(), Violation> {
    let push = given.push()?;
    let at = place(&*push, "kit/app:v1")?;
    let (item, bytes) = layer("whole");
    prepare(&*push, &at, std::slice::from_ref(&item)).await?;
    let half = bytes.slice(..bytes.len() / 2);
    let broke_off =
        chunks(&half).map(Ok).chain(stream::iter([Err(Error::new(ErrorKind::Unavailable, "the source is gone"))]));
    let mut wrong = bytes.to_vec();
    *wrong.last_mut().expect("a layer has bytes") ^= 1;
    let wrong = Bytes::from(wrong);
    let cases = [
        ("broke off", Blob::new(item.clone(), broke_off)),
        ("is not what its digest says", Blob::new(item.clone(), chunks(&wrong).map(Ok))),
    ];
    for (what, broken) in cases {
        if slot(&*push, &at, &item).await?.write(broken).await.is_ok() {
            return Err(format!("`write` says that all is well with a blob that {what}"));
        }
        is_not_there(&given, &*push, &at, &item, what).await?;
    }
    let never_ends = Blob::new(item.clone(), chunks(&half).map(Ok).chain(stream::pending()));
    let writing = slot(&*push, &at, &item).await?.write(never_ends);
    if tokio::time::timeout(Duration::from_millis(200), writing).await.is_ok() {
        return Err("`write` ended before its blob did".to_owned());
    }
    is_not_there(&given, &*push, &at, &item, "was stopped half way").await?;
    slot(&*push, &at, &item).await?.write(blob(&item, &bytes)).await.map_err(told("write"))?;
    if !has(&*push, &at, &item).await? {
        return Err("after that the whole blob was written, and `blob_exists` says no".to_owned());
    }
    reads_back(&given, &at, &item, &bytes).await
}

async fn is_not_there(
    given: &Given,
    push: &dyn Push,
    at: &ImageRef,
    item: &Descriptor,
    what: &str,
) -> Result<(), Violation> {
    if has(push, at, item).await? {
        return Err(format!("`blob_exists` says yes of a blob that {what}"));
    }
    match given.reader()? {
        Some(reader) if fetch::read(&*reader, at, item).await.is_ok() => {
            Err(format!("a blob that {what} can be read back"))
        }
        _ => Ok(()),
    }
}

/// Several may write one blob at the same time: two jobs, two programs.
async fn ten_may_write_one_blob(given: Arc<Given>) -> Result<(), Violation> {
    let push = given.push()?;
    let at = place(&*push, "kit/app:v1")?;
    let (item, bytes) = layer("ten");
    prepare(&*push, &at, std::slice::from_ref(&item)).await?;
    let written = join_all((0..10).map(|_| put_blob(&*push, &at.repository, &item, &bytes))).await;
    if let Some(error) = written.into_iter().find_map(Result::err) {
        return Err(format!("one of ten writers failed: {error}"));
    }
    if !has(&*push, &at, &item).await? {
        return Err("ten have written it, and `blob_exists` says no".to_owned());
    }
    reads_back(&given, &at, &item, &bytes).await
}

/// A blob without bytes is a blob.
async fn takes_an_empty_blob(given: Arc<Given>) -> Result<(), Violation> {
    let push = given.push()?;
    let at = place(&*push, "kit/app:v1")?;
    let (item, bytes) = (Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, b""), Bytes::new());
    prepare(&*push, &at, std::slice::from_ref(&item)).await?;
    put_blob(&*push, &at.repository, &item, &bytes).await.map_err(|error| format!("it is not taken: {error}"))?;
    if !has(&*push, &at, &item).await? {
        return Err("it was written, and `blob_exists` says no".to_owned());
    }
    reads_back(&given, &at, &item, &bytes).await
}

/// Manifests and blobs are kept byte for byte, of images and of indexes. Seen only if the suite can read back.
async fn bytes_are_verbatim(given: Arc<Given>) -> Result<(), Violation> {
    let push = given.push()?;
    let mut written = Vec::new();
    for (name, image) in samples().into_iter().filter(|(name, _)| name.starts_with("kit/app:v")) {
        written.push((put(&*push, name, &image).await?, image));
    }
    push.close().await.map_err(told("close"))?;
    let Some(reader) = given.reader()? else { return Ok(()) };
    for (at, image) in written {
        fetch::same_bytes(&*reader, &at, &image).await?;
    }
    Ok(())
}

async fn points_to(push: &dyn Push, at: &ImageRef) -> Result<Option<Digest>, Violation> {
    Ok(push.resolve(at).await.map_err(told("resolve"))?.map(|descriptor| descriptor.digest))
}

async fn expect(push: &dyn Push, at: &ImageRef, expected: &Digest) -> Result<(), Violation> {
    match points_to(push, at).await? {
        Some(found) if found == *expected => Ok(()),
        found => Err(format!("`{at}` points to {found:?} instead of `{expected}`")),
    }
}

/// Two tags may point to one manifest, and each is there.
async fn two_tags_share_a_manifest(given: Arc<Given>) -> Result<(), Violation> {
    let (push, image) = (given.push()?, image("linux/amd64", "shared"));
    let one = put(&*push, "kit/app:v1", &image).await?;
    let other = put(&*push, "kit/app:same", &image).await?;
    push.close().await.map_err(told("close"))?;
    expect(&*push, &one, image.manifest.digest()).await?;
    expect(&*push, &other, image.manifest.digest()).await
}

/// A tag that is pushed again points to what was pushed last.
async fn a_tag_can_move(given: Arc<Given>) -> Result<(), Violation> {
    let push = given.push()?;
    let (old, new) = (image("linux/amd64", "old"), image("linux/amd64", "new"));
    let at = place(&*push, "kit/app:v1")?;
    for image in [&old, &new, &old, &new] {
        put_at(&*push, "kit/app:v1", &at, image).await?;
        expect(&*push, &at, image.manifest.digest()).await?;
    }
    push.close().await.map_err(told("close"))?;
    expect(&*push, &at, new.manifest.digest()).await
}

/// An image that is pushed again stays what it was: another rule, another run or another program may want it, too.
async fn twice_is_once(given: Arc<Given>) -> Result<(), Violation> {
    let (push, image) = (given.push()?, image("linux/amd64", "again"));
    for _ in 0..2 {
        let at = put(&*push, "kit/app:v1", &image).await?;
        expect(&*push, &at, image.manifest.digest()).await?;
    }
    push.close().await.map_err(told("close"))
}

/// An index that was written is there for another run, with everything below it: else it is written again each time.
async fn an_index_is_there_the_next_time(given: Arc<Given>) -> Result<(), Violation> {
    let push = given.push()?;
    let Some((name, index)) = samples().into_iter().find(|(_, image)| !image.children.is_empty()) else {
        return Ok(());
    };
    // Whether it is taken at all is for other rules to say.
    let Ok(at) = put(&*push, name, &index).await else { return Ok(()) };
    push.close().await.map_err(told("close"))?;
    let next = given.push()?;
    let retention = next.capabilities().child_retention;
    let keeps_children = retention.is_some_and(|retention| retention.keeps_children(&at.repository));
    if keeps_children || points_to(&*next, &at).await?.as_ref() != Some(index.manifest.digest()) {
        return Ok(());
    }
    for child in index.manifest.children() {
        if !has(&*next, &at, child).await? {
            return Err(format!(
                "`resolve` finds the index `{at}`, and `blob_exists` does not find its manifest `{}`",
                child.digest
            ));
        }
    }
    Ok(())
}

/// Missing content is not an error, and existing content is reported by each method that can be asked for it.
async fn knows_what_it_has(given: Arc<Given>) -> Result<(), Violation> {
    let (push, image) = (given.push()?, image("linux/amd64", "known"));
    let at = place(&*push, "kit/app:v1")?;
    if points_to(&*push, &at).await?.is_some() {
        return Err(format!("`resolve` finds `{at}` before anything was written; the suite needs an empty place"));
    }
    let (item, _) = &image.blobs[0];
    if has(&*push, &at, item).await? {
        return Err("`blob_exists` says yes before anything was written".to_owned());
    }
    put_at(&*push, "kit/app:v1", &at, &image).await?;
    let digest = image.manifest.digest();
    expect(&*push, &at, digest).await?;
    if !has(&*push, &at, item).await? {
        return Err("`blob_exists` says no of a blob of the image".to_owned());
    }
    if !matches!(begin(&*push, &at, item).await?, UploadStart::Present) {
        return Err("`begin_upload` wants a blob that is there".to_owned());
    }
    let tag = at.reference.tag().ok_or("`targets` gave the tag away")?;
    let Some(inventory) = push.capabilities().tag_inventory else { return Ok(()) };
    for request in [TagRequest::Names, TagRequest::Digests { wanted: 1 }] {
        let known = inventory.tags(&at.repository, request).await.map_err(told("tags"))?;
        let is_right = match &known {
            RepositoryTags::Digests { tags, .. } => tags.get(tag) == Some(digest),
            RepositoryTags::Names(names) => names.contains(tag),
            RepositoryTags::Empty => false,
            _ => true,
        };
        if !is_right {
            return Err(format!("`tags` does not know `{at}`, asked for {request:?}: {known:?}"));
        }
    }
    Ok(())
}
