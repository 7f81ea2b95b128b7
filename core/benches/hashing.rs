//! What hashing in passing costs: blobs one after the other, and two at a time.
//!
//! ```console
//! $ cargo bench -p sealift-core --bench hashing
//! ```

use std::{
    array,
    hint::black_box,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::stream;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, well_known},
};

/// As long as a client reads them.
const CHUNK: usize = 400 << 10;
const CHUNKS: usize = 320;
const ROUNDS: usize = 7;

fn main() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("it needs nothing that could be missing");
    let whole = Bytes::from(vec![7; CHUNK * CHUNKS]);
    let descriptor = Descriptor::to(well_known::OCI_LAYER_GZIP, &whole);
    let blobs = || {
        array::from_fn(|_| {
            let whole = whole.clone();
            let chunks = (0..CHUNKS).map(move |at| Ok(whole.slice(at * CHUNK..(at + 1) * CHUNK)));
            Blob::new(descriptor.clone(), stream::iter(chunks))
        })
    };
    let alone = median(|| runtime.block_on(one_after_the_other(blobs())));
    let paired = median(|| runtime.block_on(in_turns(blobs())));
    let mib = (2 * whole.len()) as f64 / f64::from(1 << 20);
    for (how, took) in [("one after the other", alone), ("in turns", paired)] {
        say(&format!(
            "{how}: {:.0} MiB/s, {:.2} s for a GiB",
            mib / took.as_secs_f64(),
            took.as_secs_f64() / mib * 1024.0
        ));
    }
}

fn median(run: impl Fn()) -> Duration {
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .collect();
    took.sort();
    took[ROUNDS / 2]
}

async fn one_after_the_other(blobs: [Blob; 2]) {
    for mut blob in blobs {
        while let Some(chunk) = blob.chunk().await.expect("it is what its name says") {
            black_box(chunk);
        }
    }
}

/// As two that come in at the same time.
async fn in_turns([mut one, mut other]: [Blob; 2]) {
    loop {
        let (ones, others) = (one.chunk().await, other.chunk().await);
        match (ones.expect("it is what its name says"), others.expect("it is what its name says")) {
            (None, None) => return,
            chunks => drop(black_box(chunks)),
        }
    }
}

#[expect(clippy::print_stdout, reason = "figures are what this program is for")]
fn say(line: &str) {
    println!("{line}");
}
