//! Every pipeline in the README and the docs is one that `check` takes, every verb and flag that they name is there, and
//! so is every page that they link to.

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
    std::fs::write(dir.path().join("images.txt"), "quay.io/a/b:1\n").unwrap();
    std::fs::write(dir.path().join("compose.yaml"), "services: {web: {image: nginx}}\n").unwrap();
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: nginx}]}\n";
    std::fs::write(dir.path().join("rendered.yaml"), pod).unwrap();
    let mut checked = 0;
    for (page, text) in pages() {
        for block in blocks(&text, "toml") {
            let output = sealift().args(["check", "-"]).current_dir(dir.path()).write_stdin(block).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{}:\n{block}\n{said}", page.display());
            checked += 1;
        }
    }
    assert!(checked >= 10, "the README and the guides have some, {checked} were found");
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

/// Flags are read before `--help` is, so one that is not there is an error.
#[test]
fn every_command_in_the_docs_has_the_flags_that_it_names() {
    let mut tried = 0;
    for (page, text) in pages() {
        let commands = blocks(&text, "console").into_iter().flat_map(str::lines);
        for command in commands.filter_map(|line| line.trim_start_matches("$ ").strip_prefix("sealift ")) {
            let command = command.split(['|', '>', '#', '\\']).next().unwrap_or_default();
            let words = command.split_whitespace().filter(|word| *word != "-");
            let output = sealift().args(words).arg("--help").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: sealift {command}\n{said}", page.display());
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn every_page_that_is_linked_to_is_there() {
    let mut followed = 0;
    for (page, text) in pages() {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let here = links.filter(|link| !link.starts_with("http") && !link.starts_with('#'));
        for link in here {
            let file = link.split('#').next().unwrap_or_default();
            assert!(page.parent().unwrap().join(file).exists(), "{}: {link}", page.display());
            followed += 1;
        }
    }
    assert!(followed > 20, "{followed}");
}

#[test]
fn every_guide_and_every_concept_is_in_the_index() {
    let docs = root().join("docs");
    let index = std::fs::read_to_string(docs.join("README.md")).unwrap();
    for (page, _) in pages() {
        let Ok(name) = page.strip_prefix(&docs) else { continue };
        let name = name.to_string_lossy().replace('\\', "/");
        if name.starts_with("guides/") || name.starts_with("concepts/") {
            assert!(index.contains(&format!("({name})")), "`docs/README.md` does not name {name}");
        }
    }
}
