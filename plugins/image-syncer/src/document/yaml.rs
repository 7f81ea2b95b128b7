//! YAML: a node tells its place only with an error about it.
//!
//! So the visitor of a scalar puts the value aside and fails; whoever asked for the scalar takes both, the value and
//! the position in the error, and goes on. That works for scalars because their event is used up by then. A list or
//! map that fails would leave its entries behind, so its place is told by another walk that fails for good at that
//! node; only complaints ask for it.

use std::{fmt, ops::Range};

use serde::{
    Deserializer as _,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

use super::{Node, SyntaxError, Value};

/// Aliases repeat what stands once: these bound what a small text can become.
const MAX_NODES: usize = 1 << 20;
const MAX_TEXT: usize = 16 << 20;

/// Marks the errors that are made on purpose; the position follows it.
const MARK: &str = "\u{1}here";

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    walk(text, None).map_err(|error| syntax_error(text, &error))
}

/// The offset of the node with this number.
pub(super) fn locate(text: &str, number: usize) -> Option<usize> {
    let error = walk(text, Some(number)).err()?;
    let lines = Lines::new(text);
    Some(error.location().map_or(0, |found| lines.offset(found.line(), found.column(), &mut Cursor::default())))
}

fn walk(text: &str, stop_at: Option<usize>) -> Result<Node, serde_yaml::Error> {
    let mut walk =
        Walk { lines: Lines::new(text), cursor: Cursor::default(), stop_at, nodes: 0, text_bytes: 0, aside: None };
    let result = serde_yaml::Deserializer::from_str(text).deserialize_any(Seed(&mut walk));
    walk.take(result.map(Some)).map(|node| node.expect("a document has a root"))
}

struct Walk<'t> {
    lines: Lines<'t>,
    cursor: Cursor,
    stop_at: Option<usize>,
    nodes: usize,
    text_bytes: usize,
    /// The scalar that just failed on purpose.
    aside: Option<(usize, Value)>,
}

impl Walk<'_> {
    fn number<E: de::Error>(&mut self) -> Result<usize, E> {
        let number = self.nodes;
        self.nodes += 1;
        if self.stop_at == Some(number) {
            return Err(E::custom(MARK));
        }
        if self.nodes > MAX_NODES || self.text_bytes > MAX_TEXT {
            return Err(E::custom("aliases make this larger than is accepted"));
        }
        Ok(number)
    }

    fn put_aside<E: de::Error>(&mut self, value: Value) -> E {
        if let Value::Text(text) = &value {
            self.text_bytes += text.len();
        }
        match self.number() {
            Ok(number) => {
                self.aside = Some((number, value));
                E::custom(MARK)
            }
            Err(error) => error,
        }
    }

    /// A node, or the scalar that failed on purpose to tell its place.
    fn take<E: de::Error>(&mut self, result: Result<Option<Node>, E>) -> Result<Option<Node>, E> {
        let error = match result {
            Ok(node) => return Ok(node),
            Err(error) => error,
        };
        let Some((number, value)) = self.aside.take() else { return Err(error) };
        let told = error.to_string();
        let start = match position(&told) {
            Some((line, column)) => self.lines.offset(line, column, &mut self.cursor),
            None => 0,
        };
        let span = scalar_span(self.lines.text, start, &value);
        Ok(Some(Node { value, span: Some(span), number }))
    }
}

struct Seed<'w, 't>(&'w mut Walk<'t>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let Self(walk) = self;
        let number = walk.number()?;
        let mut items = Vec::new();
        loop {
            let item = seq.next_element_seed(Seed(walk));
            match walk.take(item)? {
                Some(item) => items.push(item),
                None => return Ok(Node { value: Value::List(items), span: None, number }),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let Self(walk) = self;
        let number = walk.number()?;
        let mut entries = Vec::new();
        loop {
            let key = map.next_key_seed(Seed(walk));
            let Some(key) = walk.take(key)? else {
                return Ok(Node { value: Value::Map(entries), span: None, number });
            };
            let value = map.next_value_seed(Seed(walk)).map(Some);
            entries.push((key, walk.take(value)?.expect("a value was read")));
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Err(self.0.put_aside(Value::Text(text.to_owned())))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Err(self.0.put_aside(Value::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Node, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Node, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Node, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Node, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Node, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Err(self.0.put_aside(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Err(self.0.put_aside(Value::Null))
    }
}

/// The line and column that an error made on purpose tells; none means the very start.
fn position(told: &str) -> Option<(usize, usize)> {
    let (_, after) = told.rsplit_once(MARK)?;
    let (line, column) = after.strip_prefix(" at line ")?.split_once(" column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// Where lines start as YAML counts them: also after a lone CR, NEL, LS and PS.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

/// Where the last offset was found, so that a line with many nodes is not counted from its start for each.
#[derive(Default)]
struct Cursor {
    line: usize,
    column: usize,
    offset: usize,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        let breaks = text.char_indices().filter(|(at, c)| match c {
            '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => true,
            '\r' => !text[at + 1..].starts_with('\n'),
            _ => false,
        });
        Self { text, starts: std::iter::once(0).chain(breaks.map(|(at, c)| at + c.len_utf8())).collect() }
    }

    /// The offset of a line and a column in characters, both counted from 1.
    fn offset(&self, line: usize, column: usize, cursor: &mut Cursor) -> usize {
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

/// The text of a scalar that starts at `start`, with its quotes, without anchor and tag.
fn scalar_span(text: &str, mut start: usize, value: &Value) -> Range<usize> {
    while text[start..].starts_with(['&', '!']) {
        let property = text[start..].find(char::is_whitespace).unwrap_or(text.len() - start);
        start += property;
        start += text[start..].len() - text[start..].trim_start().len();
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

fn syntax_error(text: &str, error: &serde_yaml::Error) -> SyntaxError {
    let told = error.to_string();
    let at = match error.location() {
        Some(found) => Lines::new(text).offset(found.line(), found.column(), &mut Cursor::default()),
        None => 0,
    };
    SyntaxError { message: format!("this is not YAML: {}", without_positions(&told)), at }
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
