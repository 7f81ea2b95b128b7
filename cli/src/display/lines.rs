//! Events as lines for people: one fact a line, in order.

use sealift_core::{
    content::ImageRef,
    error::Error,
    event::Event,
    job::{CopyStats, Outcome, Skip},
    stage::Removed,
};

use super::words::{self, Paint, bytes, number, paint};

/// The importance of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Only for those who asked for more (`-v`).
    More,
    /// A fact.
    Fact,
    /// Something odd.
    Odd,
    /// Something that failed.
    Failure,
}

/// The notes of a directory.
pub(super) const NOTES: &str = "names or targets of images that are there, or the record of what was asked for";

/// Returns the line for an event, if it has one.
pub(super) fn line(event: &Event, colour: bool) -> Option<(Weight, String)> {
    let word = |text: &str, tint| paint(format_args!("{text:<11}"), tint, colour);
    match event {
        Event::RunStarted { name, .. } => Some((Weight::More, format!("{}{name}", word("running", Paint::Dim)))),
        Event::Listed { repository, kept, dropped } => {
            let by: Vec<_> = dropped
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(filter, count)| format!("{} dropped by `{filter}`", words::grouped(*count as u64)))
                .collect();
            let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
            let text = format!("{repository}: {}{by}", number(*kept as u64, "version"));
            Some((Weight::More, format!("{}{text}", word("listed", Paint::Dim))))
        }
        Event::ListingFailed { repository, error } => {
            let cause = cause(error);
            let text = match repository {
                Some(repository) if cause.contains(&format!("`{repository}`")) => cause.to_owned(),
                Some(repository) => format!("{repository}: {cause}"),
                None => format!("the list: {cause}"),
            };
            Some((Weight::Failure, format!("{}{text}", word("failed", Paint::Bad))))
        }
        Event::RuleRefused { rule, error } => {
            Some((Weight::Failure, format!("{}{rule}: {}", word("failed", Paint::Bad), cause(error))))
        }
        Event::Warning { message } => Some((Weight::Odd, format!("{}{message}", word("warning", Paint::Odd)))),
        Event::Retrying { what, error, attempt, .. } => {
            let text = format!("{what} (attempt {attempt}): {error}");
            Some((Weight::Odd, format!("{}{text}", word("retrying", Paint::Odd))))
        }
        Event::TargetFinished { source, target, outcome, again, location, .. } => {
            let (weight, verb, tint, end) = match outcome {
                Outcome::Copied(moved) => (Weight::Fact, "copied", Paint::Good, copied(moved)),
                Outcome::Skipped(Skip::Present { .. }) => (Weight::More, "up to date", Paint::Dim, String::new()),
                Outcome::Skipped(Skip::Kept { digest }) => {
                    (Weight::Odd, "kept", Paint::Odd, format!(": it is {digest} and stays so"))
                }
                Outcome::Skipped(Skip::Duplicate) => (
                    Weight::More,
                    "skipped",
                    Paint::Dim,
                    ": it is done with an earlier rule or with its image".to_owned(),
                ),
                Outcome::Skipped(Skip::Overridden { by }) => {
                    (Weight::More, "skipped", Paint::Dim, format!(": {by} sends another image there"))
                }
                Outcome::Skipped(Skip::Filtered { filter, reason, .. }) => {
                    (Weight::Fact, "skipped", Paint::Dim, format!(": filter `{filter}`: {reason}"))
                }
                Outcome::Skipped(_) => (Weight::Fact, "skipped", Paint::Dim, String::new()),
                Outcome::Failed(error) if error.is_cancelled() => (Weight::More, "stopped", Paint::Odd, String::new()),
                Outcome::Failed(error) => {
                    let later = if *again { "; will be tried again" } else { "" };
                    (Weight::Failure, "failed", Paint::Bad, format!(": {}{later}", cause(error)))
                }
            };
            Some((
                weight,
                format!(
                    "{} {}{end}",
                    paint(format_args!("{verb:<10}"), tint, colour),
                    way(source, target.as_ref(), location.as_deref())
                ),
            ))
        }
        Event::Removed { location, removed: content, .. } => {
            let weight = if content.held_back { Weight::Odd } else { Weight::Fact };
            Some((weight, removed(location.as_deref(), content, colour)))
        }
        Event::NotesChanged { push, location } => {
            let at = location.as_deref().unwrap_or(push);
            Some((Weight::Fact, format!("{}{at}: {NOTES}", word("noted", Paint::Good))))
        }
        Event::PassStarted { round, failed } => {
            let text = format!("round {round}: {} tried again", number(*failed as u64, "failure"));
            Some((Weight::Odd, format!("{}{text}", word("retrying", Paint::Odd))))
        }
        _ => None,
    }
}

/// From where to where. In a directory images keep their names, so that its own name says more.
pub(super) fn way(source: &ImageRef, target: Option<&ImageRef>, location: Option<&str>) -> String {
    match (target, location) {
        (None, _) => source.to_string(), // it failed before there was a target
        (Some(target), Some(location)) => format!("{source} → {}", place(source, target, location)),
        (Some(target), None) => format!("{source} → {target}"),
    }
}

/// The directory of an image, with its name there if that is another one.
pub(super) fn place(source: &ImageRef, target: &ImageRef, location: &str) -> String {
    match source == target {
        true => location.to_owned(),
        false => format!("{location}: {target}"),
    }
}

/// Images that the end of a run removed, or kept because not everything arrived.
fn removed(location: Option<&str>, removed: &Removed, colour: bool) -> String {
    let (verb, tint) = if removed.held_back { ("kept", Paint::Odd) } else { ("removed", Paint::Good) };
    let from = location.map(|location| format!(" from {location}")).unwrap_or_default();
    let lines = removed.images.iter().map(|name| {
        let word = paint(format_args!("{verb:<11}"), tint, colour);
        match removed.held_back {
            true => format!(
                "{word}{name}: it was not asked for, and stays because not everything could be listed and brought"
            ),
            false => format!("{word}{name}{from}"),
        }
    });
    let what = format!("{} ({})", number(removed.blobs, "blob"), bytes(removed.bytes));
    let sum = (!removed.held_back && removed.blobs > 0)
        .then(|| format!("{}{what}{from}", paint(format_args!("{verb:<11}"), tint, colour)));
    lines.chain(sum).collect::<Vec<_>>().join("\n")
}

fn cause(error: &Error) -> &str {
    error.message()
}

fn copied(moved: &CopyStats) -> String {
    let mut parts = Vec::new();
    if moved.blobs > 0 {
        parts.push(format!("{} in {}", bytes(moved.bytes), number(moved.blobs, "blob")));
    }
    if moved.mounted > 0 {
        parts.push(format!("{} mounted", bytes(moved.mounted)));
    }
    if moved.blobs == 0 && moved.mounted == 0 {
        parts.push("no bytes to send".to_owned());
    }
    if moved.changed_from.is_some() {
        parts.push("index rewritten, new digest".to_owned());
    }
    if moved.foreign > 0 {
        parts.push(format!("{} left out", number(moved.foreign, "foreign layer")));
    }
    format!(" ({})", parts.join("; "))
}

#[cfg(test)]
mod tests;
