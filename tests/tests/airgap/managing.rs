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

// Seen by a newcomer: a tag with a typo, or a wrong password, and the directory was empty.
#[tokio::test(flavor = "multi_thread")]
async fn exact_removes_nothing_unless_everything_that_was_asked_for_arrived() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2, none] = ["v1", "v2", "v1.O"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "bundle"]).expect(0);
    let bundle = folder.path("bundle");
    let before = blobs(&bundle);
    for asked in [vec![&none], vec![&v1, &none]] {
        let mut arguments = vec!["stage", "--exact", "--to", "bundle"];
        arguments.extend(asked.iter().map(|name| name.as_str()));
        folder.run(&arguments).expect(1);
        assert_eq!((judged(&bundle).await.len(), blobs(&bundle)), (2, before), "{asked:?}");
    }
    folder.run(&["stage", "--exact", "127.0.0.1:1/shop/app:v1", "--to", "bundle", "-r", "0"]).expect(1);
    assert_eq!(blobs(&bundle), before);
}

// An index that lost entries can be brought again as long as the blobs are there.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_pruned_while_staged_images_have_no_entry() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, v2] = ["v1", "v2"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &v2, "--to", "bundle"]).expect(0);
    let (bundle, index) = (folder.path("bundle"), folder.path("bundle/index.json"));
    let before = (blobs(&bundle), std::fs::read(&index).unwrap());
    std::fs::write(&index, r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    for arguments in [&["prune", "bundle", "--plan"][..], &["prune", "bundle"]] {
        let ran = folder.run(arguments).expect(2);
        assert!(ran.stderr.contains("has no entry any more"), "{}", ran.all());
    }
    assert_eq!(blobs(&bundle), before.0);
    // What is given up may go.
    folder.run(&["rm", "bundle", &v1, &v2]).expect(0);
    folder.run(&["prune", "bundle"]).expect(0);
    assert_eq!(blobs(&bundle), 0);
}

// Copied without the hidden folder, or cut off, an incomplete directory passed for a complete one.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_damaged_or_not_there_is_told() {
    let Some((from, to)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, none] = ["v1", "none"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &none, "--to", "bundle"]).expect(1);
    let record = folder.path("bundle/.sealift/staged");
    let whole = std::fs::read_to_string(&record).unwrap();
    for damaged in ["", "garbage\n", &whole[..whole.len() / 2]] {
        std::fs::write(&record, damaged).unwrap();
        let ran = folder.run(&["verify", "bundle"]).expect(1);
        assert!(ran.stdout.contains("record"), "{damaged:?}: {}", ran.all());
        folder.run(&["load", "bundle", "--to", &format!("{}/carried", to.host())]).expect(1);
    }
    std::fs::remove_file(&record).unwrap();
    let ran = folder.run(&["verify", "bundle"]).expect(0);
    assert!(ran.stdout.contains("note: there is no record"), "{}", ran.all());
    let ran = folder.run(&["load", "bundle", "--to", &format!("{}/carried", to.host())]).expect(0);
    assert!(ran.stderr.contains("there is no record"), "{}", ran.all());

    // Staged once more, it is known again.
    std::fs::write(&record, "garbage\n").unwrap();
    folder.run(&["stage", &v1, "--to", "bundle"]).expect(0);
    folder.run(&["verify", "bundle"]).expect(0);
}

#[test]
fn a_directory_without_images_is_fine_where_that_is_allowed() {
    let folder = folder();
    let bundle = folder.path("bundle");
    std::fs::create_dir_all(bundle.join("blobs/sha256")).unwrap();
    std::fs::write(bundle.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::fs::write(bundle.join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    folder.run(&["verify", "bundle"]).expect(1);
    let ran = folder.run(&["verify", "bundle", "--allow-empty"]).expect(0);
    assert!(ran.stderr.contains("there is no image"), "{}", ran.all());
}
