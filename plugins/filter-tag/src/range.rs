//! Ranges of versions.
//!
//! A range is written as Cargo writes it, and several joined by `||` mean any of them. Prereleases follow semver's
//! rule, in which a range takes one only if it names one of the same three numbers, unless all are asked for.

use semver::{Comparator, Op, Prerelease, VersionReq};

use crate::version::{TagVersion, normal_prerelease};

/// One range or several.
#[derive(Clone, Debug)]
pub(crate) struct VersionRange {
    any_of: Vec<VersionReq>,
    prereleases: bool,
}

impl VersionRange {
    /// Reads a range. With `prereleases`, it takes all that lie in it by order.
    pub(crate) fn parse(text: &str, prereleases: bool) -> Result<Self, String> {
        let any_of = text.split("||").map(parse_one).collect::<Result<_, _>>()?;
        Ok(Self { any_of, prereleases })
    }

    pub(crate) fn takes(&self, version: &TagVersion) -> bool {
        let version = version.semver();
        self.any_of.iter().any(|range| match self.prereleases && !version.pre.is_empty() {
            true => opened_to(range, &version).matches(&version),
            false => range.matches(&version),
        })
    }
}

fn parse_one(text: &str) -> Result<VersionReq, String> {
    let mut range = VersionReq::parse(text.trim()).map_err(|error| error.to_string())?;
    for comparator in &mut range.comparators {
        comparator.pre = normal_prerelease(&comparator.pre).unwrap_or_else(|| comparator.pre.clone());
    }
    Ok(range)
}

/// The same range with one more condition that always holds, and that names a prerelease of the same three numbers.
fn opened_to(range: &VersionReq, version: &semver::Version) -> VersionReq {
    let lowest = Comparator {
        op: Op::GreaterEq,
        major: version.major,
        minor: Some(version.minor),
        patch: Some(version.patch),
        pre: Prerelease::new("0").expect("`0` is a prerelease"),
    };
    let comparators = range.comparators.iter().cloned().chain([lowest]).collect();
    VersionReq { comparators }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(range: &str, prereleases: bool, tag: &str) -> bool {
        VersionRange::parse(range, prereleases).unwrap().takes(&TagVersion::of(tag).unwrap())
    }

    #[test]
    fn a_range_looks_at_numbers_and_not_at_variants() {
        for tag in ["1.2", "v1.2.3", "1.9-alpine", "1.2.3-4", "1.2.3.4", "1.2.3_5"] {
            assert!(takes(">=1.2, <2", false, tag), "{tag}");
        }
        for tag in ["1.1.9", "v2", "2.0.0-alpine"] {
            assert!(!takes(">=1.2, <2", false, tag), "{tag}");
        }
    }

    #[test]
    fn any_of_several_ranges_is_enough() {
        assert!(takes("1.2 || ~3.4", false, "3.4.9"));
        assert!(!takes("1.2 || ~3.4", false, "3.5"));
        assert!(takes("*", false, "0.0.1"));
    }

    #[test]
    fn prereleases_are_taken_only_where_the_range_names_one_of_the_same_numbers() {
        assert!(!takes(">=1.2", false, "1.3.0-rc1"));
        assert!(takes(">=1.3.0-beta1", false, "1.3.0-rc1"));
        assert!(!takes(">=1.3.0-rc2", false, "1.3.0-rc1"));
        assert!(takes(">=1.3.0-rc2", false, "1.3.0-rc10"), "numbers count by value, however they are written");
        assert!(!takes(">=1.3.0-beta1", false, "1.4.0-rc1"));
    }

    #[test]
    fn prereleases_can_be_taken_by_order() {
        assert!(takes(">=1.2", true, "1.3.0-rc1"));
        assert!(!takes(">=1.3.0", true, "1.3.0-rc1"));
        assert!(!takes("<2", true, "2.0.0-rc1"));
        assert!(takes("*", true, "2.0.0-rc1"));
    }

    #[test]
    fn what_is_no_range_says_why() {
        for text in ["", "x.y", ">=1 <2", "1.2 ||", ">=1.2.3.4"] {
            assert!(VersionRange::parse(text, false).is_err(), "{text}");
        }
    }
}
