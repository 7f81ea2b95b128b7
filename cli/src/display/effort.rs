//! The effort of a run: requests, retries, and the slowest images and blobs.

use std::{fmt::Write, time::Duration};

use sealift_core::{
    counters::CounterSet,
    report::{Report, Slowest},
};

use super::words::{bytes, grouped, number, time};

/// Hosts that are named before "and … more".
const HOSTS: usize = 4;

/// Number of slow images and blobs that are named.
const SLOW: usize = 3;

/// A run that took no longer leaves no question of what it waited for.
const WORTH_ASKING: Duration = Duration::from_secs(30);

/// The lines about it. `all` tells every host, and what was slowest even if it was not slow.
pub(super) fn told(report: &Report, all: bool) -> String {
    let mut text = String::new();
    let hosts: Vec<&CounterSet> =
        report.counters.values().flatten().filter(|tally| tally.get("requests") > 0).collect();
    if !hosts.is_empty() {
        let _ = write!(text, "\n  {}", requests(&hosts, all));
    }
    if let Some(repeats) = repeats(report, &hosts) {
        let _ = write!(text, "\n  {repeats}");
    }
    if all || report.elapsed >= WORTH_ASKING {
        text.push_str(&slowest(&report.slowest));
    }
    text
}

/// `1,234 requests: h.io 800, q.io 434`.
fn requests(hosts: &[&CounterSet], all: bool) -> String {
    let count = |tally: &CounterSet| tally.get("requests");
    let mut hosts = hosts.to_vec();
    hosts.sort_by_key(|tally| std::cmp::Reverse(count(tally)));
    let named = if all { hosts.len() } else { HOSTS };
    let mut names: Vec<_> =
        hosts.iter().take(named).map(|tally| format!("{} {}", tally.subject, grouped(count(tally)))).collect();
    if let Some(more @ 1..) = hosts.len().checked_sub(named) {
        names.push(format!("and {}", number(more as u64, "more host")));
    }
    format!("{}: {}", number(hosts.iter().map(|tally| count(tally)).sum(), "request"), names.join(", "))
}

/// Describes retries, if there were any.
fn repeats(report: &Report, hosts: &[&CounterSet]) -> Option<String> {
    let mut parts = Vec::new();
    let sum = |name: &str| hosts.iter().map(|tally| tally.get(name)).sum::<u64>();
    let (retries, throttled) = (sum("retries"), sum("throttled"));
    if retries > 0 {
        parts.push(format!("{} sent again", number(retries, "request")));
    }
    if throttled > 0 {
        let by = hosts.iter().filter(|tally| tally.get("throttled") > 0).map(|tally| tally.subject.as_str());
        parts.push(format!("told {} to slow down by {}", number(throttled, "time"), by.collect::<Vec<_>>().join(", ")));
    }
    if report.restarts > 0 {
        parts.push(format!("{} started again", number(report.restarts, "transfer")));
    }
    if report.passes > 0 {
        parts.push(format!("{} over what failed", number(report.passes.into(), "further round")));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn slowest(slowest: &Slowest) -> String {
    let mut text = String::new();
    for image in slowest.images.iter().take(SLOW) {
        let speed = speed(image.bytes, image.elapsed, image.failed);
        let _ = write!(text, "\n  slow: {} took {}{speed}", image.source, time(image.elapsed));
    }
    for blob in slowest.blobs.iter().take(SLOW) {
        let speed = speed(blob.bytes, blob.elapsed, blob.failed);
        let _ = write!(text, "\n  slow: {} of {} took {}{speed}", blob.digest.short(), blob.source, time(blob.elapsed));
    }
    text
}

fn speed(count: u64, elapsed: Duration, failed: bool) -> String {
    let failed = if failed { " and failed" } else { "" };
    if count == 0 {
        return failed.to_owned();
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a speed for people"
    )]
    let each_second = (count as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
    format!("{failed}, {} at {}/s", bytes(count), bytes(each_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(of: &str, requests: u64) -> CounterSet {
        CounterSet::new(of, [("requests", requests)])
    }

    #[test]
    fn the_busiest_hosts_are_named_and_the_others_counted() {
        let hosts: Vec<_> = (1..=6).map(|at| host(&format!("{at}.io"), at * 1000)).collect();
        let report =
            crate::display::script::report(|report| report.counters = [("registries".to_owned(), hosts)].into());
        let text = told(&report, false);
        assert_eq!(text, "\n  21,000 requests: 6.io 6,000, 5.io 5,000, 4.io 4,000, 3.io 3,000, and 2 more hosts");
        assert!(told(&report, true).contains("1.io 1,000"), "-v tells all");
    }

    #[test]
    fn a_run_without_trouble_says_nothing_of_repeats() {
        let report = crate::display::script::report(|report| {
            report.counters = [("registries".to_owned(), vec![host("h.io", 7)])].into()
        });
        assert_eq!(told(&report, false), "\n  7 requests: h.io 7");
        assert_eq!(told(&Report::default(), false), "");
    }
}
