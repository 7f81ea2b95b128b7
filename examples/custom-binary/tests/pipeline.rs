//! The binary knows its own plugins as well as the built-in ones, and a pipeline that uses them works.

use std::{path::Path, process::Output};

use axum::{Json, Router, routing::post};
use sealift_conformance::images::image;
use sealift_testkit::{
    content::Content,
    harbor::{self, Harbor},
    program::skopeo_ok,
    registry::{Registry, login as htpasswd_line},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A policy that wants images which do not run as root; where it listens.
async fn policy() -> String {
    async fn answer(Json(question): Json<Value>) -> Json<Value> {
        match question["input"]["config"]["layers"][0].as_str() {
            Some("bad") => Json(json!({ "result": { "allow": false, "reason": "it has a bad layer" } })),
            _ => Json(json!({ "result": true })),
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/v1/data/images/admit", post(answer));
    tokio::spawn(async move { drop(axum::serve(listener, app).await) });
    address.to_string()
}

/// Runs the binary in a folder; the runtime goes on meanwhile, because the policy lives in it.
async fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("example-custom-binary"));
    command.args(arguments).current_dir(folder).env("POLICY_TOKEN", "s3cret").env("HOME", folder);
    command.env("ACME_AUDIT_LOG", folder.join("audit.log")).env("ACME_LOGINS", folder.join("agent"));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    ends_with(0, folder, arguments).await
}

async fn ends_with(code: i32, folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments).await;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{stdout}\n{stderr}");
    format!("{stdout}\n{stderr}")
}

/// The pipeline that the README shows, with a policy that is there.
fn pipeline(policy: &str) -> String {
    include_str!("../pipeline.toml").replace("127.0.0.1:8181", policy)
}

#[tokio::test]
async fn its_own_plugins_explain_themselves_like_the_built_in_ones() {
    let folder = TempDir::new().unwrap();
    let plugins = succeeds(folder.path(), &["plugins"]).await;
    for line in [
        ["filter", "suffix", "example_custom_filter"],
        ["filter", "policy", "example_policy_filter"],
        ["push", "archive", "example_custom_destination"],
        ["push", "registry", "sealift_dest_registry"],
        ["login", "acme", "example_custom_binary"],
    ] {
        assert!(plugins.lines().any(|found| found.split_whitespace().take(3).eq(line)), "{line:?}:\n{plugins}");
    }
    let explained = succeeds(folder.path(), &["explain", "filter", "suffix"]).await;
    assert!(explained.contains("Keeps the tags that end with one of the given texts"), "{explained}");
    let begun = succeeds(folder.path(), &["new", "text/suffix,policy/archive"]).await;
    std::fs::write(folder.path().join("begun.toml"), begun).unwrap();
    let checked = succeeds(folder.path(), &["check", "begun.toml"]).await;
    assert!(checked.contains("text → suffix → policy → archive"), "{checked}");
    std::fs::write(folder.path().join("mirror.toml"), pipeline("127.0.0.1:1").replace("suffix", "sufix")).unwrap();
    std::fs::write(folder.path().join("images.txt"), "quay.io/acme/app:v1-alpine\n").unwrap();
    let output = run(folder.path(), &["check", "mirror.toml"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("suffix"), "{said}");
}

#[tokio::test]
async fn its_name_version_and_subcommand_are_its_own() {
    let folder = TempDir::new().unwrap();
    assert_eq!(succeeds(folder.path(), &["--version"]).await.trim(), "acme-sealift 1.4");
    let help = succeeds(folder.path(), &["--help"]).await;
    assert!(help.contains("Usage: acme-sealift") && help.contains("Run all pipelines of a directory"), "{help}");
    let help = succeeds(folder.path(), &["receipt", "--help"]).await;
    assert!(help.contains("`acme-sealift receipt harbor.example.com") && !help.contains("`sealift "), "{help}");

    for (arguments, hint) in [
        (&["run", "--nosuch"][..], "run `acme-sealift run --help`"),
        (&["run", "images.yaml"], "rules go with `acme-sealift sync --images`"),
        (&["check", "wrong.toml"], "run `acme-sealift explain filter suffix`"), // made in core
        (&["mirror", "nowhere"], "`acme-sealift new` begins a pipeline"),
    ] {
        let wrong = pipeline("127.0.0.1:1").replace("\nkeep", "\nkep");
        std::fs::write(folder.path().join("wrong.toml"), wrong).unwrap();
        std::fs::write(folder.path().join("images.txt"), "quay.io/acme/app:v1-alpine\n").unwrap();
        let said = ends_with(2, folder.path(), arguments).await;
        assert!(said.contains(hint), "{arguments:?}: {said}");
    }
    let said = ends_with(2, folder.path(), &["run", "images.yaml", "--json"]).await;
    assert!(said.lines().next().unwrap().contains("`acme-sealift sync --images`"), "objects name it, too: {said}");

    let pipelines = folder.path().join("pipelines");
    std::fs::create_dir(&pipelines).unwrap();
    assert_eq!(succeeds(folder.path(), &["mirror", "pipelines"]).await.trim(), "");
    std::fs::write(pipelines.join("a.toml"), "[list]\n").unwrap();
    let said = ends_with(2, folder.path(), &["mirror", "pipelines"]).await;
    assert!(said.contains("running pipelines/a.toml"), "{said}");
}

#[tokio::test]
async fn its_schema_knows_its_own_plugins_and_somebody_else_agrees() {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), &["schema"]).await;
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    jsonschema::meta::validate(&schema).expect("it is a schema itself");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let takes = |text: &str| {
        let pipeline: Value = serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap();
        validator.iter_errors(&pipeline).map(|error| error.to_string()).collect::<Vec<_>>()
    };
    let right = pipeline("127.0.0.1:1");
    assert_eq!(takes(&right), [""; 0]);
    for (word, wrong) in
        [("\"suffix\"", "\"sufix\""), ("\nkeep", "\nkep"), ("\ntoken", "\ntokens"), ("\npath", "\npaths")]
    {
        assert!(right.contains(word), "{right}");
        assert_ne!(takes(&right.replace(word, wrong)), [""; 0], "it takes {wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_of_its_own_plugins_writes_what_is_allowed() {
    let Some(registry) = Registry::start() else { return };
    let (host, policy) = (registry.host(), policy().await);
    let content = Content::at(&registry.url());
    let good = image("linux/amd64", &["good"]);
    content.put("acme/app", "v1", &good).await;
    content.put("acme/app", "v1-alpine", &good).await;
    content.put("acme/tool", "v2-alpine", &image("linux/amd64", &["bad"])).await;

    let folder = TempDir::new().unwrap();
    let images = format!("{host}/acme/app:v1\n{host}/acme/app:v1-alpine\n{host}/acme/tool:v2-alpine\n");
    std::fs::write(folder.path().join("images.txt"), images).unwrap();
    std::fs::write(folder.path().join("mirror.toml"), pipeline(&policy)).unwrap();

    succeeds(folder.path(), &["check", "mirror.toml"]).await;
    // The list names an image that the policy does not allow, so not everything that was asked for is there.
    let plan = ends_with(1, folder.path(), &["plan", "mirror.toml"]).await;
    assert!(plan.contains("acme/app:v1-alpine") && plan.contains("it has a bad layer"), "{plan}");
    assert!(!folder.path().join("images").exists(), "a plan writes nothing");

    let ran = ends_with(1, folder.path(), &["run", "mirror.toml"]).await;
    assert!(ran.contains("1 copied"), "{ran}");
    let files = files(&folder.path().join("images"));
    let expected = format!("images/{}/acme/app/v1-alpine.tar", host.replace(':', "_"));
    let file = folder.path().join(&expected);
    assert_eq!(files, std::slice::from_ref(&file), "one image, and nothing that was on its way");
    let archive = format!("oci-archive:{}", file.display());
    if let Some(manifest) = skopeo_ok(&["inspect", "--raw", &archive]) {
        assert_eq!(manifest.as_bytes(), good.manifest.bytes(), "skopeo reads the bytes that the registry served");
    }
    if let Some(copied) = skopeo_ok(&["copy", &archive, &format!("dir:{}", folder.path().join("copy").display())]) {
        assert!(!copied.is_empty());
    }

    let audit = std::fs::read_to_string(folder.path().join("audit.log")).unwrap();
    assert!(audit.lines().count() == 1 && audit.contains("acme/app:v1-alpine"), "the observer sees the run: {audit}");

    let before = std::fs::metadata(&file).unwrap().modified().unwrap();
    let again = ends_with(1, folder.path(), &["run", "mirror.toml"]).await;
    assert!(!again.contains("1 copied"), "{again}");
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), before);
}

/// A registry and a Harbor that take no anonymous request, and an agent that knows the logins of both.
#[tokio::test(flavor = "multi_thread")]
async fn its_login_serves_pipelines_and_verbs_for_registries_and_harbor() {
    let Some(line) = htpasswd_line("robot", "s3cret:token") else { return };
    let (Some(from), Some(to)) = (Registry::with().htpasswd(line).start(), Harbor::start().await) else { return };
    to.add_project("acme");
    let folder = TempDir::new().unwrap();
    let agent = folder.path().join("agent");
    let (f, t) = (from.host(), to.host());
    let directory = folder.path().join("filled");
    std::fs::create_dir(&agent).unwrap();
    let write = |host: &str, login: &str| std::fs::write(agent.join(host.replace(':', "_")), login).unwrap();
    write(&t, &format!("{}:{}\n", harbor::ADMIN.0, harbor::ADMIN.1));

    // The open registry has the image; the closed one gets it by `copy`, which has no pipeline file.
    let Some(open) = Registry::start() else { return };
    Content::at(&open.url()).put("acme/app", "v1", &image("linux/amd64", &["app"])).await;
    let copy = [&format!("{}/acme/app:v1", open.host()), &format!("{f}/acme/app:v1")];
    let refused = ends_with(1, folder.path(), &["copy", copy[0], copy[1]]).await;
    assert!(refused.contains("wants a login"), "{refused}");
    write(&f, "robot:s3cret:token\n");
    succeeds(folder.path(), &["copy", copy[0], copy[1]]).await;

    std::fs::write(folder.path().join("images.yaml"), format!("{f}/acme/app:v1: {t}/acme/synced\n")).unwrap();
    succeeds(folder.path(), &["sync", "--images", "images.yaml"]).await;
    assert!(to.digest_of("acme/synced:v1").is_some());

    let stage = format!(
        "[list]\nuse = \"registry\"\nimages = [{{ from = \"{f}/acme/app:v1\", to = [\"{t}/acme/piped\"] }}]\n\
         [[push]]\nuse = \"harbor\"\n"
    );
    std::fs::write(folder.path().join("pipe.toml"), &stage).unwrap();
    succeeds(folder.path(), &["run", "pipe.toml"]).await;
    assert!(to.digest_of("acme/piped:v1").is_some());

    // A table of its own replaces the hosts that it has by itself.
    let elsewhere = format!("{stage}[[login]]\nuse = \"acme\"\nhosts = [\"{t}\"]\n");
    std::fs::write(folder.path().join("elsewhere.toml"), elsewhere.replace("piped", "other")).unwrap();
    ends_with(1, folder.path(), &["run", "elsewhere.toml"]).await;
    let at = format!("{stage}[[login]]\nuse = \"acme\"\nhosts = [\"{t}\", \"{f}\"]\ndirectory = \"filled\"\n");
    std::fs::rename(&agent, &directory).unwrap();
    std::fs::write(folder.path().join("at.toml"), at.replace("piped", "other")).unwrap();
    succeeds(folder.path(), &["run", "at.toml"]).await;
    assert!(to.digest_of("acme/other:v1").is_some());
}

/// All files below a folder, hidden ones too.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false => files.push(path),
        }
    }
    files
}
