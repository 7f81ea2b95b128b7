//! The suffix of a version: everything behind the numbers.

use std::cmp::Ordering;

use semver::Prerelease;

/// Words that make a prerelease, with or without a number.
const WORDS: [&str; 13] =
    ["alpha", "beta", "canary", "cr", "dev", "ea", "edge", "milestone", "nightly", "pre", "preview", "rc", "snapshot"];

/// Letters that make a prerelease if a number follows.
const LETTERS: [&str; 3] = ["a", "b", "m"];

/// The suffix of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Suffix {
    pub(super) prerelease: Prerelease,
    /// The number of `-4` or `-r4`, digits without leading zeros.
    revision: Option<SuffixPiece>,
    variant: Vec<SuffixPiece>,
    build: Vec<SuffixPiece>,
}

/// A run of digits or of something else, so that `alpine3.9` comes before `alpine3.19`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SuffixPiece {
    /// The number of digits, then the digits: this orders numbers of any length by value.
    Number(usize, String),
    Text(String),
}

impl Suffix {
    /// Reads it; none if no version has such a suffix.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (text, build) = text.split_once('_').unwrap_or((text, ""));
        let build = pieces(build);
        let parts = match text.as_bytes() {
            [] => return Some(Self { build, ..Self::default() }),
            [b'-', ..] => &text[1..],
            // `2.0.0.M1`, `2.0.0.Final`
            [b'.', letter, rest @ ..]
                if letter.is_ascii_alphabetic() && (rest.len() > 1 || is_prerelease(&text[1..])) =>
            {
                &text[1..]
            }
            // `3.13.0rc1`, but neither `1.1.1w` nor the commit `3f9c2d1`
            [letter, ..] if letter.is_ascii_alphabetic() && is_prerelease(text.split('-').next()?) => text,
            _ => return None,
        };
        Some(Self { build, ..Self::of_parts(parts) })
    }

    fn of_parts(parts: &str) -> Self {
        let mut suffix = Self::default();
        let (mut prerelease, mut variant) = (Vec::new(), Vec::new());
        let mut parts = parts.split('-').peekable();
        if let Some(revision) = parts.peek().and_then(|first| revision(first)) {
            suffix.revision = Some(revision);
            parts.next();
        }
        while let Some(part) = parts.next() {
            if !is_prerelease(part) {
                variant.push(part);
                continue;
            }
            prerelease.push(part);
            // `beta-2`
            if let Some(number) = parts.next_if(|next| is_number(next)) {
                prerelease.push(number);
            }
        }
        suffix.prerelease = self::prerelease(&prerelease.join(".")).unwrap_or_default();
        suffix.variant = pieces(&variant.join("-"));
        suffix
    }

    pub(super) fn series(&self) -> String {
        let piece = |piece: &SuffixPiece| match piece {
            SuffixPiece::Number(..) => "#".to_owned(),
            SuffixPiece::Text(text) => text.clone(),
        };
        self.variant.iter().map(piece).collect()
    }

    /// Compares it with the suffix of another version of the same numbers.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let plain = |suffix: &Self| suffix.variant.is_empty();
        self.prerelease
            .cmp(&other.prerelease)
            .then_with(|| self.revision.cmp(&other.revision))
            .then_with(|| plain(self).cmp(&plain(other)))
            .then_with(|| self.variant.cmp(&other.variant))
            .then_with(|| self.build.cmp(&other.build))
    }
}

/// Returns a prerelease in the form that is compared, `rc1.2` as `rc.1.2`: lower case, words and numbers apart, without
/// leading zeros; none if it is nothing that semver can compare.
pub(super) fn prerelease(text: &str) -> Option<Prerelease> {
    let identifiers: Vec<String> = pieces(&text.to_ascii_lowercase())
        .into_iter()
        .flat_map(|piece| match piece {
            SuffixPiece::Number(_, digits) => vec![digits],
            SuffixPiece::Text(text) => text.split('.').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        })
        .collect();
    Prerelease::new(&identifiers.join(".")).ok()
}

/// Returns true if a part begins with one of the words: `rc`, `RC1`, `rc.1`, `m3`.
fn is_prerelease(part: &str) -> bool {
    let end = part.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(part.len());
    let (word, rest) = (part[..end].to_ascii_lowercase(), &part[end..]);
    let mut numbers = rest.strip_prefix('.').unwrap_or(rest).split('.');
    if rest.is_empty() {
        return WORDS.contains(&word.as_str());
    }
    numbers.all(is_number) && (WORDS.contains(&word.as_str()) || LETTERS.contains(&word.as_str()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn revision(part: &str) -> Option<SuffixPiece> {
    let digits = part.strip_prefix('r').unwrap_or(part);
    is_number(digits).then(|| number(digits))
}

fn number(digits: &str) -> SuffixPiece {
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    SuffixPiece::Number(digits.len(), digits.to_owned())
}

/// Splits a text into runs of digits and of other characters.
fn pieces(text: &str) -> Vec<SuffixPiece> {
    let runs = text.as_bytes().chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit());
    // Nothing is lost: a digit is never part of another character.
    runs.map(String::from_utf8_lossy)
        .map(|run| match is_number(&run) {
            true => number(&run),
            false => SuffixPiece::Text(run.into_owned()),
        })
        .collect()
}
