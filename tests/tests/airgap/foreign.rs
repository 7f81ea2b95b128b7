//! Layouts of others are loaded.

use sealift_testkit::{content::Content, program::skopeo_ok, registry::Registry};

use crate::{folder, ours, shop, sites};

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_that_skopeo_wrote_goes_where_the_user_says() {
    let Some(to) = Registry::start() else { return };
    let folder = folder();
    let samples = ours(&folder).await;
    let (ours, theirs) = (folder.path("ours"), folder.path("theirs"));
    for sample in &samples {
        let (repository, tag) = (&sample.repository, &sample.tags[0]);
        let from = format!("oci:{}:{repository}:{tag}", ours.display());
        let to = format!("oci:{}:{tag}", theirs.display());
        if skopeo_ok(&["copy", "--all", "--preserve-digests", &from, &to]).is_none() {
            return;
        }
    }
    let refused = folder.run(&["load", "theirs", "--to", &to.host(), "--retries", "0"]).expect(1);
    assert!(refused.stderr.contains("names no repository"), "{}", refused.stderr);
    folder.run(&["load", "theirs", "--to", &format!("{}/team/app", to.host())]).expect(0);
    let target = Content::at(&to.url());
    for sample in &samples {
        target.whole("team/app", &sample.tags[0]).await;
        assert_eq!(target.digest("team/app", &sample.tags[0]).await.as_ref(), Some(sample.image.root().digest()));
    }
}

// `docker save` and `ctr image export` write the index of all platforms with the content of one.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_the_content_of_one_platform_is_loaded_by_that_platform() {
    let Some(from) = Registry::start() else { return };
    let source = shop(&from).await;
    let (folder, name) = (folder(), format!("{}/shop/app:v1", from.host()));
    let index = source.manifest("shop/app", "v1").await.unwrap();
    let arm = index.children().find(|child| child.platform.as_ref().unwrap().to_string() == "linux/arm64").unwrap();
    let layer = source
        .manifest("shop/app", &arm.digest.to_string())
        .await
        .unwrap()
        .blobs()
        .max_by_key(|blob| blob.size)
        .unwrap()
        .clone();
    for (what, lost) in [("manifest", &arm.digest), ("layer", &layer.digest)] {
        let Some(to) = Registry::start() else { return };
        folder.run(&["stage", &name, &format!("{}/shop/tool:a__b", from.host()), "--to", what]).expect(0);
        std::fs::remove_file(folder.path(what).join("blobs/sha256").join(lost.hex())).unwrap();
        let tar = format!("{what}.tar");
        let packed =
            std::process::Command::new("tar").args(["-cf", &tar, "-C", what, "."]).current_dir(folder.dir()).status();
        assert!(packed.unwrap().success());
        for (at, path) in [what, &tar].into_iter().enumerate() {
            let target = format!("{}/try{at}", to.host());
            let ran = folder.run(&["load", path, "--to", &target, "--retries", "0", "--no-cache"]).expect(1);
            assert!(ran.stderr.contains("is here for linux/amd64 and not for linux/arm64"), "{}", ran.all());
            assert!(ran.stderr.contains("`--platform linux/amd64` loads what is here"), "{}", ran.all());
            let arrived = Content::at(&to.url());
            arrived.whole(&format!("try{at}/shop/tool"), "a__b").await;
            folder.run(&["load", path, "--to", &target, "--platform", "linux/amd64"]).expect(0);
            arrived.whole(&format!("try{at}/shop/app"), "v1").await;
        }
    }
}

// hauler writes none, and neither do others.
#[tokio::test(flavor = "multi_thread")]
async fn a_layout_without_its_marker_is_loaded_with_a_warning_also_from_a_tar_file() {
    let Some((from, to)) = sites() else { return };
    shop(&from).await;
    let folder = folder();
    folder.run(&["stage", &format!("{}/shop/app:v1", from.host()), "--to", "store"]).expect(0);
    std::fs::remove_file(folder.path("store/oci-layout")).unwrap();
    folder.run(&["verify", "store"]).expect(1); // it was staged and lost the file
    std::fs::remove_dir_all(folder.path("store/.sealift")).unwrap();
    let mut tar = std::process::Command::new("tar");
    assert!(tar.args(["-cf", "store.tar", "-C", "store", "."]).current_dir(folder.dir()).status().unwrap().success());
    for path in ["store", "store.tar"] {
        folder.run(&["ls", path]).expect(0);
        folder.run(&["verify", path]).expect(0);
        let ran = folder.run(&["load", path, "--to", &format!("{}/{}", to.host(), path.replace('.', "-"))]).expect(0);
        assert!(ran.stderr.contains("has no file `oci-layout`; it is read all the same"), "{}", ran.all());
    }
}
