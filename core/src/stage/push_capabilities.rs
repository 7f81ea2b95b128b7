//! The capabilities of destinations.

use std::collections::HashSet;

use async_trait::async_trait;

use super::{Lost, Removed, RepositoryTags, RunEnd, TagRequest};
use crate::{
    content::{Descriptor, Digest, ImageRef, Manifest, Repository},
    error::Result,
};

capabilities! {
    /// What a destination can do besides writing images. Default: nothing.
    PushCapabilities {
        distinct_targets: DistinctTargets,
        tag_inventory: TagInventory,
        admission: Admission,
        manifest_reader: ManifestReader,
        referrer_support: ReferrerSupport,
        referrers_tag: ReferrersTag,
        referrer_presence: ReferrerPresence,
        child_retention: ChildRetention,
        digest_verification: DigestVerification,
        write_hints: WriteHints,
        disk_location: DiskLocation,
        quotas: Quotas,
        conclusion: Conclusion,
        notices: Notices,
    }
}

/// Tells whether targets are distinct. Without it the engine remembers the names of all images, so that two images on one
/// name are noticed.
pub trait DistinctTargets: Send + Sync {
    /// Returns true if [`Push::targets`](super::Push::targets) gives different names to images of different source paths,
    /// and to different versions of one source. Then the engine need not remember the names of images that the list says
    /// are [exclusive](crate::job::Listing::exclusive).
    fn keeps_apart(&self) -> bool;
}

/// Lists the tags of repositories. Without it each tag is asked for.
#[async_trait]
pub trait TagInventory: Send + Sync {
    /// Returns the tags of a repository, if that takes less than one request for each tag.
    ///
    /// # Errors
    /// If the repository cannot be asked.
    async fn tags(&self, at: &Repository, request: TagRequest) -> Result<RepositoryTags>;
}

/// Prepares for images before anything of them is sent.
#[async_trait]
pub trait Admission: Send + Sync {
    /// Makes what must exist, and refuses what would be refused in the end. `replaces` is what the name points to until
    /// now, as far as that is known; `blobs` is what the image has of its own, whether or not it is there already.
    ///
    /// # Errors
    /// If the image would not be taken there.
    async fn prepare(&self, at: &ImageRef, replaces: Option<&Digest>, blobs: &[Descriptor]) -> Result<()>;
}

/// Reads manifests back, for a comparison of their entries with those of the source. Without it images with other bytes
/// count as different.
#[async_trait]
pub trait ManifestReader: Send + Sync {
    /// Returns the manifest that a name points to; none if it cannot be read.
    ///
    /// # Errors
    /// If it cannot be read at the moment.
    async fn read_back(&self, at: &ImageRef) -> Result<Option<Manifest>>;
}

/// Tells whether referrers have a place at the destination. Without it they are written like images, as manifests without
/// a name.
pub trait ReferrerSupport: Send + Sync {
    /// Returns false if signatures, SBOMs and other referrers have no place, such as in files that hold one image each. They
    /// are left behind then, which a run says in a warning.
    fn takes_referrers(&self) -> bool;
}

/// Makes referrers findable where the destination does not do so by itself.
#[async_trait]
pub trait ReferrersTag: Send + Sync {
    /// Adds manifests that were just written to what is listed about `subject`: a registry without the referrers API needs
    /// the fallback tag (distribution-spec v1.1, "Referrers tag schema").
    ///
    /// # Errors
    /// If they would not be found.
    async fn add_referrers(&self, at: &Repository, subject: &Digest, referrers: &[&Manifest]) -> Result<()>;
}

/// Lists referrers that are there. Without it each is looked for by [`Push::blob_exists`](super::Push::blob_exists).
#[async_trait]
pub trait ReferrerPresence: Send + Sync {
    /// Returns those of these manifests that are there and found by what they are about, so that only the others are
    /// written.
    ///
    /// # Errors
    /// If they cannot be listed; all of them are written then.
    async fn present_referrers(
        &self,
        at: &Repository,
        subject: &Digest,
        referrers: &[Descriptor],
    ) -> Result<HashSet<Digest>>;
}

/// Tells whether indexes are complete. Without it each manifest of an index is looked for.
pub trait ChildRetention: Send + Sync {
    /// Returns true if an index that is there is there with every manifest below it: because
    /// [`Push::resolve`](super::Push::resolve) and [`Push::blob_exists`](super::Push::blob_exists) look for them, or
    /// because the destination gives away no manifest that an index lists.
    fn keeps_children(&self, at: &Repository) -> bool;
}

/// Tells whether the destination verifies digests. Without it each blob is hashed on its way.
pub trait DigestVerification: Send + Sync {
    /// Returns true if the destination reported the digest of a blob that it stored in this run. Then
    /// [`Upload::write`](super::Upload::write) may get a blob that [is not hashed](crate::blob::Blob::is_hashed), or stops
    /// being so on its way, and must fail unless its digest is confirmed. Asked often, so it must be known.
    fn verifies_digest(&self, at: &Repository) -> bool;
}

/// Takes hints about coming writes, where the list knows them beforehand.
pub trait WriteHints: Send + Sync {
    /// Announces that images of a repository will come, unless a filter drops them. Without `targets`,
    /// [`Push::targets`](super::Push::targets) will name the repositories that are written; without `images`, the list has
    /// yet to find out which there are.
    fn announce(&self, source: &Repository, targets: &[Repository], images: &[ImageRef]);
}

/// Tells where on a disk everything goes, for plans and displays.
pub trait DiskLocation: Send + Sync {
    /// Returns the directory or file, because the names of images do not tell it from a registry.
    fn location(&self) -> Option<String>;

    /// Returns the free bytes of its disk; none if that is unknown.
    fn free_space(&self) -> Option<u64>;
}

/// Tells how much room quotas leave, for plans.
#[async_trait]
pub trait Quotas: Send + Sync {
    /// Returns the name of the quota that a repository counts against, such as that of its project, and the bytes that are
    /// left of it; none if there is no quota or it is not known.
    ///
    /// # Errors
    /// If it cannot be asked.
    async fn quota(&self, at: &Repository) -> Result<Option<(String, u64)>>;
}

/// Takes part in the end of a run.
#[async_trait]
pub trait Conclusion: Send + Sync {
    /// Takes what of the run did not come to a good end. Called once, before [`Push::close`](super::Push::close).
    fn conclude(&self, end: &RunEnd<'_>);

    /// Returns the roots that were taken and that are not there after all, because [`Push::close`](super::Push::close)
    /// could not make them last. Asked once, after it; each becomes a failure of its image.
    fn lost(&self) -> Vec<Lost>;

    /// Returns what [`Push::close`](super::Push::close) removed; in a plan, which closes nothing, what it would remove.
    /// Asked once, at the end.
    ///
    /// # Errors
    /// If that cannot be found out.
    async fn removed(&self) -> Result<Removed>;

    /// Returns true if [`Push::close`](super::Push::close) changed notes beside what is there, such as targets or the
    /// record of what was asked for; in a plan, if it would. Asked once, at the end, of a destination that got nothing
    /// else.
    ///
    /// # Errors
    /// If that cannot be found out.
    async fn changes_notes(&self) -> Result<bool> {
        Ok(false)
    }
}

/// Tells what users should know of a destination although nothing failed.
pub trait Notices: Send + Sync {
    /// Returns sentences that become warnings of the run. Asked once, after [`Push::close`](super::Push::close), whatever
    /// came of it; never in a plan.
    fn notices(&self) -> Vec<String>;
}
