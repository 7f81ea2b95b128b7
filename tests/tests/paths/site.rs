//! The engineer of a site without a network: stage outside, verify and load inside.

use sealift_conformance::images::{image, index};
use sealift_testkit::{content::Content, registry::Registry};

use crate::{assert_said, folder};

#[tokio::test(flavor = "multi_thread")]
async fn from_the_outside_over_a_directory_into_the_site() {
    let Some(outside) = Registry::start() else { return };
    let source = Content::at(&outside.url());
    let web = index(&[
        ("linux/amd64", &image("linux/amd64", &["base", "web"])),
        ("linux/arm64", &image("linux/arm64", &["base arm", "web"])),
    ]);
    source.put("shop/web", "1.0", &web).await;
    source.put("shop/job", "1.0", &image("linux/amd64", &["base", "job"])).await;
    let host = outside.host();

    // Outside: what would come, then what came.
    let laptop = folder();
    laptop.write("images.txt", &format!("# for the site\n{host}/shop/web:1.0\n{host}/shop/job:1.0\n"));
    let stage = ["stage", "--file", "images.txt", "--to", "bundle"];
    let plan = laptop.run(&[&stage[..], &["--plan"]].concat()).expect(0);
    assert_said(&plan, &["2 images to copy", "nothing was written"]);
    assert!(!laptop.path("bundle").exists(), "a plan makes no directory");
    assert_said(&laptop.run(&stage).expect(0), &["2 copied"]);
    assert_said(&laptop.run(&stage).expect(0), &["2 up to date"]);
    let (web_digest, job_digest) = (source.digest("shop/web", "1.0").await, source.digest("shop/job", "1.0").await);
    drop(source);
    drop(outside); // from here on there is no outside

    // Inside: whole? Not with a byte turned on the way; the engineer is told which image suffers.
    let site = folder();
    copy(&laptop.path("bundle"), &site.path("bundle"));
    assert_said(&site.run(&["verify", "bundle"]).expect(0), &["2 images"]);
    let listed = site.run(&["ls", "bundle"]).expect(0);
    assert_said(&listed, &["shop/web:1.0", "linux/arm64", "shop/job:1.0"]);
    let blob = largest(&site.path("bundle/blobs/sha256"));
    let good = std::fs::read(&blob).unwrap();
    let mut bad = good.clone();
    bad[0] ^= 1;
    std::fs::write(&blob, bad).unwrap();
    let said = site.run(&["verify", "bundle"]).expect(1);
    assert_said(&said, &["DAMAGED", &blob.file_name().unwrap().to_string_lossy()]);
    std::fs::write(&blob, good).unwrap();

    // Into the registry of the site, and once more.
    let Some(inside) = Registry::start() else { return };
    let to = format!("{}/mirror", inside.host());
    let load = ["load", "bundle", "--to", &to];
    assert_said(&site.run(&load).expect(0), &["2 copied"]);
    assert_said(&site.run(&load).expect(0), &["2 up to date"]);
    let target = Content::at(&inside.url());
    for (repository, digest) in [("mirror/shop/web", web_digest), ("mirror/shop/job", job_digest)] {
        assert_eq!(target.digest(repository, "1.0").await, digest, "{repository}");
        target.whole(repository, "1.0").await;
    }
}

/// Carries a directory.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn largest(folder: &std::path::Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files.max_by_key(|file| file.metadata().unwrap().len()).unwrap().path()
}
