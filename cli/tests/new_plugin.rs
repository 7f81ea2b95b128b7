//! `sealift new plugin`: what is written, and what is refused before anything is.

use std::{collections::BTreeSet, path::Path};

use tempfile::TempDir;

fn sealift(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("sealift");
    let output = command.args(words).current_dir(folder).env("COLUMNS", "100").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What is in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn refused(folder: &Path, words: &[&str]) -> String {
    let before = names(folder);
    let (code, stdout, stderr) = sealift(folder, words);
    assert_eq!((code, stdout.as_str()), (2, ""), "{words:?}: {stderr}");
    assert_eq!(names(folder), before, "{words:?}: something was written");
    stderr
}

#[test]
fn a_crate_is_written_and_told() {
    let folder = TempDir::new().unwrap();
    let (code, stdout, stderr) = sealift(folder.path(), &["new", "plugin", "filter", "signed-only"]);
    let note =
        "it depends on the published version of this program; where there is none, `--sealift PATH` names a checkout\n";
    assert_eq!((code, stderr.as_str()), (0, note));
    insta::assert_snapshot!(stdout);
    assert_eq!(names(folder.path()), BTreeSet::from(["signed-only".to_owned()]));
    let manifest = std::fs::read_to_string(folder.path().join("signed-only/Cargo.toml")).unwrap();
    assert!(manifest.contains(&format!("sealift-core = {{ version = \"{}\" }}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("taken")).unwrap();
    let said: Vec<String> = [
        &["new", "plugin", "filter", "Signed Only"][..],
        &["new", "plugin", "filter", "match"],
        &["new", "plugin", "filter", "taken"],
        &["new", "plugin", "filter", "newest"],
        &["new", "plugin", "filter", "sealift-core"],
        &["new", "plugin", "filter", "signed", "--sealift", "no/such/checkout"],
        &["new", "plugin", "fitler", "signed"],
    ]
    .iter()
    .map(|words| refused(folder.path(), words))
    .collect();
    insta::assert_snapshot!(said.join("\n"));
    // The name of a list is free for a filter.
    assert_eq!(sealift(folder.path(), &["new", "plugin", "filter", "compose"]).0, 0);
}
