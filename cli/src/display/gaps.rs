//! Images that a layout should have and has not.

use std::fmt::Write;

use sealift_core::text::message;
use sealift_oci_layout::Gaps;

use super::words::{grouped, number};

/// The advice.
const HINT: &str = "stage again into this directory, which brings what is missing; `sealift rm DIR IMAGE` takes off what is not wanted";

/// The advice where it is not known all that was asked for.
const AGAIN: &str = "run the same stage again, which goes on where that one stopped";

/// The advice while another process writes.
const WAIT: &str = "wait until it is done, and verify again";

/// Number of names that are shown, unless all are asked for.
const NAMES: usize = 20;

/// Number of names in a summary.
const FEW: usize = 3;

/// Returns the advice.
pub(crate) fn hint(gaps: &Gaps) -> &'static str {
    match (&gaps.writer, gaps.unfinished) {
        (Some(_), _) => WAIT,
        (None, true) => AGAIN,
        (None, false) => HINT,
    }
}

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
    let mut parts = vec![of(images, images + gaps.missing.len() + gaps.lost.len())];
    for (what, names) in [("missing", &gaps.missing), ("staged, and lost from `index.json`", &gaps.lost)] {
        if names.is_empty() {
            continue;
        }
        let few = names.iter().take(FEW).map(|name| message(name).to_string()).collect::<Vec<_>>();
        let more = match names.len().saturating_sub(FEW) {
            0 => String::new(),
            more => format!(" and {} more", grouped(more as u64)),
        };
        parts.push(format!("{what}: {}{more}", few.join(", ")));
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
