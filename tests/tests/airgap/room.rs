//! Disks that are full, read-only, or cannot hold large files.

use std::process::Command;

use sealift_conformance::images::image;
use sealift_e2e::program::{Folder, Ran};
use sealift_serve::access::RequestKind;
use sealift_testkit::{content::Content, registry::Registry};

use crate::{folder, judged};

/// A registry with one image of three layers of 400,000 bytes; its config is longer.
async fn large() -> Option<Registry> {
    let from = Registry::start()?;
    let layers = ["a", "b", "c"].map(|text| text.repeat(400_000));
    let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
    Content::at(&from.url()).put("shop/app", "v1", &image("linux/amd64", &layers)).await;
    Some(from)
}

/// Runs a script; `$0` in it is the program.
fn script(folder: &Folder, before: &[&str], text: &str) -> Ran {
    let program = folder.command(&[]);
    let mut command = Command::new(before.first().unwrap_or(&"sh"));
    if let Some((_, rest)) = before.split_first() {
        command.args(rest).arg("sh");
    }
    command.args(["-c", text]).arg(program.get_program()).current_dir(folder.dir());
    command.env_clear().env("HOME", folder.dir()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.output().expect("a shell can be started").into()
}

/// Whether a user may mount something for himself here.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see what was not tested")]
fn may_mount(folder: &Folder) -> bool {
    let may =
        script(folder, &["unshare", "-rm"], "mkdir -p disk && mount -t tmpfs -o size=1m tmpfs disk").code == Some(0);
    if !may {
        assert!(std::env::var_os("CI").is_none(), "nothing is skipped in CI, and nobody may mount a tmpfs here");
        eprintln!("skipped: nobody may mount a tmpfs here (`unshare -rm`)");
    }
    may
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_is_named_and_goes_on_when_there_is_room() {
    let Some(from) = large().await else { return };
    let folder = folder();
    if !may_mount(&folder) {
        return;
    }
    let stage = format!("\"$0\" stage {}/shop/app:v1 --retries 0 --to disk/bundle", from.host());
    let ran = script(
        &folder,
        &["unshare", "-rm"],
        &format!(
            "mount -t tmpfs -o size=1m tmpfs disk || exit 9
             {stage}; echo first $?
             cp -r disk/bundle full; ls -A disk/bundle/blobs/sha256 | grep -c '^\\.'
             mount -o remount,size=8m disk && {stage}; echo second $?
             cp -r disk/bundle whole"
        ),
    )
    .expect(0);
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), ["first 1", "0", "second 0"], "{}", ran.all());
    for words in ["disk/bundle", "no space left on device", "bytes are needed", "hint: free some space"] {
        assert!(ran.stderr.contains(words), "{words} is not in\n{}", ran.stderr);
    }
    assert_eq!(judged(&folder.path("full")).await.len(), 0, "an image that is not whole is not listed");
    assert_eq!(judged(&folder.path("whole")).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_read_only_is_told_before_anything_is_asked() {
    let Some(from) = large().await else { return };
    let folder = folder();
    if !may_mount(&folder) {
        return;
    }
    from.reset();
    let stage = format!("\"$0\" stage {}/shop/app:v1 --to disk/bundle", from.host());
    let text = format!("mount -t tmpfs -o size=1m tmpfs disk && mount -o remount,ro disk && {stage}");
    let ran = script(&folder, &["unshare", "-rm"], &text).expect(2);
    for words in ["read-only", "from `--to disk/bundle`", "hint: it is mounted read-only"] {
        assert!(ran.stderr.contains(words), "{words} is not in\n{}", ran.stderr);
    }
    assert_eq!(from.requests().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_way_is_told_before_anything_is_asked() {
    let Some(from) = large().await else { return };
    let folder = folder();
    folder.write("bundle", "of somebody");
    from.reset();
    let image = format!("{}/shop/app:v1", from.host());
    for to in ["bundle", "bundle/inside"] {
        let ran = folder.run(&["stage", &image, "--to", to]).expect(2);
        assert!(ran.stderr.contains("`bundle` is not a directory"), "{}", ran.stderr);
    }
    assert_eq!(from.requests().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_would_be_too_large_is_told_before_it_is_brought() {
    let Some(from) = large().await else { return };
    let folder = folder();
    from.reset();
    let stage = format!("\"$0\" stage {}/shop/app:v1 --retries 0 --to bundle", from.host());
    let ran = script(&folder, &[], &format!("ulimit -f 200 && exec {stage}")).expect(1);
    for words in ["file too large", "bytes are needed", "FAT32 ends at 4 GiB"] {
        assert!(ran.stderr.contains(words), "{words} is not in\n{}", ran.stderr);
    }
    assert_eq!(from.requests().count("GET", RequestKind::Blob), 0, "none is small enough: {:?}", from.requests());
    assert_eq!(judged(&folder.path("bundle")).await.len(), 0);
}

// Seen by a newcomer: `rm` failed on a full disk, although it frees space.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_removed_from_a_full_disk_if_anything_there_can_make_room() {
    let Some(from) = large().await else { return };
    let folder = folder();
    if !may_mount(&folder) {
        return;
    }
    let v1 = format!("{}/shop/app:v1", from.host());
    let ran = script(
        &folder,
        &["unshare", "-rm"],
        &format!(
            "mount -t tmpfs -o size=8m tmpfs disk || exit 9
             \"$0\" stage {v1} --to disk/bundle -q || exit 8
             dd if=/dev/zero of=disk/fill bs=4k 2>/dev/null
             \"$0\" rm disk/bundle {v1}; echo full $?
             \"$0\" verify disk/bundle >/dev/null; echo whole $?
             truncate -s -8k disk/fill; printf orphan > disk/bundle/blobs/sha256/{orphan}
             dd if=/dev/zero of=disk/more bs=4k 2>/dev/null
             \"$0\" rm disk/bundle {v1}; echo room $?
             ls disk/bundle/blobs/sha256 | grep -c .",
            orphan = "0".repeat(64)
        ),
    );
    for line in ["full 2", "whole 0", "room 0", "0"] {
        assert!(ran.stdout.lines().any(|found| found == line), "{line} is not in\n{}", ran.all());
    }
    assert!(
        ran.stderr.contains("before anything is removed") && ran.stderr.contains("remove another file"),
        "{}",
        ran.all()
    );
}
