//! The `[run]` table: options of a run that do not depend on its stages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// Options of a run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("examples" = [{ "transfers": 16 }]))]
pub struct RunOptions {
    /// Blobs in flight at most, 1 to 1024. Left out, the engine finds out what is good.
    #[schemars(range(min = 1, max = 1024), example = 16)]
    pub transfers: Option<NonZeroUsize>,
    /// Requests of one kind (small answers, blobs that are read, blobs that are written) under way at once at one host, at
    /// most, 1 to 1024; for registries that take few. Left out, each host's limit is found out.
    #[schemars(range(min = 1, max = 1024), example = 4)]
    pub requests: Option<NonZeroUsize>,
    /// Further rounds over what failed, after everything ran once; 0 for none. Default: 2.
    #[schemars(range(min = 0, max = 100), example = 2)]
    pub retries: Option<u32>,
    /// The form in which an index is written that lost entries to a filter. Default: `rewrite`.
    pub index: IndexMode,
    /// The side that computes the digests of blobs in transfer. Default: `passing`.
    pub verify: Verify,
    /// The rule by which an index counts as present at the destination. Default: `digest`.
    pub compare: Compare,
    /// Push manifests and tags even where the destination already has them. Default: false.
    pub force: bool,
    /// Writes a tag that stands for another image at the destination. If false, such a tag is left as it is and told: the image
    /// counts as skipped and not as failed. Excludes `force`. A tag that appears between the look and the write is
    /// replaced all the same: registries have no request that would not. Default: true.
    #[schemars(example = false)]
    pub overwrite: Option<bool>,
    /// Warns instead of failing where nothing is found: a list or a rule of which nothing is left, an image that was named
    /// and that a filter drops. Default: false.
    pub allow_empty: bool,
    /// The image that is copied where two rules send different images to one name. Default: `refuse`.
    pub overlaps: Overlaps,
    /// Copies signatures, SBOMs and other referrers as well. Default: true.
    #[schemars(example = true)]
    pub referrers: Option<bool>,
    /// Seconds that running transfers get to end after the first interrupt; 0 to drop them at once. Default: 20.
    #[schemars(range(min = 0, max = 3600), example = 20)]
    pub grace_s: Option<u64>,
}

impl RunOptions {
    /// Returns true if tags are written that stand for other images at the destination.
    pub fn overwrites(&self) -> bool {
        self.overwrite.unwrap_or(true)
    }
}

/// The side that computes the digests of blobs in transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// Every blob is hashed while it passes. Nothing of a blob that is not what its name says is ever whole at a
    /// destination.
    #[default]
    Passing,
    /// A destination that says which digest it stored is believed: this saves hashing a second time what it hashes
    /// anyway. It gives up the check on our side, so it is for destinations that are trusted. Each of them is hashed for
    /// until it confirmed one blob in this run; if it leaves one confirmation out, that blob is sent again, and hashed
    /// from then on.
    Destination,
}

/// The rule by which an index counts as present at the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// It has the digest that would be written.
    #[default]
    Digest,
    /// It has the same entries, images by digest for the same platforms, whatever its bytes are. Some tools, image-syncer
    /// among them, write an index anew when they copy it. This gives up that an index has the digest that it has at the
    /// source: what refers to it by digest does not find it. It costs one read at the destination where digests differ.
    Entries,
}

/// The image that is copied where two rules send different images to one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlaps {
    /// The image of the later rule fails.
    #[default]
    Refuse,
    /// The image of the later rule is copied, that of the earlier one is skipped, and a warning says so. Rules that share
    /// repositories then wait until the whole list is known.
    Later,
}

/// The form in which an index is written that lost entries to a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IndexMode {
    /// A smaller index is written. It has a new digest: signatures of the old one do not match it.
    #[default]
    Rewrite,
    /// The index keeps its bytes and digest, and lists entries that are not there. Harbor and distribution refuse it.
    Sparse,
    /// The only image that is left takes the place of the index; an error if several are left.
    Single,
}
