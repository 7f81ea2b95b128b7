//! Seeds that once found something, and the faults that the simulation must find.

use sealift_sim::{Planted, Reduced, run_seed};

/// Seeds of generator 1, with what they found.
const FOUND: [(u64, &str); 5] = [
    (9, "a run whose future was dropped left two tasks behind"),
    (24, "a store behind a registry asked for a pause and was asked again at once"),
    (27, "a manifest that was damaged on the way was pushed as it came"),
    (108, "a token service that asked for a pause was asked for other tokens"),
    (302, "a pause that the root of a registry asked for was not seen"),
];

#[test]
fn seeds_that_found_something_pass() {
    for (seed, found) in FOUND.into_iter().chain((0..30).map(|seed| (seed, "nothing"))) {
        let outcome = run_seed(seed, &Reduced::default(), None).expect("the seed has an outcome");
        assert!(outcome.broken.is_empty(), "seed {seed}, which found: {found}\n{:#?}", outcome.broken);
    }
}

#[test]
fn planted_faults_are_found() {
    let finds = |planted| {
        (0..300).any(|seed| {
            let outcome = run_seed(seed, &Reduced::default(), Some(planted));
            outcome.is_ok_and(|outcome| !outcome.broken.is_empty())
        })
    };
    let missed: Vec<_> = Planted::ALL.iter().filter(|(_, planted)| !finds(*planted)).map(|(name, _)| name).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
