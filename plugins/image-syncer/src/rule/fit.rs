//! Checks that the names of a destination fit the versions of the source.

use sealift_core::content::{Reference, Tag};

use super::{Rule, RuleError, RuleErrorKind as Kind, RulePart, Select, TargetRule, TargetVersion};

impl Rule {
    /// Returns one sentence for each destination that does not fit the listed tags. The strict dialect refuses such rules
    /// before listing.
    pub fn misfits(&self, tags: &[Tag]) -> Vec<String> {
        let versions = self.versions(tags);
        let one = |target: &TargetRule| {
            let why = target.misfit(&versions)?;
            Some(format!("`{}` → `{target}`: {why}", self.from()))
        };
        self.targets.iter().filter_map(one).collect()
    }
}

impl TargetRule {
    /// Returns the reason why these versions do not fit; none if they do.
    pub(super) fn misfit(&self, versions: &[Reference]) -> Option<String> {
        let has = |count: usize| {
            format!("the destination has {count} names and the source {}: they must be as many", versions.len())
        };
        match &self.version {
            TargetVersion::Same => None,
            TargetVersion::Named(named) if named.len() == versions.len() => None,
            TargetVersion::Named(named) => Some(has(named.len())),
            TargetVersion::Digest(_) | TargetVersion::Pinned(..) if versions.len() == 1 => None,
            TargetVersion::Digest(_) | TargetVersion::Pinned(..) => Some(has(1)),
            TargetVersion::Matching(expression) => {
                let count = versions.iter().filter(|version| expression.is_match(&version.to_string())).count();
                (count != versions.len()).then(|| has(count))
            }
        }
    }
}

/// Checks the destination against the selection of the source, as far as that is possible before listing.
pub(super) fn mismatch(select: &Select, target: &TargetRule, part: RulePart, counted_later: bool) -> Option<RuleError> {
    let has = match select {
        Select::All => "every tag".to_owned(),
        Select::Matching(_) => "every tag that matches".to_owned(),
        Select::Digest(_) => "1 digest".to_owned(),
        Select::Named(named) if named.len() == 1 => "1 tag".to_owned(),
        Select::Named(named) => format!("{} tags", named.len()),
    };
    let count = |found: String| {
        let message = format!("the destination `{target}` has {found} and the source has {has}: they must be as many");
        Some(
            RuleError::new(Kind::TagCount, part, message)
                .hint("without a tag the destination keeps those of the source"),
        )
    };
    match (&target.version, select) {
        (_, Select::All | Select::Matching(_)) if counted_later => None,
        (TargetVersion::Same | TargetVersion::Matching(_), _) => None,
        (TargetVersion::Named(to), Select::Named(from)) if to.len() == from.len() => None,
        (TargetVersion::Named(to), Select::Digest(_)) if to.len() == 1 => None,
        (TargetVersion::Named(to), _) if to.len() == 1 => count("1 tag".to_owned()),
        (TargetVersion::Named(to), _) => count(format!("{} tags", to.len())),
        (TargetVersion::Digest(to) | TargetVersion::Pinned(_, to), Select::Digest(from)) if from == to => None,
        (TargetVersion::Digest(to) | TargetVersion::Pinned(_, to), Select::Digest(from)) => {
            let message =
                format!("the source has the digest `{from}` and the destination `{to}`: they must be the same");
            Some(RuleError::new(Kind::DigestMismatch, part, message))
        }
        (TargetVersion::Digest(_) | TargetVersion::Pinned(..), Select::Named(from)) if from.len() == 1 => None,
        (TargetVersion::Digest(_) | TargetVersion::Pinned(..), _) => count("1 digest".to_owned()),
    }
}
