//! `sealift docs`, `man` and `completions`.

use std::fs;

use crate::{printed, refused, root};

#[test]
fn the_reference_in_the_docs_is_fresh() {
    let dir = root().join("docs/reference");
    printed(&["docs", "--check", dir.to_str().unwrap()]);
}

#[test]
fn stale_and_missing_pages_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    printed(&["docs", path]);
    printed(&["docs", "--check", path]);
    fs::write(dir.path().join("push.md"), "old").unwrap();
    fs::remove_file(dir.path().join("commands.md")).unwrap();
    fs::write(dir.path().join("by-hand.md"), "ours").unwrap();
    let said = refused(&["docs", "--check", path]);
    assert!(said.contains("push.md` is stale") && said.contains("commands.md` cannot be read"), "{said}");
    assert!(!said.contains("filter.md") && !said.contains("by-hand.md"), "{said}");
    assert_eq!(fs::read_to_string(dir.path().join("push.md")).unwrap(), "old", "`--check` writes nothing");
}

#[test]
fn manual_pages_tell_of_every_verb() {
    assert!(printed(&["man"]).contains(".TH sealift"));
    let dir = tempfile::tempdir().unwrap();
    printed(&["man", "--dir", dir.path().to_str().unwrap()]);
    let page = fs::read_to_string(dir.path().join("sealift-check.1")).unwrap();
    assert!(page.contains("sealift check") && page.contains("without any traffic"), "{page}");
    let page = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(page("sealift-convert.1").contains(".SH SYNOPSIS\nsealift convert [OPTIONS]\n"));
    for (name, sections) in [
        ("sealift.1", ["SYNOPSIS", "SUBCOMMANDS", "\"EXIT STATUS\"", "ENVIRONMENT", "FILES"]),
        ("sealift-man.1", ["NAME", "SYNOPSIS", "OPTIONS", "OUTPUT", "EXAMPLES"]),
    ] {
        let page = page(name);
        for section in sections {
            assert!(page.contains(&format!(".SH {section}\n")), "{section} is not in {name}:\n{page}");
        }
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = printed(&["completions", shell]);
        assert!(script.contains("receipt") && script.contains("print-pipeline"), "{shell}");
        // The others complete flags and verbs only.
        assert!(!["bash", "zsh"].contains(&shell) || script.contains("alibaba"), "{shell} knows no kinds");
    }
    assert!(refused(&["completions", "tcsh"]).contains("bash"));
}
