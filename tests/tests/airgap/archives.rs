//! One file instead of a directory, written and read by others as well.

use std::{path::Path, process::Command};

use sealift_e2e::program::Folder;
use sealift_oci_layout::{Layout, Writer, WriterOptions};
use sealift_serve::sample::{Recipe, Sample};
use sealift_testkit::{
    content::Content,
    program::{podman, skopeo_ok},
    registry::Registry,
};

use crate::{folder, shop, sites};

/// Writes images with real layers into the directory `ours`.
async fn ours(folder: &Folder) -> Vec<Sample> {
    let recipe = Recipe { repositories: 1, tags: 2, ..Recipe::default() };
    let samples: Vec<Sample> = recipe.images().collect();
    let writer = Writer::create(folder.path("ours"), WriterOptions { sync: false }).await.unwrap();
    for sample in &samples {
        sample.write(&writer).await.unwrap();
    }
    writer.commit().await.unwrap();
    samples
}

fn name(sample: &Sample) -> String {
    format!("{}:{}", sample.repository, sample.tags[0])
}

async fn only_digest(path: &Path) -> String {
    let entries = Layout::open(path).await.unwrap().entries();
    assert_eq!(entries.len(), 1);
    entries[0].digest.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tar_file_is_carried_like_a_directory() {
    let Some((from, to)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    folder.write("images.txt", &format!("{host}/shop/app:v1\n{host}/shop/app:v2\n{host}/shop/tool:a__b\n"));
    let stage = ["stage", "--file", "images.txt", "--to", "bundle.tar"];
    folder.run(&[&stage[..], &["--plan"]].concat()).expect(0);
    assert!(!folder.path("bundle.tar").exists());
    folder.run(&stage).expect(0);
    assert!(folder.path("bundle.tar").is_file());
    folder.run(&["stage", "--file", "images.txt", "--to", "bundle"]).expect(0);

    folder.run(&["verify", "bundle.tar", "--expect", "bundle"]).expect(0);
    let [file, dir] = ["bundle.tar", "bundle"].map(|path| folder.run(&["ls", path]).expect(0).stdout);
    assert_eq!(file, dir);
    folder.run(&["receipt", "bundle.tar"]).expect(0);
    folder.run(&["load", "bundle.tar", "--to", &to.host()]).expect(0);
    let (source, target) = (Content::at(&from.url()), Content::at(&to.url()));
    for (repository, tag) in [("shop/app", "v1"), ("shop/app", "v2"), ("shop/tool", "a__b")] {
        target.whole(repository, tag).await;
        assert_eq!(source.digest(repository, tag).await, target.digest(repository, tag).await);
    }
    // It is written as a whole, and what did not arrive is known.
    let again = folder.run(&stage).expect(2);
    assert!(again.stderr.contains("is there already") && again.stderr.contains("--to bundle.tar"), "{}", again.all());
    folder.write("images.txt", &format!("{host}/shop/app:v1\n{host}/shop/app:none\n"));
    folder.run(&["stage", "--file", "images.txt", "--to", "part.tar"]).expect(1);
    let part = folder.run(&["verify", "part.tar"]).expect(1);
    assert!(part.stdout.contains("INCOMPLETE (1 of 2 images"), "{}", part.all());
    // Joined with another one it is as incomplete, unless that is taken off.
    folder.run(&["merge", "part.tar", "bundle.tar", "--to", "all"]).expect(1);
    folder.run(&["verify", "all"]).expect(1);
    folder.run(&["rm", "all", &format!("{host}/shop/app:none")]).expect(0);
    folder.run(&["verify", "all", "--expect", "bundle"]).expect(0);
    let left: Vec<_> = std::fs::read_dir(folder.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_a_tar_file_never_makes_a_directory() {
    let Some((from, _)) = sites() else { return };
    shop(&from).await;
    let folder = folder();
    let image = format!("{}/shop/app:v1", from.host());
    for to in ["x.tar.gz", "x.tgz"] {
        let ran = folder.run(&["stage", &image, "--to", to]).expect(2);
        assert!(ran.stderr.contains("hint: write "), "{to}: {}", ran.all());
    }
    let ran = folder.run(&["stage", &image, "--to", "x.tar", "--exact"]).expect(2);
    assert!(ran.stderr.contains("is for directories"), "{}", ran.all());
    assert_eq!(std::fs::read_dir(folder.dir()).unwrap().count(), 0);
    folder.run(&["copy", &image, "oci-dir:x.tar"]).expect(0);
    assert!(folder.path("x.tar").is_file());
    let back = folder.run(&["copy", "oci-archive:x.tar", "oci-dir:back"]).expect(0);
    assert_eq!(only_digest(&folder.path("x.tar")).await, only_digest(&folder.path("back")).await, "{}", back.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_reads_our_archives_and_we_read_those_of_skopeo() {
    let folder = folder();
    let samples = ours(&folder).await;
    for (at, sample) in samples.iter().enumerate() {
        let (name, digest) = (name(sample), sample.image.root().digest().to_string());
        let (mine, theirs) = (folder.path(&format!("mine{at}.tar")), folder.path(&format!("theirs{at}.tar")));
        folder.run(&["copy", &format!("oci-dir:ours:{name}"), &format!("oci-archive:mine{at}.tar")]).expect(0);
        let copy = |from: String, to: String| skopeo_ok(&["copy", "--all", "--preserve-digests", &from, &to]);
        let back = folder.path(&format!("back{at}"));
        if copy(format!("oci-archive:{}", mine.display()), format!("oci:{}:v1", back.display())).is_none() {
            return;
        }
        assert_eq!(only_digest(&back).await, digest);
        let ours = folder.path("ours");
        copy(format!("oci:{}:{name}", ours.display()), format!("oci-archive:{}:v1", theirs.display()));
        assert_eq!(only_digest(&theirs).await, digest);
        folder.run(&["verify", &format!("theirs{at}.tar")]).expect(0);
        folder.run(&["copy", &format!("oci-archive:theirs{at}.tar"), &format!("oci-dir:again{at}:v1")]).expect(0);
        assert_eq!(only_digest(&folder.path(&format!("again{at}"))).await, digest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_of_docker_are_written_and_read() {
    let Some(to) = Registry::start() else { return };
    let folder = folder();
    let sample = ours(&folder).await.remove(0);
    let name = name(&sample);
    let source = format!("oci-dir:ours:{name}");
    folder.run(&["copy", &source, "docker-archive:docker.tar", "--platform", "linux/amd64"]).expect(0);
    let docker = folder.path("docker.tar");
    let Some(inspected) = skopeo_ok(&["inspect", &format!("docker-archive:{}", docker.display())]) else { return };
    assert!(inspected.contains("\"Architecture\": \"amd64\""), "{inspected}");
    if let Some(podman) = podman() {
        let room = tempfile::tempdir().unwrap();
        let mut load = Command::new(podman);
        load.arg("--root").arg(room.path().join("root")).arg("--runroot").arg(room.path().join("run"));
        let loaded = load.args(["--storage-driver", "vfs", "load", "-i"]).arg(&docker).output().unwrap();
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    }
    // As skopeo, and older versions of Docker, write it: layers that are unpacked.
    let saved = folder.path("saved.tar");
    skopeo_ok(&[
        "copy",
        &format!("docker-archive:{}", docker.display()),
        &format!("docker-archive:{}:team/app:v1", saved.display()),
    ]);
    folder.run(&["verify", "saved.tar"]).expect(0);
    let listed = folder.run(&["ls", "saved.tar"]).expect(0);
    assert!(
        listed.stdout.contains("docker.io/team/app:v1") && listed.stdout.contains("linux/amd64"),
        "{}",
        listed.all()
    );
    folder.run(&["load", "saved.tar", "--to", &to.host()]).expect(0);
    Content::at(&to.url()).whole("team/app", "v1").await;
    let both = [docker, saved]
        .map(|path| skopeo_ok(&["inspect", "--config", &format!("docker-archive:{}", path.display())]).unwrap());
    assert_eq!(both[0], both[1], "the config is the same, and with it the layers");
}
