use std::time::{Duration, Instant};

use super::*;
use crate::display::script;

fn totals() -> Totals {
    let mut totals = Totals::new(Instant::now());
    script::everything().iter().for_each(|event| totals.take(event));
    totals
}

#[test]
fn a_bad_night_is_told_cause_by_cause() {
    insta::assert_snapshot!(run(&script::bad_night(), &totals(), false, false));
}

#[test]
fn those_who_ask_for_more_get_every_name() {
    let text = run(&script::bad_night(), &totals(), true, false);
    assert!(text.contains("q.io/a/b:5 → h.io/x/b:5") && !text.contains("more (-v"), "{text}");
}

#[test]
fn a_good_night_is_short() {
    let report = script::report(|report| {
        report.name = "sync".into();
        report.skipped = 412;
        report.elapsed = Duration::from_millis(840);
    });
    assert_eq!(run(&report, &Totals::new(Instant::now()), false, false), "sync: 412 up to date in 0.8 s");
}

#[test]
fn a_run_that_was_stopped_says_so_and_what_to_do() {
    let report = script::report(|report| {
        report.name = "sync".into();
        report.copied = 1;
        report.interrupted = true;
    });
    insta::assert_snapshot!(run(&report, &Totals::new(Instant::now()), false, false));
}

#[test]
fn nothing_to_do_is_said_too() {
    let report = script::report(|report| report.name = "sync".into());
    assert_eq!(run(&report, &Totals::new(Instant::now()), false, false), "sync: nothing to do in 0.0 s");
}

#[test]
fn the_last_line_is_the_one_that_is_looked_for() {
    let line = |seconds, interrupted| {
        let elapsed = std::time::Duration::from_secs_f64(seconds);
        image_syncer_line(&script::report(|report| {
            report.failed = 2;
            report.elapsed = elapsed;
            report.interrupted = interrupted;
        }))
    };
    assert_eq!(line(3.25, false), "Synchronization finished, 2 tasks failed, cost 3.2s.");
    assert_eq!(line(62.5, false), "Synchronization finished, 2 tasks failed, cost 1m2.5s.");
    assert_eq!(line(3602.5, true), "Synchronization stopped, 2 tasks failed, cost 1h0m2.5s.");
}
