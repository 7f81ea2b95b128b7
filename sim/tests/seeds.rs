//! Seeds that once found something, and the faults that the simulation must find.

use sealift_sim::{GENERATOR, Planted, Reduced, run_seed};

/// Versions of the generator and seeds, with what they found.
const FOUND: [(u32, u64, &str); 9] = [
    (1, 9, "a run whose future was dropped left two tasks behind"),
    (1, 24, "a store behind a registry asked for a pause and was asked again at once"),
    (1, 27, "a manifest that was damaged on the way was pushed as it came"),
    (1, 108, "a token service that asked for a pause was asked for other tokens"),
    (1, 302, "a pause that the root of a registry asked for was not seen"),
    (1, 650, "a manifest that was damaged on the way twice was taken for that of a registry that names wrong digests"),
    (3, 1170, "a manifest that was damaged on the way was pushed, because reading it by its digest was refused"),
    (2, 2, "the body of a refusal was read beyond its end"),
    (2, 96, "a question that explains a refusal was asked during a pause"),
];

#[test]
fn seeds_that_found_something_pass() {
    for (generator, seed, found) in FOUND.into_iter().chain((0..30).map(|seed| (GENERATOR, seed, "nothing"))) {
        let outcome = run_seed(seed, &Reduced::generator(generator), None).expect("the seed has an outcome");
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
