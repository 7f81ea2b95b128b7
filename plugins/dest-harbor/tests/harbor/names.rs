//! Names below a prefix.

use sealift_conformance::images::image;
use sealift_core::content::Digest;
use sealift_testkit::harbor::Harbor;

use crate::Bench;

fn digest(harbor: &Harbor, name: &str) -> Option<Digest> {
    harbor.digest_of(name).map(|digest| digest.parse().unwrap())
}

#[tokio::test]
async fn a_prefix_and_flattening_name_what_rules_do_not() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("mirror");
    let app = image("linux/amd64", &["layer"]);
    for (lines, expected) in
        [("", "mirror/a/b/app:v1"), ("flatten = 1", "mirror/b/app:v1"), ("flatten = 9", "mirror/app:v1")]
    {
        let bench = Bench::new(&harbor).image("a/b/app:v1", &app, "ignored/app:v1");
        let report = bench.push(&format!("prefix = \"{}/mirror\"\n{lines}", harbor.host())).run().await;
        assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
        assert_eq!(digest(&harbor, expected).as_ref(), Some(app.manifest.digest()), "{lines}");
    }
}

#[tokio::test]
async fn two_images_that_flattening_gives_one_name_are_told() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("mirror");
    let bench = Bench::new(&harbor).image("a/app:v1", &image("linux/amd64", &["one"]), "x/a:v1").image(
        "b/app:v1",
        &image("linux/amd64", &["two"]),
        "x/b:v1",
    );
    let report = bench.push(&format!("prefix = \"{}/mirror\"\nflatten = 1", harbor.host())).run().await;
    assert_eq!((report.copied, report.failed), (1, 1));
    assert!(report.failures[0].cause.contains("already given to another image"), "{:?}", report.failures);
}
