//! Compares the pull quota of a registry with the needs of a run.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use sealift_core::counters::CounterSet;

use crate::display::words::{number, time};

/// A line for each source that said how many pulls are left. `manifests` are those that a run reads, by registry.
pub(super) fn told(manifests: &BTreeMap<String, u64>, tallies: &BTreeMap<String, Vec<CounterSet>>) -> String {
    let mut text = String::new();
    for (registry, needed) in manifests {
        let said = tallies
            .values()
            .flatten()
            .find(|tally| tally.counts.contains_key("quota_left") && is_of(&tally.subject, registry));
        let Some(tally) = said else { continue };
        let left = tally.get("quota_left");
        let window = match tally.get("quota_window_s") {
            0 => String::new(),
            seconds => format!(" in {}", time(Duration::from_secs(seconds))),
        };
        let of = match tally.get("quota_limit") {
            0 => String::new(),
            limit => format!(" of {limit}{window}"),
        };
        let verdict = match *needed > left {
            true => "more than the quota allows now; the run would wait or fail there",
            false => "the quota allows that",
        };
        let _ =
            writeln!(text, "{registry}: a run reads {}, {left}{of} are left: {verdict}", number(*needed, "manifest"));
    }
    text
}

/// Returns true if the host belongs to the registry: Docker Hub has `registry-1.docker.io` for `docker.io`.
fn is_of(host: &str, registry: &str) -> bool {
    host == registry || host.strip_suffix(registry).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(needed: u64, left: u64) -> String {
        let mut tally = CounterSet::new("registry-1.docker.io", [("quota_limit", 100), ("quota_window_s", 21_600)]);
        tally.counts.insert("quota_left".to_owned(), left);
        let others = CounterSet::new("auth.docker.io", [("requests", 3)]);
        let manifests = [("docker.io".to_owned(), needed), ("quay.io".to_owned(), 500)].into();
        told(&manifests, &[("registries".to_owned(), vec![others, tally])].into())
    }

    #[test]
    fn a_plan_says_what_exceeds_a_pull_quota() {
        assert_eq!(
            plan(340, 76),
            "docker.io: a run reads 340 manifests, 76 of 100 in 6 h 0 min are left: more than the quota allows now; the \
             run would wait or fail there\n"
        );
        assert!(plan(340, 0).contains(" 0 of 100 "));
        assert!(plan(76, 76).ends_with("the quota allows that\n"));
    }

    #[test]
    fn who_says_nothing_of_a_quota_is_not_told_of() {
        assert_eq!(told(&[("quay.io".to_owned(), 500)].into(), &BTreeMap::new()), "");
    }
}
