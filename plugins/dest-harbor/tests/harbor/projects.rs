//! Creating projects.

use std::sync::Arc;

use sealift_conformance::images::image;
use sealift_testkit::harbor::{Account, Harbor, Right};

use crate::{Bench, api, first, told};

fn into<'a>(harbor: &'a Harbor, project: &str) -> Bench<'a> {
    (0..5).fold(Bench::new(harbor), |bench, number| {
        let name = format!("app{number}:v1");
        bench.image(&name, &image("linux/amd64", &[&name]), &format!("{project}/{name}"))
    })
}

#[tokio::test]
async fn a_missing_project_is_created_once_and_private() {
    let Some(harbor) = Harbor::start().await else { return };
    let report = into(&harbor, "new").push("create_projects = true").run().await;
    assert_eq!((report.copied, report.failed), (5, 0), "{:?}", report.failures);
    assert_eq!(harbor.project("new"), Some((false, None)));
    assert_eq!(api(&harbor.requests(), "POST", "projects"), 1);
    harbor.reset();
    assert_eq!(into(&harbor, "new").push("create_projects = true").run().await.skipped, 5);
    assert_eq!(api(&harbor.requests(), "POST", "projects"), 0);
}

#[tokio::test]
async fn it_can_be_public_and_limited() {
    let Some(harbor) = Harbor::start().await else { return };
    let lines = "create_projects = true\npublic = true\nquota_mib = 7";
    assert_eq!(into(&harbor, "open").push(lines).run().await.copied, 5);
    assert_eq!(harbor.project("open"), Some((true, Some(7 << 20))));
}

#[tokio::test]
async fn who_may_not_create_projects_is_told_so() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.only_admins_create_projects(true);
    harbor.add_account(Account::robot("robot$all", "s").may("*", &Right::ALL));
    let bench = into(&harbor, "new").login("robot$all", "s").push("create_projects = true");
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (0, 5));
    insta::assert_snapshot!(first(&report, &harbor), @r#"
    cannot create the project `new` of `harbor.corp`: Only system admin can create project
    hint: let an administrator create it, or log in as one or as a robot of the system that may create projects
    "#);
    assert_eq!(api(&harbor.requests(), "POST", "projects"), 1);
}

#[tokio::test]
async fn a_robot_of_a_project_is_told_that_it_may_not_create_another_one() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let robot = Account::robot("robot$team+ci", "s").may("team", &[Right::Pull, Right::Push]);
    harbor.add_account(robot);
    let lines = "create_projects = true";
    let there = into(&harbor, "team").login("robot$team+ci", "s").push(lines).run().await;
    assert_eq!((there.copied, there.failed), (5, 0), "{:?}", there.failures);
    let nowhere = into(&harbor, "nope").login("robot$team+ci", "s").push(lines).run().await;
    assert_eq!((nowhere.copied, nowhere.failed), (0, 5));
    let told = told(&nowhere, &harbor);
    assert!(told.contains("cannot create the project `nope` of `harbor.corp`: Only system level robot"), "{told}");
    assert!(told.contains("let an administrator create it"), "{told}");
}

#[tokio::test]
async fn a_missing_project_is_certain_for_any_login() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::robot("robot$team+ci", "s").may("team", &[Right::Pull, Right::Push]));
    let report = into(&harbor, "nope").login("robot$team+ci", "s").run().await;
    assert_eq!((report.copied, report.failed), (0, 5));
    let first = first(&report, &harbor);
    assert!(first.starts_with("the project `nope` does not exist at `harbor.corp`"), "{first}");
    assert!(harbor.requests().iter().all(|request| request.method != "POST"), "{}", harbor.requests());
}

#[tokio::test]
async fn a_robot_that_covers_all_projects_creates_one_and_pushes_there() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.only_admins_create_projects(true);
    harbor.add_account(Account::robot("robot$loader", "s").may("*", &Right::ALL).may_create_projects());
    let report = into(&harbor, "new").login("robot$loader", "s").push("create_projects = true").run().await;
    assert_eq!((report.copied, report.failed), (5, 0), "{:?}", report.failures);
}

#[tokio::test]
async fn a_project_that_somebody_else_creates_meanwhile_is_no_failure() {
    let Some(harbor) = Harbor::start().await else { return };
    let harbor = Arc::new(harbor);
    let bench = into(&harbor, "team").push("create_projects = true");
    let server = Arc::clone(&harbor);
    // It was looked for by now, and is created when the first blob is due.
    bench.from.script(move |_| {
        server.add_project("team");
        None
    });
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (5, 0), "{:?}", report.failures);
    assert!(harbor.requests().iter().any(|request| request.status == 409));
}

#[tokio::test]
async fn where_only_the_registry_is_shown_the_push_works_without_what_the_api_would_tell() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.hide_api(true);
    let bench = into(&harbor, "team");
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (5, 0), "{:?}", report.failures);
    assert_eq!(bench.run().await.skipped, 5);
    let report = into(&harbor, "nope").run().await;
    assert_eq!((report.copied, report.failed), (0, 5));
    assert!(told(&report, &harbor).contains("the project `nope` does not exist"), "{:?}", report.failures);
}

// Four requests for each project, before.
#[tokio::test]
async fn twenty_projects_are_looked_at_in_five_requests() {
    let Some(harbor) = Harbor::start().await else { return };
    (0..20).for_each(|number| harbor.add_project(&format!("team{number}")));
    harbor.limit_storage("team7", 5 << 20);
    let bench = (0..20).fold(Bench::new(&harbor), |bench, number| {
        let name = format!("app{number}:v1");
        bench.image(&name, &image("linux/amd64", &[&name]), &format!("team{number}/{name}"))
    });
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (20, 0), "{:?}", report.failures);
    let journal = harbor.requests();
    let tokens = journal.iter().filter(|request| request.path.starts_with("/service/token")).count();
    let asked = api(&journal, "GET", "");
    assert_eq!((asked, tokens), (3, 2), "projects, quotas, systeminfo: {journal}");
}

#[tokio::test]
async fn projects_that_are_missing_among_others_are_created() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("there");
    harbor.add_account(Account::robot("robot$all", "s").may("*", &Right::ALL).may_create_projects());
    let bench = ["there", "new", "newer"].iter().fold(Bench::new(&harbor), |bench, project| {
        bench.image(&format!("{project}:v1"), &image("linux/amd64", &[project]), &format!("{project}/app:v1"))
    });
    let report = bench.login("robot$all", "s").push("create_projects = true").run().await;
    assert_eq!((report.copied, report.failed), (3, 0), "{:?}", report.failures);
    let journal = harbor.requests();
    assert_eq!(api(&journal, "GET", "projects?"), 1, "{journal}");
    assert_eq!(api(&journal, "POST", "projects"), 2, "{journal}");
    assert_eq!(api(&journal, "GET", "quotas"), 1, "refused once, and not asked again: {journal}");
}

#[tokio::test]
async fn a_created_project_gets_the_settings_that_are_named() {
    let Some(harbor) = Harbor::start().await else { return };
    let lines = "create_projects = true\nproject = { auto_scan = true, prevent_vul = true, severity = \"high\", \
                 auto_sbom_generation = false }";
    assert_eq!(into(&harbor, "new").push(lines).run().await.copied, 5);
    let (settings, _) = harbor.settings("new").unwrap();
    assert_eq!(
        settings,
        r#"{"public":"false","auto_scan":"true","auto_sbom_generation":"false","prevent_vul":"true","severity":"high"}"#
    );
}

#[tokio::test]
async fn what_is_written_gets_a_label() {
    let Some(harbor) = Harbor::start().await else { return };
    let lines = "create_projects = true\nlabel = \"came with 2026-11\"";
    let report = into(&harbor, "new").push(lines).run().await;
    assert_eq!((report.copied, report.failed), (5, 0), "{:?}", report.failures);
    assert_eq!(harbor.settings("new").unwrap().1, ["came with 2026-11"]);
    let labelled = |harbor: &Harbor| {
        let digest = |number| harbor.digest_of(&format!("new/app{number}:v1")).unwrap();
        (0..5).map(|number| harbor.labels_of(&format!("new/app{number}"), &digest(number))).collect::<Vec<_>>()
    };
    assert_eq!(labelled(&harbor), [1; 5]);
    let requests = harbor.requests();
    let labels = requests.iter().filter(|request| request.method == "POST" && request.path.ends_with("/labels"));
    assert_eq!(labels.count(), 6, "the label, and one for each image: {requests}");
    harbor.reset();
    let report = into(&harbor, "new").push("label = \"came with 2026-12\"").run().await;
    assert_eq!((report.skipped, report.failed), (5, 0));
    assert_eq!(labelled(&harbor), [1; 5], "what is there gets none");
    // Labels are the same for images that are written once more.
    let report = into(&harbor, "new").push("label = \"came with 2026-11\"").force().run().await;
    assert_eq!((report.copied, report.failed), (5, 0), "{:?}", report.failures);
    assert_eq!(labelled(&harbor), [1; 5]);
}

#[tokio::test]
async fn who_may_not_label_is_told_before_anything_is_sent() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::robot("robot$team+ci", "s").may("team", &Right::DEVELOPER));
    let report = into(&harbor, "team").login("robot$team+ci", "s").push("label = \"x\"").run().await;
    assert_eq!((report.copied, report.failed), (0, 5));
    insta::assert_snapshot!(first(&report, &harbor), @"
    cannot make the label `x` at `harbor.corp`: forbidden
    hint: the login needs the rights to list and create labels of the project and to put them on artifacts; or leave `label` out
    ");
    assert!(harbor.requests().iter().all(|request| request.method != "PUT"), "{}", harbor.requests());
}
