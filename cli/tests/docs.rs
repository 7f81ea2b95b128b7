//! Every pipeline in the README and the docs is one that `check` takes, and every verb that they name is there.

use std::path::{Path, PathBuf};

use assert_cmd::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sealift() -> Command {
    assert_cmd::cargo::cargo_bin_cmd!("sealift")
}

/// The pages, with their text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|suffix| suffix == "md") {
                pages.push(path);
            }
        }
    }
    pages.into_iter().map(|page| (page.clone(), std::fs::read_to_string(page).unwrap())).collect()
}

/// The blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    text.split(&start).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_pipeline_in_the_docs_is_right() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("images.yaml"), "quay.io/a/b: h.io/a/b\n").unwrap();
    std::fs::write(dir.path().join("auth.yaml"), "quay.io: {username: bot, password: secret}\n").unwrap();
    let mut checked = 0;
    for (page, text) in pages() {
        for block in blocks(&text, "toml") {
            let output = sealift().args(["check", "-"]).current_dir(dir.path()).write_stdin(block).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{}:\n{block}\n{said}", page.display());
            checked += 1;
        }
    }
    assert!(checked >= 2, "the README and the image-syncer page have one each, {checked} were found");
}

#[test]
fn every_verb_in_the_readme_is_there() {
    let (_, readme) = pages().swap_remove(0);
    let verbs: Vec<_> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `sealift "))
        .filter_map(|rest| rest.split([' ', '`']).next())
        .collect();
    assert!(verbs.contains(&"sync") && verbs.len() > 5, "{verbs:?}");
    for verb in verbs {
        sealift().args([verb, "--help"]).assert().success();
    }
}

#[test]
fn every_file_that_the_readme_links_to_is_there() {
    let (_, readme) = pages().swap_remove(0);
    let links: Vec<_> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 5);
    for link in links.iter().filter(|link| !link.starts_with("http")) {
        assert!(root().join(link).exists(), "{link}");
    }
}
