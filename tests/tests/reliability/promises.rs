//! `docs/reliability.md` against the tests that it names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

const CASES: std::ops::RangeInclusive<u32> = 1..=92;

/// A row of the tables with cases: its number and its last cell.
fn rows() -> Vec<(u32, String)> {
    let page = std::fs::read_to_string(root().join("docs/reliability.md")).expect("the page is there");
    // What was found has the numbers of cases, too.
    let cases = page.lines().take_while(|line| *line != "## Found and mended");
    let cells = cases.filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    cells
        .filter_map(|line| {
            let (number, rest) = line.split_once('|')?;
            let (_, kept_by) = rest.rsplit_once('|')?;
            Some((number.trim().parse().ok()?, kept_by.trim().to_owned()))
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Tests are written as `` `path/to/file.rs` `name_of_the_test` ``; a file counts for all names up to the next one.
fn tests(cell: &str) -> Vec<(&str, &str)> {
    let mut file = "";
    let mut tests = Vec::new();
    for word in cell.split('`').skip(1).step_by(2) {
        if word.ends_with(".rs") {
            file = word;
        } else if word.contains('_') && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            tests.push((file, word));
        }
    }
    tests
}

fn is_test(file: &str, name: &str) -> bool {
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    let heads = [format!("fn {name}("), format!("fn {name}<")];
    let Some(at) = heads.iter().find_map(|head| text.find(head)) else { return false };
    // Above it stands its attribute, in a macro of property tests perhaps further up.
    let above: Vec<_> = text[..at].lines().rev().take(6).collect();
    above.iter().any(|line| line.contains("test]") || line.contains("test(")) || text.contains("proptest!")
}

#[test]
fn every_case_has_one_row() {
    let mut found = BTreeMap::<u32, u32>::new();
    for (number, _) in rows() {
        *found.entry(number).or_default() += 1;
    }
    for case in CASES {
        assert_eq!(found.remove(&case), Some(1), "case {case}");
    }
    assert!(found.is_empty(), "there are no such cases: {found:?}");
}

#[test]
fn every_test_that_is_named_is_there() {
    for (number, cell) in rows() {
        for (file, name) in tests(&cell) {
            assert!(is_test(file, name), "case {number}: `{file}` has no test `{name}`");
        }
    }
}

#[test]
fn every_case_is_proven_or_does_not_apply() {
    let open: Vec<_> = rows()
        .into_iter()
        .filter(|(_, cell)| match cell.strip_prefix("does not apply: ") {
            Some(reason) => reason.len() < 20,
            None => tests(cell).is_empty(),
        })
        .map(|(number, _)| number)
        .collect();
    assert!(open.is_empty(), "cases with neither a test nor a reason: {open:?}");
}

#[test]
fn a_test_in_this_folder_that_is_named_after_a_case_is_in_its_row() {
    let rows: BTreeMap<_, _> = rows().into_iter().collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reliability");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for rest in text.split("fn case_").skip(1) {
            let name = format!("case_{}", rest.split('(').next().unwrap());
            let Some(number) = name[5..].split('_').next().and_then(|number| number.parse().ok()) else { continue };
            assert!(rows[&number].contains(&name), "case {number} does not name `{name}`");
        }
    }
}
