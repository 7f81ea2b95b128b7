//! The end of a run at a destination.

use crate::{
    content::{Descriptor, Digest, ImageRef},
    error::Error,
    report::FailedItem,
};

/// The end of a run, as far as a destination should know it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunEnd<'a> {
    /// True if the run was stopped before all was done.
    pub stopped: bool,
    /// What failed for good.
    pub failed: Vec<&'a FailedItem>,
    /// True if the list left out something that may name an image, because it cannot be read.
    pub left_out: bool,
    /// The names that would be written at this destination, in a plan.
    pub planned: Vec<PlannedName>,
}

/// A name that a run would write.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlannedName {
    /// The name.
    pub at: ImageRef,
    /// The digest of the root that it would stand for.
    pub root: Digest,
    /// The manifests and blobs of the image and of what would be written about it, as far as they were read.
    pub content: Vec<Descriptor>,
}

impl PlannedName {
    /// Returns a name with its content.
    pub fn new(at: ImageRef, root: Digest, content: Vec<Descriptor>) -> Self {
        Self { at, root, content }
    }
}

/// Content that a destination had and that the end of a run removes, because the run did not ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Removed {
    /// True if it is not removed after all, because not everything that was asked for arrived or could be read.
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
#[non_exhaustive]
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

impl Lost {
    /// Returns the loss of what `job` brought from `source` to `at`.
    pub fn new(job: u64, source: ImageRef, at: ImageRef, error: Error) -> Self {
        Self { job, source, at, error }
    }
}
