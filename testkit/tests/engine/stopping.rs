//! Stopping a run.

use std::{sync::Arc, time::Duration};

use sealift_conformance::{
    images::image,
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::spec::OpenPipeline;

use crate::Bench;

fn many(from: &Memory) -> Wanted {
    (0..100).fold(Wanted::new(), |wanted, tag| {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &[&format!("layer {tag}")]));
        wanted.image(&format!("from.io/app:v{tag}"), &[])
    })
}

#[tokio::test(start_paused = true)]
async fn the_first_stop_lets_transfers_end_and_starts_nothing_new() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let bench = Bench::new(many(&from), &from, &[&to]);
    to.script(|call| (call.op == Op::Fill).then_some(Fault::Slow(Duration::from_secs(5))));
    let cancel = bench.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cancel.stop();
    });
    let started = tokio::time::Instant::now();
    let report = bench.run().await;
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(report.interrupted);
    assert_eq!((report.exit_code(), report.failed), (130, 0));
    assert!(report.copied < 100);
    assert!(to.count(Op::Fill) <= 32, "{} transfers", to.count(Op::Fill));
    assert_eq!(to.count(Op::Finish), 1, "what arrived is made to last");
    to.assert_whole();
    let arrived = to.count(Op::Fill);
    to.heal();
    to.forget_calls();
    let again = Bench::new(many(&from), &from, &[&to]).run().await;
    assert_eq!(again.failed, 0);
    assert_eq!(to.count(Op::Fill) + arrived, 200, "nothing is sent twice");
}

#[tokio::test(start_paused = true)]
async fn the_second_stop_does_not_wait() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let bench = Bench::new(many(&from), &from, &[&to]);
    to.script(|call| (call.op == Op::Fill).then_some(Fault::Slow(Duration::from_secs(3600))));
    let cancel = bench.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cancel.stop();
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.stop();
    });
    let started = tokio::time::Instant::now();
    let report = bench.run().await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(report.interrupted && report.unfinished > 0);
}

#[tokio::test(start_paused = true)]
async fn transfers_that_do_not_end_are_dropped_after_the_grace() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let bench = Bench::new(many(&from), &from, &[&to]).options(|run| run.grace_s = Some(7));
    to.script(|call| (call.op == Op::Fill).then_some(Fault::Slow(Duration::from_secs(3600))));
    let cancel = bench.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.stop();
    });
    let started = tokio::time::Instant::now();
    bench.run().await;
    assert_eq!(started.elapsed().as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_future_is_dropped_leaves_no_task() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let bench = Bench::new(many(&from), &from, &[&to]);
    to.script(|call| (call.op == Op::Fill).then_some(Fault::Slow(Duration::from_secs(3600))));
    let dropped = tokio::time::timeout(Duration::from_secs(2), bench.run()).await;
    assert!(dropped.is_err() && to.count(Op::Fill) > 0, "it was dropped in the middle");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

/// Some plugins clean up when they are dropped. A program may end right after its run, so nobody else may hold them then.
#[tokio::test]
async fn a_run_that_is_over_holds_no_plugin() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let bench = Bench::new(many(&from), &from, &[&to]);
    assert_eq!(bench.run().await.failed, 0);
    let OpenPipeline { list, fetch, pushes, .. } = &bench.pipeline;
    let holders =
        (Arc::strong_count(&list.stage), Arc::strong_count(&fetch.stage), Arc::strong_count(&pushes[0].stage));
    assert_eq!(holders, (1, 1, 1));
}
