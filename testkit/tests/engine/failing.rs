//! What fails, what is tried again, and what is not.

use std::time::Duration;

use sealift_conformance::{
    images::image,
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::{
    error::{Error, ErrorKind, Retry},
    event::Event,
};

use crate::Bench;

fn one_image() -> (Memory, Memory, Wanted) {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &image("linux/amd64", &["the layer"]));
    (from, to, Wanted::new().image("from.io/app:v1", &[]))
}

fn away() -> Option<Fault> {
    Some(Fault::Fail(Error::new(ErrorKind::Unavailable, "the other side is away")))
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_broke_is_started_again() {
    let (from, to, wanted) = one_image();
    to.script(|call| if call.op == Op::Fill && call.before < 2 { away() } else { None });
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed, report.passes), (1, 0, 0));
    to.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn corrupt_bytes_are_never_kept_and_end_as_a_failure() {
    let (from, to, wanted) = one_image();
    from.script(|call| if call.op == Op::Blob { Some(Fault::Corrupt) } else { None });
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (0, 1));
    assert_eq!(report.failures[0].kind, ErrorKind::Corrupt, "the cause, not that a body broke off");
    assert_eq!(to.digest_of("app:v1"), None);
    assert_eq!(to.count(Op::Tag), 0);
}

#[tokio::test(start_paused = true)]
async fn a_broken_layer_that_many_images_share_is_not_tried_once_for_each() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let mut wanted = Wanted::new();
    for tag in 0..50 {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &["shared", &format!("own {tag}")]));
        wanted = wanted.image(&format!("from.io/app:v{tag}"), &[]);
    }
    let shared = sealift_core::content::Digest::of(b"shared").to_string();
    let broken = shared.clone();
    from.script(move |call| if call.op == Op::Blob && call.what == broken { away() } else { None });
    let report = Bench::new(wanted, &from, &[&to]).options(|run| run.retries = Some(1)).run().await;
    assert_eq!(report.failed, 50);
    let tries = from.calls().iter().filter(|call| call.op == Op::Blob && call.what == shared).count();
    assert_eq!(tries, 6, "three in each of two rounds");
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_one_repository_lost_may_come_from_another() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let mut wanted = Wanted::new();
    for repository in ["lost", "kept"] {
        from.add(&format!("{repository}:v1"), &image("linux/amd64", &["shared", repository]));
        wanted = wanted.image(&format!("from.io/{repository}:v1"), &[]);
    }
    let shared = sealift_core::content::Digest::of(b"shared").to_string();
    from.script(move |call| match call.op {
        Op::Blob if call.repository == "lost" && call.what == shared => {
            Some(Fault::Fail(Error::new(ErrorKind::NotFound, "not here")))
        }
        // The other way round the first one would take the layer from where the second brought it.
        Op::ResolveManifest if call.repository == "kept" => Some(Fault::Slow(Duration::from_secs(1))),
        _ => None,
    });
    let report = Bench::new(wanted, &from, &[&to]).options(|run| run.retries = Some(0)).run().await;
    assert_eq!((report.copied, report.failed), (1, 1), "{report:?}");
    assert!(to.digest_of("kept:v1").is_some());
    to.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn what_one_repository_refuses_another_may_take() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &image("linux/amd64", &["layer"]));
    let wanted = Wanted::new().image("from.io/app:v1", &["to.io/closed:v1", "to.io/open:v1"]);
    to.script(|call| match call.op {
        Op::Offer if call.repository == "closed" => Some(Fault::Fail(Error::new(ErrorKind::Denied, "not yours"))),
        _ => None,
    });
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 1));
    assert_eq!(report.failures[0].kind, ErrorKind::Denied);
    to.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn a_further_round_takes_up_what_failed() {
    let (from, to, wanted) = one_image();
    to.script(|call| if call.op == Op::Tag && call.before < 2 { away() } else { None });
    let bench = Bench::new(wanted, &from, &[&to]);
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed, report.passes), (1, 0, 2));
    let rounds = bench.told().iter().filter(|event| matches!(event, Event::PassStarted { .. })).count();
    assert_eq!(rounds, 2);
    assert_eq!(to.count(Op::Fill), 2, "what arrived is not sent again");
}

/// A destination may lose a blob after it took it, and says so when the manifest comes: such as a registry that collects
/// garbage.
#[tokio::test(start_paused = true)]
async fn what_a_destination_lost_meanwhile_is_sent_again() {
    let (from, to, wanted) = one_image();
    let registry = to.clone();
    to.script(move |call| {
        if call.op != Op::Tag || call.before > 0 {
            return None;
        }
        registry.lose_blob("the layer");
        let lost = Error::new(ErrorKind::NotFound, "something that the manifest points to is not there");
        Some(Fault::Fail(lost.with_retry(Retry::Soon)))
    });
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed, report.passes), (1, 0, 1));
    to.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn rounds_come_to_an_end_and_the_failure_is_reported_once() {
    let (from, to, wanted) = one_image();
    to.script(|call| if call.op == Op::Tag { away() } else { None });
    let report = Bench::new(wanted, &from, &[&to]).options(|run| run.retries = Some(3)).run().await;
    assert_eq!((report.failed, report.failures.len(), report.passes), (1, 1, 3));
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_work_is_not_tried_again() {
    let (from, to, wanted) = one_image();
    let wanted = wanted.image("from.io/gone:v1", &[]);
    let bench = Bench::new(wanted, &from, &[&to]);
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed, report.passes), (1, 1, 0));
    let asked = from.calls().into_iter().filter(|call| call.repository == "gone" && call.op != Op::Tags);
    assert_eq!(asked.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_round_waits_as_long_as_the_other_side_said() {
    let (from, to, wanted) = one_image();
    let busy = Error::new(ErrorKind::Throttled, "too many requests").with_retry(Retry::After(Duration::from_secs(90)));
    to.script(move |call| (call.op == Op::Tag && call.before == 0).then(|| Fault::Fail(busy.clone())));
    let started = tokio::time::Instant::now();
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.passes), (1, 1));
    assert!(started.elapsed() >= Duration::from_secs(90));
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_failed_is_listed_again() {
    let (from, to, wanted) = one_image();
    from.add("other:v1", &image("linux/amd64", &["other"]));
    let wanted = wanted
        .image("from.io/other:v1", &[])
        .failing_once("from.io/other", Error::new(ErrorKind::Unavailable, "the other side is away"));
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed, report.passes), (2, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_denied_is_a_failure_and_the_rest_goes_on() {
    let (from, to, wanted) = one_image();
    let wanted = wanted
        .image("from.io/other:v1", &[])
        .failing_once("from.io/other", Error::new(ErrorKind::Denied, "wrong password"));
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed, report.passes), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_panics_takes_down_its_image_only() {
    let (from, to, wanted) = one_image();
    from.add("other:v1", &image("linux/amd64", &["other"]));
    let wanted = wanted.image("from.io/other:v1", &[]);
    to.script(|call| if call.op == Op::Tag && call.repository == "app" { Some(Fault::Panic) } else { None });
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 1));
    assert_eq!(report.failures[0].kind, ErrorKind::Bug);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_cannot_finish_is_a_failure() {
    let (from, to, wanted) = one_image();
    to.script(|call| (call.op == Op::Finish).then(|| Fault::Fail(Error::new(ErrorKind::Storage, "disk full"))));
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed, report.exit_code()), (1, 1, 1));
}

#[tokio::test]
async fn a_tag_that_is_not_there_is_told_with_what_may_have_been_meant() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1.27", &image("linux/amd64", &["the layer"]));
    let wanted = ["1.27", "v1.28", "newest"]
        .iter()
        .fold(Wanted::new(), |wanted, tag| wanted.image(&format!("from.io/app:{tag}"), &[]));
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    let hints: Vec<_> = report.failures.iter().map(|failure| failure.hint.as_deref().unwrap_or_default()).collect();
    assert_eq!(
        hints,
        ["did you mean the tag `v1.27`?", "did you mean the tag `v1.27`?", "the repository has the tag `v1.27`"]
    );
    assert_eq!(from.count(Op::Tags), 1, "asked once for the repository");
}

#[tokio::test]
async fn an_image_that_is_there_costs_no_list_of_tags_and_one_that_is_refused_neither() {
    let (from, to, wanted) = one_image();
    let wanted = wanted.image("from.io/app:secret", &[]);
    from.script(|call| {
        let denied = Error::new(ErrorKind::Denied, "not for you");
        (call.what == "secret").then_some(Fault::Fail(denied))
    });
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed, from.count(Op::Tags)), (1, 1, 0));
}

/// Images of a registry that is slow, and twenty of another one after them.
fn beside_slow_ones(slow: impl Iterator<Item = String>) -> (Memory, Memory, Wanted) {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let mut wanted = Wanted::new();
    for name in slow {
        from.add(&name, &image("linux/amd64", &[&name]));
        wanted = wanted.image(&format!("slow.io/{name}"), &[]);
    }
    for number in 0..20 {
        let name = format!("good{number}:v1");
        from.add(&name, &image("linux/amd64", &[&name]));
        wanted = wanted.image(&format!("from.io/{name}"), &[]);
    }
    (from, to, wanted.exclusive())
}

// The jobs of a repository, or of a registry, that stood still took all the room there was, and no listing was taken
// any more.
#[tokio::test(start_paused = true)]
async fn a_registry_that_stands_still_holds_up_no_listing_of_another_one() {
    let tags: Vec<_> = (0..100).map(|tag| format!("slow:v{tag}")).collect();
    let repositories: Vec<_> = (0..1200).map(|number| format!("slow{number}:v1")).collect();
    for slow in [tags, repositories] {
        let (from, to, wanted) = beside_slow_ones(slow.into_iter());
        from.script(|call| call.repository.starts_with("slow").then_some(Fault::Hang));
        let bench = Bench::new(wanted, &from, &[&to]);
        assert!(tokio::time::timeout(Duration::from_secs(10), bench.run()).await.is_err());
        assert!((0..20).all(|number| to.digest_of(&format!("good{number}:v1")).is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_was_put_aside_is_copied_whole() {
    let (from, to, wanted) = beside_slow_ones((0..300).map(|tag| format!("slow:v{tag}")));
    from.script(|call| call.repository.starts_with("slow").then_some(Fault::Slow(Duration::from_secs(3))));
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (320, 0), "{:?}", report.failures);
}
