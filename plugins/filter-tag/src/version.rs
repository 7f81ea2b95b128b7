//! Versions, as tags write them: more loosely than semver allows, and still in one order.
//!
//! | tag | is read as |
//! |---|---|
//! | `1.2.3`, `v1.2.3` | 1.2.3 |
//! | `v1`, `1.2` | 1.0.0, 1.2.0: what is left out counts as 0 |
//! | `2024.01.05` | 2024.1.5: leading zeros do not count |
//! | `1.2.3.4` | 1.2.3, and among those the fourth |
//! | `1.2.3-rc1`, `3.13.0rc1`, `2.0.0.M1`, `24-ea` | prereleases, see below |
//! | `1.2.3-4`, `1.2.3-r4` | 1.2.3 packaged again: newer than 1.2.3, not a prerelease of it |
//! | `1.2.3-alpine`, `1.2.3-debian-12-r4` | 1.2.3 in another variant, not a prerelease |
//! | `1.2.3_5` | 1.2.3 with build metadata `5`: tags cannot hold a `+`, so Helm writes it as `_` |
//! | `latest`, `1.2.x`, `1.1.1w`, `3f9c2d1` | no versions |
//!
//! A part of the suffix is a prerelease if it is one of these words, in any case: `alpha`, `beta`, `canary`, `cr`,
//! `dev`, `ea`, `edge`, `milestone`, `nightly`, `pre`, `preview`, `rc`, `snapshot`; with or without a number; or `a`,
//! `b`, `m` with a number. Everything else is a variant, because that is what suffixes of images mostly are.
//!
//! A tag of digits only is a version, even if it was meant as a date or the start of a commit.

use std::cmp::Ordering;

mod suffix;

use suffix::Suffix;

/// A version that was read from a tag.
///
/// The order is total: numbers first; then prereleases, as semver sorts them, before what they lead to; then what was
/// packaged again; then variants before the plain version, numbers in them by value; then build metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagVersion {
    /// Major, minor, patch.
    numbers: [u64; 3],
    /// Numbers after the third.
    more: Vec<u64>,
    suffix: Suffix,
}

impl TagVersion {
    /// The version that a tag means, if it means one.
    pub fn of(tag: &str) -> Option<Self> {
        let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
        let mut numbers = Vec::new();
        let mut rest = text;
        loop {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            numbers.push(rest[..digits].parse().ok()?);
            rest = &rest[digits..];
            match rest.strip_prefix('.') {
                Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => rest = after,
                _ => break,
            }
        }
        let suffix = Suffix::of(rest)?;
        let more = numbers.split_off(numbers.len().min(3));
        numbers.resize(3, 0);
        Some(Self { numbers: numbers.try_into().ok()?, more, suffix })
    }

    /// Returns true for a prerelease, such as `1.2.3-rc1`.
    pub fn is_prerelease(&self) -> bool {
        !self.suffix.prerelease.is_empty()
    }

    /// Returns the series of the tag: its variant without the numbers in it, such as `alpine#.#` for `1.2-alpine3.19`.
    pub fn series(&self) -> String {
        self.suffix.series()
    }

    /// Returns what a range compares: three numbers and the prerelease.
    pub(crate) fn semver(&self) -> semver::Version {
        let [major, minor, patch] = self.numbers;
        semver::Version { pre: self.suffix.prerelease.clone(), ..semver::Version::new(major, minor, patch) }
    }
}

impl Ord for TagVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = (self.numbers, &self.more).cmp(&(other.numbers, &other.more));
        numbers.then_with(|| self.suffix.order(&other.suffix))
    }
}

impl PartialOrd for TagVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A prerelease as tags write it, in the form that is compared: `rc1` as `rc.1`, lower case.
pub(crate) fn normal_prerelease(text: &str) -> Option<semver::Prerelease> {
    suffix::prerelease(text)
}

#[cfg(test)]
mod tests;
