//! The result of a verification: damaged files, the images that need them, and a hint.

use std::{
    fmt::Write,
    path::Path,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use sealift_core::text::message;
use sealift_oci_layout::{Damage, DamageKind, Differences, ExtraFiles, Progress, Verification};
use serde::Serialize;

use super::{
    Console, gaps,
    totals::Speed,
    words::{bytes, clock, grouped, number},
};

/// Number of names of images that are shown beside one file.
const NAMES: usize = 3;

/// Number of files of one kind that are shown, unless all are asked for.
const FILES: usize = 20;

/// The result as JSON.
#[derive(Serialize)]
pub(crate) struct VerificationObject<'a> {
    event: &'static str,
    whole: bool,
    #[serde(flatten)]
    found: &'a Verification,
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<&'a Differences>,
}

impl<'a> VerificationObject<'a> {
    pub(crate) fn of(found: &'a Verification, differences: Option<&'a Differences>) -> Self {
        Self { event: "verified", whole: found.is_whole(), found, differences }
    }
}

/// Returns the result as text. `quiet` shows damage only; `all` leaves nothing out.
pub(crate) fn text(found: &Verification, quiet: bool, all: bool) -> String {
    let shown = if all { usize::MAX } else { FILES };
    let has_index = has_index(found);
    let mut text = String::new();
    for (at, one) in found.damages.iter().enumerate() {
        if at == shown {
            let more = found.damages.len() - shown;
            let _ = writeln!(text, "and {} more like these (-v tells all)", grouped(more as u64));
            break;
        }
        text.push_str(&damage(one, has_index));
    }
    if !found.damages.is_empty() {
        text.push('\n');
    }
    if !found.broken.is_empty() {
        // An entry that is broken is no image, and perhaps was one.
        let of = match found.images {
            0 => String::new(),
            images => format!(", of {}", number(images as u64, "image")),
        };
        let _ = writeln!(text, "not whole{of}:");
        for name in &found.broken {
            let _ = writeln!(text, "  {}", message(name));
        }
        text.push('\n');
    }
    text.push_str(&gaps::text(&found.gaps, all));
    if !quiet {
        text.push_str(&extras(found, all));
    }
    if !quiet || !found.is_whole() {
        text.push_str(&verdict(found));
    }
    text
}

/// Returns the comparison with the list of images in the file `list`.
pub(crate) fn differences(found: &Differences, list: &Path, quiet: bool, all: bool) -> String {
    let mut text = String::new();
    gaps::names(&mut text, "not there", &found.missing, all);
    gaps::names(&mut text, "there with another digest", &found.other, all);
    if !quiet {
        gaps::names(&mut text, "not in the list", &found.unexpected, all);
    }
    if !quiet || !found.is_none() {
        let (list, there) = (list.display(), found.expected - found.missing.len() - found.other.len());
        let verdict = if found.is_none() { "complete" } else { "INCOMPLETE" };
        let _ = writeln!(text, "{list}: {verdict} ({})", gaps::of(there, found.expected));
    }
    text
}

fn damage(one: &Damage, has_index: bool) -> String {
    let file = one.file.to_string_lossy();
    let (file, what) = (message(&file), message(&one.what));
    let size = one.size.map(|size| format!(" ({})", bytes(size))).unwrap_or_default();
    let mut text = match one.kind {
        DamageKind::Missing => format!("missing: {file}{size}\n"),
        kind => format!("{}: {file}{size}\n  {what}\n", word(kind)),
    };
    let names: Vec<_> = one.images.iter().take(NAMES).map(|name| message(name)).collect();
    let more = match one.images.len() - names.len() {
        0 => String::new(),
        more => format!(" and {} more", grouped(more as u64)),
    };
    if !names.is_empty() {
        let _ = writeln!(text, "  needed by {}{more}", names.join(", "));
    } else if one.digest.is_some() && has_index {
        text.push_str("  no image needs it\n");
    }
    text
}

/// Returns true if the index could be read.
fn has_index(found: &Verification) -> bool {
    found.damages.iter().all(|damage| damage.kind != DamageKind::Index)
}

fn word(kind: DamageKind) -> &'static str {
    match kind {
        DamageKind::Layout | DamageKind::Index | DamageKind::Entry => "broken",
        DamageKind::Empty => "empty",
        DamageKind::Missing => "missing",
        DamageKind::Corrupt => "corrupt",
        DamageKind::Inconsistent => "inconsistent",
        DamageKind::Unreadable => "unreadable",
    }
}

/// Returns the lines about files that are no damage.
fn extras(found: &Verification, all: bool) -> String {
    let mut text = String::new();
    let mut files = |what: &str, extra: &ExtraFiles| {
        if extra.files.is_empty() {
            return;
        }
        let _ = writeln!(text, "{} ({}) {what}", number(extra.files.len() as u64, "file"), bytes(extra.bytes));
        let shown = if all { extra.files.len() } else { NAMES };
        for file in extra.files.iter().take(shown) {
            let _ = writeln!(text, "  {}", message(&file.to_string_lossy()));
        }
        if let Some(more @ 1..) = extra.files.len().checked_sub(shown) {
            let _ = writeln!(text, "  and {} more (-v tells all)", grouped(more as u64));
        }
    };
    // Without an image all blobs are of images that got lost.
    if found.damages.iter().all(|damage| damage.kind != DamageKind::Empty) {
        files("that no image needs; they do no harm", &found.orphans);
    }
    let leftovers = match found.gaps.writer {
        Some(_) => "that are being written",
        None => "that an interrupted writer left; the next one goes on with them or removes them",
    };
    files(leftovers, &found.leftovers);
    files("that are no part of the layout; they are left alone", &found.strangers);
    if found.left_out.blobs > 0 {
        let (blobs, size) = (number(found.left_out.blobs, "blob"), bytes(found.left_out.bytes));
        let _ = writeln!(text, "{blobs} ({size}) left out on purpose: the receipt says that the other side has them");
    }
    for note in &found.notes {
        let _ = writeln!(text, "note: {}", message(note));
    }
    text
}

fn verdict(found: &Verification) -> String {
    let path = found.path.to_string_lossy();
    let path = message(&path);
    let read = format!("{}, {}", number(found.files, "file"), bytes(found.bytes));
    let images = number(found.images as u64, "image");
    if found.is_whole() {
        let read = format!("{images}; {read} read, all are what their names say");
        if found.left_out.blobs == 0 {
            return format!("{path}: whole ({read})\n");
        }
        let (blobs, size) = (number(found.left_out.blobs, "blob"), bytes(found.left_out.bytes));
        return format!("{path}: whole for the side that has what was left out: {blobs}, {size} ({read})\n");
    }
    if found.damages.is_empty() {
        let summary = gaps::summary(&found.gaps, found.images);
        return format!(
            "{path}: INCOMPLETE ({summary}; {read} read, all are what their names say)\nhint: {}\n",
            match found.path.is_file() {
                true => FILE_HINT,
                false => gaps::hint(&found.gaps),
            }
        );
    }
    let problems = number(found.damages.len() as u64, "problem");
    let broken = match (has_index(found), found.broken.len()) {
        (false, _) => "it is not known which images it has".to_owned(),
        (true, 0) if found.images == 0 => "it has no image".to_owned(),
        (true, 0) if found.images == 1 => "its only image is whole all the same".to_owned(),
        (true, 0) => format!("all {images} are whole all the same"),
        (true, broken) => format!("{} not whole", number(broken as u64, "image")),
    };
    let hint = hint(found);
    let gaps = match found.gaps.is_empty() {
        true => String::new(),
        false => format!("{}; ", gaps::summary(&found.gaps, found.images)),
    };
    format!("{path}: DAMAGED ({problems}: {broken}; {gaps}{read} read)\nhint: {hint}\n")
}

/// The advice for a tar file, which is not changed once it is there.
const FILE_HINT: &str = "bring the file again from where it was written, or write another one";

/// Returns the advice.
fn hint(found: &Verification) -> &'static str {
    if found.path.is_file() {
        return FILE_HINT;
    }
    if found.gaps.writer.is_some() {
        return gaps::hint(&found.gaps);
    }
    let has = |kind: DamageKind| found.damages.iter().any(|damage| damage.kind == kind);
    let is_lost = found.files > 0 && has(DamageKind::Empty);
    if !has_index(found) || is_lost {
        return "bring `index.json` again from where the directory was written";
    }
    if has(DamageKind::Empty) {
        return "nothing was staged into it, or what was is somewhere else: see whether this is the directory";
    }
    if has(DamageKind::Entry) {
        return "bring `index.json` again from where the directory was written, or stage the images again into this \
                directory: that mends entries with a name, others must be taken out by hand";
    }
    if found.broken.is_empty() && found.damages.iter().all(|damage| damage.digest.is_some()) {
        return "no image needs what is told above";
    }
    match found.noted {
        true => "bring the files above again, or stage those images again into this directory",
        // The next stage does not know of this one.
        false => {
            "bring the files above again, or stage those images again into this directory with `--force`, which reads \
             every file there"
        }
    }
}

/// Shows how far it is: a live line on a terminal, now and then a line elsewhere.
#[derive(Default)]
pub(crate) struct Watch(Option<(mpsc::Sender<()>, JoinHandle<()>)>);

impl Watch {
    pub(crate) fn start(console: &Console, progress: &Arc<Progress>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let (console, progress) = (console.clone(), Arc::clone(progress));
        let thread = std::thread::Builder::new().spawn(move || {
            let since = Instant::now();
            let mut speed = Speed::new(since);
            let live = console.live().map(|live| {
                let style = ProgressStyle::with_template("{msg}").expect("the template is right");
                live.add(ProgressBar::new_spinner().with_style(style))
            });
            let tick = Duration::from_millis(if live.is_some() { 100 } else { 15_000 });
            while stopped.recv_timeout(tick) == Err(mpsc::RecvTimeoutError::Timeout) {
                let now = Instant::now();
                speed.sample(progress.bytes(), now);
                let line = line(&progress, &speed, now - since);
                match &live {
                    Some(live) => live.set_message(line),
                    None => console.say(&format!("progress   {line}")),
                }
            }
            if let Some(live) = live {
                live.finish_and_clear();
            }
        });
        Self(thread.ok().map(|thread| (stop, thread)))
    }

    /// Takes the live line away.
    pub(crate) fn stop(self) {
        if let Some((stop, thread)) = self.0 {
            drop(stop);
            let _ = thread.join();
        }
    }
}

fn line(progress: &Progress, speed: &Speed, time: Duration) -> String {
    let (read, total) = (progress.bytes(), progress.total());
    if total == 0 {
        return format!("reading manifests · {}", clock(time));
    }
    let left = speed.time_for(total.saturating_sub(read)).map(|left| format!(" · {} left", clock(left)));
    let (amount, speed) = (format!("{} of {}", bytes(read), bytes(total)), bytes(speed.per_second()));
    format!("{amount} read at {speed}/s · {}{}", clock(time), left.unwrap_or_default())
}

#[cfg(test)]
mod tests;
