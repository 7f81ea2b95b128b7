use sealift_core::content::Digest;

use super::*;
use crate::display::script;

struct Night {
    board: Board,
    totals: Totals,
    start: Instant,
}

impl Night {
    fn new() -> Self {
        let start = Instant::now();
        Self { board: Board::default(), totals: Totals::new(start), start }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn take(&mut self, event: &Event, ms: u64) {
        self.totals.take(event);
        self.board.take(event, self.at(ms));
    }

    fn lines(&mut self, ms: u64, size: (usize, usize)) -> Vec<String> {
        let now = self.at(ms);
        self.totals.sample(now);
        self.board.lines(&self.totals, now, size)
    }
}

fn busy(transfers: u64) -> Night {
    let mut night = Night::new();
    let repository = script::image("quay.io/a/b:1").repository;
    night.take(&Event::Listed { repository, kept: 57, dropped: vec![] }, 0);
    let blobs = (1..=transfers).map(|number| (Digest::of(&number.to_le_bytes()), number * (40 << 20))).collect();
    night.take(&Event::Needed { job: 1, blobs }, 0);
    for number in 1..=transfers {
        let size = (number != 2).then_some(number * (40 << 20));
        let (event, counter) = script::transfer(number, size, 0);
        night.take(&event, 0);
        night.lines(1000, (24, 80));
        counter.store(number * (10 << 20), Ordering::Relaxed);
    }
    night
}

#[test]
fn a_wide_terminal_shows_bar_bytes_speed_and_time_left() {
    insta::assert_snapshot!(busy(3).lines(2000, (24, 120)).join("\n"));
}

#[test]
fn a_narrow_terminal_shows_less_and_nothing_wraps() {
    insta::assert_snapshot!(busy(3).lines(2000, (24, 80)).join("\n"));
    for columns in [1, 10, 40, 59, 60, 79, 80, 100, 101, 300] {
        for line in busy(3).lines(2000, (24, columns)) {
            assert!(line.chars().count() < columns, "{columns}: {line}");
        }
    }
}

#[test]
fn there_are_never_more_lines_than_the_terminal_has() {
    for rows in [1, 4, 5, 24] {
        let lines = busy(100).lines(2000, (rows, 80));
        assert!(lines.len() <= rows.max(2), "{rows}: {}", lines.len());
        assert!(lines[lines.len() - 2].contains("more transfers"), "{lines:?}");
    }
}

#[test]
fn a_transfer_that_is_over_in_a_moment_gets_no_line() {
    let mut night = Night::new();
    night.take(&script::transfer(1, Some(100), 0).0, 0);
    assert_eq!(night.lines(100, (24, 80)).len(), 1);
    assert_eq!(night.lines(200, (24, 80)).len(), 2);
    night.take(&Event::TransferFinished { transfer: 1, error: None }, 300);
    assert_eq!(night.lines(300, (24, 80)).len(), 1);
}

#[test]
fn while_nothing_moves_the_images_that_wait_are_named() {
    let mut night = Night::new();
    night.take(&Event::JobStarted { job: 1, source: script::image("q.io/a/b:1") }, 0);
    assert_eq!(night.lines(2900, (24, 80)).len(), 1, "a moment is no news");
    assert_eq!(night.lines(7000, (24, 80))[0], "waiting 0:07 q.io/a/b:1");
    let (started, _) = script::transfer(1, Some(100), 100);
    night.take(&started, 7000);
    assert!(night.lines(8000, (24, 80))[0].ends_with("finishing"), "the other side writes it down");
    night.take(&Event::TransferFinished { transfer: 1, error: None }, 9000);
    assert_eq!(night.lines(9500, (24, 80)).len(), 1, "it was heard of");
    night.take(&Event::JobFinished { job: 1 }, 9500);
    assert_eq!(night.lines(20_000, (24, 80)).len(), 1);
}

#[test]
fn the_total_counts_images_once_however_many_rounds_they_take() {
    let mut night = Night::new();
    let failed = || sealift_core::job::Outcome::Failed(script::refused());
    let copied = || sealift_core::job::Outcome::Copied(script::moved());
    for event in [
        Event::Listed { repository: script::image("q.io/a/b:1").repository, kept: 2, dropped: vec![] },
        script::ended(1, "1", failed(), true),
        Event::JobFinished { job: 1 },
        script::ended(2, "2", copied(), false),
        Event::JobFinished { job: 2 },
    ] {
        night.take(&event, 0);
    }
    assert_eq!(night.lines(34_000, (24, 80)), ["1 of 2 images · 1 copied · 0 B · 0:34"]);
    night.take(&script::ended(1, "1", failed(), false), 0);
    night.take(&Event::JobFinished { job: 1 }, 0);
    assert_eq!(night.lines(35_000, (24, 80)), ["2 of 2 images · 1 copied, 1 failed · 0 B · 0:35"]);
}

#[test]
fn speed_follows_what_happens_now() {
    let start = Instant::now();
    let mut speed = Speed::new(start);
    for second in 1..=60 {
        speed.sample(second * 1000, start + Duration::from_secs(second));
    }
    assert_eq!(speed.per_second(), 1000);
    for second in 61..=120 {
        speed.sample(60_000, start + Duration::from_secs(second));
    }
    assert_eq!(speed.time_for(1000), None, "nothing moves any more: {}", speed.per_second());
}

// Seen at 80 columns: no bytes in all, no time left, and the line was cut within its speed.
#[test]
fn the_total_tells_all_bytes_and_the_time_left_and_is_never_cut() {
    let mut night = busy(3);
    for columns in 60..120 {
        let line = night.lines(4000, (24, columns)).pop().unwrap();
        assert!(line.contains("MiB of about") && line.ends_with(|c: char| c.is_ascii_alphanumeric()), "{line}");
    }
    assert!(night.lines(4000, (24, 80)).pop().unwrap().contains(" left"));
}

#[test]
fn a_blob_of_several_images_counts_once_and_what_is_there_does_not_stay_to_be_sent() {
    let mut night = Night::new();
    let (first, second) = (Digest::of(&1u64.to_le_bytes()), Digest::of(b"there"));
    night.take(&Event::Listed { repository: script::image("q.io/a/b:1").repository, kept: 2, dropped: vec![] }, 0);
    for job in [1, 2] {
        night.take(&Event::Needed { job, blobs: vec![(first.clone(), 10 << 20), (second.clone(), 30 << 20)] }, 0);
    }
    assert_eq!(night.lines(1000, (24, 80)), ["0 of 2 images · 0 B of 40.0 MiB · 0:01"]);
    night.take(&script::transfer(1, Some(10 << 20), 10 << 20).0, 1000);
    night.take(&Event::TransferFinished { transfer: 1, error: None }, 2000);
    assert_eq!(night.lines(2000, (24, 80)), ["0 of 2 images · 10.0 MiB of 40.0 MiB · 0:02"]);
    night.take(&Event::JobFinished { job: 1 }, 2000);
    night.take(&Event::JobFinished { job: 2 }, 2000);
    assert_eq!(night.lines(3000, (24, 80)), ["2 of 2 images · 10.0 MiB · 0:03"]);
}
