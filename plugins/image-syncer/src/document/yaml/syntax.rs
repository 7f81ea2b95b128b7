//! The errors of the YAML parser in plain words.

use super::{
    TOO_LARGE,
    place::{Cursor, Lines},
};
use crate::document::SyntaxError;

/// The parser's message about a second document, which has no position.
const SEVERAL: &str = "more than one document";

/// Converts an error of the parser, without the parts that may be a password.
pub(super) fn syntax_error(text: &str, error: &serde_yaml::Error) -> SyntaxError {
    let told = error.to_string();
    if told.contains(SEVERAL) {
        let message = "this is a second YAML document, and a file may hold one only".to_owned();
        return SyntaxError { message, at: second_document(text) };
    }
    // Bytes that no YAML may hold are told by their offset only.
    let (told, offset) = match told.split_once(" at position ") {
        Some((before, offset)) => (before.to_owned(), offset.parse().ok().filter(|at| text.is_char_boundary(*at))),
        None => (told, None),
    };
    let at = match error.location() {
        Some(found) if offset.is_none() => {
            Lines::new(text).offset(found.line(), found.column(), &mut Cursor::default())
        }
        _ => offset.unwrap_or_default(),
    };
    // What serde says holds values, and a value may be a password.
    let message = if told.contains("cannot start any token") && text[at..].starts_with('\t') {
        "a tab stands here, and YAML is indented by spaces only".to_owned()
    } else if told.contains(TOO_LARGE) {
        TOO_LARGE.to_owned()
    } else if told.contains("invalid value: ") || told.contains("invalid type: ") {
        "this value is not what its tag says, or the tag is not known".to_owned()
    } else {
        without_positions(&told)
    };
    SyntaxError { message: format!("this cannot be read as YAML: {message}"), at }
}

/// The offset of the first `---` that something stands in front of.
pub(super) fn second_document(text: &str) -> usize {
    let mut something = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_marker = line.starts_with("---");
        if is_marker && something {
            return at;
        }
        something |= is_marker || !(line.trim().is_empty() || line.starts_with(['#', '%']));
        at += line.len();
    }
    0
}

/// The places in the message are said apart.
fn without_positions(told: &str) -> String {
    let mut out = String::new();
    let mut rest = told;
    while let Some((before, after)) = rest.split_once(" at line ") {
        out.push_str(before);
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let after = &after[digits(after)..];
        let after = after.strip_prefix(" column ").unwrap_or(after);
        rest = &after[digits(after)..];
    }
    out + rest
}
