//! Names at destinations: two images for one, tags beside digests, and images that other jobs of the run bring.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use sealift_conformance::{
    images::image,
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::{
    content::{Descriptor, ImageRef, Repository},
    error::Result,
    event::Event,
    job::Job,
    report::Report,
    spec::{Named, Overlaps},
    stage::{BeginUpload, Push, PushCapabilities, PutManifest, StoreId, UploadStart},
};

use crate::Bench;

fn causes(report: &Report) -> Vec<&str> {
    report.failures.iter().map(|failure| failure.cause.as_str()).collect()
}

/// A registry whose push keeps the last part of a path only.
struct Flat(Memory);

#[async_trait]
impl Push for Flat {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        let ImageRef { repository, reference: version } = job.called();
        let last = repository.path().rsplit('/').next().unwrap().to_owned();
        Ok(vec![ImageRef { repository: Repository::new("to.io", &last).unwrap(), reference: version }])
    }

    fn store(&self, at: &Repository) -> StoreId {
        self.0.store(at)
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        self.0.resolve(at).await
    }

    async fn blob_exists(&self, at: &Repository, item: &Descriptor) -> Result<bool> {
        self.0.blob_exists(at, item).await
    }

    async fn begin_upload(&self, request: &BeginUpload<'_>) -> Result<UploadStart> {
        self.0.begin_upload(request).await
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        self.0.put_manifest(request).await
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default()
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// Seen before: three images "copied" to one name, exit 0, where the list had said that its names are exclusive.
#[tokio::test]
async fn a_push_that_gives_two_images_one_name_is_noticed_whatever_the_list_says() {
    for exclusive in [false, true] {
        let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
        from.add("x/app:v1", &image("linux/amd64", &["x"]));
        from.add("y/app:v1", &image("linux/amd64", &["y"]));
        let wanted = Wanted::new().image("from.io/x/app:v1", &[]).image("from.io/y/app:v1", &[]);
        let mut bench = Bench::new(if exclusive { wanted.exclusive() } else { wanted }, &from, &[&to]);
        bench.pipeline.pushes = vec![Named::new("flat", Arc::new(Flat(to.clone())) as Arc<dyn Push>)];
        let report = bench.run().await;
        assert_eq!((report.copied, report.failed), (1, 1), "{exclusive}: {:?}", causes(&report));
        assert!(causes(&report)[0].contains("was already given to another image"), "{:?}", causes(&report));
    }
}

/// Seen before: two rules for the same image under one name failed every night.
#[tokio::test]
async fn two_names_of_one_image_may_have_one_destination() {
    for force in [false, true] {
        let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
        let (app, other) = (image("linux/amd64", &["app"]), image("linux/amd64", &["other"]));
        from.add("app:v1", &app);
        from.add("app:latest", &app);
        from.add("mirror/app:v1", &app);
        from.add("other:v1", &other);
        let by_digest = format!("from.io/app@{}", app.manifest.digest());
        let same = Wanted::new()
            .image("from.io/app:v1", &["to.io/app:x"])
            .image("from.io/app:latest", &["to.io/app:x"])
            .image("from.io/mirror/app:v1", &["to.io/app:x"])
            .image(&by_digest, &["to.io/app:x"]);
        let report = Bench::new(same.clone(), &from, &[&to]).options(|run| run.force = force).run().await;
        assert_eq!((report.copied, report.skipped, report.failed), (1, 3, 0), "{:?}", causes(&report));
        assert_eq!(to.count(Op::Tag), 1);
        let another = same.image("from.io/other:v1", &["to.io/app:x"]);
        let report = Bench::new(another.clone(), &from, &[&to]).options(|run| run.force = force).run().await;
        assert_eq!(report.failed, 1, "{:?}", causes(&report));
        assert!(causes(&report)[0].contains("was already given to another image"), "{:?}", causes(&report));
        assert_eq!(to.digest_of("app:x").as_ref(), Some(app.manifest.digest()), "the first rule has the name");
        for to in [&to, &Memory::new("to.io")] {
            let report = Bench::new(another.clone(), &from, &[to]).options(|run| run.force = force).plan().await;
            assert_eq!(report.failed, 1, "a plan ends as the run: {:?}", causes(&report));
            assert!(causes(&report)[0].contains("was already given to another image"), "{:?}", causes(&report));
        }
    }
}

#[tokio::test]
async fn of_overlapping_rules_the_later_one_is_copied_where_the_pipeline_says_so() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let digests: HashMap<&str, _> = ["v1", "v2", "latest"]
        .into_iter()
        .map(|tag| {
            let app = image("linux/amd64", &[tag]);
            from.add(&format!("app:{tag}"), &app);
            (tag, app.manifest.digest().clone())
        })
        .collect();
    let wanted = Wanted::new()
        .image("from.io/app:v2", &["to.io/app:v2"])
        .image("from.io/app:latest", &["to.io/app:latest"])
        .image("from.io/other/app:v1", &["to.io/other:v1"])
        .image("from.io/app:v1", &["to.io/app:latest"]);
    from.add("other/app:v1", &image("linux/amd64", &["other"]));
    for _ in 0..2 {
        let bench = Bench::new(wanted.clone(), &from, &[&to]).options(|run| run.overlaps = Overlaps::Later);
        let report = bench.run().await;
        assert_eq!((report.exit_code(), report.failed), (0, 0), "{:?}", causes(&report));
        assert_eq!(to.digest_of("app:latest").as_ref(), Some(&digests["v1"]));
        assert_eq!(to.digest_of("app:v2").as_ref(), Some(&digests["v2"]));
        assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
        assert!(report.warnings[0].contains("rule 1 and rule 3"), "{:?}", report.warnings);
    }
    assert_eq!(to.count(Op::Tag), 3, "a rerun writes nothing");
    let strict = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!(strict.failed, 1);
}

/// Seen before: a tag that stood beside a digest was lost without a word.
#[tokio::test]
async fn a_tag_beside_a_digest_names_the_image_and_the_digest_says_which_it_is() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let (pinned, moved) = (image("linux/amd64", &["pinned"]), image("linux/amd64", &["moved"]));
    from.add("app:v1", &pinned);
    from.add("app:v1", &moved);
    let source = format!("from.io/app:v1@{}", pinned.manifest.digest());
    let report = Bench::new(Wanted::new().image(&source, &[]), &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", causes(&report));
    assert_eq!(to.digest_of("app:v1").as_ref(), Some(pinned.manifest.digest()));
    to.assert_whole();
    let report = Bench::new(Wanted::new().image(&source, &[]), &from, &[&to]).run().await;
    assert_eq!((report.copied, report.skipped), (0, 1));
}

#[tokio::test]
async fn a_target_with_tag_and_digest_is_not_written_for_another_digest() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let (app, other) = (image("linux/amd64", &["app"]), image("linux/amd64", &["other"]));
    from.add("app:v1", &app);
    let demanding = |digest| format!("to.io/app@{digest}");
    let wanted = |digest| Wanted::new().image("from.io/app:v1", &["to.io/app:v1", &demanding(digest)]);
    let report = Bench::new(wanted(other.manifest.digest()), &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed, to.digest_of("app:v1")), (0, 2, None), "{:?}", causes(&report));
    let report = Bench::new(wanted(app.manifest.digest()), &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (2, 0), "{:?}", causes(&report));
}

/// Seen before: what was not there was never tried again, also not after the run itself had brought it.
#[tokio::test(start_paused = true)]
async fn what_the_run_itself_brings_is_tried_again() {
    let everywhere = Memory::new("reg.io");
    // Each of the chain is looked for before the one that brings it is read.
    everywhere.script(|call| match (call.op, call.repository.as_str()) {
        (Op::ResolveManifest, "b/app") => Some(Fault::Slow(Duration::from_secs(1))),
        (Op::ResolveManifest, "a/app") => Some(Fault::Slow(Duration::from_secs(2))),
        _ => None,
    });
    everywhere.add("a/app:v1", &image("linux/amd64", &["app"]));
    let chain = || {
        Wanted::new()
            .image("reg.io/c/app:v1", &["reg.io/d/app:v1"])
            .image("reg.io/b/app:v1", &["reg.io/c/app:v1"])
            .image("reg.io/a/app:v1", &["reg.io/b/app:v1"])
            .image("reg.io/missing/app:v1", &["reg.io/e/app:v1"])
    };
    let bench = Bench::new(chain(), &everywhere, &[&everywhere]);
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed, report.passes), (3, 1, 2), "{:?}", causes(&report));
    let source = &report.failures[0].what;
    assert!(
        matches!(source, sealift_core::report::FailedItem::Image { source, .. } if source.repository.path() == "missing/app")
    );
    let asked = everywhere.calls().iter().filter(|call| call.repository == "missing/app").count();
    assert_eq!(asked, 2, "it is asked for once, and what there is instead once");
}

/// Seen before: a plan failed over an image that the run brings itself.
#[tokio::test(start_paused = true)]
async fn a_plan_knows_what_the_run_itself_brings() {
    let everywhere = Memory::new("reg.io");
    let app = image("linux/amd64", &["app"]);
    everywhere.add("a/app:v1", &app);
    let chain = |first: &str| {
        Wanted::new()
            .image("reg.io/c/app:v1", &["reg.io/d/app:v1"])
            .image("reg.io/b/app:v1", &["reg.io/c/app:v1"])
            .image(first, &["reg.io/b/app:v1"])
    };
    let bench = Bench::new(chain("reg.io/a/app:v1"), &everywhere, &[&everywhere]);
    let report = bench.plan().await;
    assert_eq!((report.failed, report.warnings.len()), (0, 0), "{:?}", causes(&report));
    let planned: Vec<(String, String)> = bench.told().iter().filter_map(planned).collect();
    let expected = ["a b", "b c", "c d"].map(|pair| pair.split_once(' ').unwrap());
    let expected = expected.map(|(from, to)| (format!("reg.io/{from}/app:v1"), format!("reg.io/{to}/app:v1")));
    assert_eq!(planned, expected, "each by the name that its rule has");
    let pinned = format!("reg.io/b/app:v1@{}", app.manifest.digest());
    let pinned = Wanted::new().image(&pinned, &["reg.io/c/app:v1"]).image("reg.io/a/app:v1", &["reg.io/b/app:v1"]);
    assert_eq!(Bench::new(pinned, &everywhere, &[&everywhere]).plan().await.failed, 0, "by its digest");
    // What the run would not bring either fails in both.
    for (first, retries) in [("reg.io/missing/app:v1", None), ("reg.io/a/app:v1", Some(0))] {
        let bench = Bench::new(chain(first), &everywhere, &[&everywhere]).options(|run| run.retries = retries);
        let report = bench.plan().await;
        assert_eq!(report.failed, if retries.is_some() { 2 } else { 3 }, "{:?}", causes(&report));
    }
}

fn planned(event: &Event) -> Option<(String, String)> {
    let Event::Planned { image, .. } = event else { return None };
    Some((image.source.to_string(), image.targets[0].target.to_string()))
}
