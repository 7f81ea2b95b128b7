//! The four traits that stages implement, and nothing else.
//!
//! Data flows one way: a [`List`] finds versions, [`Filter`]s drop some, a [`Fetch`] reads manifests and blobs,
//! [`Push`]es write them. Stages say what happened; the engine decides what to do about it.
//!
//! The engine wraps each stage (`engine/fence.rs`, `engine/kept.rs`), so a new method, defaulted or not, is passed on
//! there too.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use async_trait::async_trait;

use crate::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, Reference, Repository, Tag},
    error::{Error, Result},
    job::{Job, Listing, Resolved},
    outlet::Outlet,
    report::FailedItem,
};

/// Finds what there is to copy.
#[async_trait]
pub trait List: Send + Sync {
    /// Hands out listings until there are no more.
    ///
    /// The outlet is bounded: sending waits while it is full, and fails as cancelled once the receiver is closed.
    ///
    /// # Errors
    /// If listing as a whole cannot go on. What concerns one repository only goes to [`Outlet::failed`].
    async fn list(&self, out: &Outlet) -> Result<()>;

    /// Lists one repository again that went to [`Outlet::failed`] before; one round of retry calls this once for each.
    ///
    /// # Errors
    /// If the repository cannot be listed this time either.
    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        let _ = out;
        Err(crate::error::Error::new(
            crate::error::ErrorKind::Unsupported,
            format!("`{repository}` cannot be listed again on its own"),
        ))
    }
}

/// Drops what is not wanted. Several moments, because cheap ones should run first.
///
/// Of one repository each filter sees [`Filter::filter_tags`] and then [`Filter::select`], in the order of the pipeline;
/// of one image [`Filter::check`]; of each index [`Filter::filter_entries`].
#[async_trait]
pub trait Filter: Send + Sync {
    /// Drops versions by name, before anything is read. May only drop.
    fn filter_tags(&self, listing: &mut Listing) {
        let _ = listing;
    }

    /// Drops versions by what the images are, where the choice needs those of a repository together: the newest three
    /// by time. May only drop. It may read through `from`; nothing of that is kept, so this is the most expensive way to
    /// choose. What concerns one image alone belongs to [`Filter::check`].
    ///
    /// # Errors
    /// If it cannot decide; the listing of the repository then fails.
    async fn select(&self, listing: &mut Listing, from: &dyn Fetch) -> Result<()> {
        let _ = (listing, from);
        Ok(())
    }

    /// Drops entries of one index. May only drop, and keeps the order.
    ///
    /// Entries that describe others (attestations) follow what they describe; the engine sees to it.
    fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
        let _ = entries;
    }

    /// Returns true if entries that describe others stay dropped where [`Filter::filter_entries`] dropped them, instead of
    /// following what they describe. Default: false, because an image without its attestations is another one.
    fn drops_attestations(&self) -> bool {
        false
    }

    /// Returns true if this filter may drop entries of an index, so that an index must be read to know what
    /// will stand at the destination. Default: yes, because saying no wrongly would skip images that differ.
    fn drops_entries(&self) -> bool {
        true
    }

    /// Returns true if it is no failure when this filter leaves nothing of what was asked for, as of a filter by age in a
    /// night without news. Default: false, so that a pattern with a mistake in it is noticed.
    fn may_leave_nothing(&self) -> bool {
        false
    }

    /// Returns a short description for a plan and a report: `linux/amd64`, `v1.*`. Default: none.
    fn summary(&self) -> Option<String> {
        None
    }

    /// Says yes or no to an image. It may read through `from`; what it reads is kept for the copy.
    ///
    /// # Errors
    /// If it cannot decide; the image then fails.
    async fn check(&self, image: &Resolved, from: &dyn Fetch) -> Result<Verdict> {
        let _ = (image, from);
        Ok(Verdict::Keep)
    }
}

/// The decision of a filter about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// It is skipped, for this reason.
    Drop(String),
}

/// The part of an image to resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveMode {
    /// The descriptor only: one small request.
    Descriptor,
    /// The manifest: read by the name that was given, with no question before it.
    Manifest,
}

/// Reads images.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Told beforehand where the list knows it: images of this repository will be read. Default: it does not matter.
    fn announce(&self, repository: &Repository) {
        let _ = repository;
    }

    /// Resolves a name to its content.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved>;

    /// Reads a manifest by digest. What comes back has that digest.
    ///
    /// # Errors
    /// If it is not there, cannot be read, or is something else.
    async fn manifest(&self, repository: &Repository, item: &Descriptor) -> Result<Manifest>;

    /// Opens a blob for reading. Resumes by itself where the source can.
    ///
    /// # Errors
    /// If it is not there or cannot be read.
    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob>;

    /// The manifests that are about `subject`: signatures, SBOMs.
    ///
    /// # Errors
    /// If they cannot be listed.
    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        let _ = (repository, subject);
        Ok(Vec::new())
    }

    /// The tags of a repository that are about `subject` by their name ([`Tag::referenced_digest`]), apart from the fallback tag of
    /// [`Fetch::referrers`]: cosign's `sha256-<hex>.sig`, `.att` and `.sbom`. For sources whose list hands out such
    /// tags with the images that they are about there is nothing to do here.
    ///
    /// # Errors
    /// If that cannot be found out.
    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        let _ = (repository, subject);
        Ok(Vec::new())
    }

    /// The tags of a repository, for the hint of an error about one that is not there. Default: it does not tell.
    ///
    /// # Errors
    /// If they cannot be listed; the hint is then left out.
    async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        let _ = repository;
        Ok(Vec::new())
    }

    /// Returns an error if a blob cannot be read, as far as that is known without a request: a plan asks it for each blob.
    /// Default: nothing is known, which is no error.
    ///
    /// # Errors
    /// As [`Fetch::blob`].
    async fn check_blob(&self, repository: &Repository, item: &Descriptor) -> Result<()> {
        let _ = (repository, item);
        Ok(())
    }

    /// Returns repositories said to have a blob that cannot be read here, because it was left out of what was
    /// carried. A destination that has those repositories, too, may take it from there.
    async fn mount_hints(&self, item: &Descriptor) -> Vec<Repository> {
        let _ = item;
        Vec::new()
    }
}

/// Writes images.
#[async_trait]
pub trait Push: Send + Sync {
    /// Returns the targets of a job. Pure: the same job, the same targets. An empty list means that the rule names
    /// other destinations only; an image that no destination has a place for fails.
    ///
    /// # Errors
    /// If there is no name for it.
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>>;

    /// Returns true if [`Push::targets`] gives different names to images of different source paths, and to different
    /// versions of one source. Then the engine need not remember the names of images that the list says are
    /// [exclusive](crate::job::Listing::exclusive). Default: false, so that two images on one name are noticed.
    fn keeps_apart(&self) -> bool {
        false
    }

    /// Returns the store of a repository: repositories with the same id share blobs.
    fn store(&self, at: &Repository) -> StoreId;

    /// Told beforehand where the list knows it: images of this repository will come, for these targets; none of these
    /// means that [`Push::targets`] will name them. Default: it does not matter.
    fn announce(&self, source: &Repository, targets: &[Repository]) {
        let _ = (source, targets);
    }

    /// Told beforehand as [`Push::announce`]: these images of the repository will come, unless a filter drops them. None
    /// means that the list has yet to find out which there are. Default: it does not matter.
    fn announce_images(&self, source: &Repository, images: &[ImageRef]) {
        let _ = (source, images);
    }

    /// Returns the tags of a repository, called before anything else when `wanted` tags of it are to be looked up, also
    /// for a single one: for destinations that tell tags with their digests in fewer questions than there are tags. [`RepositoryTags::Unknown`], which
    /// is the default, says that this one does not, or not for so few of them.
    ///
    /// # Errors
    /// If the repository cannot be asked.
    async fn overview(&self, at: &Repository, wanted: usize) -> Result<RepositoryTags> {
        let _ = (at, wanted);
        Ok(RepositoryTags::Unknown)
    }

    /// Returns the tags of a repository, if that takes less than one request for each tag.
    ///
    /// # Errors
    /// If the repository cannot be asked.
    async fn survey(&self, at: &Repository) -> Result<RepositoryTags> {
        let _ = at;
        Ok(RepositoryTags::Unknown)
    }

    /// Returns the content that a name points to now.
    ///
    /// # Errors
    /// If it cannot be asked; "nothing" is no error.
    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>>;

    /// Returns true if the repository has a blob or manifest. Reads only.
    ///
    /// A manifest counts with the blobs that it lists: where this says yes of one, they are not offered. A destination
    /// that takes manifests without looking for their blobs looks for them here, or says no.
    ///
    /// # Errors
    /// If it cannot be asked.
    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool>;

    /// Returns the free bytes of the disk that is written to, for a plan. Default: unknown.
    fn free_space(&self) -> Option<u64> {
        None
    }

    /// Returns true if an index that is there is there with every manifest below it: because [`Push::resolve`] and
    /// [`Push::blob_exists`] looked for them, or because the destination gives away no manifest that an index lists. Default:
    /// false, and the engine asks [`Push::blob_exists`] for each of them.
    fn keeps_children(&self, at: &Repository) -> bool {
        let _ = at;
        false
    }

    /// Reads what a name points to, for a comparison of its entries with those of the source; none if it cannot be
    /// read. Default: none, so that images with other bytes count as different.
    ///
    /// # Errors
    /// If it cannot be read at the moment.
    async fn read_back(&self, at: &ImageRef) -> Result<Option<Manifest>> {
        let _ = at;
        Ok(None)
    }

    /// Called before anything of an image is sent to a name: the place to make what must exist, and to refuse what
    /// would be refused in the end. `replaces` is what the name points to until now, as far as that is known; `blobs` is
    /// what the image has of its own, whether or not it is there already.
    ///
    /// # Errors
    /// If the image would not be taken there.
    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>, blobs: &[Descriptor]) -> Result<()> {
        let _ = (at, replaces, blobs);
        Ok(())
    }

    /// Offers a blob: the repository has it, or takes it from `known_in`, or wants it.
    ///
    /// # Errors
    /// If it can do neither.
    async fn offer(&self, at: &Repository, item: &Descriptor, known_in: Option<&Repository>) -> Result<UploadStart>;

    /// Returns true if the destination reported the digest of a blob that it stored in this run. Then [`Upload::write`]
    /// may get a blob that [is not hashed](Blob::is_hashed), or stops being so on its way, and must fail unless its digest
    /// is confirmed. Asked often, so it must be known.
    fn verifies_digest(&self, at: &Repository) -> bool {
        let _ = at;
        false
    }

    /// Asks to send a blob even if one is stored under its digest, because the stored one is in doubt.
    ///
    /// # Errors
    /// If it is not taken.
    async fn renew(&self, at: &Repository, item: &Descriptor) -> Result<UploadStart> {
        self.offer(at, item, None).await
    }

    /// Writes a manifest without a tag: a child of an index, or a root that goes by digest.
    ///
    /// # Errors
    /// If it is not taken.
    async fn put_manifest(&self, at: &Repository, manifest: &Manifest) -> Result<()>;

    /// Writes a root manifest under a tag, in one step. A further tag is one more call.
    ///
    /// # Errors
    /// If it is not taken.
    async fn tag(&self, at: &ImageRef, manifest: &Manifest) -> Result<()>;

    /// Writes the root of a job under one of its names. Where nothing has to be known of the job, this is
    /// [`Push::tag`] or [`Push::put_manifest`], which is the default; a directory notes where the image came from.
    ///
    /// # Errors
    /// If it is not taken.
    async fn root(&self, job: &Job, at: &ImageRef, manifest: &Manifest) -> Result<()> {
        let _ = job;
        match &at.reference {
            Reference::Tag(_) => self.tag(at, manifest).await,
            Reference::Digest(_) => self.put_manifest(&at.repository, manifest).await,
        }
    }

    /// Makes manifests that were just written findable by what they are about, where the destination does not do so by
    /// itself: a registry without the referrers API needs the fallback tag (distribution-spec v1.1, "Referrers tag
    /// schema").
    ///
    /// # Errors
    /// If they would not be found.
    async fn add_referrers(&self, at: &Repository, subject: &Digest, referrers: &[&Manifest]) -> Result<()> {
        let _ = (at, subject, referrers);
        Ok(())
    }

    /// Returns those of these manifests that are there and found by what they are about, so that only the others are
    /// written. Default: those that [`Push::blob_exists`] knows.
    ///
    /// # Errors
    /// If they cannot be listed; all of them are written then.
    async fn related(&self, at: &Repository, subject: &Digest, referrers: &[Descriptor]) -> Result<HashSet<Digest>> {
        let _ = subject;
        let mut there = HashSet::new();
        for referrer in referrers {
            if self.blob_exists(at, referrer).await? {
                there.insert(referrer.digest.clone());
            }
        }
        Ok(there)
    }

    /// Returns the directory or file that everything goes to, for displays: the names of images do not tell it from a
    /// registry. Default: none.
    fn location(&self) -> Option<String> {
        None
    }

    /// Told once, before [`Push::close`], what of the run did not come to a good end. Default: it does not matter.
    fn conclude(&self, end: &RunEnd<'_>) {
        let _ = end;
    }

    /// Called once, after the last job.
    ///
    /// # Errors
    /// If what was written cannot be made to last.
    async fn close(&self) -> Result<()> {
        Ok(())
    }

    /// Returns what [`Push::close`] removed; in a plan, which closes nothing, what it would remove. Asked once, at the
    /// end. Default: nothing.
    ///
    /// # Errors
    /// If that cannot be found out.
    async fn removed(&self) -> Result<Removed> {
        Ok(Removed::default())
    }

    /// Returns the roots that were taken and that are not there after all, because [`Push::close`] could not make them
    /// last. Asked once, after it; each becomes a failure of its image. Default: none.
    fn lost(&self) -> Vec<Lost> {
        Vec::new()
    }
}

/// The end of a run, as far as a destination should know it.
#[derive(Clone, Debug, Default)]
pub struct RunEnd<'a> {
    /// True if the run was stopped before all was done.
    pub stopped: bool,
    /// What failed for good.
    pub failed: Vec<&'a FailedItem>,
}

/// Content that a destination had and that the end of a run removes, because the run did not ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Removed {
    /// True if it is not removed after all, because not everything that was asked for arrived.
    pub held_back: bool,
    /// The names of the images.
    pub images: Vec<String>,
    /// Number of blobs that went with them, or that no image needed.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A root that was taken and is not there after all.
#[derive(Clone, Debug)]
pub struct Lost {
    /// The job that brought it.
    pub job: u64,
    /// The image that was copied.
    pub source: ImageRef,
    /// The target where it is missing.
    pub at: ImageRef,
    /// The error.
    pub error: Error,
}

/// The tags of a repository, as far as known.
#[derive(Clone, Debug)]
pub enum RepositoryTags {
    /// All its tags, and what they point to.
    All(HashMap<Tag, Digest>),
    /// The same, but tags that are about a digest ([`Tag::referenced_digest`]) may be missing and must be asked for: Harbor
    /// lists signatures apart from images.
    Images(HashMap<Tag, Digest>),
    /// The names of all its tags.
    Names(HashSet<Tag>),
    /// There is no such repository, or it is empty.
    Empty,
    /// Each tag must be asked for.
    Unknown,
}

/// Names a store of blobs: a registry host, a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId(Arc<str>);

impl StoreId {
    /// A store with this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The answer to a blob that was offered.
pub enum UploadStart {
    /// It is there already.
    Present,
    /// It was taken from another repository of the same store.
    Mounted,
    /// It is wanted: fill the slot.
    Upload(Box<dyn Upload>),
}

/// A place that waits for one blob.
#[async_trait]
pub trait Upload: Send {
    /// Writes the blob: whole, or not at all. Nothing may be visible before [`Blob`] gave its last chunk.
    ///
    /// # Errors
    /// If the blob cannot be read or not be written. The slot is used up either way.
    async fn write(self: Box<Self>, blob: Blob) -> Result<()>;
}
