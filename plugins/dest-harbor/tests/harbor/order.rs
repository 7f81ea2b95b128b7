//! The order in which Harbor must be written to, read from its journal.

use sealift_conformance::images::{Image, image, index};
use sealift_serve::access::RequestKind;
use sealift_testkit::harbor::Harbor;

use crate::{Bench, positions};

fn nested() -> Image {
    let (amd, arm) = (image("linux/amd64", &["base", "amd"]), image("linux/arm64", &["base", "arm"]));
    let inner = index(&[("linux/amd64", &amd), ("linux/arm64", &arm)]);
    index(&[("", &inner), ("linux/amd64", &amd)])
}

#[tokio::test]
async fn the_project_comes_first_then_blobs_then_children_then_the_tag() {
    let Some(harbor) = Harbor::start().await else { return };
    let root = nested();
    let bench = Bench::new(&harbor).image("app:v1", &root, "team/app:v1").push("create_projects = true");
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    let journal = harbor.requests();
    let refused: Vec<_> = journal.iter().filter(|request| request.status >= 400 && request.method == "PUT").collect();
    assert!(refused.is_empty(), "nothing came too early: {refused:?}");

    let created = journal.iter().position(|request| request.path == "/api/v2.0/projects").unwrap();
    let blobs = positions(&journal, "PUT", RequestKind::Upload);
    let manifests = positions(&journal, "PUT", RequestKind::Manifest);
    assert_eq!((blobs.len(), manifests.len()), (5, 4), "a child of two indexes is written once: {journal}");
    assert!(created < blobs[0], "{journal}");
    assert!(blobs[4] < manifests[0], "{journal}");
    let written = |image: &Image| {
        let digest = image.manifest.digest().to_string();
        let put = |position: &usize| journal.iter().nth(*position).unwrap().path.ends_with(&digest);
        manifests.iter().copied().filter(put).collect::<Vec<usize>>()
    };
    let inner = &root.children[0];
    assert!(inner.children.iter().all(|leaf| written(leaf)[0] < written(inner)[0]), "{journal}");
    let last = journal.iter().nth(*manifests.last().unwrap()).unwrap();
    assert!(last.path.ends_with("/manifests/v1"), "the tag comes last: {last}");
    assert_eq!(harbor.digest_of("team/app:v1"), Some(root.manifest.digest().to_string()));
}

#[tokio::test]
async fn an_index_is_written_whole_also_where_its_child_was_deleted_before() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let root = nested();
    let bench = Bench::new(&harbor).image("app:v1", &root, "team/app:v1");
    assert_eq!(bench.run().await.copied, 1);
    // The registry behind still has them all; a push that trusts it leaves out what Harbor no longer knows.
    for gone in [&root, &root.children[0], &root.children[1]] {
        harbor.delete_artifact("team/app", &gone.manifest.digest().to_string());
    }
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    assert_eq!(harbor.digest_of("team/app:v1"), Some(root.manifest.digest().to_string()));
}

#[tokio::test]
async fn a_blob_that_garbage_collection_marked_is_sent_again_and_survives_it() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let (old, new) = (image("linux/amd64", &["shared"]), image("linux/amd64", &["shared", "more"]));
    assert_eq!(Bench::new(&harbor).image("app:v1", &old, "team/app:v1").run().await.copied, 1);
    let digest = old.blobs[1].0.digest.to_string();
    harbor.delete_artifact("team/app", &old.manifest.digest().to_string());
    harbor.mark_for_gc(&digest);
    harbor.reset();
    // Into the repository that has it, and nowhere else: another one would send it, which saves it by luck.
    let report = Bench::new(&harbor).image("app:v2", &new, "team/app:v2").run().await;
    assert_eq!((report.copied, report.failed), (1, 0), "{:?}", report.failures);
    harbor.sweep();
    let registry = harbor.registry().storage();
    let hex = digest.strip_prefix("sha256:").unwrap();
    let blob = registry.join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
    assert!(blob.is_file(), "who believed the mount is left without it:\n{}", harbor.requests());
}

#[tokio::test]
async fn blobs_are_asked_for_by_head_and_mounted_only_from_where_this_run_was() {
    let Some(harbor) = Harbor::start().await else { return };
    harbor.add_project("team");
    let (app, other) = (image("linux/amd64", &["shared by all"]), image("linux/arm64", &["of one"]));
    // With two tags the API is asked first, so that the registry has not yet said that it is a Harbor's.
    let bench = ["a", "b"].into_iter().fold(Bench::new(&harbor), |bench, name| {
        let tag = |tag: &str| (format!("{name}:{tag}"), format!("team/{name}:{tag}"));
        let ((first, to_first), (second, to_second)) = (tag("v1"), tag("v2"));
        bench.image(&first, &app, &to_first).image(&second, &other, &to_second)
    });
    let report = bench.run().await;
    assert_eq!((report.copied, report.moved.blobs), (4, 4), "{:?}", report.failures);
    let journal = harbor.requests();
    let mounts: Vec<&str> =
        journal.iter().map(|request| request.path.as_str()).filter(|path| path.contains("mount=")).collect();
    assert_eq!(mounts.len(), 4, "configs and layers, from the repository that came first: {mounts:?}");
    for path in mounts {
        let (_, at) = path.split_once("/v2/").unwrap();
        let at = at.split_once("/blobs").unwrap().0.replace('/', "%2F");
        assert!(!path.ends_with(&format!("from={at}")), "a mount from itself would believe a marked blob: {path}");
    }
    // One more, because the first request learns who wants a token.
    assert!((8..=9).contains(&journal.count("HEAD", RequestKind::Blob)), "{journal}");
}
