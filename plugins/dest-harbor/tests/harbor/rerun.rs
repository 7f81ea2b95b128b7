//! What it costs to look again.

use sealift_conformance::images::{Image, artifact, image, index};
use sealift_core::content::well_known;
use sealift_serve::access::RequestKind;
use sealift_testkit::harbor::{Account, Harbor, Right};
use serde_json::json;

use crate::{Bench, api};

/// Many of these are pushed quickly: they differ in an annotation only.
fn variant(number: usize) -> Image {
    let annotations = json!({ "org.opencontainers.image.version": number.to_string() });
    artifact(well_known::OCI_CONFIG, "{}", &["base"], &[("annotations", annotations)])
}

/// So many tags of one repository.
fn tags<'a>(harbor: &'a Harbor, numbers: std::ops::Range<usize>, repository: &str) -> Bench<'a> {
    numbers.fold(Bench::new(harbor), |bench, number| {
        let tag = format!("app:v{number}");
        bench.image(&tag, &variant(number), &format!("{repository}:v{number}"))
    })
}

#[tokio::test]
async fn an_unchanged_repository_costs_a_tenth_of_a_request_for_an_image() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let bench = tags(&harbor, 0..200, "team/deep/app");
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (200, 0), "{:?}", report.failures);
    harbor.reset();
    let report = bench.run().await;
    assert_eq!((report.copied, report.skipped), (0, 200), "{:?}", report.failures);
    let journal = harbor.requests();
    assert!(journal.total() <= 20, "a tenth of a request for each:\n{journal}");
    assert_eq!(api(&journal, "GET", "projects/team/repositories/deep%252Fapp/artifacts"), 2, "{journal}");
    assert_eq!(journal.total(), 2, "{journal}");
}

// 50 pages, one for each repository, before.
#[tokio::test]
async fn a_project_of_many_repositories_is_listed_once() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let bench = || {
        (0..1000).fold(Bench::new(&harbor), |bench, number| {
            let (repository, tag) = (number % 50, number / 50);
            bench.image(&format!("app{repository}:v{tag}"), &variant(number), &format!("team/app{repository}:v{tag}"))
        })
    };
    let report = bench().run().await;
    assert_eq!((report.copied, report.failed), (1000, 0), "{:?}", report.failures);
    harbor.reset();
    let report = bench().run().await;
    assert_eq!((report.copied, report.skipped), (0, 1000), "{:?}", report.failures);
    let journal = harbor.requests();
    assert_eq!(api(&journal, "GET", "projects/team/artifacts"), 10, "{journal}");
    assert_eq!(journal.total(), 10, "{journal}");
}

// One HEAD for each, and one that learns who wants a token, before.
#[tokio::test]
async fn repositories_of_one_tag_are_not_asked_one_by_one() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let bench = || {
        (0..30).fold(Bench::new(&harbor), |bench, number| {
            bench.image(&format!("app{number}:v1"), &variant(number), &format!("team/deep/app{number}:v1"))
        })
    };
    assert_eq!(bench().run().await.copied, 30);
    harbor.reset();
    assert_eq!(bench().run().await.skipped, 30);
    assert_eq!(harbor.requests().total(), 1, "{}", harbor.requests());
    // Who may not list artifacts is no worse off.
    harbor.add_account(Account::robot("robot$team+ci", "s").may("team", &[Right::Pull, Right::Push]));
    harbor.reset();
    assert_eq!(bench().login("robot$team+ci", "s").run().await.skipped, 30);
    assert_eq!(harbor.requests().count("HEAD", RequestKind::Manifest), 31, "{}", harbor.requests());
}

#[tokio::test]
async fn a_few_repositories_of_a_large_project_are_asked_one_by_one() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    assert_eq!(tags(&harbor, 0..210, "team/large").run().await.copied, 210);
    let bench = || {
        (0..3).fold(Bench::new(&harbor), |bench, number| {
            bench.image(&format!("app{number}:v1"), &variant(number), &format!("team/app{number}:v1"))
        })
    };
    assert_eq!(bench().run().await.copied, 3);
    harbor.reset();
    assert_eq!(bench().run().await.skipped, 3);
    assert_eq!(api(&harbor.requests(), "GET", "projects/team/artifacts"), 1, "{}", harbor.requests());
    assert_eq!(harbor.requests().count("HEAD", RequestKind::Manifest), 4, "{}", harbor.requests());
}

#[tokio::test]
async fn a_new_tag_costs_no_question_for_the_others() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    assert_eq!(tags(&harbor, 0..20, "team/app").run().await.copied, 20);
    harbor.reset();
    let report = tags(&harbor, 0..21, "team/app").run().await;
    assert_eq!((report.copied, report.skipped), (1, 20));
    // Whether its image is there under another name is one question, which a request without a token comes before.
    let journal = harbor.requests();
    assert_eq!(journal.count("HEAD", RequestKind::Manifest), 2, "{journal}");
    assert!(
        journal.iter().all(|request| request.method != "HEAD" || !request.path.contains("manifests/v")),
        "{journal}"
    );
}

#[tokio::test]
async fn a_few_tags_of_a_large_repository_are_asked_for_one_by_one() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    assert_eq!(tags(&harbor, 0..210, "team/app").run().await.copied, 210);
    harbor.reset();
    assert_eq!(tags(&harbor, 0..3, "team/app").run().await.skipped, 3);
    let journal = harbor.requests();
    assert_eq!(api(&journal, "GET", "projects/team/repositories/app/artifacts"), 1, "{journal}");
    assert_eq!(
        journal.count("HEAD", RequestKind::Manifest),
        4,
        "three, and the one that learns who wants a token: {journal}"
    );
}

#[tokio::test]
async fn signatures_that_harbor_does_not_list_are_asked_for_and_not_pushed_again() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let app = image("linux/amd64", &["layer"]);
    let layers = json!([{
        "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
        "digest": app.blobs[1].0.digest,
        "size": 5,
    }]);
    let mut signature = artifact(well_known::OCI_CONFIG, "{}", &[], &[("layers", layers)]);
    signature.blobs.push(app.blobs[1].clone());
    let tag = format!("{}.sig", app.manifest.digest().to_string().replace(':', "-"));
    let other = image("linux/amd64", &["another"]);
    let bench = Bench::new(&harbor).image("app:v1", &app, "team/app:v1").image("app:v2", &other, "team/app:v2").image(
        &format!("app:{tag}"),
        &signature,
        &format!("team/app:{tag}"),
    );
    assert_eq!(bench.run().await.copied, 3);
    // Pushed again, Harbor sees the subject of the signature for sure.
    assert_eq!(bench.run().await.failed, 0);
    harbor.reset();
    let report = bench.run().await;
    assert_eq!((report.copied, report.skipped), (0, 3), "{}", harbor.requests());
    assert_eq!(harbor.requests().count("PUT", RequestKind::Manifest), 0);
}

fn two_platforms(number: usize) -> Image {
    let layers = |arch: &str| ["base".to_owned(), format!("{arch} of {number}")];
    let of = |arch: &str| {
        let layers = layers(arch);
        image(&format!("linux/{arch}"), &[&layers[0], &layers[1]])
    };
    index(&[("linux/amd64", &of("amd64")), ("linux/arm64", &of("arm64"))])
}

// Five tags, whose images were all in the repository, cost 122 requests: each child and each blob was offered.
#[tokio::test]
async fn tags_that_move_to_images_that_are_there_cost_three_requests_each_at_most() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let turned = |names: &str, turn: usize| {
        (0..5).fold(Bench::new(&harbor), |bench, number| {
            let image = two_platforms((number + turn) % 5);
            bench.image(&format!("app:{names}{number}"), &image, &format!("team/app:{names}{number}"))
        })
    };
    assert_eq!(turned("v", 0).run().await.copied, 5);
    for (names, turn) in [("v", 1), ("new", 0)] {
        harbor.reset();
        let report = turned(names, turn).run().await;
        assert_eq!((report.copied, report.failed), (5, 0), "{:?}", report.failures);
        let journal = harbor.requests();
        // The first PUT may be the one that is told to log in.
        let written = journal.iter().filter(|request| request.method == "PUT" && request.status == 201).count();
        assert_eq!(written, 5, "{journal}");
        assert_eq!(journal.count("HEAD", RequestKind::Blob), 0, "{journal}");
        assert!(journal.total() <= 15, "{names}: {}\n{journal}", journal.total());
    }
    // Harbor deletes nothing that an index lists, so an index that is there is not looked into.
    harbor.reset();
    assert_eq!(turned("v", 1).run().await.skipped, 5);
    assert_eq!(harbor.requests().count("HEAD", RequestKind::Manifest), 0, "{}", harbor.requests());
}
