//! One pipeline that runs more than once.

use sealift_conformance::images::image;
use sealift_core::{
    engine::{self, RunSettings},
    report::Report,
    spec::Pipeline,
};
use sealift_testkit::harbor::{Account, Harbor, Right};

use crate::{Bench, first};

async fn run(pipeline: &Pipeline) -> Report {
    engine::run(pipeline, RunSettings::default()).await
}

fn counts(report: &Report) -> (u64, u64, u64, u64, u64) {
    (report.copied, report.skipped, report.failed, report.moved.blobs, report.moved.bytes)
}

#[tokio::test]
async fn runs_that_follow_each_other_end_alike() {
    let Some(harbor) = Harbor::start().await else { return };
    let bench = Bench::new(&harbor).force().push("create_projects = true");
    let pipeline = bench.image("a:v1", &image("linux/amd64", &["a", "b"]), "new/a:v1").pipeline();
    assert_eq!(run(&pipeline).await.copied, 1);
    let (second, third) = (run(&pipeline).await, run(&pipeline).await);
    assert_eq!((second.copied, second.failed), (1, 0), "{:?}", second.failures);
    assert_eq!(counts(&second), counts(&third));
    assert_eq!(second.counters, third.counters, "each run counts its own requests");
}

#[tokio::test]
async fn runs_at_the_same_time_end_alike() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let bench = Bench::new(&harbor).image("a:v1", &image("linux/amd64", &["a", "b"]), "team/a:v1");
    let pipeline = bench.pipeline();
    assert_eq!(run(&pipeline).await.copied, 1);
    let (one, other) = tokio::join!(run(&pipeline), run(&pipeline));
    assert_eq!(counts(&one), (0, 1, 0, 0, 0), "{:?}", one.failures);
    assert_eq!(counts(&one), counts(&other));
}

#[tokio::test]
async fn a_project_that_was_missing_is_found_by_the_next_run() {
    let Some(harbor) = Harbor::start().await else { return };
    let pipeline = Bench::new(&harbor).image("a:v1", &image("linux/amd64", &["a"]), "late/a:v1").pipeline();
    let report = run(&pipeline).await;
    assert!(first(&report, &harbor).contains("the project `late` does not exist"), "{:?}", report.failures);
    harbor.add_project("late");
    let report = run(&pipeline).await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
}

#[tokio::test]
async fn a_login_that_was_refused_is_tried_by_the_next_run() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let bench = Bench::new(&harbor).login("robot$late", "s3cret");
    let pipeline = bench.image("a:v1", &image("linux/amd64", &["a"]), "team/a:v1").pipeline();
    assert_eq!(run(&pipeline).await.failed, 1);
    harbor.add_account(Account::robot("robot$late", "s3cret").may("team", &[Right::Pull, Right::Push]));
    let report = run(&pipeline).await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
}
