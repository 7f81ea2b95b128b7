//! A plan, image by image: what would be copied, where to, and why not.

mod dropped;
mod quota;

use std::{collections::BTreeMap, fmt::Write};

use sealift_core::{
    event::{Event, PlannedImage, PlannedTarget},
    job::{Outcome, Skip},
    report::Report,
    stage::Removed,
};

use super::{
    lines::{NOTES, place, way},
    words::{bytes, number},
};

/// A plan, told in the order of the rules however the jobs end, with its sums. What is kept is what is in flight.
#[derive(Default)]
pub(super) struct Plan {
    /// The text of jobs that are not told yet, and whether they are through.
    waiting: BTreeMap<u64, (String, bool)>,
    /// The job that is told next.
    next: u64,
    images: u64,
    targets: u64,
    unchanged: u64,
    bytes: u64,
    blobs: u64,
    referrers: u64,
    foreign: u64,
    /// Shows each listing with the tags that filters dropped.
    listings: bool,
    /// Entries of indexes that filters drop.
    dropped: BTreeMap<String, u64>,
    /// Manifests that a run would read, by source registry.
    manifests: BTreeMap<String, u64>,
    /// Images that would be removed at the end.
    removed: Removed,
    removed_from: String,
    /// Directories of which only notes would change.
    noted: Vec<String>,
}

impl Plan {
    /// A plan that also tells each listing, if that is asked for.
    pub(super) fn new(listings: bool) -> Self {
        Self { listings, ..Self::default() }
    }

    /// Takes a fact. What comes back can be told now.
    pub(super) fn take(&mut self, event: &Event) -> String {
        let mut text = String::new();
        match event {
            Event::Planned { job, image } => {
                self.add(image);
                self.of(*job).0.push_str(&block(image));
            }
            Event::TargetFinished { job, source, target, outcome: Outcome::Skipped(skip), location, .. } => {
                self.unchanged += 1;
                let way = way(source, target.as_ref(), location.as_deref());
                let line = format!("skip {way}: {}\n", why(skip));
                self.of(*job).0.push_str(&line);
            }
            Event::JobFinished { job } => self.of(*job).1 = true,
            Event::Removed { location, removed, .. } => {
                self.removed = removed.clone();
                self.removed_from = location.as_ref().map(|location| format!(" from {location}")).unwrap_or_default();
            }
            Event::NotesChanged { push, location } => {
                self.noted.push(location.as_deref().unwrap_or(push).to_owned());
            }
            Event::Listed { repository, kept, dropped } if self.listings => {
                text = dropped::listing(repository, *kept, dropped);
            }
            _ => {}
        }
        while self.waiting.get(&self.next).is_some_and(|(_, through)| *through) {
            text.extend(self.waiting.remove(&self.next).map(|(block, _)| block));
            self.next += 1;
        }
        text
    }

    fn of(&mut self, job: u64) -> &mut (String, bool) {
        self.waiting.entry(job).or_default()
    }

    fn add(&mut self, image: &PlannedImage) {
        let wanted = image.targets.iter().filter(|target| target.skip.is_none()).count() as u64;
        self.images += u64::from(wanted > 0);
        self.targets += wanted;
        self.unchanged += image.targets.len() as u64 - wanted;
        self.bytes += image.bytes;
        self.blobs += image.blobs;
        self.referrers += image.targets.iter().map(|target| target.referrers).sum::<u64>();
        self.foreign += image.foreign.len() as u64;
        for platform in &image.dropped {
            *self.dropped.entry(platform.to_string()).or_default() += 1;
        }
        *self.manifests.entry(image.source.repository.registry().to_owned()).or_default() += image.manifests;
    }

    /// Returns the rest of a plan that was stopped before its end, and what would be removed.
    pub(super) fn rest(&mut self) -> String {
        let mut text: String = std::mem::take(&mut self.waiting).into_values().map(|(text, _)| text).collect();
        for name in self.removed.images.iter().filter(|_| !self.removed.held_back) {
            let _ = writeln!(text, "remove {name}{}", self.removed_from);
        }
        for location in &self.noted {
            let _ = writeln!(text, "change notes in {location}: {NOTES}");
        }
        text
    }

    /// Returns the sums of the plan.
    pub(super) fn sum(&self, report: &Report) -> String {
        let failed = report.failed;
        let mut text = match self.images {
            0 => "nothing to copy".to_owned(),
            images => format!(
                "{} to copy to {}: up to {} in {}",
                number(images, "image"),
                number(self.targets, "target"),
                bytes(self.bytes),
                number(self.blobs, "blob"),
            ),
        };
        if self.referrers > 0 {
            let _ = write!(text, ", with {}", number(self.referrers, "referrer"));
        }
        if self.unchanged > 0 {
            let _ = write!(text, "; {} to skip", number(self.unchanged, "target"));
        }
        if !self.removed.held_back && (self.removed.blobs > 0 || !self.removed.images.is_empty()) {
            let what = match self.removed.images.len() as u64 {
                0 => number(self.removed.blobs, "blob"),
                images => number(images, "image"),
            };
            let _ = write!(text, "; {what} to remove ({})", bytes(self.removed.bytes));
        }
        if !self.noted.is_empty() {
            text.push_str("; only notes to change");
        }
        if failed > 0 {
            let _ = write!(text, "; {failed} failed");
        }
        text += "; nothing was written\n";
        if self.foreign > 0 {
            let what = number(self.foreign, "foreign layer");
            let _ = writeln!(
                text,
                "{what} copied only where the source has them: the urls in the manifests say where else"
            );
        }
        text + &dropped::told(&report.filters, &self.dropped) + &quota::told(&self.manifests, &report.counters)
    }
}

/// One image as a block of lines.
fn block(image: &PlannedImage) -> String {
    let verb = if image.targets.iter().any(|target| target.skip.is_none()) { "copy" } else { "skip" };
    let mut text = format!("{verb} {}\n  {}\n", image.source, image.digest);
    if !image.platforms.is_empty() {
        let platforms: Vec<_> = image.platforms.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  {}", platforms.join(", "));
    }
    if !image.dropped.is_empty() {
        let dropped: Vec<_> = image.dropped.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "  without {}", dropped.join(", "));
    }
    if let Some(becomes) = &image.becomes {
        let _ = writeln!(text, "  becomes {becomes}: the index is rewritten");
    }
    if verb == "copy" {
        let _ = match image.blobs {
            0 => writeln!(text, "  no blobs to send"),
            blobs => writeln!(text, "  up to {} in {}", bytes(image.bytes), number(blobs, "blob")),
        };
    }
    if !image.foreign.is_empty() {
        let count = image.foreign.len() as u64;
        let _ = writeln!(text, "  {} copied only if the source has it", number(count, "foreign layer"));
    }
    for target in &image.targets {
        let place = match &target.location {
            Some(location) => place(&image.source, &target.target, location),
            None => target.target.to_string(),
        };
        let _ = writeln!(text, "  → {place}  {}", verdict(image, target));
    }
    text
}

fn verdict(image: &PlannedImage, target: &PlannedTarget) -> String {
    let with = match target.referrers {
        0 => String::new(),
        count => format!(", with {} (signatures, SBOMs and the like)", number(count, "referrer")),
    };
    match (&target.skip, &target.current) {
        (Some(skip), _) => format!("skip: {}", why(skip)),
        (None, Some(_)) if target.again => format!("is written again{with}"),
        (None, Some(current)) if current == image.becomes.as_ref().unwrap_or(&image.digest) => {
            format!("it is there already{with}")
        }
        (None, Some(current)) => format!("replaces {current}{with}"),
        (None, None) => format!("new{with}"),
    }
}

fn why(skip: &Skip) -> String {
    match skip {
        Skip::Present { digest } => format!("it is there already, {digest}"),
        Skip::Kept { digest } => format!("it is {digest} and stays so"),
        Skip::Overridden { by } => format!("{by} sends another image there"),
        Skip::Filtered { filter, reason, .. } => format!("filter `{filter}`: {reason}"),
        Skip::Duplicate => "it is done with an earlier rule or with its image".to_owned(),
        _ => "nothing is to be done".to_owned(),
    }
}

#[cfg(test)]
mod tests;
