//! Images that a layout should have and has not.

use std::fmt::Write;

use sealift_core::text::message;
use sealift_oci_layout::Gaps;

use super::words::{grouped, number};

/// The advice.
pub(crate) const HINT: &str = "stage again into this directory, which brings what is missing; `sealift rm DIR IMAGE` takes off what is not wanted";

/// The advice while another process writes.
pub(crate) const WAIT: &str = "wait until it is done, and verify again";

/// Number of names that are shown, unless all are asked for.
const NAMES: usize = 20;

/// Number of names in a summary.
const FEW: usize = 3;

/// Returns the gaps in lines.
pub(crate) fn text(gaps: &Gaps, all: bool) -> String {
    let mut text = String::new();
    names(&mut text, "asked for and not there", &gaps.missing, all);
    names(&mut text, "of an earlier run, because a later one could not bring them", &gaps.outdated, all);
    names(&mut text, "asked for, but it is not known which images that would be", &gaps.unlisted, all);
    if gaps.damaged {
        text.push_str("the record of what was asked for (`.sealift/staged`) is damaged: more may be missing\n");
    }
    match &gaps.writer {
        Some(writer) => {
            let _ = writeln!(text, "{} is staging into it", message(writer));
        }
        None if gaps.unfinished => text.push_str("a run that staged into it did not come to its end\n"),
        None => {}
    }
    text
}

/// Adds names below a line that says what they are.
pub(super) fn names(text: &mut String, what: &str, names: &[String], all: bool) {
    if names.is_empty() {
        return;
    }
    let shown = if all { names.len() } else { NAMES };
    let _ = writeln!(text, "{what}:");
    for name in names.iter().take(shown) {
        let _ = writeln!(text, "  {}", message(name));
    }
    if let Some(more @ 1..) = names.len().checked_sub(shown) {
        let _ = writeln!(text, "  and {} more (-v tells all)", grouped(more as u64));
    }
}

/// Returns the gaps in one line; `images` are there.
pub(crate) fn summary(gaps: &Gaps, images: usize) -> String {
    let mut parts = vec![of(images, images + gaps.missing.len())];
    if !gaps.missing.is_empty() {
        let few = gaps.missing.iter().take(FEW).map(|name| message(name).to_string()).collect::<Vec<_>>();
        let more = match gaps.missing.len().saturating_sub(FEW) {
            0 => String::new(),
            more => format!(" and {} more", grouped(more as u64)),
        };
        parts.push(format!("missing: {}{more}", few.join(", ")));
    }
    if !gaps.outdated.is_empty() {
        parts.push(format!("{} of an earlier run", number(gaps.outdated.len() as u64, "image")));
    }
    if !gaps.unlisted.is_empty() {
        parts.push(format!("{} not listed", number(gaps.unlisted.len() as u64, "repository")));
    }
    if gaps.damaged {
        parts.push("its record is damaged".to_owned());
    }
    match &gaps.writer {
        Some(writer) => parts.push(format!("{} is staging into it", message(writer))),
        None if gaps.unfinished => parts.push("not staged to the end".to_owned()),
        None => {}
    }
    parts.join(", ")
}

/// Returns a number of a number of images.
pub(super) fn of(there: usize, all: usize) -> String {
    format!("{} of {}", grouped(there as u64), number(all as u64, "image"))
}
