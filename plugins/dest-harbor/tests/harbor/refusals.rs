//! What Harbor refuses: said in a sentence with a remedy, once, and before bytes are sent where that can be known.

use sealift_conformance::images::{Image, image};
use sealift_serve::access::RequestKind;
use sealift_testkit::harbor::{Account, Harbor, Right};

use crate::{Bench, api, first, told};

fn app(layer: &str) -> Image {
    image("linux/amd64", &[layer])
}

/// Ten images for one project.
fn ten<'a>(harbor: &'a Harbor, project: &str) -> Bench<'a> {
    (0..10).fold(Bench::new(harbor), |bench, number| {
        let name = format!("app{number}:v1");
        bench.image(&name, &app(&format!("layer {number}")), &format!("{project}/{name}"))
    })
}

#[tokio::test]
async fn a_missing_project_is_asked_for_once_and_named() {
    let Some(harbor) = Harbor::start().await else { return };
    let report = ten(&harbor, "nope").run().await;
    assert_eq!((report.copied, report.failed), (0, 10));
    insta::assert_snapshot!(first(&report, &harbor), @r#"
    the project `nope` does not exist at `harbor.corp`
    hint: create it in Harbor, let it be created with `create_projects = true` in [[push]] (`--create-projects`), or push to another project
    "#);
    let journal = harbor.requests();
    assert_eq!((api(&journal, "GET", "projects?"), api(&journal, "HEAD", "projects?")), (1, 1), "{journal}");
    assert_eq!(journal.count("POST", RequestKind::Upload), 0, "{journal}");
}

#[tokio::test]
async fn a_plan_names_a_missing_project_and_writes_nothing() {
    let Some(harbor) = Harbor::start().await else { return };
    let report = ten(&harbor, "nope").plan().await;
    assert_eq!(report.failed, 10);
    let create = ten(&harbor, "nope").push("create_projects = true");
    assert_eq!(create.plan().await.failed, 0);
    let journal = harbor.requests();
    assert!(journal.iter().all(|request| matches!(request.method.as_str(), "GET" | "HEAD")), "{journal}");
    assert_eq!(harbor.project("nope"), None);
}

#[tokio::test]
async fn nothing_is_sent_to_a_project_that_caches_another_registry() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_proxy_cache("hub");
    let report = ten(&harbor, "hub").run().await;
    assert_eq!((report.copied, report.failed), (0, 10));
    insta::assert_snapshot!(first(&report, &harbor), @r#"
    nothing can be pushed to the project `hub` of `harbor.corp`: it is a proxy cache, which takes no pushes
    hint: push to another project: set `prefix` in [[push]]
    "#);
    assert_eq!(harbor.requests().count("POST", RequestKind::Upload), 0);
}

#[tokio::test]
async fn nothing_is_sent_in_read_only_mode() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.read_only(true);
    let report = ten(&harbor, "team").run().await;
    assert_eq!((report.copied, report.failed), (0, 10));
    insta::assert_snapshot!(first(&report, &harbor), @r#"
    nothing can be pushed to the project `team` of `harbor.corp`: Harbor is in read-only mode
    hint: an administrator of Harbor can switch that off under Configuration, System Settings
    "#);
    let journal = harbor.requests();
    assert_eq!((journal.count("POST", RequestKind::Upload), api(&journal, "GET", "systeminfo")), (0, 1), "{journal}");
}

#[tokio::test]
async fn nothing_is_sent_to_a_project_that_is_full() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    assert_eq!(Bench::new(&harbor).image("old:v1", &app("old"), "team/old:v1").run().await.copied, 1);
    harbor.limit_storage("team", harbor.used_storage("team"));
    harbor.reset();
    let report = ten(&harbor, "team").run().await;
    assert_eq!((report.copied, report.failed), (0, 10));
    let told = told(&report, &harbor);
    assert!(told.contains("bytes that are not there yet do not fit into the project `team`"), "{told}");
    assert!(told.contains("0 bytes of its quota are left"), "{told}");
    assert_eq!(harbor.requests().count("POST", RequestKind::Upload), 0);
    // What stands there already is fine.
    assert_eq!(Bench::new(&harbor).image("old:v1", &app("old"), "team/old:v1").run().await.skipped, 1);
}

#[tokio::test]
async fn a_plan_compares_the_quota_of_a_project_with_what_a_run_may_send() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.limit_storage("team", 40_000);
    let large = app(&"l".repeat(16_000));
    let bench = Bench::new(&harbor).image("large:v1", &large, "team/large:v1");
    assert_eq!(bench.plan().await.warnings, [""; 0]);
    let more = app(&"m".repeat(6_000));
    let bench = bench.image("more:v1", &more, "team/more:v1");
    harbor.reset();
    let report = bench.plan().await;
    assert_eq!((report.failed, report.warnings.len()), (0, 1), "{:?}", report.warnings);
    let warning = format!("the quota of the project `team` of `{}` leaves 40000 bytes, and up to ", harbor.host());
    assert!(report.warnings[0].starts_with(&warning), "{:?}", report.warnings);
    assert_eq!(api(&harbor.requests(), "GET", "projects/team/summary"), 1, "{}", harbor.requests());
}

#[tokio::test]
async fn what_would_exceed_the_quota_is_not_sent_and_what_fits_is() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    assert_eq!(Bench::new(&harbor).image("old:v1", &app("old"), "team/old:v1").run().await.copied, 1);
    let used = harbor.used_storage("team");
    harbor.limit_storage("team", used + 20_000);
    let (small, large) = (app(&"s".repeat(6_000)), app(&"l".repeat(16_000)));
    harbor.reset();
    let bench =
        Bench::new(&harbor).image("small:v1", &small, "team/small:v1").image("large:v1", &large, "team/large:v1");
    let bench = bench.image("again:v1", &small, "team/again:v1").image("tiny:v1", &app("tiny"), "team/tiny:v1");
    // Else which of them comes first is a matter of luck.
    let pipeline = bench.pipeline().with_options(|run| run.transfers = std::num::NonZero::new(1));
    let report = sealift_core::engine::run(&pipeline, sealift_core::engine::RunSettings::default()).await;
    assert_eq!((report.copied, report.failed), (3, 1), "{:?}", report.failures);
    let told = told(&report, &harbor);
    let size: u64 = large.blobs.iter().map(|(item, _)| item.size).sum();
    let what = format!("cannot push `harbor.corp/team/large:v1`: its {size} bytes that are not there yet do not fit");
    assert!(told.contains(&what), "{told}");
    assert!(told.contains(&format!("({used} of {} were used, and this run takes", used + 20_000)), "{told}");
    assert!(told.contains("hint: raise it in Harbor under Project Quotas"), "{told}");
    let journal = harbor.requests();
    assert!(journal.iter().all(|request| request.status != 403), "Harbor had nothing to refuse: {journal}");
    let sent = |digest: &str| journal.iter().any(|request| request.method == "PUT" && request.path.contains(digest));
    for (blob, _) in &large.blobs {
        assert!(!sent(&blob.digest.hex()), "nothing of an image that does not fit is sent: {journal}");
    }
    assert_eq!(harbor.digest_of("team/large:v1"), None);
}

#[tokio::test]
async fn what_is_there_already_needs_no_room() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let base = "b".repeat(30_000);
    let old = image("linux/amd64", &[&base, "old"]);
    assert_eq!(Bench::new(&harbor).image("old:v1", &old, "team/app:v1").run().await.copied, 1);
    harbor.limit_storage("team", harbor.used_storage("team") + 40_000); // its config holds as much as its layers
    let new = image("linux/amd64", &[&base, "new"]);
    let report = Bench::new(&harbor).image("new:v2", &new, "team/app:v2").run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
}

#[tokio::test]
async fn what_another_repository_of_the_project_has_needs_no_room() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let base = "b".repeat(30_000);
    let of = |name: &str| image("linux/amd64", &[&base, name]);
    assert_eq!(Bench::new(&harbor).image("app:v1", &of("one"), "team/app:v1").run().await.copied, 1);
    harbor.limit_storage("team", harbor.used_storage("team") + 40_000); // for a config, and not for the base once more
    let report = Bench::new(&harbor).image("web:v1", &of("web"), "team/web:v1").run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    let journal = harbor.requests();
    assert!(journal.iter().all(|request| request.status != 403), "{journal}");
}

#[tokio::test]
async fn what_a_full_project_has_goes_under_any_name_in_it() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.add_account(Account::user("dev", "s3cret").may("team", &Right::DEVELOPER));
    let old = app("old");
    assert_eq!(Bench::new(&harbor).image("old:v1", &old, "team/old:v1").run().await.copied, 1);
    let into = async |target: &str| {
        let report = Bench::new(&harbor).login("dev", "s3cret").image("old:v1", &old, target).run().await;
        assert_eq!((report.copied, report.failed), (1, 0), "{target} {:?}\n{}", report.failures, harbor.requests());
    };
    let used = harbor.used_storage("team");
    // Exactly full: uploads begin. Over-full they do not, but mounts of what the project has are taken.
    for (name, limit) in [("exactly", used), ("over", used - 1)] {
        harbor.limit_storage("team", limit);
        into(&format!("team/old:{name}")).await;
        into(&format!("team/{name}:v1")).await;
    }
    assert_eq!(harbor.used_storage("team"), used);
}

#[tokio::test]
async fn a_created_project_is_not_sent_more_than_its_quota() {
    let Some(harbor) = Harbor::start().await else { return };
    let large = app(&"l".repeat((1 << 20) + 1));
    let bench = Bench::new(&harbor).image("a:v1", &app("a"), "new/a:v1").image("large:v1", &large, "new/large:v1");
    let report = bench.push("create_projects = true\nquota_mib = 1").run().await;
    assert_eq!((report.copied, report.failed), (1, 1), "{:?}", report.failures);
    let told = told(&report, &harbor);
    assert!(told.contains("do not fit into the project `new`") && told.contains("(0 of 1048576 were used"), "{told}");
}

#[tokio::test]
async fn a_project_that_becomes_full_gets_no_more() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.limit_storage("team", 2000);
    // Who may not read the quota learns of it when Harbor refuses.
    harbor.add_account(Account::robot("robot$team+push", "s3cret").may("team", &[Right::Pull, Right::Push]));
    let large = "x".repeat(3000);
    let bench =
        Bench::new(&harbor).login("robot$team+push", "s3cret").image("a:v1", &app(&format!("{large}--")), "team/a:v1");
    // After the refusal, one at a time.
    let bench = (0..20).fold(bench, |bench, number| {
        let name = format!("app{number}:v1");
        bench.image(&name, &app(&format!("{large}{number:02}")), &format!("team/{name}"))
    });
    let pipeline = bench.pipeline().with_options(|run| run.transfers = std::num::NonZero::new(1));
    let report = sealift_core::engine::run(&pipeline, sealift_core::engine::RunSettings::default()).await;
    assert_eq!((report.copied, report.failed), (0, 21));
    let told = told(&report, &harbor);
    assert!(told.contains("the quota of the project `team` is used up (403: adding 3.0 KiB of storage"), "{told}");
    assert!(told.contains("hint: raise it in Harbor under Project Quotas"), "{told}");
    let closed = "nothing more is sent to the project `team` of `harbor.corp`: its quota is used up";
    assert!(told.contains(closed), "{told}");
    let journal = harbor.requests();
    let refused = journal.iter().filter(|request| request.status == 403 && request.method != "GET").count();
    // The config of the first image, and perhaps its layer, which is smaller than that. Those of the other images are of
    // the same sizes, whichever comes first.
    assert!((1..=2).contains(&refused), "{journal}");
}

#[tokio::test]
async fn an_immutable_tag_is_refused_before_its_blobs_are_sent() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.make_immutable("team", "**", "v*");
    assert_eq!(Bench::new(&harbor).image("app:v1", &app("old"), "team/app:v1").run().await.copied, 1);
    harbor.reset();
    let new = Bench::new(&harbor)
        .image("app:v1", &app("new"), "team/app:v1")
        .image("app:v2", &app("second"), "team/app:v2")
        .image("app:latest", &app("third"), "team/app:latest");
    let report = new.run().await;
    assert_eq!((report.copied, report.failed), (2, 1));
    let old = app("old").manifest.digest().to_string();
    let told = told(&report, &harbor).replace(&old, "OLD");
    insta::assert_snapshot!(told, @r#"
    cannot push `harbor.corp/team/app:v1`: the tag is immutable in the project `team` and stands for `OLD`
    hint: push another tag, or delete this one or change the project's rule for immutable tags in Harbor
    "#);
    let layer = app("new").blobs[1].0.digest.to_string();
    let journal = harbor.requests();
    assert!(!journal.iter().any(|request| request.path.contains(&layer)), "{journal}");
}

#[tokio::test]
async fn an_immutable_tag_that_has_the_image_already_is_no_failure() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    harbor.make_immutable("team", "**", "**");
    let bench = Bench::new(&harbor).image("app:v1", &app("layer"), "team/app:v1");
    assert_eq!(bench.run().await.copied, 1);
    assert_eq!(bench.run().await.skipped, 1);
    // Forced, it is written again, and Harbor refuses with 412 what it has.
    let report = bench.force().run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    assert!(harbor.requests().iter().any(|request| request.status == 412));
}

#[tokio::test]
async fn a_changed_tag_costs_one_question_for_its_rule_and_none_where_there_are_no_rules() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let images = |layer: &str| {
        (0..5).fold(Bench::new(&harbor), |bench, number| {
            let name = format!("app:v{number}");
            bench.image(&name, &app(&format!("{layer} {number}")), &format!("team/{name}"))
        })
    };
    assert_eq!(images("old").run().await.copied, 5);
    harbor.reset();
    assert_eq!(images("new").run().await.copied, 5);
    let journal = harbor.requests();
    assert_eq!(api(&journal, "GET", "projects/team/immutabletagrules"), 1, "{journal}");
    assert_eq!(api(&journal, "GET", "projects/team/repositories/app/artifacts/"), 0, "{journal}");
}
