//! The report of a run.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    content::{Digest, ImageRef, Repository},
    counters::CounterSet,
    error::{Error, ErrorKind},
    job::CopyStats,
};

/// The result of a run: counts, sums and every failure. Images that went well are only counted.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Report {
    /// The name of the pipeline.
    pub name: String,
    /// Targets that were written.
    pub copied: u64,
    /// Targets where nothing had to be done.
    pub skipped: u64,
    /// Images that destinations removed at the end because the run did not ask for them; in a plan, would remove.
    pub removed: u64,
    /// Targets, and listings, that failed.
    pub failed: u64,
    /// Sums over everything that was written. `blobs` and `bytes` count what arrived for images that failed, too.
    pub moved: CopyStats,
    /// Targets whose index was written anew, with a digest of its own.
    pub rewritten: u64,
    /// Further rounds that were made over what failed.
    #[serde(rename = "rounds")]
    pub passes: u32,
    /// Targets that were begun and not brought to an end, because the run was stopped.
    pub unfinished: u64,
    /// True if the run was stopped before its end.
    pub interrupted: bool,
    /// Everything that failed, in the order of the rules.
    pub failures: Vec<Failure>,
    /// The text of each warning, once; at most 1,000.
    pub warnings: Vec<String>,
    /// Blobs that were started again because the source or the destination failed.
    pub restarts: u64,
    /// The counts of the filters, in their order.
    pub filters: Vec<FilterStats>,
    /// The slowest images and blobs.
    pub slowest: Slowest,
    /// The counters of the sections of the pipeline, by the name of their table: `registries` counts the requests to each
    /// host.
    #[serde(rename = "tallies")]
    pub counters: BTreeMap<String, Vec<CounterSet>>,
    /// The duration in seconds.
    #[serde(rename = "elapsed_s", serialize_with = "seconds")]
    #[schemars(with = "f64")]
    pub elapsed: Duration,
}

/// The counts of one filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Filtered")]
#[non_exhaustive]
pub struct FilterStats {
    /// Its kind.
    pub filter: String,
    /// A description of what it keeps; empty if it has none.
    pub keeps: String,
    /// Versions that it dropped from listings, before anything was read.
    pub versions: u64,
    /// Targets that it dropped after it saw the image.
    pub images: u64,
    /// The reasons for which it dropped them, with their counts; at most 16.
    pub reasons: BTreeMap<String, u64>,
}

/// The slowest images and blobs: a few of each, the slowest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Slowest {
    /// Images, from the first question to the last answer; those where nothing had to be done are not among them.
    pub images: Vec<SlowImage>,
    /// Blobs, while their bytes moved.
    pub blobs: Vec<SlowBlob>,
}

/// An image that took long.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct SlowImage {
    /// The image.
    #[schemars(with = "String")]
    pub source: ImageRef,
    /// Bytes that were sent for it.
    pub bytes: u64,
    /// The duration in seconds.
    #[serde(rename = "elapsed_s", serialize_with = "seconds")]
    #[schemars(with = "f64")]
    pub elapsed: Duration,
    /// True if it failed or was tried again later.
    pub failed: bool,
}

impl SlowImage {
    /// Returns an image that `bytes` were sent for in `elapsed`.
    pub fn new(source: ImageRef, bytes: u64, elapsed: Duration) -> Self {
        Self { source, bytes, elapsed, failed: false }
    }
}

/// A blob that took long.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct SlowBlob {
    /// The image that it was moved for.
    #[schemars(with = "String")]
    pub source: ImageRef,
    /// The blob.
    #[schemars(with = "String")]
    pub digest: Digest,
    /// Bytes that passed.
    pub bytes: u64,
    /// The duration in seconds.
    #[serde(rename = "elapsed_s", serialize_with = "seconds")]
    #[schemars(with = "f64")]
    pub elapsed: Duration,
    /// True if it failed in the end.
    pub failed: bool,
}

impl SlowBlob {
    /// Returns a blob of an image of which `bytes` passed in `elapsed`.
    pub fn new(source: ImageRef, digest: Digest, bytes: u64, elapsed: Duration) -> Self {
        Self { source, digest, bytes, elapsed, failed: false }
    }
}

/// Something that failed for good.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Failure {
    /// The item.
    #[serde(flatten)]
    pub what: FailedItem,
    /// The class of the cause.
    pub kind: ErrorKind,
    /// The cause, in one line.
    pub cause: String,
    /// The errors below the cause, as far as the message does not tell them: what a plugin got from its libraries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// A remedy, if one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The item that failed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "what")]
#[non_exhaustive]
pub enum FailedItem {
    /// An image on its way to one target.
    Image {
        /// From.
        #[schemars(with = "String")]
        source: ImageRef,
        /// To; none if it failed before there was a target.
        #[schemars(with = "Option<String>")]
        target: Option<ImageRef>,
    },
    /// The listing of a repository; none if the list as a whole failed.
    Listing {
        /// The repository.
        #[schemars(with = "Option<String>")]
        repository: Option<Repository>,
    },
    /// A rule, or a part of one, that cannot be followed.
    Rule {
        /// Its place, such as `images.yaml:7`.
        rule: String,
    },
    /// The end of a destination, which could not make lasting what was written.
    Finish {
        /// The kind of the destination.
        push: String,
    },
}

impl Failure {
    /// Returns a failure with the message and hint of `error`.
    pub fn new(what: FailedItem, error: &Error) -> Self {
        Self {
            what,
            kind: error.kind(),
            cause: error.message().to_owned(),
            because: error.causes(),
            hint: error.hint().map(str::to_owned),
        }
    }
}

impl Report {
    /// Counts a target that was written.
    pub(crate) fn copied(&mut self, moved: &CopyStats) {
        self.copied += 1;
        self.rewritten += u64::from(moved.changed_from.is_some());
        self.moved.add(moved);
    }

    /// Counts a target that the filter at this position dropped.
    pub(crate) fn dropped(&mut self, filter: usize, reason: &str) {
        if let Some(filtered) = self.filters.get_mut(filter) {
            filtered.dropped(reason);
        }
    }

    /// The exit code that scripts may rely on: 0 all there, 1 something failed, 130 stopped.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self { interrupted: true, .. } => 130,
            Self { failed: 0, .. } => 0,
            _ => 1,
        }
    }
}

impl CopyStats {
    /// Adds the sums of another.
    pub fn add(&mut self, other: &Self) {
        self.blobs += other.blobs;
        self.bytes += other.bytes;
        self.mounted += other.mounted;
        self.shared += other.shared;
        self.present += other.present;
        self.foreign += other.foreign;
        self.referrers += other.referrers;
    }
}

fn seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1000.0).round() / 1000.0)
}

impl FilterStats {
    /// Maximum number of different reasons kept.
    const REASONS: usize = 16;

    /// Notes a target that was dropped for this reason.
    pub(crate) fn dropped(&mut self, reason: &str) {
        self.images += 1;
        if self.reasons.len() < Self::REASONS || self.reasons.contains_key(reason) {
            *self.reasons.entry(reason.to_owned()).or_default() += 1;
        }
    }
}
