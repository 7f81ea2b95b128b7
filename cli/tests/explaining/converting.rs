//! `sealift convert`.

use std::{collections::HashMap, fs, path::Path, sync::Arc};

use sealift_core::plugin::{Environment, Purpose};
use sealift_image_syncer::{Rule, Variables, rules_file};

use crate::{root, sealift};

/// What it prints and what it says, in a directory with these files.
fn convert(dir: &Path, words: &[&str]) -> (String, String) {
    let output = sealift(&["convert"]).args(words).current_dir(dir).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert!(output.status.success(), "{}", text(output.stderr));
    (text(output.stdout), text(output.stderr))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn check(dir: &Path, pipeline: &str) {
    fs::write(dir.join("converted.toml"), pipeline).unwrap();
    let output = sealift(&["check", "converted.toml"]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{pipeline}\n{}", String::from_utf8_lossy(&output.stderr));
}

const IMAGES: &str = "\
# What the platform team runs.

quay.io/coreos/etcd:/^v3\\.5\\./: harbor.example.com/mirror/etcd  # until 2027
# Base images
nginx:1.27,1.26:
  - harbor.example.com/mirror/nginx:stable,previous
  # the second site
  - ${SITE}/mirror/nginx
nginx:1.27,1.26: harbor.example.com/other/nginx
# end of file
";

#[test]
fn comments_order_and_duplicates_stay() {
    let dir = folder(&[
        ("images.yaml", IMAGES),
        (
            "auth.yaml",
            "# robots\nquay.io:\n  username: robot$ci\n  password: ${QUAY_PW}\nharbor.example.com: {username: $USER_NAME, password: $HARBOR_PW, insecure: true} # inside\n",
        ),
    ]);
    let (pipeline, _) = convert(dir.path(), &["--images", "images.yaml", "--auth", "auth.yaml"]);
    insta::assert_snapshot!("converted", pipeline);
    check(dir.path(), &pipeline);
}

#[test]
fn a_password_in_clear_stays_where_it_is() {
    let auth = "# old: hunter1\nquay.io: {username: bot, password: hunter2}\nh.io: {username: bot, password: $PW}\n";
    let dir = folder(&[("images.yaml", "nginx:1: h.io/n\n"), ("auth.yaml", auth)]);
    let (pipeline, said) = convert(dir.path(), &["--images", "images.yaml", "--auth", "auth.yaml"]);
    assert!(!pipeline.contains("hunter") && !said.contains("hunter"), "{pipeline}{said}");
    insta::assert_snapshot!("converted_with_logins_that_stay", format!("{pipeline}\n{said}"));
    check(dir.path(), &pipeline);
}

#[test]
fn what_tables_cannot_say_stays_in_the_file() {
    for auth in [
        "quay.io/team: {username: bot, password: $PW}\n",
        "quay.io: {username: bot, password: 'x${PW}'}\n",
        "quay.io: {username: bot}\n",
        "docker.io: {username: a, password: $PW}\nindex.docker.io: {username: b, password: $PW}\n",
    ] {
        let dir = folder(&[("images.yaml", "nginx:1: h.io/n\n"), ("auth.yaml", auth)]);
        let (pipeline, said) = convert(dir.path(), &["--images", "images.yaml", "--auth", "auth.yaml"]);
        assert!(pipeline.contains("file = \"auth.yaml\"") && said.contains("the logins stay"), "{auth}{pipeline}");
        check(dir.path(), &pipeline);
    }
}

#[test]
fn a_password_that_was_commented_out_is_not_copied() {
    let auth = "# h.io: {username: a, password: hunter2}\nquay.io: {username: bot, password: $PW}\n";
    let dir = folder(&[("images.yaml", "nginx:1: h.io/n\n"), ("auth.yaml", auth)]);
    let (pipeline, _) = convert(dir.path(), &["--images", "images.yaml", "--auth", "auth.yaml"]);
    assert!(pipeline.contains("[registries.\"quay.io\"]") && !pipeline.contains("hunter2"), "{pipeline}");
}

#[test]
fn the_old_single_file_is_converted_as_well() {
    let config = r#"{"auth": {"h.io": {"username": "bot", "password": "$PW"}}, "images": {"nginx:1": "h.io/n"}}"#;
    let dir = folder(&[("config.json", config)]);
    let (pipeline, _) = convert(dir.path(), &["--config", "config.json"]);
    assert!(pipeline.contains("[registries.\"h.io\"]") && pipeline.contains("from = \"nginx:1\""), "{pipeline}");
    check(dir.path(), &pipeline);
}

#[test]
fn files_that_are_wrong_are_refused_with_their_places() {
    let dir = folder(&[("images.yaml", "quay.io/A: h.io/a\n")]);
    let output = sealift(&["convert", "--images", "images.yaml"]).current_dir(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("images.yaml:1:1"));
}

/// What a run asks for: each image with where it goes.
fn asked_for(rules: &[Rule], tags: &[String]) -> Vec<String> {
    let tags: Vec<_> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let listings = rules.iter().map(|rule| rule.listing(&tags));
    listings.map(|listing| format!("{} {:?}", listing.repository, listing.candidates)).collect()
}

#[test]
fn the_pipeline_asks_for_what_the_rules_asked_for() {
    let cases = fs::read_to_string(root().join("plugins/image-syncer/tests/cases.yaml")).unwrap();
    let cases: serde_yaml::Value = serde_yaml::from_str(&cases).unwrap();
    let mut compared = 0;
    for case in cases["rules"].as_sequence().unwrap() {
        if !case["error"].is_null() {
            continue;
        }
        let texts =
            |value: &serde_yaml::Value| -> Vec<String> { serde_yaml::from_value(value.clone()).unwrap_or_default() };
        let set: HashMap<String, String> = serde_yaml::from_value(case["set"].clone()).unwrap_or_default();
        let file = serde_yaml::to_string(&HashMap::from([(case["source"].as_str().unwrap(), &case["dest"])])).unwrap();
        let dir = folder(&[("images.yaml", &file)]);
        let environment: Environment = Arc::new(move |name| set.get(name).cloned());
        let variables = Variables::new(environment, Purpose::Run);
        let (before, _) = rules_file(&file, "images.yaml", &variables).unwrap();

        let (pipeline, _) = convert(dir.path(), &["--images", "images.yaml"]);
        let pipeline: toml::Table = toml::from_str(&pipeline).unwrap();
        let images = pipeline["list"]["images"].as_array().unwrap();
        let after = images.iter().map(|image| {
            let to: Vec<_> = image["to"].as_array().unwrap().iter().map(|to| to.as_str().unwrap()).collect();
            Rule::parse(image["from"].as_str().unwrap(), &to, "images", &variables).unwrap().0
        });
        let tags = texts(&case["tags"]);
        assert_eq!(asked_for(&after.collect::<Vec<_>>(), &tags), asked_for(&before, &tags), "{file}");
        compared += 1;
    }
    assert!(compared > 10, "{compared} cases were compared");
}
