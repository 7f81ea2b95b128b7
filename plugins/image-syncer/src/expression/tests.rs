use serde::Deserialize;

use super::*;

/// Expressions with what Go's `regexp` makes of them: `error`, or a 1 for each tag that matches.
#[derive(Deserialize)]
struct Table {
    tags: Vec<String>,
    cases: Vec<(String, String)>,
}

#[test]
fn every_expression_means_what_it_means_in_go() {
    let table: Table = serde_json::from_str(include_str!("../../tests/expressions.json")).unwrap();
    assert!(table.cases.len() > 2000);
    let mut different = Vec::new();
    for (expression, expected) in &table.cases {
        let found = match Expression::new(expression) {
            Ok(read) => table.tags.iter().map(|tag| if read.is_match(tag) { '1' } else { '0' }).collect(),
            Err(_) => "error".to_owned(),
        };
        if found != *expected {
            different.push(format!("{expression}: {found}, and {expected} in Go"));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

#[test]
fn what_is_wrong_is_said_in_words() {
    for (expression, why) in [
        ("(", "a group is not closed"),
        ("a)", "a group is closed that was not opened"),
        ("[a", "a class is not closed: `]` is missing"),
        ("*", "nothing stands before `*` that could be repeated"),
        ("a++", "`+` repeats a repetition"),
        ("(?=x)", "`(?` must be followed by flags or a name; there is no look-around"),
        ("a\\", "it ends with a backslash"),
        (r"(v)\1", r"there is no escape `\1`, and no reference to a group"),
        ("x{2,1}", "a number of repetitions is above 1000, or the first one is the larger"),
    ] {
        assert_eq!(Expression::new(expression).unwrap_err(), why, "{expression}");
    }
}

#[test]
fn what_would_become_too_large_is_refused_in_a_moment() {
    let long = format!("({}){{1000}}", "[a-z]".repeat(5000));
    assert_eq!(Expression::new(&long).unwrap_err(), "it is too large");
    assert!(Expression::new(&"(".repeat(100_000)).is_err());
    assert!(Expression::new(&format!("{}a{}", "(".repeat(900), ")".repeat(900))).is_ok());
}
