//! Who computes digests: we do, or destinations that confirm them.

use std::time::Duration;

use sealift_conformance::{
    images::{Image, image},
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::{report::Report, spec::Verify};

use crate::Bench;

/// Moves images of one layer each, one blob after the other, with destinations that are trusted.
async fn trusting(from: &Memory, to: &[&Memory], tags: usize) -> Report {
    let mut wanted = Wanted::new();
    for tag in 0..tags {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &[&format!("layer {tag}")]));
        wanted = wanted.image(&format!("from.io/app:v{tag}"), &[]);
    }
    let bench = Bench::new(wanted, from, to).options(|run| {
        run.verify = Verify::Destination;
        run.transfers = 1.try_into().ok();
        run.retries = Some(0);
    });
    bench.run().await
}

#[tokio::test]
async fn a_destination_is_hashed_for_until_it_confirmed_one_blob() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").confirming());
    assert_eq!(trusting(&from, &[&to], 3).await.copied, 3);
    assert_eq!(to.hashed(), [true, false, false, false, false, false]);
    to.assert_whole();
}

fn large() -> Image {
    image("linux/amd64", &[&"large ".repeat(2000)])
}

/// One image whose config arrives, and is confirmed, while its layer is on its way.
async fn large_beside_small(from: &Memory, to: &Memory) -> Report {
    let app = large();
    let layer = app.blobs[1].0.digest.to_string();
    from.add("app:v1", &app);
    to.script(move |call| (call.op == Op::Fill && call.what == layer).then_some(Fault::Slow(Duration::from_secs(1))));
    let bench = Bench::new(Wanted::new().image("from.io/app:v1", &[]), from, &[to]);
    let bench = bench.options(|run| (run.verify, run.retries) = (Verify::Destination, Some(0)));
    bench.run().await
}

#[tokio::test(start_paused = true)]
async fn a_blob_that_began_before_the_first_confirmation_is_hashed_no_further_than_that() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").confirming());
    assert_eq!(large_beside_small(&from, &to).await.copied, 1);
    assert_eq!(to.hashed(), [true, false], "config and layer");
    to.assert_whole();
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    assert_eq!(large_beside_small(&from, &to).await.copied, 1);
    assert_eq!(to.hashed(), [true, true], "nobody confirms");
}

#[tokio::test(start_paused = true)]
async fn a_blob_that_was_hashed_half_and_is_refused_is_sent_again_and_hashed() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").confirming());
    let layer = large().blobs[1].0.digest.to_string();
    from.script(move |call| (call.op == Op::Blob && call.what == layer && call.before == 0).then_some(Fault::Corrupt));
    assert_eq!(large_beside_small(&from, &to).await.copied, 1);
    assert_eq!(to.hashed(), [true, false, true], "config, layer, layer again");
    to.assert_whole();
}

#[tokio::test]
async fn who_is_not_trusted_is_always_hashed_for() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").confirming());
    from.add("app:v1", &image("linux/amd64", &["one", "two", "three"]));
    let report = Bench::new(Wanted::new().image("from.io/app:v1", &[]), &from, &[&to]).run().await;
    assert_eq!(report.copied, 1);
    assert_eq!(to.hashed(), [true; 4]);
}

#[tokio::test]
async fn a_destination_that_never_confirms_is_always_hashed_for() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    assert_eq!(trusting(&from, &[&to], 2).await.copied, 2);
    assert_eq!(to.hashed(), [true; 4]);
}

#[tokio::test]
async fn several_destinations_are_hashed_for_unless_all_of_them_confirm() {
    let from = Memory::new("from.io");
    let (confirms, does_not) = (Memory::new("a.io").confirming(), Memory::new("b.io"));
    assert_eq!(trusting(&from, &[&confirms, &does_not], 2).await.copied, 4);
    assert_eq!(confirms.hashed(), [true; 4]);
    let from = Memory::new("from.io");
    let both = [Memory::new("a.io").confirming(), Memory::new("b.io").confirming()];
    assert_eq!(trusting(&from, &both.each_ref(), 2).await.copied, 4);
    both.iter().for_each(|to| assert_eq!(to.hashed(), [true, false, false, false]));
}

#[tokio::test(start_paused = true)]
async fn without_one_confirmation_that_blob_is_sent_again_and_hashed_from_then_on() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").confirming());
    let read_rotten = std::sync::atomic::AtomicUsize::new(0);
    // The third blob comes rotten, and the destination takes it without a word.
    from.script(move |call| {
        let third = call.op == Op::Blob && read_rotten.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 2;
        third.then_some(Fault::Corrupt)
    });
    let filled = std::sync::atomic::AtomicUsize::new(0);
    to.script(move |call| {
        let third = call.op == Op::Fill && filled.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 2;
        third.then_some(Fault::Unconfirmed)
    });
    assert_eq!(trusting(&from, &[&to], 3).await.copied, 3);
    assert_eq!(to.hashed(), [true, false, false, true, true, true, true], "the third one twice");
    assert_eq!(to.count(Op::Renew), 1, "what stands there under its name is not believed");
    to.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn a_rotten_source_is_named_as_the_cause_although_the_destination_found_out() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").confirming());
    let rotten = image("linux/amd64", &["layer 1"]).blobs[1].0.digest.to_string();
    let what = rotten.clone();
    from.script(move |call| (call.op == Op::Blob && call.what == what).then_some(Fault::Corrupt));
    let report = trusting(&from, &[&to], 2).await;
    assert_eq!((report.copied, report.failed), (1, 1));
    let cause = &report.failures[0].cause;
    assert!(cause.contains(&format!("the blob `{rotten}` has digest")), "{cause}");
    assert!(to.hashed().contains(&false), "the first attempt was not hashed");
    to.assert_whole();
}
