//! The events of a run, as one ordered stream of small facts.
//!
//! Progress bars, JSON lines and the report are all [`Observer`](crate::observer::Observer)s of it. A fact that a user needs is an event, never
//! only a log line. Bytes are not events: a transfer carries a counter that a display samples.

use std::sync::{Arc, atomic::AtomicU64};

use crate::{
    content::{Descriptor, Digest, ImageRef, Platform, Repository},
    error::Error,
    job::Outcome,
    report::Report,
    stage::Removed,
};

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A run began.
    RunStarted {
        /// The name of the pipeline.
        name: String,
        /// True for a plan, which writes nothing.
        plan: bool,
    },
    /// Events that this observer did not get, because it was too slow. They came right before the next one.
    Missed {
        /// Their number.
        count: u64,
    },
    /// A repository was listed.
    Listed {
        /// The repository.
        repository: Repository,
        /// Number of versions kept.
        kept: usize,
        /// Number of versions dropped by each filter: kind of the filter and number.
        dropped: Vec<(String, usize)>,
    },
    /// A repository could not be listed.
    ListingFailed {
        /// The repository; none if the list as a whole failed.
        repository: Option<Repository>,
        /// The error.
        error: Error,
    },
    /// A rule, or a part of one, cannot be followed.
    RuleRefused {
        /// The place of the rule.
        rule: String,
        /// The error.
        error: Error,
    },
    /// Something the user should know that is no failure.
    Warning {
        /// The message.
        message: String,
    },
    /// Work on an image began.
    JobStarted {
        /// Its number.
        job: u64,
        /// The image.
        source: ImageRef,
    },
    /// The blobs of an image that have to come to its destinations are known; some may turn out to be there.
    Needed {
        /// The job.
        job: u64,
        /// Each blob with its bytes.
        blobs: Vec<(Digest, u64)>,
    },
    /// A blob is being moved.
    TransferStarted {
        /// The job that it is moved for.
        job: u64,
        /// A number of its own.
        transfer: u64,
        /// The image.
        source: ImageRef,
        /// The blob.
        digest: Digest,
        /// Its bytes, if that is known.
        size: Option<u64>,
        /// Number of bytes passed so far.
        passed: Arc<AtomicU64>,
    },
    /// A blob was moved, or that failed.
    TransferFinished {
        /// The number it was started with.
        transfer: u64,
        /// The error, if it failed.
        error: Option<Error>,
    },
    /// Something is tried again.
    Retrying {
        /// The job.
        job: u64,
        /// The subject of the retry.
        what: String,
        /// The error of the last attempt.
        error: Error,
        /// The attempt that starts now, counted from 1.
        attempt: u32,
    },
    /// Facts about an image before it is copied; sent by a plan only.
    Planned {
        /// The job.
        job: u64,
        /// The planned work.
        image: PlannedImage,
    },
    /// One target of a job came to its end for this round.
    TargetFinished {
        /// The job.
        job: u64,
        /// The image.
        source: ImageRef,
        /// The target; none if it failed before there was one.
        target: Option<ImageRef>,
        /// The kind of the destination.
        push: Arc<str>,
        /// The directory or file that the destination writes to, if it is one.
        location: Option<Arc<str>>,
        /// The outcome.
        outcome: Outcome,
        /// True if a later round will try again.
        again: bool,
    },
    /// A job came to its end for this round.
    JobFinished {
        /// Its number.
        job: u64,
    },
    /// Another round begins over what failed.
    PassStarted {
        /// Counted from 1; the first pass over everything is round 0.
        round: u32,
        /// Number of images and listings that are tried again.
        failed: usize,
    },
    /// The end of the run removed content that it did not ask for; in a plan, would remove it.
    Removed {
        /// The kind of the destination.
        push: Arc<str>,
        /// The directory or file that the destination writes to, if it is one.
        location: Option<Arc<str>>,
        /// The content.
        removed: Removed,
    },
    /// The end of the run changed nothing at a destination but notes: names and targets of images that were there, or
    /// the record of what was asked for; in a plan, would change them.
    NotesChanged {
        /// The kind of the destination.
        push: Arc<str>,
        /// The directory or file that the destination writes to, if it is one.
        location: Option<Arc<str>>,
    },
    /// The user asked to stop.
    Stopping,
    /// The run is over.
    RunFinished {
        /// The report of the run.
        report: Arc<Report>,
    },
}

/// The plan for one image.
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct PlannedImage {
    /// The image.
    pub source: ImageRef,
    /// The digest at the source.
    pub digest: Digest,
    /// The digest that would be written, where it differs because a filter drops entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub becomes: Option<Digest>,
    /// The platforms that would be copied.
    #[serde(serialize_with = "as_texts")]
    pub platforms: Vec<Platform>,
    /// The platforms that filters drop.
    #[serde(serialize_with = "as_texts")]
    pub dropped: Vec<Platform>,
    /// Bytes of blobs that would be moved at most, to all stores; a blob that several images share is counted at the first.
    pub bytes: u64,
    /// Blobs that would be moved at most.
    pub blobs: u64,
    /// Manifests that must be read at the source; registries that count pulls count these.
    pub manifests: u64,
    /// The targets, with the reason if one is skipped.
    pub targets: Vec<PlannedTarget>,
    /// Foreign layers, which stay where they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Descriptor>,
}

impl PlannedImage {
    /// Returns the plan for an image of which nothing would be moved, to no target.
    pub fn new(source: ImageRef, digest: Digest) -> Self {
        Self {
            source,
            digest,
            becomes: None,
            platforms: Vec::new(),
            dropped: Vec::new(),
            bytes: 0,
            blobs: 0,
            manifests: 0,
            targets: Vec::new(),
            foreign: Vec::new(),
        }
    }
}

/// The plan for one target.
#[derive(Clone, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct PlannedTarget {
    /// The target.
    pub target: ImageRef,
    /// The kind of the destination.
    pub push: Arc<str>,
    /// The directory or file that the destination writes to, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Arc<str>>,
    /// The digest that the target has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Digest>,
    /// True if it has the image and would be written again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// The reason if nothing would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<crate::job::Skip>,
    /// Signatures, SBOMs and other manifests about the image that would be written.
    #[serde(skip_serializing_if = "is_zero")]
    pub referrers: u64,
}

impl PlannedTarget {
    /// Returns the plan for a target that would be written by a destination of the kind `push`, and is not there yet.
    pub fn new(target: ImageRef, push: impl Into<Arc<str>>) -> Self {
        Self { target, push: push.into(), location: None, current: None, again: false, skip: None, referrers: 0 }
    }
}

fn as_texts<S: serde::Serializer>(platforms: &[Platform], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(platforms.iter().map(ToString::to_string))
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
