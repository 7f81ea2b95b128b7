//! Several destinations share one read, and none holds up another.

use std::time::Duration;

use sealift_conformance::{
    images::image,
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::error::{Error, ErrorKind};

use crate::Bench;

#[tokio::test]
async fn three_destinations_share_one_read() {
    let from = Memory::new("from.io");
    let to = ["a.io", "b.io", "c.io"].map(Memory::new);
    let mut wanted = Wanted::new();
    for tag in 0..5 {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &["base", &format!("own {tag}")]));
        wanted = wanted.image(&format!("from.io/app:v{tag}"), &[]);
    }
    let report = Bench::new(wanted, &from, &to.each_ref()).run().await;
    assert_eq!((report.copied, report.failed), (15, 0));
    assert_eq!(from.count(Op::Blob), 11, "five configs, five layers and the base");
    assert_eq!(from.count(Op::ResolveManifest), 5);
    to.iter().for_each(Memory::assert_whole);
}

// Two jobs on two threads got the blob for one destination each, and both read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jobs_at_the_same_time_do_not_read_a_blob_twice_for_different_destinations() {
    for round in 0..300 {
        let from = Memory::new("from.io");
        let to = ["a.io", "b.io", "c.io", "d.io"].map(Memory::new);
        let mut wanted = Wanted::new();
        for app in 0..4 {
            from.add(&format!("app{app}:v1"), &image("linux/amd64", &["base"]));
            wanted = wanted.image(&format!("from.io/app{app}:v1"), &[]);
        }
        let report = Bench::new(wanted, &from, &to.each_ref()).run().await;
        assert_eq!((report.copied, report.failed), (16, 0));
        assert_eq!(from.count(Op::Blob), 2, "round {round}: the config and the layer");
    }
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_fails_leaves_the_others_alone() {
    let from = Memory::new("from.io");
    let (good, bad) = (Memory::new("a.io"), Memory::new("b.io"));
    from.add("app:v1", &image("linux/amd64", &["layer"]));
    bad.script(|call| (call.op == Op::Fill).then(|| Fault::Fail(Error::new(ErrorKind::Storage, "full"))));
    let report = Bench::new(Wanted::new().image("from.io/app:v1", &[]), &from, &[&good, &bad]).run().await;
    assert_eq!((report.copied, report.failed), (1, 1));
    good.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_crawls_is_served_beside_the_others() {
    let from = Memory::new("from.io");
    let (quick, slow) = (Memory::new("a.io"), Memory::new("b.io"));
    let layer = "x".repeat(1 << 20); // more than the buffer of a tee
    let mut wanted = Wanted::new();
    for tag in 0..10 {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &[&format!("{tag}{layer}")]));
        wanted = wanted.image(&format!("from.io/app:v{tag}"), &[]);
    }
    slow.script(|call| (call.op == Op::Fill).then_some(Fault::Slow(Duration::from_millis(100))));
    let started = tokio::time::Instant::now();
    let times = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&times);
    quick.script(move |call| {
        if call.op == Op::Tag {
            seen.lock().unwrap().push(started.elapsed());
        }
        None
    });
    let report = Bench::new(wanted, &from, &[&quick, &slow]).run().await;
    assert_eq!((report.copied, report.failed), (20, 0));
    quick.assert_whole();
    slow.assert_whole();
    let last = *times.lock().unwrap().iter().max().unwrap();
    // The patience of 5 s, for what was under way when it was found to be slow; one image takes it 100 s.
    assert!(last < Duration::from_secs(20), "the quick one had to wait {last:?}");
    assert!(started.elapsed() > Duration::from_secs(100));
}
