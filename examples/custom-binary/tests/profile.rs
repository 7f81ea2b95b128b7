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

async fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("example-custom-binary"));
    command.args(arguments).current_dir(folder).env("HOME", folder);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Copies all tags of a repository.
async fn copy(folder: &Path, from: &FaultRegistry, to: &FaultRegistry) -> Output {
    let [from, to] = [from, to].map(|registry| format!("{}/team/app", registry.host()));
    run(folder, &["copy", "--all-tags", "--no-referrers", &from, &to]).await
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

#[tokio::test(flavor = "multi_thread")]
async fn its_profile_may_be_named_in_a_pipeline() {
    let (folder, from, to) = (TempDir::new().unwrap(), acme().await, acme().await);
    Content::at(&from.url_behind()).put("team/app", "v1", &image("linux/amd64", &["v1"])).await;
    let (f, t) = (from.host(), to.host());
    let pipeline = format!(
        "[list]\nuse = \"registry\"\nimages = [{{ from = \"{f}/team/app:v1\", to = [\"{t}/team/app\"] }}]\n\
         [registries.\"{f}\"]\nkind = \"acme-registry\"\n[registries.\"{t}\"]\nkind = \"acme-registry\"\n"
    );
    std::fs::write(folder.path().join("mirror.toml"), pipeline).unwrap();
    for copied in [1, 0] {
        let output = run(folder.path(), &["run", "mirror.toml"]).await;
        assert!(output.status.success(), "{output:?}");
        assert_eq!(to.journal().count("PUT", "/manifests/v1"), copied, "{output:?}");
        to.forget();
    }
    assert_eq!((from.journal().count("HEAD", "/manifests/"), to.journal().count("HEAD", "/manifests/")), (0, 0));
}

// Signatures that are found by their tags are looked for by HEAD where tags cannot be listed.
#[tokio::test(flavor = "multi_thread")]
async fn its_signatures_are_found_although_its_tags_cannot_be_listed() {
    let (folder, from, to) = (TempDir::new().unwrap(), acme().await, acme().await);
    let (content, app) = (Content::at(&from.url_behind()), image("linux/amd64", &["v1"]));
    content.put("team/app", "v1", &app).await;
    let signature = format!("{}.sig", app.manifest.digest().to_string().replace(':', "-"));
    content.put("team/app", &signature, &image("linux/amd64", &["signature"])).await;
    let refused = Answer::status(403).header("server", "acme-registry/2");
    from.will(Fault::on("GET", "/tags/list").every(1).act(Act::Say(refused)));
    let [image, target] = [&from, &to].map(|registry| format!("{}/team/app:v1", registry.host()));
    let output = run(folder.path(), &["copy", &image, &target]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(to.journal().count("PUT", &format!("/manifests/{signature}")), 1, "{output:?}");
}
