//! What happens in a run, as one ordered, lossless stream of small facts.
//!
//! Progress bars, JSON lines and the report are all [`Observer`]s of it. A fact that a user needs is an event, never
//! only a log line. Bytes are not events: a transfer carries a counter that a display samples.

use std::sync::{Arc, atomic::AtomicU64};

use crate::{
    content::{Descriptor, Digest, ImageRef, Platform, Repository},
    error::Error,
    job::Outcome,
    report::Report,
};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A run began.
    RunStarted {
        /// The name of the pipeline.
        name: String,
    },
    /// A repository was listed.
    Listed {
        /// Which one.
        repository: Repository,
        /// How many versions go on.
        kept: usize,
        /// How many each filter dropped by name: kind of the filter and number.
        dropped: Vec<(String, usize)>,
    },
    /// A repository could not be listed.
    ListingFailed {
        /// Which one; none if the list as a whole failed.
        repository: Option<Repository>,
        /// Why.
        error: Error,
    },
    /// A rule, or a part of one, cannot be followed.
    RuleRefused {
        /// Where it stands.
        rule: String,
        /// Why.
        error: Error,
    },
    /// Something the user should know that is no failure.
    Warning {
        /// What.
        message: String,
    },
    /// Work on an image began.
    JobStarted {
        /// Its number.
        job: u64,
        /// The image.
        source: ImageRef,
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
        /// How many of them passed so far.
        passed: Arc<AtomicU64>,
    },
    /// A blob was moved, or that failed.
    TransferFinished {
        /// The number it was started with.
        transfer: u64,
        /// Why it failed, if it did.
        error: Option<Error>,
    },
    /// Something is tried again.
    Retrying {
        /// The job.
        job: u64,
        /// What it is about.
        what: String,
        /// What went wrong.
        error: Error,
        /// Which attempt comes now, counted from 1.
        attempt: u32,
    },
    /// What is known of an image before it is copied; only a plan says this.
    Planned {
        /// The job.
        job: u64,
        /// What would be done.
        image: PlannedImage,
    },
    /// One target of a job came to its end for this round.
    TargetFinished {
        /// The job.
        job: u64,
        /// The image.
        source: ImageRef,
        /// Where to; none if it failed before there was a target.
        target: Option<ImageRef>,
        /// The kind of the destination.
        push: Arc<str>,
        /// How it ended.
        outcome: Outcome,
        /// Whether a later round will try again.
        again: bool,
    },
    /// A job came to its end for this round.
    JobFinished {
        /// Its number.
        job: u64,
    },
    /// Another round begins over what failed.
    RoundStarted {
        /// Counted from 1; the first pass over everything is round 0.
        round: u32,
        /// How many images and listings are tried again.
        failed: usize,
    },
    /// The user asked to stop.
    Stopping,
    /// The run is over.
    RunFinished {
        /// What came of it.
        report: Arc<Report>,
    },
}

/// What a plan says of one image.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PlannedImage {
    /// The image.
    pub source: ImageRef,
    /// What it points to at the source.
    pub digest: Digest,
    /// What would be written, where that differs because a filter drops entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub becomes: Option<Digest>,
    /// The platforms that would be copied.
    #[serde(serialize_with = "as_texts")]
    pub platforms: Vec<Platform>,
    /// The platforms that filters drop.
    #[serde(serialize_with = "as_texts")]
    pub dropped: Vec<Platform>,
    /// Bytes of blobs that would be moved at most; a blob that several images share is counted at the first.
    pub bytes: u64,
    /// Blobs that would be moved at most.
    pub blobs: u64,
    /// Manifests that must be read at the source; registries that count pulls count these.
    pub manifests: u64,
    /// Where to, and why not.
    pub targets: Vec<PlannedTarget>,
    /// Foreign layers, which stay where they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Descriptor>,
}

/// What a plan says of one target.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PlannedTarget {
    /// Where to.
    pub target: ImageRef,
    /// The kind of the destination.
    pub push: Arc<str>,
    /// What stands there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Digest>,
    /// Why nothing would be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<crate::job::Skip>,
}

fn as_texts<S: serde::Serializer>(platforms: &[Platform], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(platforms.iter().map(ToString::to_string))
}

/// Sees everything that happens, in order.
///
/// It is called while the run goes on, by one caller at a time: it should be quick.
pub trait Observer: Send + Sync {
    /// Takes a fact.
    fn on(&self, event: &Event);
}

/// An observer that does not look.
impl Observer for () {
    fn on(&self, _: &Event) {}
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn on(&self, event: &Event) {
        self(event);
    }
}
