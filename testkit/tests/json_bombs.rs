//! What JSON that is made to hurt costs: next to nothing, in memory, in allocations and in time.

use std::time::{Duration, Instant};

use sealift_core::content::{Manifest, MediaType};
use sealift_testkit::allocations::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What reading one manifest may take beside its own bytes. A real one of the largest size takes as much.
const MEMORY: usize = 8 << 20;

/// The same in allocations: some for each of the links that may be kept.
const ALLOCATIONS: usize = 8 * Manifest::MAX_LINKS;

/// A bound for programs that were built to be run; the tests' own are many times slower.
const TIME: Duration = Duration::from_millis(if cfg!(debug_assertions) { 5_000 } else { 100 });

/// As many of these as fit into a manifest.
fn many(one: &str) -> String {
    vec![one; (Manifest::MAX_BYTES as usize - 100) / (one.len() + 1)].join(",")
}

#[tokio::test]
async fn json_that_is_made_to_hurt_costs_next_to_nothing() {
    let hex = "a".repeat(64);
    let entry = format!(r#"{{"digest":"sha256:{hex}","size":1}}"#);
    let annotated = |of: &str| format!(r#"{{"annotations":{{{of}}},"manifests":[]}}"#);
    let keys = |number: usize| (0..number).map(|key| format!(r#""{key:x}":0"#)).collect::<Vec<_>>().join(",");
    for (what, text) in [
        ("nested", format!(r#"{{"manifests":{}"#, "[".repeat(10_000))),
        ("nested as deep as it fits", r#"{"a":"#.repeat(800_000)),
        ("an infinite size", format!(r#"{{"layers":[],"config":{{"digest":"sha256:{hex}","size":1e400}}}}"#)),
        ("a million entries of nothing", format!(r#"{{"manifests":[{}]}}"#, many("{}"))),
        ("a million numbers for entries", format!(r#"{{"manifests":[{}]}}"#, many("1"))),
        ("a million layers of nothing", format!(r#"{{"layers":[{}]}}"#, many("null"))),
        ("too many entries", format!(r#"{{"manifests":[{}]}}"#, many(&entry))),
        ("too many layers", format!(r#"{{"layers":[{}]}}"#, many(&entry))),
        ("a million of what nobody knows", format!(r#"{{"a":[{}]}}"#, many("[]"))),
        ("more behind", format!(r#"{{"manifests":[]}} {}"#, many("0"))),
        // Readers differ in which of the values counts.
        ("one key again and again", annotated(&many(r#""a":"""#))),
        ("another key again and again", annotated(&keys(400_000))),
        ("as many keys as there may be", annotated(&keys(10 * Manifest::MAX_LINKS - 2))),
    ] {
        let harmless = what.starts_with("as many keys");
        let mut quickest = Duration::MAX;
        for _ in 0..3 {
            let (text, before) = (text.clone(), allocations::count());
            let start = Instant::now();
            let (read, peak) = allocations::peak_of(async { Manifest::parse(text, &MediaType::default()) }).await;
            quickest = quickest.min(start.elapsed());
            assert!(peak < MEMORY, "{what}: {peak} bytes");
            let allocated = allocations::count() - before;
            assert!(allocated < ALLOCATIONS, "{what}: {allocated} allocations");
            assert_eq!(read.is_ok(), harmless, "{what}");
        }
        // The quickest one: what else the machine does shall not count.
        assert!(quickest < TIME, "{what}: {quickest:?}");
    }
}
