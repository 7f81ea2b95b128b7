//! What explains itself: fields, examples, the schema, the beginning of a pipeline, translated files, the reference.

mod converting;
mod examples;
mod reference;
mod schema;
mod starting;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn sealift(words: &[&str]) -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("sealift");
    command.args(words).env_remove("NO_COLOR").env("COLUMNS", "100").env("HARBOR_PASSWORD", "set");
    command
}

/// What it prints, and nothing on stderr.
fn printed(words: &[&str]) -> String {
    let output = sealift(words).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{words:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it says when it does nothing.
fn refused(words: &[&str]) -> String {
    let output = sealift(words).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{words:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Each topic of `explain`, with all that is told of it.
fn topics() -> Vec<Value> {
    serde_json::from_str(&printed(&["explain", "--json"])).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files that are given to `check` all at once; none may be wrong.
fn check_accepts(texts: &[(String, String)]) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("auth.yaml"), "quay.io: {username: bot, password: secret}\n").unwrap();
    let mut command = sealift(&["check"]);
    for (at, (_, text)) in texts.iter().enumerate() {
        let file = format!("{at}.toml");
        std::fs::write(dir.path().join(&file), text).unwrap();
        command.arg(file);
    }
    let output = command.current_dir(dir.path()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let wrong: Vec<_> = texts
        .iter()
        .enumerate()
        .filter(|(at, _)| !stdout.lines().any(|line| line.starts_with(&format!("{at}.toml: fine"))))
        .map(|(at, (name, text))| format!("{at} {name}:\n{text}"))
        .collect();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && wrong.is_empty(), "{}\n{stderr}", wrong.join("\n"));
}
