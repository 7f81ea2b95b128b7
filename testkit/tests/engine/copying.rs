//! What is copied, and what that costs in questions.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use sealift_conformance::{
    images::{artifact, image, index},
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::{
    content::{Digest, well_known},
    error::{Error, ErrorKind, Retry},
    event::{Event, PlannedTarget},
    job::{Outcome, Skip},
};
use serde_json::json;

use crate::Bench;

#[tokio::test]
async fn an_image_arrives_whole_and_with_its_digest() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let (amd, arm) = (image("linux/amd64", &["base", "amd"]), image("linux/arm64", &["base", "arm"]));
    let nested = index(&[("linux/amd64", &amd), ("linux/arm64", &arm)]);
    from.add("app:v1", &index(&[("", &nested), ("linux/amd64", &amd)]));
    let report = Bench::new(Wanted::new().image("from.io/app:v1", &["to.io/team/app:v1"]), &from, &[&to]).run().await;
    assert_eq!((report.copied, report.skipped, report.failed), (1, 0, 0));
    to.assert_whole();
    assert_eq!(to.digest_of("team/app:v1"), from.digest_of("app:v1"));
    // Two configs and three layers; `base` is shared and moves once.
    assert_eq!(report.moved.blobs, 5);
    assert_eq!((from.count(Op::Blob), to.count(Op::Fill)), (5, 5));
    assert_eq!((to.count(Op::PutManifest), to.count(Op::Tag)), (3, 1), "a child of two indexes is written once");
}

#[tokio::test]
async fn stages_hear_of_all_repositories_before_they_are_asked_for_one() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let mut wanted = Wanted::new();
    for (name, targets) in [("a", &[][..]), ("b", &["to.io/b1:v", "to.io/b2:v", "elsewhere.io/b:v"]), ("c", &[])] {
        from.add(&format!("{name}:v"), &image("linux/amd64", &[name]));
        wanted = wanted.image(&format!("from.io/{name}:v"), targets);
    }
    let looked = to.clone();
    from.script(move |call| {
        assert_eq!(looked.expected().len(), 3, "before {call:?}");
        None
    });
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (4, 0), "{:?}", report.failures);
    assert_eq!(from.expected(), ["a", "b", "c"]);
    let [a, b, c] = &to.expected()[..] else { panic!("{:?}", to.expected()) };
    assert_eq!((&**a, &**c), ("a: ", "c: "));
    let targets: BTreeSet<_> = b.trim_start_matches("b: ").split(' ').collect();
    assert_eq!(targets, BTreeSet::from(["elsewhere.io/b", "to.io/b1", "to.io/b2"]));
}

#[tokio::test(start_paused = true)]
async fn children_that_tags_share_are_written_once_also_when_the_first_attempt_fails() {
    let app = index(&[("linux/amd64", &image("linux/amd64", &["a"])), ("linux/arm64", &image("linux/arm64", &["b"]))]);
    for failing in [0, 1] {
        let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
        let mut wanted = Wanted::new();
        for tag in 0..10 {
            from.add(&format!("app:v{tag}"), &app);
            wanted = wanted.image(&format!("from.io/app:v{tag}"), &[]);
        }
        let left = AtomicUsize::new(failing);
        to.script(move |call| match call.op {
            Op::PutManifest if left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() => {
                Some(Fault::Fail(Error::new(ErrorKind::Unavailable, "gone").with_retry(Retry::Soon)))
            }
            // A moment in which others come to the same child.
            Op::PutManifest => Some(Fault::Slow(Duration::from_secs(1))),
            _ => None,
        });
        let report = Bench::new(wanted, &from, &[&to]).run().await;
        assert_eq!((report.copied, report.failed), (10, 0), "{:?}", report.failures);
        // Whoever fails at one child lets go of the other, which somebody else begins again.
        assert_eq!((to.count(Op::PutManifest), to.count(Op::Tag)), (2 + 2 * failing, 10));
        to.assert_whole();
    }
}

#[tokio::test]
async fn a_cold_image_costs_one_question_at_the_destination_and_none_before_the_manifest() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let mut wanted = Wanted::new();
    for tag in 0..10 {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &["base", &format!("layer {tag}")]));
        wanted = wanted.image(&format!("from.io/app:v{tag}"), &[]);
    }
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!(report.copied, 10);
    assert_eq!((to.count(Op::Current), to.count(Op::Survey)), (1, 1));
    assert_eq!((from.count(Op::ResolveDigest), from.count(Op::ResolveManifest)), (0, 10));
    // A config and a layer of its own for each, and the shared one once.
    assert_eq!((to.count(Op::Offer), to.count(Op::Fill), from.count(Op::Blob)), (21, 21, 21));
    assert_eq!((to.count(Op::Tag), to.count(Op::PutManifest)), (10, 0));
}

#[tokio::test]
async fn an_unchanged_image_costs_one_question_on_each_side() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let mut wanted = Wanted::new();
    for tag in 0..10 {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &[&format!("layer {tag}")]));
        wanted = wanted.image(&format!("from.io/app:v{tag}"), &[]);
    }
    Bench::new(wanted.clone(), &from, &[&to]).run().await;
    from.forget_calls();
    to.forget_calls();
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.skipped), (0, 10));
    assert_eq!((from.calls().len(), from.count(Op::ResolveDigest)), (10, 10));
    assert_eq!((to.count(Op::Current), to.calls().len()), (10, 10 + 1), "ten questions and the finish");
}

#[tokio::test]
async fn an_overview_is_asked_first_and_alone() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").with_overview());
    let mut wanted = Wanted::new();
    for tag in 0..10 {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &[&format!("layer {tag}")]));
        wanted = wanted.image(&format!("from.io/app:v{tag}"), &[]);
    }
    let cold = Bench::new(wanted.clone(), &from, &[&to]).run().await;
    assert_eq!(cold.copied, 10);
    assert_eq!((to.count(Op::Overview), to.count(Op::Current), to.count(Op::Survey)), (1, 0, 0));
    to.forget_calls();
    from.add("app:v3", &image("linux/amd64", &["changed"]));
    let old = to.digest_of("app:v3").unwrap();
    let rerun = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((rerun.copied, rerun.skipped), (1, 9));
    assert_eq!((to.count(Op::Overview), to.count(Op::Current), to.count(Op::Survey)), (1, 0, 0));
    let prepared: Vec<String> =
        to.calls().into_iter().filter(|call| call.op == Op::Prepare).map(|call| call.what).collect();
    assert_eq!(prepared, [format!("v3 instead of {old}")]);
}

#[tokio::test]
async fn tags_that_an_overview_leaves_out_are_asked_for() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").with_overview());
    let app = image("linux/amd64", &["layer"]);
    let signature = format!("app:{}.sig", app.manifest.digest().to_string().replace(':', "-"));
    from.add("app:v1", &app);
    from.add(&signature, &image("linux/amd64", &["signature"]));
    let wanted = Wanted::new().image("from.io/app:v1", &[]).image(&format!("from.io/{signature}"), &[]);
    assert_eq!(Bench::new(wanted.clone(), &from, &[&to]).run().await.copied, 2);
    to.forget_calls();
    assert_eq!(Bench::new(wanted, &from, &[&to]).run().await.skipped, 2);
    assert_eq!((to.count(Op::Overview), to.count(Op::Current)), (1, 1));
}

#[tokio::test]
async fn a_single_tag_needs_no_overview() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").with_overview());
    from.add("app:v1", &image("linux/amd64", &["layer"]));
    Bench::new(Wanted::new().image("from.io/app:v1", &[]), &from, &[&to]).run().await;
    assert_eq!((to.count(Op::Overview), to.count(Op::Current)), (0, 1));
}

#[tokio::test]
async fn who_does_not_want_an_image_gets_nothing_of_it() {
    let from = Memory::new("from.io");
    let (yes, no) = (Memory::new("yes.io"), Memory::new("no.io"));
    from.add("app:v1", &image("linux/amd64", &["layer"]));
    no.script(|call| {
        (call.op == Op::Prepare).then(|| Fault::Fail(Error::new(ErrorKind::Conflict, "the tag is immutable")))
    });
    let wanted = Wanted::new().image("from.io/app:v1", &["yes.io/app:v1", "no.io/app:v1"]);
    let report = Bench::new(wanted, &from, &[&yes, &no]).run().await;
    assert_eq!((report.copied, report.failed), (1, 1));
    assert_eq!((no.count(Op::Offer), no.count(Op::Tag)), (0, 0));
    assert_eq!(yes.count(Op::Tag), 1);
}

#[tokio::test]
async fn a_digest_that_is_there_needs_no_question_at_the_source() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = image("linux/amd64", &["layer"]);
    from.add("app:v1", &app);
    let source = format!("from.io/app@{}", app.manifest.digest());
    let wanted = Wanted::new().image(&source, &["to.io/app:pinned"]);
    assert_eq!(Bench::new(wanted.clone(), &from, &[&to]).run().await.copied, 1);
    assert_eq!(to.digest_of("app:pinned"), Some(app.manifest.digest().clone()));
    from.forget_calls();
    assert_eq!(Bench::new(wanted, &from, &[&to]).run().await.skipped, 1);
    assert_eq!(from.calls().len(), 0);
}

#[tokio::test]
async fn a_blob_moves_once_to_a_registry_and_is_mounted_elsewhere() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let mut wanted = Wanted::new();
    for repository in 0..8 {
        from.add(&format!("app{repository}:v1"), &image("linux/amd64", &["shared by all"]));
        wanted = wanted.image(&format!("from.io/app{repository}:v1"), &[]);
    }
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!(report.copied, 8);
    to.assert_whole();
    assert_eq!((from.count(Op::Blob), to.count(Op::Fill)), (2, 2), "a config and a layer");
    let layer = "shared by all".len() as u64;
    assert!(report.moved.mounted >= 7 * layer, "{:?}", report.moved);
}

#[tokio::test]
async fn several_tags_of_one_target_repository_share_one_copy() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = index(&[("linux/amd64", &image("linux/amd64", &["a"])), ("linux/arm64", &image("linux/arm64", &["b"]))]);
    from.add("app:v1", &app);
    from.add("app:latest", &app);
    let wanted = Wanted::new()
        .image("from.io/app:v1", &["to.io/x/app:v1", "to.io/x/app:stable"])
        .image("from.io/app:latest", &["to.io/x/app:latest"]);
    let report = Bench::new(wanted, &from, &[&to]).options(|run| run.transfers = std::num::NonZero::new(1)).run().await;
    assert_eq!(report.copied, 3);
    assert_eq!((to.count(Op::Fill), to.count(Op::Tag)), (4, 3));
    to.assert_whole();
}

#[tokio::test]
async fn the_same_pair_is_done_once_and_two_sources_for_one_name_are_told() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    for name in ["a:v1", "b:v1"] {
        from.add(name, &image("linux/amd64", &[name]));
    }
    let wanted = Wanted::new()
        .image("from.io/a:v1", &["to.io/x:v1"])
        .image("from.io/b:v1", &["to.io/x:v1", "to.io/b:v1"])
        .image("from.io/a:v1", &["to.io/x:v1"]);
    let bench = Bench::new(wanted, &from, &[&to]);
    let report = bench.run().await;
    assert_eq!((report.copied, report.skipped, report.failed), (2, 1, 1));
    assert_eq!(to.digest_of("x:v1"), from.digest_of("a:v1"));
    let cause = &report.failures[0].cause;
    assert!(cause.contains("rule 1") && cause.contains("rule 2"), "{cause}");
    let duplicate =
        |event: &Event| matches!(event, Event::TargetFinished { outcome: Outcome::Skipped(Skip::Duplicate), .. });
    assert_eq!(bench.told().iter().filter(|event| duplicate(event)).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_that_two_want_goes_to_the_first_in_the_list_however_they_run() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let mut wanted = Wanted::new();
    for pair in 0..100 {
        for of in ["first", "second"] {
            from.add(&format!("{of}{pair}:v1"), &image("linux/amd64", &[&format!("{of} {pair}")]));
            wanted = wanted.image(&format!("from.io/{of}{pair}:v1"), &[&format!("to.io/x:v{pair}")]);
        }
    }
    let bench = Bench::new(wanted, &from, &[&to]);
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (100, 100));
    for pair in 0..100 {
        assert_eq!(to.digest_of(&format!("x:v{pair}")), from.digest_of(&format!("first{pair}:v1")), "pair {pair}");
    }
    let finished = bench.told().iter().filter(|event| matches!(event, Event::JobFinished { .. })).count();
    assert_eq!(finished, 200, "each job ends once, also one that has nowhere to go");
}

#[tokio::test]
async fn force_writes_the_manifest_again_and_no_blob() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &image("linux/amd64", &["layer"]));
    let wanted = Wanted::new().image("from.io/app:v1", &[]);
    Bench::new(wanted.clone(), &from, &[&to]).run().await;
    to.forget_calls();
    let report = Bench::new(wanted, &from, &[&to]).options(|run| run.force = true).run().await;
    assert_eq!((report.copied, to.count(Op::Tag), to.count(Op::Fill)), (1, 1, 0));
    assert_eq!(to.count(Op::Current), 0);
}

#[tokio::test]
async fn a_demanded_digest_must_be_the_one_that_is_pushed() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = image("linux/amd64", &["layer"]);
    from.add("app:v1", &app);
    let right = format!("to.io/right@{}", app.manifest.digest());
    let wrong = format!("to.io/wrong@{}", Digest::of(b"something else"));
    let wanted = Wanted::new().image("from.io/app:v1", &[&right, &wrong]);
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 1));
    assert!(!to.calls().iter().any(|call| call.op != Op::Current && call.repository == "wrong"));
}

#[tokio::test]
async fn foreign_layers_stay_where_they_are_and_are_counted() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let layers = json!([{
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": Digest::of(b"far away"),
        "size": 8,
        "urls": ["https://example.com/layer"]
    }]);
    let windows = artifact(well_known::OCI_CONFIG, "{}", &[], &[("layers", layers)]);
    from.add("win:v1", &windows);
    let report = Bench::new(Wanted::new().image("from.io/win:v1", &[]), &from, &[&to]).run().await;
    assert_eq!((report.copied, report.moved.foreign, report.moved.blobs), (1, 1, 1));
}

#[tokio::test]
async fn referrers_follow_their_subject() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = image("linux/amd64", &["layer"]);
    let subject = serde_json::to_value(app.manifest.descriptor()).unwrap();
    let signature = artifact(well_known::OCI_EMPTY, "{}", &["signature"], &[("subject", subject)]);
    from.add("app:v1", &app);
    from.add(&format!("app@{}", signature.manifest.digest()), &signature);
    let wanted = Wanted::new().image("from.io/app:v1", &[]);
    Bench::new(wanted, &from, &[&to]).options(|run| run.referrers = Some(true)).run().await;
    let written: Vec<Op> =
        to.calls().iter().map(|call| call.op).filter(|op| matches!(op, Op::Tag | Op::PutManifest)).collect();
    assert_eq!(written, [Op::Tag, Op::PutManifest], "the subject first");
    to.assert_whole();
}

#[tokio::test]
async fn a_plan_writes_nothing_and_counts_shared_blobs_once() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &image("linux/amd64", &["shared", "one"]));
    from.add("app:v2", &image("linux/amd64", &["shared", "two"]));
    let wanted = Wanted::new().image("from.io/app:v1", &[]).image("from.io/app:v2", &[]);
    let bench = Bench::new(wanted, &from, &[&to]);
    let report = bench.plan().await;
    assert_eq!((report.copied, report.failed), (0, 0));
    assert!(to.calls().iter().all(|call| matches!(call.op, Op::Current | Op::Survey)), "{:?}", to.calls());
    assert_eq!(from.count(Op::Blob), 0);
    let planned: u64 = bench
        .told()
        .iter()
        .map(|event| match event {
            Event::Planned { image, .. } => image.blobs,
            _ => 0,
        })
        .sum();
    assert_eq!(planned, 5, "two configs, two layers and the shared one");
}

/// Under `force` a plan called what is there new, and left out its signatures.
#[tokio::test]
async fn a_plan_under_force_says_what_is_written_again() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = image("linux/amd64", &["layer"]);
    from.add("app:v1", &app);
    from.add(&format!("app:sha256-{}.sig", app.manifest.digest().hex()), &image("linux/amd64", &["signed"]));
    from.add("app:v2", &image("linux/amd64", &["other"]));
    let wanted = Wanted::new().image("from.io/app:v1", &[]).image("from.io/app:v2", &[]);
    let bench = |force| {
        Bench::new(wanted.clone(), &from, &[&to]).options(|run| (run.force, run.referrers) = (force, Some(true)))
    };
    bench(false).run().await;
    to.add("app:v2", &image("linux/amd64", &["moved"]));
    let planned = |bench: &Bench| -> Vec<(bool, bool, u64)> {
        let images = bench.told().into_iter().filter_map(|event| match event {
            Event::Planned { image, .. } => Some(image),
            _ => None,
        });
        let target = |target: PlannedTarget| (target.again, target.current.is_some(), target.referrers);
        images.flat_map(|image| image.targets.into_iter().map(target)).collect()
    };
    let forced = bench(true);
    forced.plan().await;
    assert_eq!(planned(&forced), [(true, true, 1), (false, true, 0)], "again with its signature, and replaced");
    let plain = bench(false);
    plain.plan().await;
    assert_eq!(planned(&plain), [(false, true, 0)], "replaced");
    let report = bench(true).run().await;
    assert_eq!((report.copied, report.moved.referrers), (2, 1));
}

/// A plan for two registries promised half of what a run sent.
#[tokio::test]
async fn a_plan_counts_what_each_destination_gets() {
    let (from, one, two) = (Memory::new("from.io"), Memory::new("one.io"), Memory::new("two.io"));
    from.add("app:v1", &image("linux/amd64", &["shared", "one"]));
    from.add("app:v2", &image("linux/amd64", &["shared", "two"]));
    let wanted = Wanted::new().image("from.io/app:v1", &[]).image("from.io/app:v2", &[]);
    let bench = Bench::new(wanted, &from, &[&one, &two]);
    bench.plan().await;
    let planned = |event: &Event| match event {
        Event::Planned { job, image } => Some((*job, image.blobs)),
        _ => None,
    };
    let told: Vec<_> = bench.told().iter().filter_map(planned).collect();
    assert_eq!(told, [(0, 6), (1, 4)], "in the order of the list, with the shared layer at the first image");
}

/// Promotion from dev to prod downloaded and uploaded every blob that an earlier run had not brought itself.
#[tokio::test]
async fn within_one_registry_blobs_are_taken_from_the_repository_of_the_source() {
    let hub = Memory::new("hub.io");
    let (amd, arm) = (image("linux/amd64", &["base", "amd"]), image("linux/arm64", &["base", "arm"]));
    hub.add("dev/app:v1", &index(&[("linux/amd64", &amd), ("linux/arm64", &arm)]));
    let wanted = Wanted::new().image("hub.io/dev/app:v1", &["hub.io/prod/app:v1", "hub.io/test/app:v1"]);
    let report = Bench::new(wanted, &hub, &[&hub]).run().await;
    assert_eq!((report.copied, report.failed, report.moved.blobs), (2, 0, 0), "{:?}", report.failures);
    assert_eq!((hub.count(Op::Blob), hub.count(Op::Fill)), (0, 0));
    assert_eq!(hub.count(Op::Offer), 10, "one question for each of five blobs and two repositories");
    hub.assert_whole();
    assert_eq!(hub.digest_of("prod/app:v1"), hub.digest_of("dev/app:v1"));
}

/// A directory holds what once came from the registry that it is loaded into.
#[tokio::test]
async fn a_load_into_the_registry_of_the_origin_takes_blobs_from_there() {
    for origin_is_there in [true, false] {
        let (directory, to) = (Memory::new("hub.io"), Memory::new("hub.io"));
        let app = image("linux/amd64", &["base", "own"]);
        directory.add("dev/app:v1", &app);
        if origin_is_there {
            to.add("dev/app:v0", &app);
        }
        let wanted = Wanted::new().image("hub.io/dev/app:v1", &["hub.io/prod/app:v1"]);
        let report = Bench::new(wanted, &directory, &[&to]).run().await;
        let sent = if origin_is_there { 0 } else { 3 };
        assert_eq!((report.copied, report.failed, report.moved.blobs), (1, 0, sent), "{:?}", report.failures);
        assert_eq!(to.count(Op::Offer), 3, "an origin that has nothing costs no further question");
        to.assert_whole();
    }
}

/// A zot without deduplication opens an upload for each mount.
#[tokio::test]
async fn a_source_that_gives_nothing_is_not_named_again() {
    let hub = Memory::new("hub.io");
    let mut wanted = Wanted::new();
    for tag in 0..3 {
        hub.add(&format!("dev/app:v{tag}"), &image("linux/amd64", &["base", &format!("own{tag}")]));
        wanted = wanted.image(&format!("hub.io/dev/app:v{tag}"), &[&format!("hub.io/prod/app:v{tag}")]);
    }
    hub.never_mounts();
    let report = Bench::new(wanted, &hub, &[&hub]).options(|run| run.transfers = std::num::NonZero::new(1)).run().await;
    assert_eq!((report.copied, report.failed, report.moved.mounted), (3, 0, 0), "{:?}", report.failures);
    assert_eq!(hub.named_sources(), 1, "the first one taught it");
    hub.assert_whole();
}
