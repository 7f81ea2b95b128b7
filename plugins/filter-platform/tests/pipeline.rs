//! The filter in a pipeline, between two registries in memory.

use std::sync::Arc;

use sealift_conformance::{
    images,
    memory::{Memory, Wanted},
};
use sealift_core::{
    engine::{self, RunSettings},
    plugin::{BuildContext, Purpose, StageConfig},
    report::Report,
    spec::{Named, OpenPipeline},
    stage::{Fetch, Filter, List, Push},
};
use sealift_filter_platform::Config;

/// Copies `quay.io/a/b:v1` to `h.io/a/b:v1`, and keeps these platforms.
async fn copy(source: &Memory, target: &Memory, keep: &[&str]) -> Report {
    let config = Config { keep: Some(keep.iter().map(ToString::to_string).collect()), ..Config::default() };
    let filter = config.build(&BuildContext::new(Arc::new(|_| None), "", Purpose::Run)).unwrap();
    let pipeline = OpenPipeline {
        filters: vec![Named::new("platform", Arc::<dyn Filter>::from(filter))],
        ..OpenPipeline::new(
            "test",
            Named::new("wanted", Arc::new(Wanted::new().image("quay.io/a/b:v1", &["h.io/a/b:v1"])) as Arc<dyn List>),
            Named::new("memory", Arc::new(source.clone()) as Arc<dyn Fetch>),
            vec![Named::new("memory", Arc::new(target.clone()) as Arc<dyn Push>)],
        )
    };
    engine::run(&pipeline.into(), RunSettings::default()).await
}

fn registries() -> (Memory, Memory) {
    (Memory::new("quay.io"), Memory::new("h.io"))
}

#[tokio::test]
async fn an_index_arrives_with_the_platforms_that_are_wanted() {
    let (source, target) = registries();
    let (amd64, s390x) = (images::image("linux/amd64", &["a"]), images::image("linux/s390x", &["s"]));
    source.add("a/b:v1", &images::index(&[("linux/amd64", &amd64), ("linux/s390x", &s390x)]));
    let report = copy(&source, &target, &["linux/amd64"]).await;
    assert_eq!((report.copied, report.rewritten, report.failed), (1, 1, 0));
    target.assert_whole();
    let smaller = images::index(&[("linux/amd64", &amd64)]);
    assert_eq!(target.digest_of("a/b:v1").as_ref(), Some(smaller.manifest.digest()));

    let again = copy(&source, &target, &["linux/amd64"]).await;
    assert_eq!((again.copied, again.skipped), (0, 1), "the same smaller index comes out again");
}

#[tokio::test]
async fn an_index_of_which_everything_is_wanted_keeps_its_digest() {
    let (source, target) = registries();
    let index = images::index(&[("linux/amd64", &images::image("linux/amd64", &["a"]))]);
    source.add("a/b:v1", &index);
    let report = copy(&source, &target, &["linux/amd64", "linux/arm64"]).await;
    assert_eq!((report.copied, report.rewritten), (1, 0));
    assert_eq!(target.digest_of("a/b:v1").as_ref(), Some(index.manifest.digest()));
}

#[tokio::test]
async fn a_named_image_of_which_nothing_matches_is_a_failure() {
    let (source, target) = registries();
    let s390x = images::image("linux/s390x", &["s"]);
    for image in [&s390x, &images::index(&[("linux/s390x", &s390x)])] {
        source.add("a/b:v1", image);
        let report = copy(&source, &target, &["linux/amd64"]).await;
        assert_eq!((report.copied, report.failed), (0, 1));
        assert_eq!(target.digest_of("a/b:v1"), None);
    }
}
