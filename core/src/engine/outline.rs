//! The manifests of an image, by name: what must stand at a destination so that the image is there.

use std::collections::{BTreeSet, HashSet};

use super::kept::Kept;
use crate::{
    content::{Descriptor, Digest, Manifest, Platform, Repository},
    error::Result,
    stage::Fetch,
};

/// Upper bound for the depth of nested indexes; images with more levels are not copied.
const DEPTH: usize = 8;

/// Manifests below one root that are looked for.
const MOST: usize = 4096;

/// The manifests of an image, as it shall be written.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    /// The root.
    pub(super) root: Descriptor,
    /// The root itself, where it is known without reading more.
    pub(super) manifest: Option<Manifest>,
    /// All manifests below it, each digest once.
    pub(super) below: Vec<Descriptor>,
}

/// The parts of an image that a repository has.
#[derive(Clone, Debug, Default)]
pub(super) enum PresentParts {
    /// Nothing that is known.
    #[default]
    Nothing,
    /// These manifests, with their blobs.
    Parts(HashSet<Digest>),
    /// The root and everything below it.
    Whole,
}

impl Outline {
    /// An image without manifests below its root, or a root whose entries are not looked at.
    pub(super) fn bare(root: &Descriptor) -> Self {
        Self { root: root.clone(), manifest: None, below: Vec::new() }
    }

    /// A root with exactly these manifests below it.
    pub(super) fn over(root: Manifest, below: Vec<Descriptor>) -> Self {
        let mut seen = HashSet::new();
        let below = below.into_iter().filter(|item| seen.insert(item.digest.clone())).collect();
        Self { root: root.descriptor(), manifest: Some(root), below }
    }

    /// Everything below `root`, of which no filter drops anything. Nested indexes are read.
    pub(super) async fn of(root: &Manifest, source: &Repository, kept: &Kept<'_>) -> Result<Self> {
        let (mut seen, mut below) = (HashSet::new(), Vec::new());
        let mut open = vec![(root.clone(), 0)];
        while let Some((index, depth)) = open.pop() {
            for entry in index.children() {
                if below.len() >= MOST || !seen.insert(entry.digest.clone()) {
                    continue;
                }
                let mut item = entry.clone();
                if (entry.media_type.is_index() || entry.media_type.is_empty()) && depth < DEPTH {
                    let manifest = kept.manifest(source, entry).await?;
                    item.media_type = manifest.media_type().clone();
                    open.push((manifest, depth + 1));
                }
                below.push(item);
            }
        }
        Ok(Self { root: root.descriptor(), manifest: Some(root.clone()), below })
    }

    /// The digests of all its manifests, the root last.
    pub(super) fn digests(&self) -> Vec<Digest> {
        self.below.iter().chain([&self.root]).map(|item| item.digest.clone()).collect()
    }

    /// Returns true if `other` is an index with the same entries, even with other bytes: the same digests for the same
    /// platforms.
    pub(super) fn has_the_entries_of(&self, other: &Manifest) -> bool {
        let Some(root) = self.manifest.as_ref().filter(|root| root.media_type().is_index()) else { return false };
        other.media_type().is_index() && entries(root) == entries(other)
    }
}

/// Returns the digests and platforms of an index's entries, which are all that matters for a pull.
fn entries(index: &Manifest) -> BTreeSet<(String, Option<&Platform>)> {
    // Some writers put an empty platform where there is none.
    let said = |platform: &&Platform| **platform != Platform::default();
    index.entries().iter().map(|entry| (entry.digest.to_string(), entry.platform.as_ref().filter(said))).collect()
}

impl PresentParts {
    /// Returns true if a manifest is there.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        match self {
            Self::Nothing => false,
            Self::Parts(parts) => parts.contains(digest),
            Self::Whole => true,
        }
    }

    /// Returns true if everything is there.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }

    /// Returns the parts that at least one of the two has.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole, _) | (_, Self::Whole) => Self::Whole,
            (Self::Nothing, known) | (known, Self::Nothing) => known,
            (Self::Parts(one), Self::Parts(other)) => Self::Parts(one.into_iter().chain(other).collect()),
        }
    }
}
