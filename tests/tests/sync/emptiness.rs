//! Exit code 0 says that everything asked for is there, so what yields nothing is a failure, whatever the verb.

use sealift_conformance::images::{image, index};
use sealift_core::content::Digest;
use sealift_e2e::program::Folder;
use sealift_testkit::content::Content;

use crate::{folder, open_sites};

/// Seen before: every one of these ended with 0, and with `--quiet` nothing said why.
#[tokio::test(flavor = "multi_thread")]
async fn what_yields_nothing_is_a_failure_for_every_verb_unless_that_is_allowed() {
    let Some((from, to)) = open_sites() else { return };
    let app = index(&[("linux/amd64", &image("linux/amd64", &["a"])), ("linux/arm64", &image("linux/arm64", &["b"]))]);
    Content::at(&from.url()).put("shop/app", "v1", &app).await;
    let folder = folder();
    let (f, t) = (from.host(), to.host());
    let pipeline =
        |list: &str, filter: &str| format!("{list}\n{filter}\n[[push]]\nuse = \"registry\"\nprefix = \"{t}/m\"\n");
    let rule = |from: &str| format!("[list]\nuse = \"registry\"\nimages = [{{ from = \"{f}/{from}\" }}]");
    let platform = "[[filter]]\nuse = \"platform\"\nkeep = [\"linux/s390x\"]";
    folder.write("pattern.toml", &pipeline(&rule("shop/app:/^v9/"), ""));
    folder.write("platform.toml", &pipeline(&rule("shop/app:v1"), platform));
    folder.write("platform-of-all.toml", &pipeline(&rule("shop/app"), platform));
    folder.write("tag.toml", &pipeline(&rule("shop/app"), "[[filter]]\nuse = \"tag\"\ninclude = [\"v9\"]"));
    folder.write("no-rules.toml", &pipeline("[list]\nuse = \"registry\"\nimages = []", ""));
    folder.write("pipe.toml", &pipeline("[list]\nuse = \"kubernetes\"\nfiles = [\"-\"]", ""));
    folder.write(
        "catalog.toml",
        &pipeline(&format!("[list]\nuse = \"catalog\"\nregistry = \"{f}\"\ninclude = [\"typo/*\"]"), ""),
    );
    folder.write("comments.txt", "# nothing yet\n");
    folder.write("comments.yaml", "# nothing yet\n---\n");
    let (source, target) = (format!("{f}/shop/app:v1"), format!("{t}/m/app:v1"));
    folder.run(&["stage", &source, "--to", "full"]).expect(0);
    folder.write("pod.yaml", &format!("kind: Pod\nspec:\n  containers:\n  - image: {source}\n"));
    folder.write("compose.yaml", &format!("services:\n  a:\n    image: {source}\n"));
    std::fs::create_dir_all(folder.path("empty/blobs/sha256")).unwrap();
    folder.write("empty/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    folder.write("empty/index.json", r#"{"schemaVersion":2,"manifests":[]}"#);
    let verbs: &[&[&str]] = &[
        &["run", "pattern.toml"],
        &["plan", "pattern.toml"],
        &["run", "platform.toml"],
        &["plan", "platform.toml"],
        &["run", "platform-of-all.toml"],
        &["run", "tag.toml"],
        &["run", "no-rules.toml"],
        &["run", "pipe.toml"],
        &["run", "catalog.toml"],
        &["stage", "--kubernetes", "pod.yaml", "--helm", "-", "--to", "of-pods"],
        &["stage", "--compose", "compose.yaml", "--compose", "comments.yaml", "--to", "of-services"],
        &["copy", &source, &target, "--platform", "linux/amd46"],
        &["copy", &source, &target, "--platform", "linux/s390x", "--plan"],
        &["stage", &source, "--to", "staged", "--platform", "linux/s390x"],
        &["stage", "--file", "comments.txt", "--to", "staged"],
        &["load", "full", "--to", &t, "--include", "nginx"],
        &["load", "full", "--to", &t, "--include", &source, "--platform", "linux/s390x"],
        &["receipt", &format!("{f}/shop/app:/^v9/")],
    ];
    for words in verbs {
        let ran = folder.run(words).expect(1);
        assert!(ran.stderr.contains("--allow-empty"), "{words:?}: {}", ran.stderr);
        if words[0] == "receipt" {
            assert_eq!(ran.stdout, "", "what has nothing gets no receipt");
        }
        let quiet = folder.run(&[words, &["--quiet"][..]].concat()).expect(1);
        assert!(quiet.stderr.contains("--allow-empty"), "{words:?}: {}", quiet.stderr);
        let allowed = folder.run(&[words, &["--allow-empty", "--quiet"][..]].concat()).expect(0);
        assert!(allowed.stderr.contains("warning: "), "{words:?}: {}", allowed.stderr);
    }
    // A directory without images is not what was staged, whatever may be empty.
    let cannot = "cannot load `empty`: `empty/index.json` lists no image\n";
    let damaged = "empty: index.json\n  it lists no image, and there are no blobs either\n\n\
                   empty: DAMAGED (1 problem: it has no image; 0 files, 0 B read)\n";
    let hint = "hint: nothing was staged into it, or what was is somewhere else: see whether this is the directory\n";
    let none = "error: there is no image in what the receipt is of\nhint: if that may be, say so: `--allow-empty`\n";
    let load = folder.run(&["load", "empty", "--to", &t]).expect(1);
    assert!(load.stderr.contains(&format!("failed: the list\n  {cannot}  {hint}")), "{}", load.all());
    let verify = folder.run(&["verify", "empty"]).expect(1);
    assert_eq!(format!("{}{}", verify.stdout, verify.stderr), format!("{damaged}{hint}"));
    let receipt = folder.run(&["receipt", "empty"]).expect(1);
    assert_eq!((receipt.stdout.as_str(), receipt.stderr.as_str()), ("", none));
    let allowed = folder.run(&["receipt", "empty", "--allow-empty"]).expect(0);
    assert!(allowed.stdout.contains("\"images\":[]"), "{}", allowed.all());
    assert!(Content::at(&to.url()).manifest("m/shop/app", "v1").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_ends_as_image_syncer_does_where_nothing_matches_and_the_report_says_why() {
    let Some((from, to)) = open_sites() else { return };
    Content::at(&from.url()).put("shop/app", "v1", &index(&[("linux/amd64", &image("linux/amd64", &["a"]))])).await;
    let folder = folder();
    folder.write(
        "images.yaml",
        &format!("{0}/shop/app:/^v9/: {1}/m/app\n{0}/shop/app:v1: {1}/m/app\n", from.host(), to.host()),
    );
    let words = ["sync", "--images", "images.yaml", "--os", "linx", "--report", "report.json", "--quiet"];
    let ran = folder.run(&words).expect(0);
    let warnings = warnings(&folder);
    for expected in ["matches none of its tags", "`linx`", "`platform`"] {
        assert!(warnings.iter().any(|warning| warning.contains(expected)), "{expected}: {warnings:?}");
        let line = ran.stderr.lines().find(|line| line.starts_with("warning: ") && line.contains(expected));
        assert!(line.is_some(), "{expected}: {}", ran.stderr);
    }
}

/// Seen before: of `app:v1@sha256:…` only the digest was pushed.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_beside_a_digest_arrives_by_every_way() {
    let Some((from, to)) = open_sites() else { return };
    let source = Content::at(&from.url());
    let (pinned, moved) = (image("linux/amd64", &["pinned"]), image("linux/amd64", &["moved"]));
    source.put("shop/app", "v1", &pinned).await;
    source.put("shop/app", "v1", &moved).await;
    let folder = folder();
    let digest: &Digest = pinned.manifest.digest();
    let (reference, t) = (format!("{}/shop/app:v1@{digest}", from.host()), to.host());
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec:\n  containers:\n  - name: c\n    image: ";
    folder.write("pod.yaml", &format!("{pod}{reference}\n"));
    folder.write("images.txt", &format!("{reference}\n"));
    folder.write("compose.yaml", &format!("services:\n  a:\n    image: {reference}\n"));
    folder.write("images.yaml", &format!("{reference}: {t}/rules/app\n"));
    for (list, file) in [("kubernetes", "pod.yaml"), ("text", "images.txt"), ("compose", "compose.yaml")] {
        let text = format!(
            "[list]\nuse = \"{list}\"\nfiles = [\"{file}\"]\n[[push]]\nuse = \"registry\"\nprefix = \"{t}/{list}\"\n"
        );
        folder.write("p.toml", &text);
        folder.run(&["run", "p.toml"]).expect(0);
        assert_tagged(&to.url(), &format!("{list}/shop/app"), digest).await;
    }
    folder.write("p.toml", "[list]\nuse = \"registry\"\nrules = \"images.yaml\"\n[[push]]\nuse = \"registry\"\n");
    folder.run(&["run", "p.toml"]).expect(0);
    assert_tagged(&to.url(), "rules/app", digest).await;
    folder.run(&["copy", &reference, &format!("{t}/copied/app")]).expect(0);
    assert_tagged(&to.url(), "copied/app", digest).await;
    folder.run(&["copy", &reference, &format!("{t}/both/app:v2@{digest}")]).expect(0);
    assert_eq!(Content::at(&to.url()).manifest("both/app", "v2").await.unwrap().digest(), digest);
    folder.run(&["stage", &reference, "--to", "staged"]).expect(0);
    folder.run(&["load", "staged", "--to", &format!("{t}/loaded")]).expect(0);
    assert_tagged(&to.url(), "loaded/shop/app", digest).await;
    folder.run(&["copy", &format!("oci-dir:staged:{reference}"), &format!("{t}/picked/app")]).expect(0);
    assert_tagged(&to.url(), "picked/app", digest).await;
    // As image-syncer has it.
    folder.write("images.yaml", &format!("{reference}: {t}/synced/app\n"));
    folder.run(&["sync", "--images", "images.yaml"]).expect(0);
    let synced = Content::at(&to.url());
    assert!(synced.manifest("synced/app", &digest.to_string()).await.is_some());
    assert!(synced.manifest("synced/app", "v1").await.is_none());
}

async fn assert_tagged(url: &str, repository: &str, digest: &Digest) {
    let found = Content::at(url).manifest(repository, "v1").await;
    assert_eq!(found.as_ref().map(|manifest| manifest.digest()), Some(digest), "{repository}");
}

fn warnings(folder: &Folder) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    report["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap().to_owned()).collect()
}
