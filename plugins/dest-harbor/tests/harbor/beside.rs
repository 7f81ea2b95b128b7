//! What is done beside images: scans, members, a look at retention.

use sealift_conformance::images::{artifact, image};
use sealift_core::{content::MediaType, report::Report};
use sealift_testkit::harbor::{Account, Harbor, Right, Scanner};
use serde_json::{Value, json};

use crate::{Bench, api};

fn into<'a>(harbor: &'a Harbor, project: &str) -> Bench<'a> {
    (0..5).fold(Bench::new(harbor), |bench, number| {
        let name = format!("app:v{number}");
        bench.image(&name, &image("linux/amd64", &[&name]), &format!("{project}/{name}"))
    })
}

/// The warnings without the name of the host.
fn warnings(report: &Report, harbor: &Harbor) -> String {
    report.warnings.join("\n").replace(&harbor.host(), "harbor.corp")
}

fn scans(harbor: &Harbor) -> usize {
    let requests = harbor.requests();
    requests.iter().filter(|request| request.method == "POST" && request.path.ends_with("/scan")).count()
}

fn rules(template: &str, number: u64, tags: &str) -> Value {
    json!([{
        "id": 1,
        "action": "retain",
        "template": template,
        "params": { template: number },
        "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": tags }],
        "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "**" }] },
    }])
}

#[tokio::test]
async fn a_scan_of_each_written_image_is_started_once() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.set_scanner("team", Scanner::Ready);
    let two = image("linux/amd64", &["app:v0"]);
    // A second tag for an image of the run is no second image.
    let bench = || into(&harbor, "team").image("app:latest", &two, "team/app:latest").push("scan = true");
    let report = bench().run().await;
    assert_eq!((report.copied, report.failed), (6, 0), "{:?}", report.failures);
    assert_eq!((scans(&harbor), &report.warnings[..]), (5, &[][..]), "{}", harbor.requests());
    let started = (0..5).map(|number| harbor.digest_of(&format!("team/app:v{number}")).unwrap());
    assert_eq!(started.map(|digest| harbor.scans_of("team/app", &digest)).collect::<Vec<_>>(), [1; 5]);
    harbor.reset();
    assert_eq!((bench().run().await.skipped, scans(&harbor)), (6, 0), "what is there gets none");
    assert_eq!(
        (into(&harbor, "team").force().run().await.copied, scans(&harbor)),
        (5, 0),
        "nor does what is unasked for"
    );
}

#[tokio::test]
async fn a_project_without_a_scanner_is_asked_once_and_told_once() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let report = into(&harbor, "team").push("scan = true").run().await;
    assert_eq!((report.copied, report.failed, scans(&harbor)), (5, 0, 1), "{:?}", report.failures);
    let told = warnings(&report, &harbor);
    let begin =
        "no scan was started of 5 images in the project `team` of `harbor.corp`, such as `harbor.corp/team/app@sha256:";
    assert!(told.starts_with(begin) && told.ends_with(": no available scanner for project: 1"), "{told}");
    assert_eq!(report.exit_code(), 0);
}

#[tokio::test]
async fn who_may_not_scan_is_told_so_and_the_images_are_loaded() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.set_scanner("team", Scanner::Ready);
    harbor.add_account(Account::robot("robot$team+ci", "s").may("team", &[Right::Pull, Right::Push]));
    let report = into(&harbor, "team").login("robot$team+ci", "s").push("scan = true").run().await;
    assert_eq!((report.copied, report.failed, scans(&harbor)), (5, 0, 1), "{:?}", report.failures);
    assert!(warnings(&report, &harbor).ends_with(": forbidden"), "{:?}", report.warnings);
}

#[tokio::test]
async fn a_chart_that_cannot_be_scanned_does_not_keep_images_from_it() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.set_scanner("team", Scanner::Ready);
    let chart = artifact(MediaType::from_static("application/vnd.cncf.helm.config.v1+json"), "{}", &["chart"], &[]);
    let bench = into(&harbor, "team").image("chart:1", &chart, "team/chart:1").push("scan = true");
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed, scans(&harbor)), (6, 0, 6), "{:?}", report.failures);
    let told = warnings(&report, &harbor);
    assert!(told.starts_with("no scan was started of 1 image in the project `team`"), "{told}");
    assert!(told.contains("the configured scanner Trivy does not support scanning artifact"), "{told}");
}

#[tokio::test]
async fn a_scan_that_runs_already_is_what_was_asked_for() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.set_scanner("team", Scanner::Busy);
    let report = into(&harbor, "team").push("scan = true").run().await;
    assert_eq!((report.copied, scans(&harbor), &report.warnings[..]), (5, 5, &[][..]));
}

#[tokio::test]
async fn a_created_project_gets_its_members() {
    let Some(harbor) = Harbor::start().await else { return };
    for name in ["ann", "bob"] {
        harbor.add_account(Account::user(name, "s"));
    }
    ["ops", "cn=dev,dc=corp"].iter().for_each(|name| harbor.add_group(name));
    let lines = "create_projects = true\nproject.members = { guest = [\"bob\"], admin = [\"ann\", \"admin\"] }\n\
                 project.groups.maintainer = [\"ops\"]\nproject.ldap_groups.developer = [\"cn=dev,dc=corp\"]";
    let report = into(&harbor, "new").push(lines).run().await;
    assert_eq!((report.copied, &report.warnings[..]), (5, &[][..]), "{:?}", report.failures);
    let members = [("ann", 1), ("admin", 1), ("bob", 3), ("group ops", 4), ("group cn=dev,dc=corp", 2)];
    let members = members.map(|(name, role)| (name.to_owned(), role));
    assert_eq!(harbor.members("new"), members);
    // A project that is there keeps those that it has.
    harbor.add_project("old");
    harbor.reset();
    assert_eq!(into(&harbor, "old").push(lines).run().await.copied, 5);
    assert_eq!((harbor.members("old"), api(&harbor.requests(), "POST", "projects/")), (Vec::new(), 0));
}

#[tokio::test]
async fn a_member_that_cannot_be_added_is_told_and_the_images_are_loaded() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_account(Account::user("ann", "s"));
    let lines =
        "create_projects = true\nproject.members = { admin = [\"nobody\", \"ann\"] }\nproject.groups.guest = [\"ops\"]";
    let report = into(&harbor, "new").push(lines).run().await;
    assert_eq!((report.copied, report.failed, report.exit_code()), (5, 0, 0), "{:?}", report.failures);
    assert_eq!(harbor.members("new"), [("ann".to_owned(), 1)]);
    insta::assert_snapshot!(warnings(&report, &harbor), @"
    `nobody` is no member of the new project `new` of `harbor.corp`: user nobody is not found
    `ops` is no member of the new project `new` of `harbor.corp`: ops not found: not supported
    ");
    // A robot creates projects and has no rights in them, unless it covers all.
    let rights = [Right::Pull, Right::Push];
    harbor.add_account(Account::robot("robot$all", "s").may("*", &rights).may_create_projects());
    let report = into(&harbor, "newer").login("robot$all", "s").push(lines).run().await;
    assert_eq!(report.copied, 5, "{:?}", report.failures);
    assert!(
        warnings(&report, &harbor)
            .contains("`ann` is no member of the new project `newer` of `harbor.corp`: forbidden")
    );
}

#[tokio::test]
async fn a_policy_that_may_delete_what_was_written_is_told_once() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.retain("team", "0 0 0 * * *", &rules("latestPushedK", 3, "v*"));
    let bench = into(&harbor, "team");
    let report = bench.run().await;
    assert_eq!((report.copied, report.exit_code()), (5, 0), "{:?}", report.failures);
    assert_eq!(api(&harbor.requests(), "GET", "retentions/"), 1, "{}", harbor.requests());
    let told = warnings(&report, &harbor);
    let end =
        "of each repository it keeps the 3 images pushed last with a tag `v*`; it runs by the schedule `0 0 0 * * *`";
    let begin = "the retention policy of the project `team` of `harbor.corp` may delete 5 images that this run wrote, such as \
                 `app:v";
    assert!(told.starts_with(begin) && told.ends_with(end) && !told.contains('\n'), "{told}");
    harbor.reset();
    let again = bench.run().await;
    assert_eq!((again.skipped, &again.warnings[..]), (5, &[][..]), "nothing was written");
    assert_eq!(api(&harbor.requests(), "GET", "retentions/"), 0, "{}", harbor.requests());
}

#[tokio::test]
async fn a_policy_that_keeps_what_was_written_says_nothing() {
    let Some(harbor) = Harbor::start().await else { return };
    for (project, template, number) in [("always", "always", 0), ("many", "latestPushedK", 5)] {
        harbor.add_project(project);
        harbor.retain(project, "", &rules(template, number, "**"));
        let report = into(&harbor, project).run().await;
        assert_eq!((report.copied, &report.warnings[..]), (5, &[][..]), "{project}");
    }
    assert_eq!(api(&harbor.requests(), "GET", "retentions/"), 2);
}

#[tokio::test]
async fn a_policy_that_the_login_may_not_read_is_no_failure_and_no_word() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.retain("team", "", &rules("nDaysSinceLastPull", 7, "**"));
    harbor.add_account(Account::user("dev", "s").may("team", &Right::DEVELOPER));
    let report = into(&harbor, "team").login("dev", "s").run().await;
    assert_eq!((report.copied, report.failed, &report.warnings[..]), (5, 0, &[][..]));
    assert_eq!(api(&harbor.requests(), "GET", "retentions/"), 1);
    // Who may is told, by hand or not.
    let report = into(&harbor, "team").force().run().await;
    assert!(
        warnings(&report, &harbor)
            .ends_with("pulled within 7 days; it has no schedule, and runs when it is started by hand")
    );
}

#[tokio::test]
async fn a_plan_asks_for_nothing_of_this() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.retain("team", "", &rules("nDaysSinceLastPull", 7, "**"));
    let report = into(&harbor, "team").push("scan = true").plan().await;
    assert_eq!((report.failed, &report.warnings[..], scans(&harbor)), (0, &[][..], 0));
    assert_eq!(api(&harbor.requests(), "GET", "retentions/"), 0);
}
