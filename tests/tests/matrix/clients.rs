//! Other clients at `sealift serve --writable` and in directories: crane, oras, regctl.
//!
//! skopeo, umoci and podman have theirs in `tests/tests/layout.rs`, `serve.rs` and `airgap/`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use sealift_conformance::images::Image;
use sealift_core::content::{Digest, Tag};
use sealift_e2e::program::{Folder, Ran};
use sealift_serve::{ServeOptions, Server, sample::Recipe};
use sealift_testkit::{content::Content, program::find};
use tempfile::TempDir;

use crate::{
    folder, quick_dir,
    shapes::{about, app},
};

/// A registry that takes everything.
struct Served {
    server: Server,
    content: Content,
    _dir: TempDir,
}

impl Served {
    async fn start() -> Self {
        let dir = quick_dir();
        let options = ServeOptions::new(dir.path().join("served")).writable().throwaway();
        let server = Server::start(options).await.unwrap();
        let content = Content::at(&server.url());
        Self { server, content, _dir: dir }
    }

    fn host(&self) -> String {
        self.server.addr().to_string()
    }

    /// `shop/app:v1` with an SBOM, and a signature of the SBOM.
    async fn filled() -> Self {
        let served = Self::start().await;
        served.content.put("shop/app", "v1", &app("v1")).await;
        for referrer in referrers() {
            served.content.put("shop/app", &referrer.manifest.digest().to_string(), &referrer).await;
        }
        served
    }

    /// Everything that [`Served::filled`] has is here under this name.
    async fn has(&self, repository: &str, tag: &str) {
        assert_eq!(self.content.digest(repository, tag).await.as_ref(), Some(app("v1").manifest.digest()));
        self.content.whole(repository, tag).await;
    }

    async fn has_referrers(&self, repository: &str) {
        let [sbom, signature] = referrers();
        for (subject, referrer) in [(&app("v1"), &sbom), (&sbom, &signature)] {
            let found = self.content.referrers(repository, subject.manifest.digest()).await;
            assert_eq!(found, [referrer.manifest.digest().clone()].into());
            self.content.whole(repository, &referrer.manifest.digest().to_string()).await;
        }
    }
}

fn referrers() -> [Image; 2] {
    let sbom = about(&app("v1").manifest, "application/x.sbom");
    let signature = about(&sbom.manifest, "application/x.signature");
    [sbom, signature]
}

/// A client in a folder, without logins of the user who runs the tests.
struct Client<'a> {
    program: PathBuf,
    folder: &'a Folder,
}

impl<'a> Client<'a> {
    fn find(name: &str, folder: &'a Folder) -> Option<Self> {
        Some(Self { program: find(name)?, folder })
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.dir()).env_clear().env("HOME", self.folder.dir());
        Ran::from(command.output().unwrap()).expect(0).stdout
    }

    /// Runs regctl, which wants to know of hosts that speak plain http.
    fn run_without_tls(&self, hosts: [&str; 2], arguments: &[&str]) -> String {
        let hosts = hosts.map(|host| format!("reg={host},tls=disabled"));
        self.run(&[arguments, &["--host", &hosts[0], "--host", &hosts[1]]].concat())
    }
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// An index with one entry, whose digest it returns.
fn only_entry(layout: &Path) -> Digest {
    let index: serde_json::Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn crane_pushes_pulls_lists_and_deletes() {
    let folder = folder();
    let Some(crane) = Client::find("crane", &folder) else { return };
    let (from, to) = (Served::filled().await, Served::start().await);
    let (f, t) = (from.host(), to.host());
    crane.run(&["copy", &format!("{f}/shop/app:v1"), &format!("{t}/team/app:v1")]);
    to.has("team/app", "v1").await;
    crane.run(&["tag", &format!("{t}/team/app:v1"), "latest"]);
    assert_eq!(lines(&crane.run(&["ls", &format!("{t}/team/app")])), ["latest", "v1"]);
    assert_eq!(lines(&crane.run(&["catalog", &t])), ["team/app"]);
    let digest = app("v1").manifest.digest().to_string();
    assert_eq!(crane.run(&["digest", &format!("{t}/team/app:latest")]).trim(), digest);
    crane.run(&["copy", &format!("{t}/team/app:v1"), &format!("{t}/other/app:v1")]);
    to.has("other/app", "v1").await;
    crane.run(&["delete", &format!("{t}/team/app@{digest}")]);
    assert_eq!(to.content.digest("team/app", "v1").await, None);
    to.has("other/app", "v1").await;

    // Layers that are real archives, so that crane looks into them.
    let recipe = Recipe { repositories: 1, tags: 1, ..Recipe::default() };
    let sample = recipe.images().next().unwrap();
    let layout = folder.path("sample");
    let writer = sealift_oci_layout::Writer::create(&layout, sealift_oci_layout::WriterOptions { sync: false });
    let writer = writer.await.unwrap();
    sample.write(&writer).await.unwrap();
    writer.commit().await.unwrap();
    drop(writer);
    folder.run(&["load", "sample", "--to", &t]).expect(0);
    crane.run(&["validate", "--remote", &format!("{t}/{}:{}", sample.repository, sample.tags[0])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn crane_reads_and_writes_directories() {
    let folder = folder();
    let Some(crane) = Client::find("crane", &folder) else { return };
    let (from, to) = (Served::filled().await, Served::start().await);
    let (f, t) = (from.host(), to.host());
    folder.run(&["stage", &format!("{f}/shop/app:v1"), "--no-referrers", "--to", "ours"]).expect(0);
    // It pushes the index of the directory as an index.
    crane.run(&["push", "--index", "ours", &format!("{t}/team/all:v1")]);
    assert!(to.content.whole("team/all", "v1").await.contains(app("v1").manifest.digest()));

    crane.run(&["pull", "--format=oci", &format!("{f}/shop/app:v1"), "theirs"]);
    // crane writes no names.
    folder.run(&["copy", "oci-dir:theirs", &format!("{t}/loaded/app:v1")]).expect(0);
    to.has("loaded/app", "v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oras_copies_discovers_and_attaches() {
    let folder = folder();
    let Some(oras) = Client::find("oras", &folder) else { return };
    let (from, to) = (Served::filled().await, Served::start().await);
    let (source, target) = (format!("{}/shop/app:v1", from.host()), format!("{}/team/app:v1", to.host()));
    oras.run(&["cp", "-r", "--from-plain-http", "--to-plain-http", &source, &target]);
    to.has("team/app", "v1").await;
    to.has_referrers("team/app").await;
    let tree = oras.run(&["discover", "--plain-http", "--format", "json", &target]);
    for referrer in referrers() {
        assert!(tree.contains(&referrer.manifest.digest().to_string()), "{tree}");
    }
    folder.write("note.txt", "read me");
    let kind = ["--artifact-type", "application/x.note"];
    oras.run(&[&["attach", "--plain-http"][..], &kind, &[&target, "note.txt:text/plain"]].concat());
    assert_eq!(to.content.referrers("team/app", app("v1").manifest.digest()).await.len(), 2);
    oras.run(&["manifest", "delete", "--plain-http", "--force", &target]);
    assert_eq!(to.content.digest("team/app", "v1").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn oras_reads_and_writes_directories_with_referrers() {
    let folder = folder();
    let Some(oras) = Client::find("oras", &folder) else { return };
    let (from, to) = (Served::filled().await, Served::start().await);
    let source = format!("{}/shop/app:v1", from.host());
    folder.run(&["stage", &source, "--ref-style", "tag", "--to", "ours"]).expect(0);
    let target = format!("{}/team/app:v1", to.host());
    oras.run(&["cp", "-r", "--from-oci-layout", "--to-plain-http", "ours:v1", &target]);
    to.has("team/app", "v1").await;
    to.has_referrers("team/app").await;

    oras.run(&["cp", "-r", "--from-plain-http", "--to-oci-layout", &source, "theirs:v1"]);
    folder.run(&["load", "theirs", "--to", &format!("{}/loaded/app", to.host())]).expect(0);
    to.has("loaded/app", "v1").await;
    to.has_referrers("loaded/app").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn regctl_copies_lists_and_deletes() {
    let folder = folder();
    let Some(regctl) = Client::find("regctl", &folder) else { return };
    let (from, to) = (Served::filled().await, Served::start().await);
    let (f, t) = (from.host(), to.host());
    let run = |arguments: &[&str]| regctl.run_without_tls([&f, &t], arguments);
    let target = format!("{t}/team/app:v1");
    run(&["image", "copy", "--referrers", &format!("{f}/shop/app:v1"), &target]);
    to.has("team/app", "v1").await;
    to.has_referrers("team/app").await;
    let listed = run(&["artifact", "list", &target]);
    assert!(listed.contains(&referrers()[0].manifest.digest().to_string()), "{listed}");
    assert_eq!(lines(&run(&["tag", "ls", &format!("{t}/team/app")])), ["v1"]);
    run(&["tag", "rm", &target]);
    assert_eq!(to.content.digest("team/app", "v1").await, None);
    let digest = app("v1").manifest.digest().to_string();
    to.content.whole("team/app", &digest).await; // only the name is gone
}

#[tokio::test(flavor = "multi_thread")]
async fn regctl_reads_and_writes_directories_with_referrers() {
    let folder = folder();
    let Some(regctl) = Client::find("regctl", &folder) else { return };
    let (from, to) = (Served::filled().await, Served::start().await);
    let (f, t) = (from.host(), to.host());
    let run = |arguments: &[&str]| regctl.run_without_tls([&f, &t], arguments);
    folder.run(&["stage", &format!("{f}/shop/app:v1"), "--no-referrers", "--to", "ours"]).expect(0);
    let ours = format!("ocidir://ours@{}", only_entry(&folder.path("ours")));
    run(&["image", "copy", &ours, &format!("{t}/team/app:v1")]);
    to.has("team/app", "v1").await;

    run(&["image", "copy", "--referrers", &format!("{f}/shop/app:v1"), "ocidir://theirs:v1"]);
    let fallback = Tag::referrers_tag(app("v1").manifest.digest()).unwrap();
    assert!(folder.read("theirs/index.json").contains(fallback.as_str()), "it keeps referrers under tags");
    folder.run(&["load", "theirs", "--to", &format!("{t}/loaded/app")]).expect(0);
    to.has("loaded/app", "v1").await;
    to.has_referrers("loaded/app").await;
}
