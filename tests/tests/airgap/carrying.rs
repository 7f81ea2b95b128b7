//! The way of an operator: everything arrives, with the digests that it had.

use sealift_oci_layout::{Layout, REF_NAME};
use sealift_serve::access::RequestKind;
use sealift_testkit::{content::Content, program::skopeo_ok};

use crate::{carry, folder, judged, shop, sites};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_staged_carried_and_loaded_keeps_every_digest() {
    let Some((from, to)) = sites() else { return };
    let source = shop(&from).await;
    let folder = folder();
    let (f, t) = (from.host(), to.host());
    folder.write("images.yaml", &format!("{f}/shop/app: {t}/mirror/app\n{f}/shop/tool: {t}/tools/tool\n"));
    folder.run(&["stage", "--images", "images.yaml", "--to", "bundle"]).expect(0);
    assert_eq!(judged(&folder.path("bundle")).await.len(), 3);
    let target = Content::at(&to.url());
    assert_eq!(target.digest("mirror/app", "v1").await, None, "nothing goes there before it is loaded");

    carry(&folder.path("bundle"), folder.path("inside/bundle"));
    std::fs::remove_dir_all(folder.path("bundle")).unwrap();
    from.reset();
    folder.run(&["load", "inside/bundle"]).expect(0);
    folder.run(&["load", "inside/bundle", "--to", &format!("{t}/far")]).expect(0);
    assert_eq!(from.requests().total(), 0, "the outside is not asked: {:?}", from.requests());
    for (repository, tag, there) in [
        ("shop/app", "v1", ["mirror/app", "far/mirror/app"]),
        ("shop/app", "v2", ["mirror/app", "far/mirror/app"]),
        ("shop/tool", "a__b", ["tools/tool", "far/tools/tool"]),
    ] {
        for there in there {
            assert_eq!(target.digest(there, tag).await, source.digest(repository, tag).await, "{there}:{tag}");
            assert_eq!(target.whole(there, tag).await, source.whole(repository, tag).await, "{there}:{tag}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_targets_an_image_keeps_its_path_under_the_host_that_is_named() {
    let Some((from, to)) = sites() else { return };
    let source = shop(&from).await;
    let folder = folder();
    folder.write("images.txt", &format!("# what we need\n{}/shop/app:v1\n", from.host()));
    folder.run(&["stage", "--file", "images.txt", "--to", "bundle"]).expect(0);
    folder.run(&["stage", &format!("{}/shop/tool:a__b", from.host()), "--to", "bundle"]).expect(0);
    let refused = folder.run(&["load", "bundle"]).expect(1);
    assert!(refused.stderr.contains("shop/app:v1"), "{}", refused.stderr);
    folder.run(&["load", "bundle", "--to", &to.host()]).expect(0);
    let target = Content::at(&to.url());
    assert_eq!(target.whole("shop/app", "v1").await, source.whole("shop/app", "v1").await);
    assert_eq!(target.whole("shop/tool", "a__b").await, source.whole("shop/tool", "a__b").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_time_costs_one_small_question_for_each_image() {
    let Some((from, _to)) = sites() else { return };
    shop(&from).await;
    let folder = folder();
    let f = from.host();
    let images = [format!("{f}/shop/app:v1"), format!("{f}/shop/app:v2"), format!("{f}/shop/tool:a__b")];
    let arguments = ["stage", &images[0], &images[1], &images[2], "--to", "bundle"];
    folder.run(&arguments).expect(0);
    let index = folder.read("bundle/index.json");
    from.reset();
    folder.run(&arguments).expect(0);
    let requests = from.requests();
    // Signatures may have come since: one question tells that there is no API for them, and one list of tags for each of
    // the two repositories tells the rest.
    assert_eq!((requests.count("HEAD", RequestKind::Manifest), requests.total()), (3, 6), "{requests:?}");
    assert_eq!(folder.read("bundle/index.json"), index);
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_reads_every_name_of_the_directory() {
    let Some((from, _to)) = sites() else { return };
    shop(&from).await;
    let folder = folder();
    folder.write("images.yaml", &format!("{f}/shop/app: h.io/a\n{f}/shop/tool: h.io/t\n", f = from.host()));
    folder.run(&["stage", "--images", "images.yaml", "--to", "bundle"]).expect(0);
    let dir = folder.path("bundle");
    let entries = Layout::open(&dir).await.unwrap().entries();
    assert_eq!(entries.len(), 3);
    for entry in entries {
        let reference = format!("oci:{}:{}", dir.display(), entry.annotations[REF_NAME]);
        let Some(raw) = skopeo_ok(&["inspect", "--raw", &reference]) else { return };
        assert!(entry.digest.matches(raw.as_bytes()), "{reference}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_goes_into_a_directory_and_out_of_it() {
    let Some((from, to)) = sites() else { return };
    let source = shop(&from).await;
    let folder = folder();
    folder.run(&["copy", &format!("{}/shop/app:v1", from.host()), "oci-dir:out:v1"]).expect(0);
    let entry = &Layout::open(folder.path("out")).await.unwrap().entries()[0];
    assert_eq!(entry.annotations[REF_NAME], "v1");
    folder.run(&["copy", "oci-dir:out:v1", &format!("{}/team/app:now", to.host())]).expect(0);
    let target = Content::at(&to.url());
    assert_eq!(target.whole("team/app", "now").await, source.whole("shop/app", "v1").await);
    folder.run(&["copy", "oci-dir:out", "oci-dir:more:q.io/team/app:v3"]).expect(0);
    assert_eq!(judged(&folder.path("more")).await["q.io/team/app:v3"], entry.digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_asks_and_writes_nothing() {
    let Some((from, to)) = sites() else { return };
    shop(&from).await;
    let folder = folder();
    let image = format!("{}/shop/app:v1", from.host());
    let ran = folder.run(&["stage", &image, "--to", "bundle", "--plan"]).expect(0);
    assert!(ran.stdout.contains("linux/arm64"), "{}", ran.stdout);
    assert!(!folder.path("bundle").exists());
    folder.run(&["stage", &image, "--to", "bundle"]).expect(0);
    folder.run(&["load", "bundle", "--to", &to.host(), "--plan"]).expect(0);
    assert!(to.requests().iter().all(|request| matches!(request.method.as_str(), "GET" | "HEAD")));
}
