//! `docs/reliability.md` against the tests that it names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

const CASES: std::ops::RangeInclusive<u32> = 1..=100;

/// A row of the tables with cases: its number and its last cell. Other tables of the page do not count, whatever
/// stands in their first column.
fn rows(page: &str) -> Vec<(u32, String)> {
    let mut of_cases = false;
    let mut rows = Vec::new();
    for line in page.lines() {
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            of_cases = false;
            continue;
        };
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        match cells[..] {
            ["case", _, "kept by"] => of_cases = true,
            ["---", ..] => (),
            [number, _, kept_by] if of_cases => {
                let number = number.parse().unwrap_or_else(|_| panic!("a row is not of a case: {line}"));
                rows.push((number, kept_by.to_owned()));
            }
            _ => assert!(!of_cases, "a row has three cells: {line}"),
        }
    }
    rows
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/reliability.md")).expect("the page is there")
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

/// The last cells of the table that says what exit code 0 promises, by verb.
fn promises_of_exit_zero(page: &str) -> Vec<(String, String)> {
    let lines = page.lines().skip_while(|line| *line != "| verb | exit 0 means | kept by |").skip(2);
    let rows = lines.map_while(|line| line.strip_prefix('|')?.strip_suffix('|'));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[0].to_owned(), cells[cells.len() - 1].to_owned())).collect()
}

/// Whether a test is run with all others, or only by a command of its own.
#[derive(Debug, PartialEq, Eq)]
enum Runs {
    Always,
    WhenAsked,
}

/// The test of this name, by its attributes: a function without one is no test, and neither is one in a comment.
fn find(text: &str, name: &str) -> Option<Runs> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let head = |line: &&str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ").and_then(|line| line.strip_prefix(name)).is_some_and(|rest| rest.starts_with('('))
    };
    let at = lines.iter().position(head)?;
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    let attributes: Vec<_> = above.filter(|line| line.starts_with("#[")).collect();
    let is_test = |line: &&&str| ["#[test]", "#[tokio::test]", "#[tokio::test("].iter().any(|it| line.starts_with(it));
    if !attributes.iter().any(is_test) {
        return None;
    }
    let ignored = attributes.iter().any(|line| line.starts_with("#[ignore"));
    Some(if ignored { Runs::WhenAsked } else { Runs::Always })
}

fn find_in(file: &str, name: &str) -> Option<Runs> {
    find(&std::fs::read_to_string(root().join(file)).unwrap_or_default(), name)
}

/// What the page's commands for ignored tests ask for.
fn asked_for(page: &str) -> Vec<&str> {
    let commands = page.lines().filter(|line| line.starts_with("$ ") && line.contains(" --ignored "));
    commands.filter_map(|line| line.split_whitespace().last()).collect()
}

#[test]
fn every_case_has_one_row() {
    let mut found = BTreeMap::<u32, u32>::new();
    for (number, _) in rows(&page()) {
        *found.entry(number).or_default() += 1;
    }
    for case in CASES {
        assert_eq!(found.remove(&case), Some(1), "case {case}");
    }
    assert!(found.is_empty(), "there are no such cases: {found:?}");
}

#[test]
fn every_test_that_is_named_is_there() {
    let page = page();
    for (number, cell) in rows(&page) {
        for (file, name) in tests(&cell) {
            match find_in(file, name) {
                Some(Runs::Always) => (),
                Some(Runs::WhenAsked) => assert!(
                    asked_for(&page).iter().any(|filter| name.contains(filter)),
                    "case {number}: `{name}` is ignored, and no command on the page runs it"
                ),
                None => panic!("case {number}: `{file}` has no test `{name}`"),
            }
        }
    }
}

#[test]
fn every_verb_is_held_to_what_exit_zero_promises() {
    let promises = promises_of_exit_zero(&page());
    for verb in ["run", "copy", "sync", "stage", "merge", "load", "verify", "ls", "receipt", "plan", "check"] {
        assert!(promises.iter().any(|(verbs, _)| verbs.contains(&format!("`{verb}`"))), "`{verb}` has no row");
    }
    for (verbs, cell) in promises {
        let tests = tests(&cell);
        assert!(!tests.is_empty(), "{verbs}: no test");
        for (file, name) in tests {
            assert_eq!(find_in(file, name), Some(Runs::Always), "{verbs}: `{file}` has no test `{name}`");
        }
    }
}

#[test]
fn every_case_is_proven_in_every_run_or_does_not_apply() {
    let proven = |cell: &str| tests(cell).iter().any(|(file, name)| find_in(file, name) == Some(Runs::Always));
    let open: Vec<_> = rows(&page())
        .into_iter()
        .filter(|(_, cell)| match cell.strip_prefix("does not apply: ") {
            Some(reason) => reason.len() < 20,
            None => !proven(cell),
        })
        .map(|(number, _)| number)
        .collect();
    assert!(open.is_empty(), "cases with neither a test nor a reason: {open:?}");
}

#[test]
fn a_test_in_this_folder_that_is_named_after_a_case_is_in_its_row() {
    let rows: BTreeMap<_, _> = rows(&page()).into_iter().collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reliability");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = format!("tests/tests/reliability/{}", path.file_name().unwrap().to_str().unwrap());
        let text = std::fs::read_to_string(path).unwrap();
        for name in text.lines().filter_map(|line| line.trim().trim_start_matches("async ").strip_prefix("fn case_")) {
            let name = format!("case_{}", name.split('(').next().unwrap());
            let number = name[5..].split('_').next().and_then(|number| number.parse().ok());
            let number: u32 = number.unwrap_or_else(|| panic!("`{name}` has no number of a case"));
            let named = tests(&rows[&number]).contains(&(file.as_str(), name.as_str()));
            assert!(named, "case {number} does not name `{name}` of `{file}`");
        }
    }
}

#[test]
fn only_what_is_run_counts_as_a_test() {
    let text = r#"
        fn of_its_own() {}
        proptest! {
            #[test]
            fn in_a_macro(text in ".*") {}
            fn beside_it(text: &str) {}
        }
        #[tokio::test(flavor = "multi_thread")]
        /// Why.
        async fn that_waits() {}
        #[test]
        #[ignore = "long"]
        fn that_is_long() {}
        #[test]
        // fn in_a_comment() {}
        fn that_waits_longer() {}
    "#;
    for (name, runs) in [
        ("of_its_own", None),
        ("in_a_macro", Some(Runs::Always)),
        ("beside_it", None),
        ("that_waits", Some(Runs::Always)),
        ("that_is_long", Some(Runs::WhenAsked)),
        ("in_a_comment", None),
        ("that", None),
    ] {
        assert_eq!(find(text, name), runs, "{name}");
    }
}

#[test]
fn only_tables_of_cases_have_cases() {
    let page = "| case | what | kept by |\n|---|---|---|\n| 3 | it | `a.rs` `b_c` |\n\n| 4 | is | no case |\n";
    assert_eq!(rows(page), [(3, "`a.rs` `b_c`".to_owned())]);
}
