//! Parts of Harbor that are away for a while, and policies that bar who looks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sealift_conformance::{images::image, memory::Op};
use sealift_testkit::harbor::{Account, Harbor, Policy, Right};

use crate::{Bench, told};

fn twenty(harbor: &Harbor) -> Bench<'_> {
    (0..20).fold(Bench::new(harbor), |bench, number| {
        let name = format!("app{}:v{number}", number % 5);
        bench.image(&name, &image("linux/amd64", &["base", &name]), &format!("team/{name}"))
    })
}

fn robot(harbor: &Harbor) -> (&'static str, &'static str) {
    harbor.add_project("team");
    harbor.add_account(Account::robot("robot$team+ci", "s").may("team", &[Right::Pull, Right::Push]));
    ("robot$team+ci", "s")
}

/// As seen at a Harbor whose PostgreSQL was restarted during a load: half of the images failed because "the project does
/// not exist".
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_restarted_during_a_run_costs_no_image() {
    let Some(harbor) = Harbor::start().await else { return };
    let harbor = Arc::new(harbor);
    let (name, secret) = robot(&harbor);
    let bench = twenty(&harbor).login(name, secret);
    let (server, blobs) = (Arc::clone(&harbor), AtomicUsize::new(0));
    bench.from.script(move |call| {
        if call.op == Op::Blob && blobs.fetch_add(1, Ordering::Relaxed) == 8 {
            server.database_away(true);
            let server = Arc::clone(&server);
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(3));
                server.database_away(false);
            });
        }
        None
    });
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (20, 0), "{:?}", report.failures);
    let journal = harbor.requests();
    assert!(journal.iter().any(|request| request.status == 401 && request.method == "HEAD"), "it was met: {journal}");
}

#[tokio::test]
async fn a_database_that_is_away_at_first_is_waited_for() {
    let Some(harbor) = Harbor::start().await else { return };
    let harbor = Arc::new(harbor);
    let (name, secret) = robot(&harbor);
    harbor.database_away(true);
    let server = Arc::clone(&harbor);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(3));
        server.database_away(false);
    });
    let report = twenty(&harbor).login(name, secret).run().await;
    assert_eq!((report.copied, report.failed), (20, 0), "{:?}", report.failures);
}

#[tokio::test]
async fn a_project_with_a_policy_is_updated() {
    for policy in [Policy::Cosign, Policy::Notation, Policy::Vulnerability] {
        let Some(harbor) = Harbor::start().await else { return };
        let (name, secret) = robot(&harbor);
        harbor.set_policy("team", policy);
        harbor.add_account(Account::user("dev", "s").may("team", &Right::DEVELOPER));
        for (login, secret) in [("dev", "s"), (name, secret)] {
            let target = format!("team/{}:v1", if login == "dev" { "dev" } else { "ci" });
            let into = |layer: &str| {
                let bench = Bench::new(&harbor).login(login, secret);
                bench.image("app:v1", &image("linux/amd64", &[layer]), &target)
            };
            assert_eq!(into("old").run().await.copied, 1);
            let unchanged = into("old").run().await;
            assert_eq!(unchanged.failed, 0, "{policy:?} {login} {}", told(&unchanged, &harbor));
            assert_eq!(unchanged.skipped, u64::from(login == "dev"), "who may ask the API is told that it is there");
            let moved = into("new").run().await;
            assert_eq!((moved.copied, moved.failed), (1, 0), "{policy:?} {login} {}", told(&moved, &harbor));
            let digest = image("linux/amd64", &["new"]).manifest.digest().to_string();
            assert_eq!(harbor.digest_of(&target), Some(digest));
        }
    }
}
