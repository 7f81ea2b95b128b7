//! One file instead of a directory, written and read by others as well.

use std::{path::Path, process::Command};

use sealift_e2e::program::signal;
use sealift_oci_layout::Layout;
use sealift_serve::sample::Sample;
use sealift_testkit::{
    content::Content,
    program::{find, podman, skopeo_ok},
    proxy::{Network, Proxy},
    registry::Registry,
};

use crate::{app, folder, ours, shop, sites};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_tar_file_that_was_not_finished_is_not_there() {
    let Some(from) = Registry::start() else { return };
    let source = Content::at(&from.url());
    for tag in ["v1", "v2", "v3"] {
        source.put("shop/app", tag, &app(&tag.repeat(100_000))).await;
    }
    let slow = Proxy::start(from.addr(), Network { bytes_per_second: 300_000, ..Network::default() }).await;
    let (folder, name) = (folder(), format!("{}/shop/app", slow.host()));
    let [one, two, three] = ["v1", "v2", "v3"].map(|tag| format!("{name}:{tag}"));
    let stage = ["stage", &one, &two, &three, "--to", "bundle.tar", "--proc", "1", "--json"];
    let (tar, part) = (folder.path("bundle.tar"), folder.path(".bundle.tar.part"));
    for how in ["KILL", "TERM"] {
        let length = || std::fs::metadata(&part).map_or(0, |meta| meta.len());
        let left = length();
        let mut child = folder.start(&stage);
        // What the killed one left is cut off first.
        for is_reached in [&(|| left == 0 || length() < left) as &dyn Fn() -> bool, &|| length() >= 300_000] {
            while !is_reached() {
                assert!(child.try_wait().unwrap().is_none(), "it ended too early");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        if how == "KILL" {
            child.kill().unwrap();
        } else {
            let other = folder.run(&stage).expect(1);
            assert!(other.all().contains("another process is writing"), "{}", other.all());
            signal(&child, how);
        }
        let ended = child.wait_with_output().unwrap();
        assert!(!tar.exists(), "{how}");
        assert_eq!(part.exists(), how == "KILL");
        if how == "TERM" {
            let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
            assert!(said.contains("was not written, because the run was stopped"), "{said}");
            assert_ne!(ended.status.code(), Some(0));
        }
    }
    slow.change(Network::default());
    folder.run(&stage).expect(0);
    folder.run(&["verify", "bundle.tar"]).expect(0);
    assert!(!part.exists());
    // A file that may not become as long as it would have to be.
    let stage = ["stage", &one, &two, &three, "--to", "small.tar", "--retries", "0", "--proc", "1", "--no-cache"];
    let command = folder.command(&stage);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 2800 && exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    limited.env_clear().envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    limited.current_dir(folder.dir());
    let ran = limited.output().unwrap();
    assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stderr));
    let found = folder.run(&["verify", "small.tar"]).expect(1);
    assert!(found.stdout.contains("INCOMPLETE (") && found.stdout.contains(" of 3 images"), "{}", found.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_a_directory_says_that_a_tar_file_is_none() {
    let folder = folder();
    let name = name(&ours(&folder).await[0]);
    folder.run(&["copy", &format!("oci-dir:ours:{name}"), "oci-archive:one.tar"]).expect(0);
    folder.run(&["copy", &format!("oci-dir:ours:{name}"), "oci-archive:two"]).expect(0);
    for arguments in [
        &["rm", "one.tar", &name][..],
        &["rm", "one.tar", &name, "--plan"],
        &["prune", "one.tar"],
        &["prune", "two", "--plan"],
        &["stage", "q.io/a:1", "--to", "two"],
    ] {
        let said = folder.run(arguments).expect(2).stderr;
        assert!(said.contains("is an archive, and a directory is expected"), "{arguments:?}: {said}");
        assert!(said.contains("hint: unpack it: `mkdir DIR && tar -xf"), "{arguments:?}: {said}");
    }
    folder.run(&["merge", "one.tar", "ours", "--to", "all.tar"]).expect(0);
    folder.run(&["verify", "all.tar", "--expect", "ours"]).expect(0);
    let again = folder.run(&["merge", "one.tar", "ours", "--to", "all.tar"]).expect(2);
    assert!(again.stderr.contains("all.tar"), "{}", again.all());
    let asked = folder.run(&["load", "oci-archive:one.tar", "--to", "h.io"]).expect(2);
    assert!(asked.stderr.contains("hint: give the path alone: `one.tar`"), "{}", asked.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_archives_take_one_platform_which_is_said_before_anything_is_read() {
    let folder = folder();
    for arguments in [
        &["copy", "127.0.0.1:1/a/b:1", "docker-archive:x.tar"][..],
        &["stage", "127.0.0.1:1/a/b:1", "--to", "docker-archive:x.tar"],
    ] {
        let said = folder.run(arguments).expect(2).stderr;
        assert!(said.contains("none is chosen") && said.contains("--platform linux/amd64"), "{said}");
    }
    let said = folder.run(&["stage", "127.0.0.1:1/a/b:1", "--to", "oci-archive:x.tar:v1"]).expect(2).stderr;
    assert!(said.contains("names the image `v1`") && said.contains("write `oci-archive:x.tar`"), "{said}");
    // An image of several platforms fails alone.
    let Some(from) = Registry::start() else { return };
    shop(&from).await;
    let host = from.host();
    folder.write(
        "p.toml",
        "[run]\nretries = 0\n[list]\nuse = \"text\"\nfiles = [\"images.txt\"]\n[fetch]\nuse = \"registry\"\n\
             [[push]]\nuse = \"oci-dir\"\npath = \"x.tar\"\narchive = \"docker\"\n",
    );
    folder.write("images.txt", &format!("{host}/shop/app:v1\n{host}/shop/tool:a__b\n"));
    let ran = folder.run(&["run", "p.toml"]).expect(1);
    assert!(ran.stderr.contains("has several platforms, and `docker load` takes one"), "{}", ran.all());
    let listed = folder.run(&["ls", "x.tar"]).expect(0).stdout;
    assert!(listed.contains("shop/tool:a__b") && !listed.contains("shop/app"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn umoci_and_podman_read_our_archives_and_we_read_those_of_podman() {
    let folder = folder();
    let sample = ours(&folder).await.remove(0);
    let source = format!("oci-dir:ours:{}", name(&sample));
    folder.run(&["copy", &source, "oci-archive:app.tar:q.io/team/app:v1", "--platform", "linux/amd64"]).expect(0);
    folder.run(&["copy", &source, "docker-archive:docker.tar:q.io/team/app:v1", "--platform", "linux/amd64"]).expect(0);
    let digest = only_digest(&folder.path("app.tar")).await;
    // What tar unpacks is the layout.
    std::fs::create_dir(folder.path("unpacked")).unwrap();
    let mut tar = Command::new("tar");
    assert!(tar.args(["-xf", "app.tar", "-C", "unpacked"]).current_dir(folder.dir()).status().unwrap().success());
    assert_eq!(only_digest(&folder.path("unpacked")).await, digest);
    if let Some(umoci) = find("umoci") {
        let list = Command::new(umoci).args(["ls", "--layout", "unpacked"]).current_dir(folder.dir()).output().unwrap();
        assert!(list.status.success() && String::from_utf8_lossy(&list.stdout).contains("team/app:v1"), "{list:?}");
    }
    let Some(podman) = podman() else { return };
    for (at, archive) in ["app.tar", "docker.tar"].into_iter().enumerate() {
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&podman);
            let (root, state) = (folder.path(&format!("root{at}")), folder.path(&format!("run{at}")));
            command.arg("--root").arg(root).arg("--runroot").arg(state).args(["--storage-driver", "vfs"]);
            let ran = command.args(arguments).current_dir(folder.dir()).env("HOME", folder.dir()).output().unwrap();
            assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
            String::from_utf8_lossy(&ran.stdout).trim().to_owned()
        };
        run(&["load", "-i", archive]);
        let id = run(&["image", "inspect", "--format", "{{.Id}}", "q.io/team/app:v1"]);
        assert_eq!(id, sample_config(&folder.path("app.tar")).await, "{archive}");
        for format in ["oci-archive", "docker-archive"] {
            let saved = format!("{archive}.{format}");
            run(&["save", "--format", format, "-o", &saved, "q.io/team/app:v1"]);
            folder.run(&["verify", &saved]).expect(0);
            assert!(folder.run(&["ls", &saved]).expect(0).stdout.contains("team/app:v1"), "{saved}");
            assert_eq!(sample_config(&folder.path(&saved)).await, id, "{saved}");
        }
    }
}

/// The digits of the digest of the config of the only image, by which podman calls it.
async fn sample_config(path: &Path) -> String {
    let layout = Layout::open(path).await.unwrap();
    let [entry] = &layout.entries()[..] else { panic!("one image is expected") };
    let mut manifest = layout.manifest(entry).await.unwrap();
    let child = manifest.children().next().cloned();
    if let Some(child) = child {
        manifest = layout.manifest(&child).await.unwrap();
    }
    manifest.config().unwrap().digest.hex().to_string()
}

// `stage again into this directory` was advised, which a tar file refuses.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_done_about_a_file_is_said_of_a_file() {
    let Some((from, to)) = sites() else { return };
    shop(&from).await;
    let (folder, host) = (folder(), from.host());
    let [v1, none] = ["v1", "none"].map(|tag| format!("{host}/shop/app:{tag}"));
    folder.run(&["stage", &v1, &none, "--to", "bundle.tar"]).expect(1);
    let load = ["load", "bundle.tar", "--to", &format!("{}/carried", to.host())];
    for command in [&["verify", "bundle.tar"][..], &load] {
        let ran = folder.run(command).expect(1);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("write another") && !said.contains("stage again"), "{}", ran.all());
    }
}
