//! The live lines: one for each transfer that takes a while, and the total below them.
//!
//! Text only: what draws it is elsewhere. Transfers that are over in a moment get no line, and there are never more
//! lines than the terminal has rows.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sealift_core::{content::ImageRef, event::Event};

use super::{
    totals::{Speed, Totals},
    words::{bytes, clock, tail},
};

/// The age at which a transfer gets a line.
const WORTH_A_LINE: Duration = Duration::from_millis(150);

/// Rows that stay free for lines above and the prompt below.
const FREE_ROWS: usize = 3;

/// The time without progress after which an image is named as one that waits.
const WORTH_A_NAME: Duration = Duration::from_secs(3);

/// Number of waiting images that are named.
const NAMES: usize = 5;

/// The transfers in flight, in the order in which they began, and the images in work.
#[derive(Default)]
pub(super) struct Board {
    transfers: BTreeMap<u64, TransferLine>,
    /// The image of a job, and when something was last heard of it.
    jobs: BTreeMap<u64, (ImageRef, Instant)>,
}

struct TransferLine {
    job: u64,
    source: String,
    digest: String,
    size: Option<u64>,
    passed: Arc<AtomicU64>,
    since: Instant,
    speed: Speed,
}

impl Board {
    /// Takes an event.
    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        match event {
            Event::JobStarted { job, source } => {
                self.jobs.insert(*job, (source.clone(), now));
            }
            Event::JobFinished { job } => {
                self.jobs.remove(job);
            }
            Event::TransferStarted { job, transfer, source, digest, size, passed } => {
                let (source, digest) = (source.to_string(), digest.short().to_string());
                let (passed, speed) = (Arc::clone(passed), Speed::new(now));
                let line = TransferLine { job: *job, source, digest, size: *size, passed, since: now, speed };
                self.transfers.insert(*transfer, line);
            }
            Event::TransferFinished { transfer, .. } => {
                let job = self.transfers.remove(transfer).and_then(|transfer| self.jobs.get_mut(&transfer.job));
                if let Some((_, heard)) = job {
                    *heard = now;
                }
            }
            _ => {}
        }
    }

    /// The lines of this moment for a terminal of this size; the total is the last one.
    pub(super) fn lines(&mut self, totals: &Totals, now: Instant, (rows, columns): (usize, usize)) -> Vec<String> {
        for transfer in self.transfers.values_mut() {
            transfer.speed.sample(transfer.passed.load(Ordering::Relaxed), now);
        }
        // The last column stays free: a line that fills it wraps on some terminals.
        let columns = columns.saturating_sub(1);
        let room = rows.saturating_sub(FREE_ROWS).max(1);
        let worthy = || self.transfers.values().filter(|transfer| now - transfer.since >= WORTH_A_LINE);
        let shown = if worthy().count() > room { room - 1 } else { room };
        let mut lines: Vec<_> = worthy().take(shown).map(|transfer| transfer.line(columns)).collect();
        let hidden = worthy().count() - lines.len();
        if hidden > 0 {
            lines.push(cut(&format!("  and {hidden} more transfers"), columns));
        }
        if self.transfers.is_empty() {
            lines.extend(self.waiting(now).take(room.min(NAMES)).map(|line| cut(&line, columns)));
        }
        lines.push(cut(&totals.line(now, columns), columns));
        lines
    }

    /// Returns lines for the images whose jobs make no progress: a server does not answer.
    fn waiting(&self, now: Instant) -> impl Iterator<Item = String> {
        self.jobs.values().filter_map(move |(image, heard)| {
            let time = now - *heard;
            (time >= WORTH_A_NAME).then(|| format!("waiting {} {image}", clock(time)))
        })
    }
}

impl TransferLine {
    /// `image digest  [#####-----]  12.3 MiB of 45.6 MiB  10.2 MiB/s  0:03 left`, with less of it on a narrow terminal:
    /// first the digest and the speed go, which the line of the totals has as well.
    fn line(&self, columns: usize) -> String {
        let passed = self.passed.load(Ordering::Relaxed);
        let amount = match self.size {
            Some(size) => format!("{:>10} of {:<10}", bytes(passed), bytes(size)),
            None => format!("{:>10}{:14}", bytes(passed), ""),
        };
        let speed = format!("{:>10}/s", bytes(self.speed.per_second()));
        let left = match self.size.map(|size| size.saturating_sub(passed)) {
            Some(0) => "   finishing".to_owned(), // everything was sent; the other side writes it down
            left => left
                .and_then(|left| self.speed.time_for(left))
                .map_or_else(|| " ".repeat(12), |left| format!("{:>7} left", clock(left))),
        };
        let (end, digest) = match columns {
            0..60 => (amount, None),
            60..75 => (format!("{amount} {left}"), None),
            75..100 => (format!("[{}] {amount} {left}", bar(passed, self.size, 8)), None),
            _ => (format!("[{}] {amount} {speed} {left}", bar(passed, self.size, 20)), Some(&self.digest)),
        };
        let label = columns.saturating_sub(end.chars().count() + 1);
        let text = digest.map_or_else(|| self.source.clone(), |digest| format!("{} {digest}", self.source));
        cut(&format!("{:<label$} {end}", tail(&text, label)), columns)
    }
}

fn bar(passed: u64, size: Option<u64>, width: usize) -> String {
    let Some(size) = size else { return " ".repeat(width) };
    let share = u128::from(passed.min(size)) * width as u128 / u128::from(size.max(1));
    let filled = usize::try_from(share).unwrap_or(width);
    format!("{}{}", "#".repeat(filled), "-".repeat(width - filled))
}

fn cut(text: &str, columns: usize) -> String {
    text.chars().take(columns).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests;
