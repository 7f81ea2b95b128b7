//! A directory is managed: images are removed, what nothing needs goes, directories are joined.

use std::path::Path;

use sealift_testkit::content::Content;

use crate::{app, folder, judged, shop, sites};

fn blobs(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("blobs/sha256")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_removed_with_what_only_it_needs_and_a_plan_says_it_before() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2, tool] = ["app:v1", "app:v2", "tool:a__b"].map(|name| format!("{host}/shop/{name}"));
    folder.run(&["stage", &v1, &v2, &tool, "--to", "bundle"]).expect(0);
    let bundle = folder.path("bundle");
    let before = blobs(&bundle);

    let plan = folder.run(&["rm", "bundle", &v1, "--plan"]).expect(0);
    assert!(plan.stdout.contains(&format!("would remove {v1}\n")), "{}", plan.all());
    assert_eq!((judged(&bundle).await.len(), blobs(&bundle)), (3, before));
    let ran = folder.run(&["rm", "bundle", &v1]).expect(0);
    assert!(ran.stdout.contains(&format!("removed {v1}\n")), "{}", ran.all());
    assert_eq!(judged(&bundle).await.len(), 2);
    assert!(blobs(&bundle) < before);
    let whole = folder.run(&["verify", "bundle"]).expect(0);
    assert!(!whole.stdout.contains("no image needs"), "{}", whole.all());
    folder.run(&["rm", "bundle", &v1]).expect(2);

    // What did not arrive is no longer missed once it is removed.
    let none = format!("{host}/shop/app:none");
    folder.run(&["stage", &none, "--to", "bundle"]).expect(1);
    folder.run(&["verify", "bundle"]).expect(1);
    folder.run(&["rm", "bundle", &none]).expect(0);
    folder.run(&["verify", "bundle"]).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_needs_is_pruned_and_exact_leaves_the_list() {
    let Some((from, _)) = sites() else { return };
    let source: Content = shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "bundle"]).expect(0);
    let bundle = folder.path("bundle");
    // A tag that moved leaves blobs behind.
    source.put("shop/app", "v1", &app("v1 again")).await;
    folder.run(&["stage", &v1, "--to", "bundle"]).expect(0);
    let before = blobs(&bundle);
    let plan = folder.run(&["prune", "bundle", "--plan"]).expect(0);
    assert!(plan.stdout.contains("would remove") && blobs(&bundle) == before, "{}", plan.all());
    folder.run(&["prune", "bundle"]).expect(0);
    assert!(blobs(&bundle) < before);
    let again = folder.run(&["prune", "bundle"]).expect(0);
    assert!(again.stdout.contains("nothing to remove"), "{}", again.all());
    assert_eq!(judged(&bundle).await.len(), 2);

    folder.run(&["stage", &v2, "--to", "bundle", "--exact"]).expect(0);
    assert_eq!(judged(&bundle).await.into_keys().collect::<Vec<_>>(), [v2]);
    let whole = folder.run(&["verify", "bundle"]).expect(0);
    assert!(!whole.stdout.contains("no image needs"), "{}", whole.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_are_joined_unless_they_disagree() {
    let Some((from, _)) = sites() else { return };
    let source = shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, "--to", "a"]).expect(0);
    folder.run(&["stage", &v1, &v2, "--base", "a", "--to", "b"]).expect(0);
    folder.run(&["merge", "a", "b", "--to", "c", "--plan"]).expect(0);
    assert!(!folder.path("c").exists());
    folder.run(&["merge", "a", "b", "--to", "c"]).expect(0);
    folder.run(&["verify", "c", "--expect", "b"]).expect(0);
    assert_eq!(judged(&folder.path("c")).await.len(), 2, "the delta is complete again");

    source.put("shop/app", "v1", &app("v1 again")).await;
    folder.run(&["stage", &v1, "--to", "d"]).expect(0);
    let ran = folder.run(&["merge", "a", "d", "--to", "e"]).expect(2);
    assert!(ran.stderr.contains("and `sha256:") && ran.stderr.contains("sealift rm a"), "{}", ran.all());
    assert!(!folder.path("e").exists());
}
