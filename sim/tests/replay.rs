//! The same seed gives the same trace.

use std::process::Command;

use sealift_sim::{Reduced, run_seed};

fn trace(seed: u64) -> (u64, u64) {
    let outcome = run_seed(seed, &Reduced::default(), None).expect("the seed has an outcome");
    (outcome.trace, outcome.effects)
}

#[test]
fn a_seed_gives_the_same_trace_twice_in_one_process() {
    let mut effects = 0;
    for seed in 0..20 {
        let (first, count) = trace(seed);
        assert_eq!(first, trace(seed).0, "seed {seed}");
        effects += count;
    }
    assert!(effects > 1000, "only {effects} requests");
    assert_ne!(trace(0).0, trace(1).0);
}

#[test]
fn a_seed_gives_the_same_trace_in_another_process() {
    for seed in 0..10 {
        let output = Command::new(env!("CARGO_BIN_EXE_sealift-sim")).args(["--seed", &seed.to_string()]).output();
        let output = String::from_utf8(output.expect("it starts").stdout).expect("stories are text");
        let expected = format!("trace {:016x}", trace(seed).0);
        assert!(output.contains(&expected), "seed {seed}: {expected} and\n{output}");
    }
}
