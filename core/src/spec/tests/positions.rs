//! Places are exact, however the file is written.

use super::{run, told};

/// Where the errors of a text are: line, column and the characters that are pointed at.
fn places(text: &str) -> Vec<(usize, usize, String)> {
    let found = run(text).err().unwrap_or_default();
    let place = |diagnostic: &crate::diagnostic::Diagnostic| {
        let place = diagnostic.location.clone().expect("every error of these files has a place");
        let pointed = place.text.chars().skip(place.column - 1).take(place.length).collect();
        (place.line, place.column, pointed)
    };
    found.iter().map(place).collect()
}

fn pointed(text: &str) -> Vec<String> {
    places(text).into_iter().map(|(_, _, pointed)| pointed).collect()
}

const LIST: &str = "[list]\nuse = \"registry\"\n";

#[test]
fn columns_count_characters_not_bytes() {
    let found = places("list = { use = \"registry\", rules = \"日本語 ü\", wrong = 1 }\n");
    assert_eq!(found, [(1, 45, "wrong".to_owned())]);
}

#[test]
fn windows_line_ends_change_no_place() {
    let text = format!("{LIST}rules = 5\n\n[[push]]\nuse = \"nowhere\"\n");
    assert_eq!(places(&text.replace('\n', "\r\n")), places(&text));
    assert_eq!(places(&text), [(3, 9, "5".to_owned()), (6, 7, "\"nowhere\"".to_owned())]);
}

#[test]
fn a_byte_order_mark_is_no_column() {
    assert_eq!(places("\u{feff}wrong = 1\n[list]\nuse = \"registry\"\n")[0].2, "wrong");
}

#[test]
fn inline_tables_and_lists_of_them_have_places_inside() {
    let text = "list = { use = \"registry\", images = [{ from = \"a/b\", too = [] }, { from = true }] }";
    assert_eq!(pointed(text), ["too", "true"]);
}

#[test]
fn lists_over_several_lines_have_places_inside() {
    let text = format!("{LIST}images = [\n  {{ from = \"a/b\" }},\n  {{\n    from = 7,\n  }},\n]\n");
    assert_eq!(places(&text), [(6, 12, "7".to_owned())]);
}

#[test]
fn arrays_of_tables_have_places_inside() {
    let text = format!("{LIST}[[list.images]]\nfrom = \"a/b\"\n[[list.images]]\nto = [1, \"x\", 2]\n");
    assert_eq!(pointed(&text), ["[[list.images]]", "1", "2"]);
}

#[test]
fn dotted_keys_have_places_inside() {
    let text = format!("{LIST}[registries]\n\"quay.io\".port = \"x\"\n\"quay.io\".wrong = 1\nb.c = 1\n");
    assert_eq!(pointed(&text), ["\"x\"", "wrong", "c"]);
    assert_eq!(pointed("list.use = \"registry\"\nlist.rules = 1\nrun.transfers = 0\n"), ["1", "0"]);
}

#[test]
fn tables_of_names_that_users_choose_are_told_with_their_names() {
    insta::assert_snapshot!(
        told(&format!("{LIST}[registries.\"quay.io\"]\nport = -1\n[registries]\nb = 5\n")),
        @r#"
        error: `registries."quay.io".port` must be a whole number, 0 to 65535, not `-1`
          --> mirror.toml:4:8
           | port = -1
           |        ^^
           = in `[registries]`
        hint: run `sealift explain registries`

        error: `registries.b` must be a table, not a number
          --> mirror.toml:6:5
           | b = 5
           |     ^
           = in `[registries]`
        hint: run `sealift explain registries`
        "#
    );
}

#[test]
fn a_long_line_is_not_quoted_and_still_has_a_place() {
    let text = format!("{LIST}rules = [\"{}\", 5]\n", "x".repeat(5000));
    let found = run(&text).err().expect("rules is no list");
    let place = found[0].location.clone().expect("a place");
    assert_eq!((place.line, place.column, place.text.as_str()), (3, 9, ""));
}

#[test]
fn control_characters_never_reach_a_terminal() {
    let found = run(&format!("{LIST}\"\\u001b[31m\" = 1\nx = \u{1b}[31m\n")).err().expect("it is broken");
    let all: String = found.iter().map(|one| format!("{one} {}", one.location.clone().unwrap().text)).collect();
    assert!(!all.contains('\u{1b}'), "{all:?}");
    let found = run(&format!("{LIST}\"\\u001b[31m\" = 1\n\"use\\u0007\" = 2")).err().expect("keys are unknown");
    let all: String = found.iter().map(ToString::to_string).collect();
    assert!(!all.contains(['\u{1b}', '\u{7}']) && all.contains("[31m"), "{all:?}");
}
