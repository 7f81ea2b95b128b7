//! Logins: robots with `$` and `+` in their names, and those that are not enough.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sealift_conformance::{images::image, memory::Op};
use sealift_testkit::harbor::{Account, Harbor, Right};

use crate::{Bench, first, told};

fn bench(harbor: &Harbor) -> Bench<'_> {
    (0..3).fold(Bench::new(harbor), |bench, number| {
        let name = format!("app:v{number}");
        bench.image(&name, &image("linux/amd64", &["base", &name]), &format!("team/{name}"))
    })
}

#[tokio::test]
async fn a_robot_that_may_only_push_and_pull_is_enough() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::robot("robot$team+ci", "a$b+c").may("team", &[Right::Pull, Right::Push]));
    let bench = bench(&harbor).login("robot$team+ci", "a$b+c");
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (3, 0), "{:?}", report.failures);
    assert_eq!(bench.run().await.skipped, 3, "without the right to list artifacts tags are asked for one by one");
    let token = harbor.requests().iter().find(|request| request.path.starts_with("/service/token")).unwrap().clone();
    assert!(token.path.contains("account=robot%24team%2Bci"), "{token}");
}

#[tokio::test]
async fn a_robot_that_may_not_push_is_told_before_anything_is_sent() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::robot("robot$team+reader", "s").may("team", &[Right::Pull, Right::ReadProject]));
    let report = bench(&harbor).login("robot$team+reader", "s").run().await;
    assert_eq!((report.copied, report.failed), (0, 3));
    insta::assert_snapshot!(first(&report, &harbor), @r#"
    nothing can be pushed to the project `team` of `harbor.corp`: this login may not push there
    hint: a robot needs the rights to push and pull repositories there, people need the role Developer
    "#);
    assert!(harbor.requests().iter().all(|request| request.method != "POST"));
}

#[tokio::test]
async fn each_project_may_have_a_robot_of_its_own_in_the_auth_file() {
    let Some(harbor) = Harbor::start().await else { return };
    let host = harbor.host();
    let mut logins = String::new();
    for project in ["one", "two", "three"] {
        harbor.add_project(project);
        let name = format!("robot${project}+ci");
        let good = project != "three";
        harbor.add_account(Account::robot(&name, "s").may(project, &Right::ALL));
        let secret = if good { "s" } else { "wrong" };
        logins += &format!("{host}/{project}:\n  username: {name}\n  password: {secret}\n");
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("auth.yaml");
    std::fs::write(&file, logins).unwrap();
    let bench = ["one", "two", "three"].into_iter().fold(Bench::new(&harbor).nobody(), |bench, project| {
        let name = format!("{project}:v1");
        bench.image(&name, &image("linux/amd64", &[project]), &format!("{project}/app:v1"))
    });
    let report = bench.tables(&format!("[credentials]\nfile = '{}'", file.display())).run().await;
    assert_eq!((report.copied, report.failed), (2, 1), "{:?}", report.failures);
    let told = told(&report, &harbor);
    assert!(told.contains("`harbor.corp` does not accept the login from"), "{told}");
}

#[tokio::test]
async fn a_robot_that_may_ask_nothing_of_the_api_is_told_by_its_token() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_project("other");
    harbor.add_account(Account::robot("robot$team+reader", "s").may("team", &[Right::Pull]));
    let report = bench(&harbor).login("robot$team+reader", "s").run().await;
    assert_eq!((report.copied, report.failed), (0, 3));
    let told_of = told(&report, &harbor);
    assert!(
        told_of.contains("nothing can be pushed to the project `team` of `harbor.corp`: this login may"),
        "{told_of}"
    );
    // A project that is there and none of its business is not a missing one.
    let app = image("linux/amd64", &["layer"]);
    let bench = Bench::new(&harbor).image("app:v1", &app, "other/app:v1").login("robot$team+reader", "s");
    let told_of = told(&bench.run().await, &harbor);
    assert!(told_of.contains("the project `other`") && !told_of.contains("does not exist"), "{told_of}");
    let journal = harbor.requests();
    assert!(journal.iter().all(|request| request.method != "POST"), "{journal}");
}

#[tokio::test]
async fn an_oidc_user_pushes_with_a_secret_that_the_api_does_not_take() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::oidc("ann", "cli-secret").may("team", &Right::DEVELOPER));
    let bench = bench(&harbor).login("ann", "cli-secret");
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (3, 0), "{:?}", report.failures);
    assert!(harbor.requests().iter().any(|request| request.path.starts_with("/api/") && request.status == 401));
    assert_eq!(bench.run().await.skipped, 3);
    // Also one tag alone, which is asked for without the list.
    let app = image("linux/amd64", &["one"]);
    let one = Bench::new(&harbor).image("app:v9", &app, "team/app:v9").login("ann", "cli-secret").run().await;
    assert_eq!((one.copied, one.failed), (1, 0), "{:?}", one.failures);
    let created = Bench::new(&harbor).image("app:v9", &app, "hers/app:v9").login("ann", "cli-secret");
    let created = created.push("create_projects = true").run().await;
    assert_eq!((created.copied, created.failed), (1, 0), "{:?}", created.failures);
}

#[tokio::test]
async fn a_wrong_password_is_called_that() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let report = bench(&harbor).login("admin", "wrong").run().await;
    assert_eq!((report.copied, report.failed), (0, 3));
    insta::assert_snapshot!(first(&report, &harbor), @r#"
    cannot log in at `harbor.corp`: `harbor.corp` does not accept the login from the table [registries."harbor.corp"] (401)
    hint: check user name and password there, and whether a robot expired
    "#);
}

#[tokio::test]
async fn nobody_is_told_to_log_in() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_public_project("team");
    let report = bench(&harbor).nobody().run().await;
    assert_eq!((report.copied, report.failed), (0, 3));
    insta::assert_snapshot!(first(&report, &harbor), @r#"
    `harbor.corp` takes no pushes without a login
    hint: log in with `docker login harbor.corp`, name an auth file, or put `username` and `password` into [registries."harbor.corp"]
    "#);
}

#[tokio::test]
async fn tokens_that_run_out_are_renewed_although_harbor_then_asks_for_a_password() {
    let Some(harbor) = Harbor::start().await else { return };
    let harbor = Arc::new(harbor);
    harbor.add_project("team");
    let bench = bench(&harbor);
    let (server, once) = (Arc::clone(&harbor), AtomicBool::new(false));
    bench.from.script(move |call| {
        // The upload was opened with a good token by now, and its bytes will come with an old one.
        if call.op == Op::Blob && !once.swap(true, Ordering::Relaxed) {
            server.expire_tokens();
        }
        None
    });
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (3, 0), "{:?}", report.failures);
    let journal = harbor.requests();
    assert!(journal.iter().any(|request| request.method == "PUT" && request.status == 401), "{journal}");
}
