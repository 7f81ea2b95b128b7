//! Places and guesses.

use super::*;

fn place(text: &str, span: std::ops::Range<usize>) -> (usize, usize, usize, String) {
    let place = Location::of("x", text, span);
    (place.line, place.column, place.length, place.text)
}

#[test]
fn a_place_counts_characters_and_quotes_its_line() {
    assert_eq!(place("a\nüü = 1\nb", 7..8), (2, 4, 1, "üü = 1".to_owned()));
}

#[test]
fn a_place_over_several_lines_ends_with_the_first() {
    assert_eq!(place("a = [\n1,\n]\n", 4..10), (1, 5, 1, "a = [".to_owned()));
}

#[test]
fn a_place_behind_the_end_or_inside_a_character_is_the_nearest_one() {
    assert_eq!(place("ab", 99..120), (1, 3, 1, "ab".to_owned()));
    assert_eq!(place("", 0..0), (1, 1, 1, String::new()));
    assert_eq!(place("ü", 1..1), (1, 1, 1, "ü".to_owned()));
}

#[test]
fn a_line_is_quoted_without_its_end_and_without_what_moves_a_terminal() {
    assert_eq!(place("a\u{1b}[0m\tb\r\n", 0..1).3, "a\u{fffd}[0m\tb");
    assert_eq!(Location::at("x", "one\r\ntwo\u{7}\r\n", 2, 1).text, "two\u{fffd}");
}

#[test]
fn what_is_said_is_one_line_whatever_it_quotes() {
    let said = Diagnostic::error("`a\tb` is no key").note("in\n`x`").hint("write\u{7}");
    assert_eq!(said.message, "`a\u{fffd}b` is no key");
    assert_eq!((said.notes, said.hint), (vec!["in\u{fffd}`x`".to_owned()], Some("write\u{fffd}".to_owned())));
}

#[test]
fn a_line_that_is_too_long_is_not_quoted() {
    assert_eq!(place(&"x".repeat(5000), 4000..4001), (1, 4001, 1, String::new()));
}

#[test]
fn a_guess_is_close() {
    let known = ["platform", "tag", "newest"];
    assert_eq!(did_you_mean("platfrom", known), Some("platform"));
    assert_eq!(did_you_mean("tags", known), Some("tag"));
    assert_eq!(did_you_mean("plat", known), Some("platform"), "who begins a name means it");
    assert_eq!(did_you_mean("semver", known), None);
    assert_eq!(did_you_mean(&"platform".repeat(1000), known), None);
}
