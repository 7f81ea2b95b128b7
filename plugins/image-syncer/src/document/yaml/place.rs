//! Lines, columns and offsets as the YAML parser counts them.

use std::ops::Range;

use crate::document::Value;

/// The starts of lines as YAML counts them: also after a lone CR, NEL, LS and PS.
pub(super) struct Lines<'t> {
    pub(super) text: &'t str,
    starts: Vec<usize>,
}

/// The last offset that was found, so that a line with many nodes is counted only once.
#[derive(Default)]
pub(super) struct Cursor {
    line: usize,
    column: usize,
    offset: usize,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let breaks = text.char_indices().filter(|(at, c)| match c {
            '\r' => !text[at + 1..].starts_with('\n'),
            _ => is_break(*c),
        });
        Self { text, starts: std::iter::once(0).chain(breaks.map(|(at, c)| at + c.len_utf8())).collect() }
    }

    /// The offset of a line and a column in characters, both counted from 1.
    pub(super) fn offset(&self, line: usize, column: usize, cursor: &mut Cursor) -> usize {
        let start = self.starts.get(line - 1).copied().unwrap_or(self.text.len());
        let (from, skip) = if cursor.line == line && cursor.column <= column {
            (cursor.offset, column - cursor.column)
        } else {
            (start, column - 1)
        };
        let offset = self.text[from..].char_indices().nth(skip).map_or(self.text.len(), |(at, _)| from + at);
        *cursor = Cursor { line, column, offset };
        offset
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The text of a scalar that starts at `start`, with its quotes, without anchor and tag.
pub(super) fn scalar_span(text: &str, mut start: usize, value: &Value) -> Range<usize> {
    // Only in front of a value with an anchor or a tag can a comment stand, too.
    while text[start..].starts_with(['&', '!', '#']) {
        let ends = |c: char| if text[start..].starts_with('#') { is_break(c) } else { c.is_whitespace() };
        let end = text[start..].find(ends).map_or(text.len(), |at| start + at);
        start = text.len() - text[end..].trim_start().len();
    }
    let rest = &text[start..];
    let length = match (rest.as_bytes().first(), value) {
        (Some(b'"' | b'\''), _) => quoted(rest).unwrap_or(rest.len()),
        (_, Value::Text(text)) if rest.starts_with(text.as_str()) => text.len(),
        // A text over several lines: what stands on its first one.
        (_, Value::Text(_)) => rest.find(['\n', '\r']).unwrap_or(rest.len()),
        _ => rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-._~".contains(c))).unwrap_or(rest.len()),
    };
    start..start + length
}

/// The length of a quoted text with both quotes.
fn quoted(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let quote = bytes[0];
    let mut at = 1;
    while at < bytes.len() {
        let doubled = quote == b'\'' && bytes[at..].starts_with(b"''");
        let escaped = quote == b'"' && bytes[at] == b'\\';
        match bytes[at] {
            _ if doubled || escaped => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}
