//! Takes away what a failure does not need.

use std::collections::BTreeSet;

use crate::{planted::Planted, runner::run_seed, scenario::ScenarioOutcome, topology::Reduced};

/// Returns the smallest reduction that was found with which the same invariant still breaks, and its outcome.
pub fn shrink(
    seed: u64,
    reduced: &Reduced,
    first: ScenarioOutcome,
    planted: Option<Planted>,
) -> (Reduced, ScenarioOutcome) {
    let (mut best, mut outcome) = (reduced.clone(), first);
    let Some(invariant) = outcome.broken.first().map(|broken| broken.invariant) else { return (best, outcome) };
    let attempt = |best: &mut Reduced, outcome: &mut ScenarioOutcome, change: &dyn Fn(&mut Reduced)| {
        let mut candidate = best.clone();
        change(&mut candidate);
        let Ok(found) = run_seed(seed, &candidate, planted) else { return };
        if found.broken.iter().any(|broken| broken.invariant == invariant) {
            (*best, *outcome) = (candidate, found);
        }
    };
    attempt(&mut best, &mut outcome, &|reduced| reduced.uninterrupted = true);
    for image in outcome.images.clone() {
        let left: BTreeSet<usize> = outcome.images.iter().copied().filter(|other| *other != image).collect();
        if !left.is_empty() {
            attempt(&mut best, &mut outcome, &|reduced| reduced.images = Some(left.clone()));
        }
    }
    for kind in outcome.kinds.clone() {
        attempt(&mut best, &mut outcome, &|reduced| _ = reduced.without.insert(kind.to_owned()));
    }
    for fault in outcome.faults.clone() {
        attempt(&mut best, &mut outcome, &|reduced| _ = reduced.without_faults.insert(fault));
    }
    attempt(&mut best, &mut outcome, &|reduced| reduced.one_destination = true);
    (best, outcome)
}

/// Returns the command that runs a reduced seed again.
pub fn command(seed: u64, reduced: &Reduced, planted: Option<&str>) -> String {
    let mut command = format!("cargo run --release -p sealift-sim -- --seed {seed}");
    let mut flag = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            command += &format!(" --{name} {}", values.join(","));
        }
    };
    flag("images", reduced.images.iter().flatten().map(ToString::to_string).collect());
    flag("without", reduced.without.iter().cloned().collect());
    flag("without-faults", reduced.without_faults.iter().map(ToString::to_string).collect());
    flag("planted", planted.iter().map(ToString::to_string).collect());
    if reduced.one_destination {
        command += " --one-destination";
    }
    if reduced.uninterrupted {
        command += " --uninterrupted";
    }
    command
}
