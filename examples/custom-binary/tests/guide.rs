//! The plugin guide shows what is built and tested here: nothing in it is written twice, and nothing is made up.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sealift_conformance::{Rule, fetch, filter, list, login, observe, push};

/// Lists paths, each of which the compiler finds.
macro_rules! paths {
    ($($first:ident $(:: $rest:ident)+),* $(,)?) => {
        #[expect(unused_imports, reason = "the compiler looks whether they are there")]
        mod named {
            $(use $first $(:: $rest)+ as _;)*
        }
        const PATHS: &[&str] = &[$(concat!(stringify!($first) $(, "::", stringify!($rest))+)),*];
    };
}

// What the documentation and the advice of the suites name.
paths! {
    sealift_cli::main,
    sealift_cloud_login::Api,
    sealift_cloud_login::Issuer,
    sealift_cloud_login::KeyNames,
    sealift_cloud_login::TemporaryLogin,
    sealift_core::plugin::Purpose::Check,
    sealift_core::secret::SecretValue,
    sealift_registry_client::WebClient,
    sealift_registry_client::http,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn guide() -> String {
    fs::read_to_string(root().join("docs/plugin-guide.md")).unwrap()
}

/// The fenced blocks: language, what stands behind it, text.
fn blocks(page: &str) -> Vec<(String, Option<String>, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let (language, file) = info.split_once(' ').map_or((info, None), |(language, file)| (language, Some(file)));
        let text: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        blocks.push((language.to_owned(), file.map(ToOwned::to_owned), text));
    }
    blocks
}

#[test]
fn every_block_of_code_stands_in_the_file_that_it_names() {
    let mut found = 0;
    for (language, file, text) in blocks(&guide()) {
        if ["sh", "text"].contains(&language.as_str()) {
            continue;
        }
        let file = file.unwrap_or_else(|| panic!("a block of {language} names no file:\n{text}"));
        let code = fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(code.contains(&text), "this does not stand in {file}:\n{text}");
        found += 1;
    }
    assert!(found >= 8, "{found} blocks were found");
}

#[test]
fn every_rule_of_the_suites_is_in_the_guide() {
    let guide = guide();
    let line = |rule: &Rule| format!("| `{}` | {} |", rule.name, rule.advice);
    for rule in
        [list::RULES, filter::RULES, fetch::RULES, push::RULES, observe::RULES, login::RULES].into_iter().flatten()
    {
        assert!(guide.contains(&line(rule)), "the guide lacks:\n{}", line(rule));
    }
    let rules = guide.lines().filter(|line| line.starts_with("| `") && line.contains("_")).count();
    assert!(rules >= 20, "{rules}");
}

#[test]
fn every_place_that_the_guide_links_to_is_there() {
    let guide = guide();
    for link in guide.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(root().join("docs").join(link).exists(), "{link}");
    }
}

/// The Markdown and Rust files in a directory, and below it.
fn texts(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let is_text = path.extension().is_some_and(|ending| ending == "md" || ending == "rs");
        match path.is_dir() {
            true => texts(&path, found),
            false if is_text => found.push(path),
            false => {}
        }
    }
}

/// The suites advised a type that was called otherwise.
#[test]
fn every_path_in_code_that_a_text_names_is_there() {
    let mut files = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    ["docs", "conformance/src", "examples", "cli/templates"].iter().for_each(|at| texts(&root().join(at), &mut files));
    let mut named = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        for path in spans.filter(|span| span.starts_with("sealift_") && span.contains("::")) {
            let path = path.split(['!', '(', '<']).next().unwrap();
            assert!(PATHS.contains(&path), "{}: `{path}`; if it is right, add it to `paths!`", file.display());
            named += 1;
        }
    }
    assert!(named >= 4, "{named}");
}
