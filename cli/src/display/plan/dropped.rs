//! The images that the filters of a plan drop, and the reasons.

use std::{collections::BTreeMap, fmt::Write};

use sealift_core::{content::Repository, report::FilterStats};

use crate::display::words::{grouped, number};

/// Number of reasons, or platforms, that are shown.
const MOST: usize = 5;

/// One repository, with what filters dropped of it by name.
pub(super) fn listing(repository: &Repository, kept: usize, dropped: &[(String, usize)]) -> String {
    let mut text = format!("list {repository}: {}", number(kept as u64, "version"));
    for (filter, count) in dropped {
        let _ = write!(text, ", {} dropped by `{filter}`", grouped(*count as u64));
    }
    text + "\n"
}

/// A line for each filter that dropped something. `platforms` are entries of indexes.
pub(super) fn told(filters: &[FilterStats], platforms: &BTreeMap<String, u64>) -> String {
    let mut text = String::new();
    for filter in filters.iter().filter(|filter| filter.versions > 0 || filter.images > 0) {
        let mut parts = Vec::new();
        if filter.versions > 0 {
            parts.push(number(filter.versions, "version"));
        }
        if filter.images > 0 {
            let why = most(&filter.reasons);
            parts.push(format!("{} ({why})", number(filter.images, "target")));
        }
        let keeps = if filter.keeps.is_empty() { String::new() } else { format!(" (keeps {})", filter.keeps) };
        let _ = writeln!(text, "dropped by `{}`{keeps}: {}", filter.filter, parts.join(", "));
    }
    if !platforms.is_empty() {
        let _ = writeln!(text, "dropped from indexes: {}", most(platforms));
    }
    text
}

/// Returns the most frequent texts with their counts.
fn most(counts: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut told: Vec<_> = counts
        .iter()
        .take(MOST)
        .map(|(what, count)| match count {
            1 => (*what).clone(),
            count => format!("{what} × {}", grouped(**count)),
        })
        .collect();
    if let Some(more @ 1..) = counts.len().checked_sub(MOST) {
        told.push(format!("and {more} more"));
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::script;

    #[test]
    fn each_filter_says_what_it_keeps_how_many_it_drops_and_why() {
        let platforms = [("windows/amd64".to_owned(), 12), ("linux/s390x".to_owned(), 1)].into();
        insta::assert_snapshot!(told(&script::bad_night().filters, &platforms), @r"
        dropped by `tag` (keeps v1.*): 1,200 versions
        dropped by `platform` (keeps linux/amd64): 2 targets (it is for `linux/arm64`, which is not wanted × 2)
        dropped from indexes: windows/amd64 × 12, linux/s390x
        ");
    }

    #[test]
    fn a_listing_says_what_was_dropped_of_it() {
        let repository = script::image("q.io/a/b:1").repository;
        let text = listing(&repository, 7, &[("tag".to_owned(), 1200), ("newest".to_owned(), 3)]);
        assert_eq!(text, "list q.io/a/b: 7 versions, 1,200 dropped by `tag`, 3 dropped by `newest`\n");
    }
}
