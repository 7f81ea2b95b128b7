use clap::Parser;
use sealift_core::diagnostic::{Diagnostic, Location};

use super::*;
use crate::{translation::Translation, usage_error::UsageError};

#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

fn translated(words: &[&str]) -> Result<Translation, UsageError> {
    match CommandLine::try_parse_from([&["sealift"], words].concat()).unwrap().verb {
        Verb::Sync(args) => Translation::try_from(&args),
        Verb::Copy(args) => Translation::try_from(&args),
        Verb::Stage(args) => Translation::try_from(&args),
        Verb::Load(args) => Translation::try_from(&args),
        other => panic!("{other:?}"),
    }
}

fn text(words: &[&str]) -> String {
    translated(words).unwrap().text().to_owned()
}

#[test]
fn all_flags_of_image_syncer_have_a_place_in_the_pipeline() {
    insta::assert_snapshot!(text(&[
        "sync",
        "--auth",
        "auth.yaml",
        "--images",
        "images.yaml",
        "-p",
        "6",
        "-r",
        "3",
        "--os",
        "linux",
        "--os",
        "windows:10.0.17763.1234,darwin",
        "--arch",
        "amd64,arm:v7",
        "--force",
    ]));
}

#[test]
fn only_what_was_asked_for_is_written() {
    insta::assert_snapshot!(text(&["sync", "--images", "images.yaml"]));
}

#[test]
fn a_cap_beyond_what_a_pipeline_takes_is_that_of_the_pipeline() {
    assert!(text(&["sync", "--images", "x.yaml", "--proc", "5000"]).contains("transfers = 1024\n"));
}

#[test]
fn one_old_file_serves_for_both() {
    insta::assert_snapshot!(text(&["sync", "--config", "config.yaml"]));
}

#[test]
fn signatures_stay_where_they_are_unless_sync_is_told_otherwise() {
    assert!(text(&["sync", "--images", "x.yaml"]).contains("referrers = false"));
    assert!(text(&["sync", "--images", "x.yaml", "--referrers"]).contains("referrers = true"));
    assert!(!text(&["copy", "a:1", "h.io/a"]).contains("referrers"));
}

#[test]
fn a_copy_is_a_rule_in_place() {
    insta::assert_snapshot!(text(&[
        "copy",
        "nginx",
        "h.io/x/nginx",
        "k.io/nginx:stable",
        "--platform",
        "linux/amd64",
        "--platform",
        "linux/arm64,linux/arm/v7",
        "--force",
        "--no-referrers",
        "--auth",
        "a.yaml",
    ]));
}

#[test]
fn all_tags_are_a_repository_without_one() {
    assert!(text(&["copy", "quay.io/a/b", "h.io/b", "--all-tags"]).contains("from = \"quay.io/a/b\""));
    let refused = translated(&["copy", "quay.io/a/b:1", "h.io/b", "--all-tags"]).unwrap_err();
    assert!(refused.0[0].hint.as_ref().unwrap().contains("--all-tags"));
}

#[test]
fn names_that_mean_something_in_toml_stay_names() {
    let name = "it's \"a\" \\ file\n[run]\n.yaml";
    let table: toml::Table = text(&["sync", "--images", name]).parse().unwrap();
    assert_eq!(table["list"]["rules"].as_str(), Some(name));
    assert_eq!(table["run"].as_table().unwrap().len(), 5);
}

#[test]
fn an_empty_name_names_no_file() {
    assert!(!text(&["sync", "--auth", "", "--images", "x.yaml"]).contains("[credentials]"));
    let refused = translated(&["sync", "--images", ""]).unwrap_err();
    assert!(refused.0[0].message.contains("--images") && refused.0[0].message.contains("--config"));
}

#[test]
fn what_is_wrong_with_a_value_is_told_with_its_flag() {
    let translation = translated(&["sync", "--images", "images.yaml", "--os", "linux", "--arch", "amd"]).unwrap();
    let at = translation.text().find("arch =").unwrap();
    let place = Location::of(Translation::FILE, translation.text(), at..at + 4);
    let about_flag = Diagnostic::error("no such architecture").at(place).note("in filter `platform`");
    let about_file = Diagnostic::error("no tag").at(Location::at("images.yaml", "", 7, 1));
    let explained = translation.explain(vec![about_flag, about_file.clone()]);
    assert_eq!(explained[0].notes, ["from `--arch amd`"]);
    assert_eq!(explained[0].location, None);
    assert_eq!(explained[1], about_file);
}

#[test]
fn staging_takes_rules_and_everything_else_that_sync_takes() {
    insta::assert_snapshot!(text(&[
        "stage",
        "--auth",
        "auth.yaml",
        "--images",
        "images.yaml",
        "--to",
        "/media/usb/bundle",
        "--base",
        "receipt.json",
        "--ref-style",
        "tag",
        "-p",
        "6",
        "-r",
        "3",
        "--os",
        "linux",
        "--arch",
        "amd64,arm:v7",
        "--force",
        "--no-referrers",
    ]));
}

#[test]
fn staging_takes_references_and_lists_of_them() {
    insta::assert_snapshot!(text(&["stage", "nginx", "q.io/a:v1", "--platform", "linux/arm64", "--to", "b"]));
    let listed = text(&["stage", "--file", "a.txt", "--file", "-", "--to", "b"]);
    assert!(listed.contains("use = \"text\"\nfiles = [\"a.txt\", \"-\"]"), "{listed}");
}

#[test]
fn staging_wants_one_way_to_name_images() {
    for (words, wanted) in [
        (&["stage", "--to", "b"][..], "no image is named"),
        (&["stage", "--images", "", "--to", "b"], "no image is named"),
        (&["stage", "--file", "-", "--helm", "-", "--to", "b"], "`--file -` and `--helm -` read it"),
        (&["stage", "--file", "-", "--user", "q.io=bot", "--password-stdin", "--to", "b"], "stdin is read once"),
        (&["stage", "nginx", "--exclude", "x", "--to", "b"], "no such file is given"),
    ] {
        let refused = translated(words).unwrap_err();
        assert!(refused.0[0].message.contains(wanted), "{}", refused.0[0].message);
    }
    let refused = translated(&["stage", "q.io/a", "Q io", "--to", "b"]).unwrap_err();
    assert_eq!(refused.0[0].notes, ["from `Q io`"]);
}

#[test]
fn tags_are_left_alone_by_every_verb_that_writes_and_not_beside_what_replaces_or_removes() {
    let verbs: [&[&str]; 3] =
        [&["copy", "a.io/a:1", "b.io/b"], &["stage", "a.io/a:1", "--to", "d"], &["load", "d", "--to", "b.io"]];
    for verb in verbs {
        let with = |more: &[&'static str]| [verb, &["--no-overwrite"], more].concat();
        assert!(text(&with(&[])).contains("overwrite = false"), "{verb:?}");
        assert!(CommandLine::try_parse_from([&["sealift"], &with(&["--force"])[..]].concat()).is_err(), "{verb:?}");
    }
    let exact = ["sealift", "stage", "a.io/a:1", "--to", "d", "--exact", "--no-overwrite"];
    assert!(CommandLine::try_parse_from(exact).is_err());
}

#[test]
fn loading_names_what_goes_where() {
    insta::assert_snapshot!(text(&[
        "load",
        "/media/usb/bundle",
        "--to",
        "harbor.example.com/mirror",
        "--include",
        "quay.io/*",
        "--harbor",
        "--create-projects",
        "--auth",
        "auth.yaml",
        "--platform",
        "linux/amd64",
    ]));
    assert!(
        text(&["load", "b"]).ends_with("[list]\nuse = \"oci-dir\"\npath = \"b\"\n\n[[push]]\nuse = \"registry\"\n")
    );
}

#[test]
fn a_copy_takes_directories_on_both_sides() {
    insta::assert_snapshot!(text(&["copy", "oci-dir:in:v1", "h.io/a", "oci-dir:out:q.io/a:v1", "oci-dir:more"]));
    let into = text(&["copy", "nginx:1", "oci-dir:out"]);
    assert!(into.contains("images = [{ from = \"docker.io/library/nginx:1\" }]"), "{into}");
    let refused = translated(&["copy", "oci-dir:in", "h.io/a", "--all-tags"]).unwrap_err();
    assert!(refused.0[0].hint.as_ref().unwrap().contains("sealift load in"));
}

#[test]
fn sources_of_several_kinds_add_up() {
    insta::assert_snapshot!(text(&[
        "stage",
        "nginx",
        "--images",
        "rules.yaml",
        "--file",
        "a.txt",
        "--kubernetes",
        "k8s",
        "--helm",
        "-",
        "--compose",
        "compose.yaml",
        "--exclude",
        "*-debug,q.io/*",
        "--to",
        "b",
    ]));
}

#[test]
fn a_file_is_no_image() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.yaml");
    std::fs::write(&file, "kind: Pod\n").unwrap();
    let file = file.to_str().unwrap();
    let chart = dir.path().join("chart");
    std::fs::create_dir(&chart).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "").unwrap();
    for (words, told, hint) in [
        (&["stage", file, "--to", "b"][..], "is a file, and an image is expected", "`--kubernetes`"),
        (&["copy", file, "h.io/a/b"], "is a file, and an image is expected", "`sealift stage`"),
        (&["stage", "--helm", chart.to_str().unwrap(), "--to", "b"], "is not rendered", "`helm template "),
    ] {
        let UsageError(refused) = translated(words).unwrap_err();
        assert!(refused[0].message.contains(told), "{refused:?}");
        assert!(refused[0].hint.as_ref().unwrap().contains(hint), "{refused:?}");
    }
}

#[test]
fn registries_are_set_by_flags() {
    insta::assert_snapshot!(text(&[
        "copy",
        "a.io/a:1",
        "oci-dir:x",
        "--registries",
        "site.toml",
        "--insecure",
        "--insecure=b.io:5000",
        "--ca-file",
        "ca.pem",
        "--client-cert",
        "c.pem",
        "--client-key",
        "c.key",
        "--user",
        "robot$x",
    ]));
}

#[test]
fn a_login_is_for_one_registry() {
    let login = |words: &[&str]| {
        let text = text(words);
        let (_, table) = text.split_once("[registries.").unwrap();
        table.lines().take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(login(&["copy", "a.io/a:1", "a.io/b", "--user", "bot"]), r#""a.io"] username = "bot""#);
    assert_eq!(login(&["load", "d", "--to", "h.io:5000/x", "--user", "bot"]), r#""h.io:5000"] username = "bot""#);
    assert_eq!(login(&["stage", "nginx", "--to", "d", "--user", "bot"]), r#""docker.io"] username = "bot""#);
    assert_eq!(login(&["copy", "a.io/a", "b.io/b", "--user", "b.io=a=b"]), r#""b.io"] username = "a=b""#);
    let sync = login(&["sync", "--images", "i.yaml", "--user", "b.io=bot"]);
    assert_eq!(sync, r#""b.io"] username = "bot""#);
    for (words, hint) in [
        (&["copy", "a.io/a:1", "b.io/b", "--user", "bot"][..], "`--user a.io=bot`"),
        (&["stage", "--file", "a.txt", "--to", "d", "--user", "bot"], "`--user registry.example.com=bot`"),
        (&["stage", "nginx", "--to", "d", "--user", "bot:CANARY"], "SEALIFT_PASSWORD"),
        (&["stage", "nginx", "--to", "d", "--user", "q.io=bot:CANARY"], "SEALIFT_PASSWORD"),
        (&["stage", "nginx", "--to", "d", "--user", ""], "`--user NAME`"),
    ] {
        let UsageError(refused) = translated(words).unwrap_err();
        assert!(refused[0].hint.as_ref().unwrap().contains(hint), "{refused:?}");
        assert!(!format!("{refused:?}").contains("CANARY"));
    }
}

// It was read as a tag of `docker.io/library/127.0.0.1`.
#[test]
fn a_registry_alone_is_no_image() {
    for name in ["127.0.0.1:6104", "localhost:5000", "harbor.example.com", "harbor.example.com:8443", "[::1]:5000"] {
        for words in [&["copy", name, "a.io/a"][..], &["stage", name, "--to", "d"]] {
            let UsageError(refused) = translated(words).unwrap_err();
            assert_eq!(refused[0].message, format!("`{name}` is a registry, and no repository is named there"));
        }
    }
    for name in ["nginx:1.27", "nginx:1", "my.app:v1", "localhost"] {
        assert!(translated(&["copy", name, "a.io/a"]).is_ok(), "{name}");
    }
}
