//! What stands at a destination already: when that is enough, and what finding it out costs.

use std::time::Duration;

use sealift_conformance::{
    images::{Image, artifact, image, index},
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::{
    content::{Digest, Manifest, Tag, well_known},
    error::{Error, ErrorKind},
    event::Event,
    job::{Outcome, Skip},
    report::Report,
    spec::Compare,
};
use sealift_testkit::book::Book;
use serde_json::json;

use crate::Bench;

/// Something that refers to a manifest.
fn about(subject: &Manifest, kind: &str) -> Image {
    artifact(well_known::OCI_EMPTY, "{}", &[kind], &[("subject", json!(subject.descriptor()))])
}

fn two_platforms(name: &str) -> Image {
    let (amd, arm) = (image("linux/amd64", &["base", name]), image("linux/arm64", &["base", name]));
    index(&[("linux/amd64", &amd), ("linux/arm64", &arm)])
}

fn tags(count: usize) -> Wanted {
    (0..count).fold(Wanted::new(), |wanted, tag| wanted.image(&format!("from.io/app:v{tag}"), &[]))
}

async fn run(wanted: &Wanted, from: &Memory, to: &Memory) -> Report {
    from.forget_calls();
    to.forget_calls();
    Bench::new(wanted.clone(), from, &[to]).run().await
}

async fn run_with_referrers(wanted: &Wanted, from: &Memory, to: &Memory) -> Report {
    from.forget_calls();
    to.forget_calls();
    Bench::new(wanted.clone(), from, &[to]).options(|run| run.referrers = Some(true)).run().await
}

// Images are signed after they were pushed, so a mirror that looks for signatures with the first copy only has none.
#[tokio::test]
async fn what_is_about_an_image_travels_when_it_comes_after_the_image() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = two_platforms("v0");
    from.add("app:v0", &app);
    // The first copy may have been one without referrers.
    assert_eq!(run(&tags(1), &from, &to).await.copied, 1);
    let sbom = about(&app.manifest, "sbom");
    let (of_sbom, of_child) = (about(&sbom.manifest, "signature"), about(&app.children[1].manifest, "of a child"));
    for referrer in [&sbom, &of_sbom, &of_child] {
        from.add(&format!("app@{}", referrer.manifest.digest()), referrer);
    }
    let stem = Tag::referrers_tag(app.children[0].manifest.digest()).unwrap();
    from.add(&format!("app:{stem}.sig"), &image("linux/amd64", &["cosign"]));

    let report = run_with_referrers(&tags(1), &from, &to).await;
    assert_eq!((report.copied, report.skipped, report.failed), (1, 0, 0), "{:?}", report.failures);
    assert_eq!(report.moved.referrers, 4);
    for referrer in [&sbom, &of_sbom, &of_child] {
        assert!(to.has_manifest("app", referrer.manifest.digest()));
    }
    assert_eq!(to.digest_of(&format!("app:{stem}.sig")), from.digest_of(&format!("app:{stem}.sig")));
    to.assert_whole();

    // And then all of it is there.
    let report = run_with_referrers(&tags(1), &from, &to).await;
    assert_eq!((report.copied, report.skipped, report.moved.referrers), (0, 1, 0));
    assert_eq!((to.count(Op::PutManifest), to.count(Op::Tag), to.count(Op::Offer), from.count(Op::Blob)), (0, 0, 0, 0));
}

#[tokio::test]
async fn an_image_that_is_there_costs_one_question_more_where_referrers_travel() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    for tag in 0..10 {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &[&format!("layer {tag}")]));
    }
    run(&tags(10), &from, &to).await;
    let report = run_with_referrers(&tags(10), &from, &to).await;
    assert_eq!((report.copied, report.skipped), (0, 10));
    // A list of referrers each; what is about an image by the name of a tag stands in the list of tags.
    assert_eq!((from.count(Op::ResolveDigest), from.count(Op::Referrers), from.count(Op::TagsAbout)), (10, 10, 10));
    assert_eq!(from.calls().len(), 30);
    assert_eq!((to.count(Op::Current), to.calls().len()), (10, 10 + 1), "and nothing at the destination");
}

// Seen: a destination that writes files of images reported a signature as written, and reported it again with each run.
#[tokio::test]
async fn referrers_are_left_behind_with_a_warning_where_they_have_no_place() {
    let (from, to, beside) =
        (Memory::new("from.io"), Memory::new("to.io").without_referrers(), Memory::new("beside.io"));
    let app = two_platforms("v0");
    from.add("app:v0", &app);
    let sbom = about(&app.manifest, "sbom");
    from.add(&format!("app@{}", sbom.manifest.digest()), &sbom);
    for (run, copied) in [("first", 1), ("second", 0)] {
        let bench = Bench::new(tags(1), &from, &[&to]).options(|run| run.referrers = None);
        let report = bench.run().await;
        assert_eq!((report.copied, report.moved.referrers, report.exit_code()), (copied, 0, 0), "{run}");
        assert!(report.warnings[0].starts_with("signatures and other referrers have no place"), "{report:#?}");
        assert!(!to.has_manifest("app", sbom.manifest.digest()));
    }
    let report = Bench::new(tags(1), &from, &[&to]).run().await;
    assert!(report.warnings.is_empty(), "`referrers = false` says so: {report:#?}");
    let report = Bench::new(tags(1), &from, &[&to, &beside]).options(|run| run.referrers = Some(true)).run().await;
    assert_eq!((report.moved.referrers, report.warnings.len()), (1, 1), "the other destination gets it");
    assert!(beside.has_manifest("app", sbom.manifest.digest()) && !to.has_manifest("app", sbom.manifest.digest()));
}

#[tokio::test]
async fn referrers_that_cannot_be_written_fail_an_image_that_is_there() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = image("linux/amd64", &["layer"]);
    from.add("app:v0", &app);
    run(&tags(1), &from, &to).await;
    let signature = about(&app.manifest, "signature");
    from.add(&format!("app@{}", signature.manifest.digest()), &signature);
    to.script(|call| (call.op == Op::PutManifest).then(|| Fault::Fail(Error::new(ErrorKind::Denied, "no"))));
    let report = run_with_referrers(&tags(1), &from, &to).await;
    assert_eq!((report.skipped, report.failed), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_does_not_tell_its_referrers_gets_them_again() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = image("linux/amd64", &["layer"]);
    let signature = about(&app.manifest, "signature");
    from.add("app:v0", &app);
    from.add(&format!("app@{}", signature.manifest.digest()), &signature);
    run_with_referrers(&tags(1), &from, &to).await;
    for fault in [Fault::Fail(Error::new(ErrorKind::Unavailable, "500")), Fault::Hang] {
        to.script(move |call| (call.op == Op::Related).then(|| fault.clone()));
        let report = run_with_referrers(&tags(1), &from, &to).await;
        assert_eq!((report.failed, to.count(Op::PutManifest)), (0, 1));
    }
}

// A chain of seven lost three, without a word.
#[tokio::test]
async fn referrers_of_referrers_go_along_however_deep_they_are() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = image("linux/amd64", &["layer"]);
    from.add("app:v0", &app);
    let mut last = app.manifest;
    for level in 0..20 {
        let referrer = about(&last, &format!("level {level}"));
        from.add(&format!("app@{}", referrer.manifest.digest()), &referrer);
        last = referrer.manifest;
    }
    let report = run_with_referrers(&tags(1), &from, &to).await;
    assert_eq!((report.failed, report.moved.referrers), (0, 20));
    assert!(to.has_manifest("app", last.digest()));
}

#[tokio::test]
async fn more_referrers_than_are_copied_are_told_of() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = image("linux/amd64", &["layer"]);
    from.add("app:v0", &app);
    for number in 0..1003 {
        let referrer = about(&app.manifest, &format!("number {number}"));
        from.add(&format!("app@{}", referrer.manifest.digest()), &referrer);
    }
    let bench = Bench::new(tags(1), &from, &[&to]).options(|run| run.referrers = Some(true));
    let report = bench.run().await;
    assert_eq!((report.failed, report.moved.referrers), (0, 1000));
    let warnings: Vec<String> = bench
        .told()
        .into_iter()
        .filter_map(|event| match event {
            Event::Warning { message } => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("`from.io/app:v0`") && warnings[0].contains("3 of them"), "{}", warnings[0]);
}

// The index has the right digest for ever, so a child that somebody deleted stayed away for ever.
#[tokio::test]
async fn an_index_that_lost_a_child_is_completed() {
    let (book, from, to) = (Book::new(), Memory::new("from.io"), Memory::new("to.io"));
    for tag in 0..3 {
        from.add(&format!("app:v{tag}"), &two_platforms(&format!("v{tag}")));
    }
    let noted = || Bench::new(tags(3), &from, &[&to]).notes(book.notes());
    noted().run().await;
    from.forget_calls();
    to.forget_calls();
    let report = noted().run().await;
    assert_eq!((report.copied, report.skipped), (0, 3));
    assert_eq!((to.count(Op::Current), to.count(Op::Has), to.calls().len()), (3, 6, 9 + 1), "each child is looked for");
    assert_eq!((from.count(Op::ResolveDigest), from.calls().len()), (3, 3), "what an index lists is noted");

    let lost = two_platforms("v1").children[0].manifest.digest().clone();
    to.remove("app", &lost);
    from.forget_calls();
    to.forget_calls();
    let bench = noted();
    let planned = bench.plan().await;
    assert_eq!((planned.copied, planned.skipped), (0, 2), "a plan says so, too");
    to.forget_calls();
    let report = noted().run().await;
    assert_eq!((report.copied, report.skipped, report.failed), (1, 2, 0));
    assert_eq!((to.count(Op::PutManifest), to.count(Op::Tag)), (1, 1), "only what is missing, and the root over it");
    assert_eq!(to.count(Op::Offer), 3, "the blobs of the child that is missing");
    to.assert_whole();
}

#[tokio::test]
async fn a_destination_that_keeps_children_is_not_asked_for_them() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").keeping_children());
    from.add("app:v0", &two_platforms("v0"));
    run(&tags(1), &from, &to).await;
    assert_eq!(run(&tags(1), &from, &to).await.skipped, 1);
    assert_eq!((to.count(Op::Has), to.calls().len(), from.calls().len()), (0, 1 + 1, 1));
}

// Five moved tags, whose images were all in the repository, cost 122 requests.
#[tokio::test]
async fn a_tag_that_moves_to_an_image_that_is_there_costs_a_look_and_a_name() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    for tag in 0..5 {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &["base", &format!("layer {tag}")]));
    }
    run(&tags(5), &from, &to).await;
    for tag in 0..5 {
        from.add(&format!("app:v{tag}"), &image("linux/amd64", &["base", &format!("layer {}", (tag + 1) % 5)]));
    }
    let report = run(&tags(5), &from, &to).await;
    assert_eq!((report.copied, report.failed), (5, 0));
    assert_eq!((to.count(Op::Current), to.count(Op::Has), to.count(Op::Tag)), (5, 5, 5));
    assert_eq!((to.count(Op::Offer), to.count(Op::PutManifest), from.count(Op::Blob)), (0, 0, 0));
    assert!(report.moved.present > 0, "what was there is counted");
    to.assert_whole();
}

#[tokio::test]
async fn a_new_tag_for_an_index_that_is_there_sends_nothing_of_it() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = two_platforms("v0");
    from.add("app:v0", &app);
    run(&tags(1), &from, &to).await;
    for tag in ["v1", "v2"] {
        from.add(&format!("app:{tag}"), &app);
    }
    let wanted = Wanted::new().image("from.io/app:v1", &[]).image("from.io/app:v2", &[]);
    let report = run(&wanted, &from, &to).await;
    assert_eq!((report.copied, report.failed), (2, 0));
    // The root and its two children are looked for once, for both tags.
    assert_eq!((to.count(Op::Has), to.count(Op::Tag), to.count(Op::PutManifest), to.count(Op::Offer)), (3, 2, 0, 0));
    assert_eq!((from.count(Op::Manifest), from.count(Op::Blob)), (0, 0), "its children are not read");
    to.assert_whole();
}

#[tokio::test]
async fn children_that_are_there_are_not_sent_with_a_new_index() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let old = two_platforms("v0");
    from.add("app:v0", &old);
    run(&tags(1), &from, &to).await;
    let arm = image("linux/arm64", &["base", "new"]);
    from.add("app:v0", &index(&[("linux/amd64", &old.children[0]), ("linux/arm64", &arm)]));
    let report = run(&tags(1), &from, &to).await;
    assert_eq!((report.copied, report.failed), (1, 0));
    assert_eq!((to.count(Op::Has), to.count(Op::PutManifest), to.count(Op::Tag)), (3, 1, 1));
    assert_eq!((to.count(Op::Offer), to.count(Op::Fill)), (3, 2), "blobs of the new child alone");
    to.assert_whole();
}

#[tokio::test]
async fn a_repository_that_is_empty_is_not_asked_for_manifests() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    for tag in 0..3 {
        from.add(&format!("app:v{tag}"), &two_platforms(&format!("v{tag}")));
    }
    assert_eq!(run(&tags(3), &from, &to).await.copied, 3);
    assert_eq!((to.count(Op::Has), to.count(Op::Current), to.count(Op::Survey)), (0, 1, 1));
    // Nor is one of which nothing is known.
    let to = Memory::new("to.io");
    assert_eq!(run(&tags(1), &from, &to).await.copied, 1);
    assert_eq!(to.count(Op::Has), 0);
}

// A manifest outlives its blobs where somebody cleans up; a registry that looks for them refuses it then.
#[tokio::test]
async fn what_is_not_there_although_it_was_said_to_be_is_sent() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let (app, other) = (image("linux/amd64", &["base", "own"]), image("linux/amd64", &["other"]));
    from.add("app:v0", &app);
    from.add("app:v1", &other);
    run(&tags(2), &from, &to).await;
    from.add("app:v1", &app);
    to.remove_blob("app", &app.blobs[1].0.digest);
    let report = run(&tags(2), &from, &to).await;
    assert_eq!((report.copied, report.skipped, report.failed), (1, 1, 0), "{:?}", report.failures);
    assert_eq!((to.count(Op::Has), to.count(Op::Fill), to.count(Op::Tag)), (1, 1, 2));
    to.assert_whole();
    assert_eq!(to.digest_of("app:v1"), Some(app.manifest.digest().clone()));
}

#[tokio::test]
async fn an_index_without_a_child_is_refused_and_then_sent_whole() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").keeping_children());
    let (app, other) = (two_platforms("v0"), image("linux/amd64", &["other"]));
    from.add("app:v0", &app);
    from.add("app:v1", &other);
    run(&tags(2), &from, &to).await;
    from.add("app:v1", &app);
    to.remove("app", app.children[1].manifest.digest());
    let report = run(&tags(2), &from, &to).await;
    assert_eq!((report.copied, report.skipped, report.failed), (1, 1, 0), "{:?}", report.failures);
    to.assert_whole();
}

/// The same index with other bytes, as tools write that do not keep them.
fn written_anew(app: &Image) -> Image {
    let mut document: serde_json::Value = serde_json::from_slice(app.manifest.bytes()).unwrap();
    document["annotations"] = json!({});
    document["mediaType"] = json!(well_known::DOCKER_LIST);
    let manifest = Manifest::parse(document.to_string(), &well_known::DOCKER_LIST).unwrap();
    Image { manifest, ..app.clone() }
}

#[tokio::test]
async fn an_index_with_the_same_entries_is_the_same_where_that_is_asked_for() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = two_platforms("v0");
    from.add("app:v0", &app);
    let theirs = written_anew(&app);
    to.add("app:v0", &theirs);
    let bench = |compare| Bench::new(tags(1), &from, &[&to]).options(|run| run.compare = compare);
    let entries = bench(Compare::Entries);
    let report = entries.run().await;
    assert_eq!((report.copied, report.skipped), (0, 1));
    let skipped = entries.told().into_iter().find_map(|event| match event {
        Event::TargetFinished { outcome: Outcome::Skipped(Skip::Present { digest }), .. } => Some(digest),
        _ => None,
    });
    assert_eq!(skipped.as_ref(), Some(theirs.manifest.digest()), "what stands there is told");
    assert_eq!((to.count(Op::ReadBack), to.count(Op::Tag)), (1, 0));

    // A child that is gone, another platform and another image are differences.
    to.remove("app", app.children[1].manifest.digest());
    assert_eq!(bench(Compare::Entries).run().await.copied, 1);
    to.assert_whole();
    for different in [
        index(&[("linux/amd64", &app.children[0]), ("linux/arm64/v8", &app.children[1])]),
        index(&[("linux/amd64", &app.children[0])]),
        app.children[0].clone(),
    ] {
        to.add("app:v0", &different);
        assert_eq!(bench(Compare::Entries).run().await.copied, 1);
        assert_eq!(to.digest_of("app:v0"), Some(app.manifest.digest().clone()));
    }

    to.add("app:v0", &theirs);
    assert_eq!(bench(Compare::Digest).run().await.copied, 1);
    assert_eq!(to.digest_of("app:v0"), Some(app.manifest.digest().clone()));
}

// Large repositories on slow storage cannot list their tags, and got nothing.
#[tokio::test(start_paused = true)]
async fn a_list_of_what_is_there_only_saves_questions() {
    for op in [Op::Survey, Op::Overview] {
        for fault in [
            Fault::Fail(Error::new(ErrorKind::Unavailable, "500")),
            Fault::Fail(Error::new(ErrorKind::Throttled, "429")),
            Fault::Fail(Error::new(ErrorKind::Unsupported, "not JSON")),
            Fault::Hang,
            Fault::Slow(Duration::from_secs(60)),
        ] {
            let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
            let to = if op == Op::Overview { to.with_overview() } else { to };
            for tag in 0..3 {
                from.add(&format!("app:v{tag}"), &image("linux/amd64", &[&format!("layer {tag}")]));
            }
            to.script(move |call| (call.op == op).then(|| fault.clone()));
            let began = tokio::time::Instant::now();
            let report = Bench::new(tags(3), &from, &[&to]).options(|run| run.retries = Some(0)).run().await;
            assert_eq!((report.copied, report.failed), (3, 0), "{op:?}: {:?}", report.failures);
            assert!(began.elapsed() < Duration::from_secs(10), "{op:?}: {:?}", began.elapsed());
        }
    }
}

#[tokio::test]
async fn digests_that_an_overview_tells_are_not_looked_for() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").with_overview().keeping_children());
    for tag in 0..5 {
        from.add(&format!("app:v{tag}"), &two_platforms(&format!("v{tag}")));
    }
    run(&tags(5), &from, &to).await;
    for tag in 0..5 {
        from.add(&format!("app:v{tag}"), &two_platforms(&format!("v{}", (tag + 1) % 5)));
    }
    let report = run(&tags(5), &from, &to).await;
    assert_eq!((report.copied, report.failed), (5, 0));
    assert_eq!((to.count(Op::Overview), to.count(Op::Has), to.count(Op::Tag)), (1, 0, 5));
    assert_eq!((to.count(Op::Current), to.count(Op::Offer), to.count(Op::PutManifest)), (0, 0, 0));
    assert_ne!(to.digest_of("app:v0"), None::<Digest>);
}

// As Harbor's replication does without "override".
#[tokio::test]
async fn tags_that_stand_for_other_images_are_left_alone_if_that_is_asked_for() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    for (tag, content) in [("v0", "new"), ("v1", "same"), ("v2", "added")] {
        from.add(&format!("app:{tag}"), &two_platforms(content));
    }
    let old = two_platforms("old");
    to.add("app:v0", &old);
    to.add("app:v1", &two_platforms("same"));
    for force in [false, true] {
        let bench = Bench::new(tags(3), &from, &[&to]).options(|run| (run.overwrite, run.force) = (Some(false), force));
        let report = bench.run().await;
        let copied = u64::from(!force);
        assert_eq!((report.copied, report.skipped, report.failed), (copied, 3 - copied, 0), "{:?}", report.failures);
        let kept = bench.told().into_iter().filter_map(|event| match event {
            Event::TargetFinished { outcome: Outcome::Skipped(Skip::Kept { digest }), target, .. } => {
                Some((target, digest))
            }
            _ => None,
        });
        let v0 = "to.io/app:v0".parse().unwrap();
        assert_eq!(kept.collect::<Vec<_>>(), [(Some(v0), old.manifest.digest().clone())], "{force}");
        assert_eq!(to.digest_of("app:v0").as_ref(), Some(old.manifest.digest()));
        let left_alone = "`to.io/app:v0` stands for another image there, and is left alone (`overwrite` is false)";
        assert_eq!(report.warnings, [left_alone]);
    }
}

// The tag was written along with the image that it is about, without a look.
#[tokio::test]
async fn signature_tags_that_stand_for_others_are_left_alone_as_well() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = two_platforms("v0");
    let signature = format!("{}.sig", app.manifest.digest().to_string().replace(':', "-"));
    let name = format!("app:{signature}");
    from.add("app:v0", &app);
    from.add(&name, &image("linux/amd64", &["theirs"]));
    let ours = image("linux/amd64", &["ours"]);
    to.add(&name, &ours);
    for _ in 0..2 {
        let bench = Bench::new(tags(1), &from, &[&to])
            .options(|run| (run.overwrite, run.referrers) = (Some(false), Some(true)));
        let report = bench.run().await;
        assert_eq!(report.failed, 0, "{:?}", report.failures);
        assert_eq!(to.digest_of(&name).as_ref(), Some(ours.manifest.digest()));
        assert!(report.warnings.iter().any(|warning| warning.contains(&signature)), "{:?}", report.warnings);
    }
}
