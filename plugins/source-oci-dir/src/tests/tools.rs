//! Layouts that real tools wrote.

use std::process::Command;

use sealift_conformance::{images::image, memory::Memory};
use sealift_testkit::program;
use serde_json::json;

use super::{engine::load, *};

/// Runs umoci; false if it is not there.
fn umoci(arguments: &[&str]) -> bool {
    let Some(umoci) = program::find("umoci") else { return false };
    let output = Command::new(umoci).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "umoci {}: {said}", arguments.join(" "));
    true
}

#[tokio::test]
async fn what_umoci_wrote_can_be_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app");
    let at = path.to_str().unwrap();
    if !umoci(&["init", "--layout", at]) {
        return;
    }
    umoci(&["new", "--image", &format!("{at}:v1")]);
    umoci(&["new", "--image", &format!("{at}:docker.io/library/x:2")]);
    umoci(&["config", "--image", &format!("{at}:v1"), "--tag", "v3", "--author", "me"]);
    let registry = Memory::new("h.io");
    let report = load(json!({ "to": "h.io/team" }), &path, &registry).await;
    assert_eq!((report.exit_code(), report.copied), (0, 3), "{report:?}");
    registry.assert_whole();
    for name in ["team:v1", "team:v3", "team/library/x:2"] {
        assert!(registry.digest_of(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn what_skopeo_wrote_can_be_loaded() {
    let mut made = Made::new().await;
    let one = sealift_conformance::images::index(&[("linux/amd64", &image("linux/amd64", &["1"]))]);
    made.entry(&one, &[(REF_NAME, "v1")]).await;
    let from = format!("oci:{}:v1", made.path().display());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("written");
    for name in ["v1", "q.io/team/app:1", "docker.io/library/nginx:1.27"] {
        let to = format!("oci:{}:{name}", path.display());
        if program::skopeo_ok(&["copy", "--all", "--preserve-digests", &from, &to]).is_none() {
            return;
        }
    }
    let registry = Memory::new("h.io");
    let report = load(json!({ "to": "h.io/p" }), &path, &registry).await;
    assert_eq!((report.exit_code(), report.copied), (0, 3), "{report:?}");
    registry.assert_whole();
    for name in ["p:v1", "p/team/app:1", "p/library/nginx:1.27"] {
        assert_eq!(registry.digest_of(name).as_ref(), Some(one.manifest.digest()), "{name}");
    }
}

/// What crane, oras, regctl, Docker's BuildKit and bazel write, from their documentation and sources.
#[tokio::test]
async fn what_other_tools_write_can_be_loaded() {
    let mut made = Made::new().await;
    let images: Vec<_> = (0..5).map(|number| image("linux/amd64", &[&number.to_string()])).collect();
    let crane = [(REF_NAME, "q.io/crane:v1")]; // crane pull --format=oci --annotate-ref
    let buildkit = [(REF_NAME, "v1"), (CONTAINERD_NAME, "docker.io/library/buildkit:v1")];
    let hauler = [(REF_NAME, "q.io/hauler:v1"), (CONTAINERD_NAME, "q.io/hauler:v1"), ("kind", "dev.hauler/image")];
    made.entry(&images[0], &crane).await;
    made.entry(&images[1], &buildkit).await;
    made.entry(&images[2], &hauler).await;
    made.entry(&images[3], &[(REF_NAME, "oras"), ("org.opencontainers.image.created", "2026-01-01T00:00:00Z")]).await;
    made.entry(&images[3], &[]).await; // oras lists what has a tag also without it
    made.entry(&images[4], &[]).await; // bazel: no name at all
    let registry = Memory::new("h.io");
    let report = load(json!({ "to": "h.io/p" }), &made.path(), &registry).await;
    assert_eq!((report.exit_code(), report.copied), (0, 5), "{report:?}");
    for (name, image) in ["p/crane:v1", "p/library/buildkit:v1", "p/hauler:v1", "p:oras"].into_iter().zip(&images) {
        assert_eq!(registry.digest_of(name).as_ref(), Some(image.manifest.digest()), "{name}");
    }
    assert!(registry.manifest(&"h.io/p".parse().unwrap(), &images[4].manifest.descriptor()).await.is_ok());
}
