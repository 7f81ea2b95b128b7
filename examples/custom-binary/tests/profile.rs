//! A registry with quirks, which a profile of the binary knows.

use std::{path::Path, process::Output};

use sealift_conformance::images::image;
use sealift_testkit::{
    content::Content,
    fault::{Act, Answer, Fault, FaultRegistry},
};
use tempfile::TempDir;

/// Acme's registry: HEAD of a manifest is answered with 404, whatever is there.
async fn acme() -> FaultRegistry {
    let registry = FaultRegistry::start().await;
    let missing = Answer::status(404).header("server", "acme-registry/2");
    registry.will(Fault::on("HEAD", "/manifests/").every(1).act(Act::Say(missing)));
    registry
}

/// Copies all tags of a repository.
async fn copy(folder: &Path, from: &FaultRegistry, to: &FaultRegistry) -> Output {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("example-custom-binary"));
    command.args(["copy", "--all-tags", "--no-referrers"]).current_dir(folder).env("HOME", folder);
    command.arg(format!("{}/team/app", from.host())).arg(format!("{}/team/app", to.host()));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_profile_is_recognised_by_the_responses_and_counts_for_the_verbs() {
    let (folder, from, to) = (TempDir::new().unwrap(), acme().await, acme().await);
    let content = Content::at(&from.url_behind());
    for tag in ["v1", "v2", "v3"] {
        content.put("team/app", tag, &image("linux/amd64", &[tag])).await;
    }
    let first = copy(folder.path(), &from, &to).await;
    assert!(first.status.success(), "{first:?}");
    to.forget();
    let again = copy(folder.path(), &from, &to).await;
    assert!(again.status.success(), "{again:?}");
    assert_eq!(to.journal().count("PUT", "/manifests/"), 0, "GET told that all are there: {again:?}");
    assert!(to.journal().count("HEAD", "/manifests/") <= 3, "the first responses tell which product it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_profile_explains_a_refusal() {
    let (folder, from, to) = (TempDir::new().unwrap(), acme().await, acme().await);
    Content::at(&from.url_behind()).put("team/app", "v1", &image("linux/amd64", &["v1"])).await;
    let locked = Answer::status(409).header("server", "acme-registry/2").json(r#"{"errors":[{"code":"LOCKED"}]}"#);
    to.will(Fault::on("POST", "/blobs/uploads/").every(1).act(Act::Say(locked)));
    let output = copy(folder.path(), &from, &to).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("/team/app` is locked by a cleanup"), "{said}");
}
