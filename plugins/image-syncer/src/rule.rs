//! A rule: the versions of a repository, and their destinations.

mod error;
mod fit;
mod parse;
mod reference;
mod target;

use std::{collections::HashMap, fmt, sync::Arc};

use sealift_core::{
    content::{Digest, ImageRef, Reference, Repository, Tag},
    diagnostic::Location,
    job::{Candidate, Listing},
};

pub use error::{RuleError, RuleErrorKind, RulePart, RuleWarning};

use crate::expression::Expression;

/// A rule: a repository, which of its versions, and where they go.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The repository of the versions.
    pub source: Repository,
    /// The selection of versions.
    pub select: Select,
    /// The tag that stands beside a digest in the source (`app:v1@sha256:…`): what the image is called where the
    /// destination does not say otherwise. Not in image-syncer's dialect, where the digest alone counts.
    pub beside: Option<Tag>,
    /// The destinations. Empty means that the destination names the images.
    pub targets: Vec<TargetRule>,
    /// The position of the rule in words, such as `images.yaml:7`.
    pub label: Arc<str>,
    /// The place of the rule in a file, if it has one.
    pub place: Option<Location>,
}

/// The selection of versions by a rule.
#[derive(Clone, Debug)]
pub enum Select {
    /// Every tag.
    All,
    /// These tags, in this order. In image-syncer's dialect all but the first may be digests.
    Named(Vec<Reference>),
    /// The version with this digest.
    Digest(Digest),
    /// Every tag in which the expression matches anywhere.
    Matching(Expression),
}

/// One destination of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRule {
    /// The repository at the destination.
    pub repository: Repository,
    /// The names there.
    pub version: TargetVersion,
}

/// The names of the versions of a rule at a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetVersion {
    /// As at the source.
    Same,
    /// Other tags: as many as the source has, or one for a digest. In image-syncer's dialect all but the first may be
    /// digests.
    Named(Vec<Reference>),
    /// As at the source, if the expression matches everything that the source has. Only in image-syncer's dialect.
    Matching(Expression),
    /// By digest only, which must be that of what is pushed.
    Digest(Digest),
    /// By this tag and by digest, which must be that of what is pushed. Not in image-syncer's dialect.
    Pinned(Tag, Digest),
}

impl Rule {
    /// Returns true if the tags of the repository must be listed.
    pub fn needs_tags(&self) -> bool {
        matches!(self.select, Select::All | Select::Matching(_))
    }

    /// Returns the versions that the rule takes, with their targets; each version and each target of it once. A destination
    /// that does not fit them (see [`Rule::misfits`]) is left out.
    ///
    /// `tags` is what the registry lists; it is not looked at where the rule names tags or a digest.
    pub fn listing(&self, tags: &[Tag]) -> Listing {
        let versions = self.versions(tags);
        let targets: Vec<_> = self.targets.iter().filter(|target| target.misfit(&versions).is_none()).collect();
        let named = !self.needs_tags();
        let mut candidates: Vec<Candidate> = Vec::with_capacity(versions.len());
        if targets.is_empty() && !self.targets.is_empty() {
            return Listing::new(self.source.clone(), candidates, Arc::clone(&self.label));
        }
        let mut known: HashMap<Reference, usize> = HashMap::with_capacity(versions.len());
        for (at, version) in versions.into_iter().enumerate() {
            let index = *known.entry(version.clone()).or_insert_with(|| {
                candidates.push(Candidate { named, beside: self.beside.clone(), ..Candidate::new(version.clone()) });
                candidates.len() - 1
            });
            let called = self.beside.clone().map_or(version, Reference::Tag);
            for image in targets.iter().flat_map(|target| target.images(at, &called)) {
                if !candidates[index].targets.contains(&image) {
                    candidates[index].targets.push(image);
                }
            }
        }
        Listing::new(self.source.clone(), candidates, Arc::clone(&self.label))
    }

    fn versions(&self, tags: &[Tag]) -> Vec<Reference> {
        match &self.select {
            Select::All => tags.iter().cloned().map(Reference::Tag).collect(),
            Select::Matching(expression) => {
                tags.iter().filter(|tag| expression.is_match(tag)).cloned().map(Reference::Tag).collect()
            }
            Select::Named(named) => named.clone(),
            Select::Digest(digest) => vec![Reference::Digest(digest.clone())],
        }
    }

    /// Returns the source as a rule writes it, with its registry: `quay.io/a/b:/^v1/`.
    pub fn from(&self) -> String {
        let source = &self.source;
        match &self.select {
            Select::All => source.to_string(),
            Select::Named(named) => format!("{source}:{}", joined(named)),
            Select::Digest(digest) => match &self.beside {
                Some(tag) => format!("{source}:{tag}@{digest}"),
                None => format!("{source}@{digest}"),
            },
            Select::Matching(expression) => format!("{source}:/{expression}/"),
        }
    }

    /// Returns the destinations as a rule writes them.
    pub fn to(&self) -> Vec<String> {
        self.targets.iter().map(TargetRule::to_string).collect()
    }
}

fn joined(versions: &[Reference]) -> String {
    versions.iter().map(Reference::to_string).collect::<Vec<_>>().join(",")
}

impl TargetRule {
    /// Returns the names of the version with index `at` of the source.
    fn images(&self, at: usize, source: &Reference) -> Vec<ImageRef> {
        let versions = match &self.version {
            TargetVersion::Same | TargetVersion::Matching(_) => vec![source.clone()],
            // A target that has another number is left out before.
            TargetVersion::Named(named) => vec![named[at].clone()],
            TargetVersion::Digest(digest) => vec![Reference::Digest(digest.clone())],
            TargetVersion::Pinned(tag, digest) => vec![Reference::Tag(tag.clone()), Reference::Digest(digest.clone())],
        };
        versions
            .into_iter()
            .map(|version| ImageRef { repository: self.repository.clone(), reference: version })
            .collect()
    }
}

impl fmt::Display for TargetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.repository.fmt(f)?;
        match &self.version {
            TargetVersion::Same => Ok(()),
            TargetVersion::Named(named) => write!(f, ":{}", joined(named)),
            TargetVersion::Matching(expression) => write!(f, ":/{expression}/"),
            TargetVersion::Digest(digest) => write!(f, "@{digest}"),
            TargetVersion::Pinned(tag, digest) => write!(f, ":{tag}@{digest}"),
        }
    }
}

#[cfg(test)]
mod tests;
