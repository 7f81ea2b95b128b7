//! What the next run is spared.

use sealift_conformance::images::{image, index};
use sealift_serve::access::RequestKind;
use sealift_testkit::content::Content;

use crate::{folder, open_sites};

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_image_that_is_unchanged_costs_one_question_on_each_side_and_one_for_each_platform() {
    let Some((from, to)) = open_sites() else { return };
    let app = index(&[
        ("linux/amd64", &image("linux/amd64", &["base", "amd"])),
        ("linux/arm64", &image("linux/arm64", &["base", "arm"])),
    ]);
    Content::at(&from.url()).put("a/app", "v1", &app).await;
    let folder = folder();
    folder.write("images.yaml", &format!("{}/a/app:v1: {}/m/app\n", from.host(), to.host()));
    let sync = ["sync", "--images", "images.yaml", "--arch", "amd64"];
    folder.run(&sync).expect(0);
    for (more, reads) in [(&[][..], 0), (&["--no-cache"], 1), (&[], 0), (&["--cache-dir", "elsewhere"], 1)] {
        from.reset();
        to.reset();
        folder.run(&[&sync[..], more].concat()).expect(0);
        let (at_source, at_target) = (from.requests(), to.requests());
        assert_eq!(at_source.count("GET", RequestKind::Manifest), reads, "{more:?}: {at_source}");
        // Somebody may have deleted the image below the index, which has its digest all the same.
        assert_eq!((at_source.total(), at_target.total()), (1 + reads, 2), "{more:?}: {at_source}{at_target}");
    }
    assert!(folder.path("elsewhere/v1").is_dir());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_cache_is_told_and_harms_nothing() {
    let Some((from, to)) = open_sites() else { return };
    Content::at(&from.url()).put("a/app", "v1", &image("linux/amd64", &["base"])).await;
    let folder = folder();
    folder.write("images.yaml", &format!("{}/a/app:v1: {}/m/app\n", from.host(), to.host()));
    let sync = ["sync", "--images", "images.yaml", "--cache-dir", "cache"];
    folder.run(&sync).expect(0);
    let blobs = folder.path("cache/v1/blobs");
    for file in std::fs::read_dir(&blobs).unwrap() {
        std::fs::write(file.unwrap().path(), "broken").unwrap();
    }
    folder.write("images.yaml", &format!("{}/a/app:v1: {}/other/app\n", from.host(), to.host()));
    let ran = folder.run(&sync).expect(0);
    assert!(ran.stderr.contains("a note of an earlier run is broken and was dropped"), "{}", ran.all());
    Content::at(&to.url()).whole("other/app", "v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_of_an_earlier_run_are_mounted_into_another_repository() {
    let Some((from, to)) = open_sites() else { return };
    Content::at(&from.url()).put("a/app", "v1", &image("linux/amd64", &["base", "own"])).await;
    let folder = folder();
    for (target, sent) in [("one/app", 3), ("two/app", 0)] {
        folder.write("images.yaml", &format!("{}/a/app:v1: {}/{target}\n", from.host(), to.host()));
        to.reset();
        folder.run(&["sync", "--images", "images.yaml"]).expect(0);
        assert_eq!(to.requests().count("PUT", RequestKind::Upload), sent, "{}", to.requests());
        Content::at(&to.url()).whole(target, "v1").await;
    }
}
