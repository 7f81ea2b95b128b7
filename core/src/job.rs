//! The data passed between stages: listing, candidate, target, job, outcome.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    content::{Descriptor, Digest, ImageRef, Manifest, Reference, Repository, Tag},
    error::Error,
};

/// One repository and the candidates found there.
///
/// A batch, because "the newest three" needs the tags of a repository together.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The repository of the candidates.
    pub repository: Repository,
    /// The versions found there, in the order of copying.
    pub candidates: Vec<Candidate>,
    /// The place of the rule, such as `images.yaml:7`; errors about two rules name both.
    pub rule: Arc<str>,
    /// True if each target name is unique among all candidates of all listings of this run.
    /// A list that knows all its rules can see that; the engine then need not remember every name. Default: false.
    pub exclusive: bool,
    /// Makes it a failure if filters leave nothing of all listings of this rule. Default: true. If not, it is one only
    /// where nothing is left of the whole list: for lists that find repositories which were not named one by one.
    pub must_yield: bool,
}

impl Listing {
    /// Candidates of a repository, asked for by `rule`.
    pub fn new(repository: Repository, candidates: Vec<Candidate>, rule: impl Into<Arc<str>>) -> Self {
        Self { repository, candidates, rule: rule.into(), exclusive: false, must_yield: true }
    }

    /// Keeps the candidates that `keep` says yes to.
    pub fn retain(&mut self, keep: impl FnMut(&Candidate) -> bool) {
        self.candidates.retain(keep);
    }
}

/// One version of a repository, and where it shall go.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The tag or digest.
    pub reference: Reference,
    /// The targets given by the rule; empty means that the destination names them.
    pub targets: Vec<ImageRef>,
    /// The tag that was written beside a digest (`app:v1@sha256:…`). The digest says what is read, the tag what it is
    /// called.
    pub beside: Option<Tag>,
    /// True if the rule names this version, so that it is a failure if a filter drops it by its content. Default:
    /// false, for versions that were found.
    pub named: bool,
}

impl Job {
    /// A job that copies `source` to where each destination names it.
    pub fn new(source: ImageRef) -> Self {
        Self { id: 0, source, targets: Vec::new(), beside: None, named: false, rule: "a rule".into() }
    }

    /// Returns the name for messages: the source, with the tag written beside its digest instead of the digest.
    pub fn called(&self) -> ImageRef {
        match &self.beside {
            Some(tag) => self.source.repository.with_tag(tag),
            None => self.source.clone(),
        }
    }
}

impl Candidate {
    /// A version that was found and that the destination will name.
    pub fn new(version: Reference) -> Self {
        Self { reference: version, targets: Vec::new(), beside: None, named: false }
    }

    /// A version that the rule names.
    pub fn named(version: Reference) -> Self {
        Self { named: true, ..Self::new(version) }
    }

    /// Returns what it is called in a repository: by the tag beside its digest, if there is one.
    pub fn called(&self, repository: &Repository) -> ImageRef {
        match &self.beside {
            Some(tag) => repository.with_tag(tag),
            None => ImageRef { repository: repository.clone(), reference: self.reference.clone() },
        }
    }

    /// The tag that it goes by: its version, or the tag beside its digest.
    pub fn tag(&self) -> Option<&Tag> {
        self.reference.tag().or(self.beside.as_ref())
    }
}

/// One candidate and all its targets: the unit of progress, of a retry round and of the report.
#[derive(Clone, Debug)]
pub struct Job {
    /// Counts up in the order of the listings.
    pub id: u64,
    /// The image to copy.
    pub source: ImageRef,
    /// The targets given by the rule; empty means that each destination names them.
    pub targets: Vec<ImageRef>,
    /// The tag that was written beside the digest of the source.
    pub beside: Option<Tag>,
    /// True if the rule names this version.
    pub named: bool,
    /// The place of the rule.
    pub rule: Arc<str>,
}

/// The result of resolving a name.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The name that was asked for.
    pub image: ImageRef,
    /// The descriptor of the content.
    pub descriptor: Descriptor,
    /// The manifest, where it was read.
    pub manifest: Option<Manifest>,
}

/// The result for one target of a job.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was copied.
    Copied(CopyStats),
    /// Nothing had to be done.
    Skipped(Skip),
    /// It is not there.
    Failed(Error),
}

/// What a copy to one target took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Moved")]
#[non_exhaustive]
pub struct CopyStats {
    /// Digest of the root that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub digest: Option<Digest>,
    /// Digest of the root at the source, where the written one differs because a filter dropped entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub changed_from: Option<Digest>,
    /// Blobs that were sent.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of blobs that the destination took from another of its repositories.
    pub mounted: u64,
    /// Bytes of blobs that this run had sent to the same repository for another image: saved by sharing.
    pub shared: u64,
    /// Bytes of blobs that were there before the run.
    pub present: u64,
    /// Foreign layers that the source does not have, so that they stay where their `urls` say.
    pub foreign: u64,
    /// Signatures, SBOMs and other referrers that were written.
    pub referrers: u64,
}

/// The reason for skipping a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Skip {
    /// The destination has it already.
    Present {
        /// The digest at the destination.
        digest: Digest,
    },
    /// A filter said no.
    Filtered {
        /// The kind of the filter.
        filter: String,
        /// Its position among the filters of the pipeline, because two of them may be of one kind.
        #[serde(skip)]
        at: usize,
        /// The reason given by the filter.
        reason: String,
    },
    /// The name stands for another image, which the pipeline leaves there (`overwrite = false`).
    Kept {
        /// The digest at the destination.
        digest: Digest,
    },
    /// An earlier rule does the same.
    Duplicate,
    /// A later rule sends another image to this name.
    Overridden {
        /// The rule.
        by: Arc<str>,
    },
}
