//! What came of a run.

use std::time::Duration;

use serde::Serialize;

use crate::{
    content::{ImageRef, Repository},
    error::{Error, ErrorKind},
    job::Moved,
};

/// What came of a run: counts, sums and every failure. Nothing is kept of images that went well.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The name of the pipeline.
    pub name: String,
    /// Targets that were written.
    pub copied: u64,
    /// Targets where nothing had to be done.
    pub skipped: u64,
    /// Targets, and listings, that failed.
    pub failed: u64,
    /// Sums over everything that was written.
    pub moved: Moved,
    /// Targets whose index was written anew, with a digest of its own.
    pub rewritten: u64,
    /// Further rounds that were made over what failed.
    pub rounds: u32,
    /// Targets that were begun and not brought to an end, because the run was stopped.
    pub unfinished: u64,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// What failed, in the order of the rules.
    pub failures: Vec<Failure>,
    /// How long it took, in seconds.
    #[serde(rename = "elapsed_s", serialize_with = "seconds")]
    pub elapsed: Duration,
}

/// Something that failed for good.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// What it was.
    #[serde(flatten)]
    pub what: Failed,
    /// The class of the cause.
    pub kind: ErrorKind,
    /// The cause, in one line.
    pub cause: String,
    /// What to do about it, where something is known to help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What it was that failed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Failed {
    /// An image on its way to one target.
    Image {
        /// From.
        source: ImageRef,
        /// To; none if it failed before there was a target.
        target: Option<ImageRef>,
    },
    /// The listing of a repository; none if the list as a whole failed.
    Listing {
        /// Which one.
        repository: Option<Repository>,
    },
    /// The end of a destination, which could not make lasting what was written.
    Finish {
        /// The kind of the destination.
        push: String,
    },
}

impl Failure {
    /// What failed, with the words of its error.
    pub fn new(what: Failed, error: &Error) -> Self {
        Self { what, kind: error.kind(), cause: error.message().to_owned(), hint: error.hint_text().map(str::to_owned) }
    }
}

impl Report {
    /// Counts a target that was written.
    pub(crate) fn copied(&mut self, moved: &Moved) {
        self.copied += 1;
        self.rewritten += u64::from(moved.changed_from.is_some());
        self.moved.add(moved);
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

impl Moved {
    /// Adds the sums of another.
    pub fn add(&mut self, other: &Self) {
        self.blobs += other.blobs;
        self.bytes += other.bytes;
        self.mounted += other.mounted;
        self.present += other.present;
        self.foreign += other.foreign;
    }
}

fn seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1000.0).round() / 1000.0)
}
