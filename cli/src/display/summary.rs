//! The summary of a run: results, failures in groups, and hints.

use std::{collections::HashMap, fmt::Write, time::Duration};

use sealift_core::{
    error::ErrorKind,
    report::{FailedItem, Failure, Report},
};

use super::{
    causes, effort,
    lines::way,
    totals::Totals,
    words::{self, Paint, bytes, number, paint},
};

/// Number of names of a group that are shown before "and … more".
const NAMES: usize = 3;

/// Returns the summary of a run. `all` names every failure of a group.
pub(super) fn run(report: &Report, totals: &Totals, all: bool, colour: bool) -> String {
    let mut text = headline(report, totals, colour);
    let moved = &report.moved;
    if moved.blobs > 0 || moved.mounted > 0 || moved.shared > 0 || moved.present > 0 {
        let _ = write!(text, "\n  {} sent in {}", bytes(moved.bytes), number(moved.blobs, "blob"));
        if moved.mounted > 0 {
            let _ = write!(text, ", {} mounted from other repositories", bytes(moved.mounted));
        }
        if moved.shared > 0 {
            let _ = write!(text, ", {} shared by several images", bytes(moved.shared));
        }
        if moved.present > 0 {
            let _ = write!(text, ", {} already there", bytes(moved.present));
        }
    }
    if report.removed > 0 {
        let _ = write!(text, "\n  {} removed that the list does not name", number(report.removed, "image"));
    }
    if report.rewritten > 0 {
        let what = number(report.rewritten, "index");
        let _ = write!(text, "\n  {what} rewritten without the dropped entries: the digest differs from the source");
    }
    if moved.foreign > 0 {
        let what = number(moved.foreign, "foreign layer");
        let _ = write!(text, "\n  {what} left out: the urls in the manifest say where to get them");
    }
    text + &effort::told(report, all) + &failures(report, all, colour)
}

fn headline(report: &Report, totals: &Totals, colour: bool) -> String {
    let mut parts = Vec::new();
    let count = |count: u64, word: &str, tint| paint(format!("{} {word}", words::grouped(count)), tint, colour);
    if report.copied > 0 {
        parts.push(count(report.copied, "copied", Paint::Good));
    }
    let left_out = totals.left_out.min(report.skipped);
    if report.skipped > left_out {
        parts.push(count(report.skipped - left_out, "up to date", Paint::Good));
    }
    if left_out > 0 {
        parts.push(count(left_out, "skipped", Paint::Odd));
    }
    if report.failed > 0 {
        parts.push(count(report.failed, "failed", Paint::Bad));
    }
    if report.unfinished > 0 {
        parts.push(count(report.unfinished, "not finished", Paint::Odd));
    }
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    let name = paint(format_args!("{}:", report.name), Paint::Strong, colour);
    let stopped = if report.interrupted { paint("stopped, ", Paint::Bad, colour) } else { String::new() };
    format!("{name} {stopped}{} in {}", parts.join(", "), words::time(report.elapsed))
}

/// Everything that failed; the same cause for many is said once.
pub(crate) fn failures(report: &Report, all: bool, colour: bool) -> String {
    let mut text = String::new();
    for group in groups(&report.failures) {
        let (what, cause) = match group.failures[..] {
            [only] => (name(&only.what), &only.cause),
            _ => (number(group.failures.len() as u64, group.word), &group.cause),
        };
        let _ = write!(text, "\n\n{} {what}\n  {cause}", paint("failed:", Paint::Bad, colour));
        for because in group.because {
            let _ = write!(text, "\n  because: {because}");
        }
        if let Some(hint) = group.hint {
            let _ = write!(text, "\n  hint: {hint}");
        }
        if group.failures.len() > 1 {
            let shown = if all { group.failures.len() } else { NAMES };
            for failure in group.failures.iter().take(shown) {
                let _ = write!(text, "\n    {}", name(&failure.what));
            }
            if let Some(more @ 1..) = group.failures.len().checked_sub(shown) {
                let _ = write!(text, "\n    and {} more (-v names all)", words::grouped(more as u64));
            }
        }
    }
    if report.interrupted {
        // A destination that could not be ended, such as a tar file, has nothing to go on from.
        let is_kept = !report.failures.iter().any(|failure| matches!(failure.what, FailedItem::Finish { .. }));
        text.push_str("\n\nthe run was stopped before its end");
        text.push_str(if is_kept { "; the same command goes on where it stopped" } else { "" });
    }
    text
}

/// Failures with the same cause.
struct Group<'a> {
    cause: String,
    because: &'a [String],
    hint: Option<&'a str>,
    word: &'static str,
    failures: Vec<&'a Failure>,
}

fn groups(failures: &[Failure]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: HashMap<(ErrorKind, &'static str, String, Option<&str>), usize> = HashMap::new();
    for failure in failures {
        let (cause, word, hint) = (causes::of(failure), word(&failure.what), failure.hint.as_deref());
        let at = *known.entry((failure.kind, word, cause.clone(), hint)).or_insert_with(|| {
            groups.push(Group { cause, because: &failure.because, hint, word, failures: Vec::new() });
            groups.len() - 1
        });
        groups[at].failures.push(failure);
    }
    groups
}

fn word(what: &FailedItem) -> &'static str {
    match what {
        FailedItem::Image { .. } => "image",
        FailedItem::Listing { .. } => "listing",
        FailedItem::Rule { .. } => "rule",
        FailedItem::Finish { .. } => "destination",
        _ => "other",
    }
}

fn name(what: &FailedItem) -> String {
    match what {
        FailedItem::Image { source, target: Some(target) } if source != target => way(source, Some(target), None),
        FailedItem::Image { source, .. } => source.to_string(), // in a directory it keeps its name
        FailedItem::Listing { repository: Some(repository) } => format!("the tags of {repository}"),
        FailedItem::Listing { repository: None } => "the list".to_owned(),
        FailedItem::Rule { rule } => format!("the rule at {rule}"),
        FailedItem::Finish { push } => format!("the end of destination `{push}`"),
        _ => "something else".to_owned(),
    }
}

/// Returns the last line of a run in image-syncer's words, which programs look for.
pub(super) fn image_syncer_line(report: &Report) -> String {
    let ended = if report.interrupted { "stopped" } else { "finished" };
    format!("Synchronization {ended}, {} tasks failed, cost {}.", report.failed, cost(report.elapsed))
}

/// Formats a time as Go does: `3.2s`, `1m2.5s`, `1h0m2.5s`.
fn cost(elapsed: Duration) -> String {
    let (tenths, minutes) = (elapsed.as_millis() / 100, elapsed.as_secs() / 60);
    let seconds = format!("{}.{}s", tenths / 10 % 60, tenths % 10);
    match minutes {
        0 => seconds,
        1..60 => format!("{minutes}m{seconds}"),
        _ => format!("{}h{}m{seconds}", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests;
