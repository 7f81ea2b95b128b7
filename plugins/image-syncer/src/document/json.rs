//! JSON: raw values are borrowed from the text, so their addresses are their places.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{DocumentNode, First, SyntaxError, Value};

/// Deeper than anything these files may hold; each level is scanned once more.
const MAX_DEPTH: usize = 16;

pub(super) fn parse(text: &str) -> Result<DocumentNode, SyntaxError> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax_error(text, 0, &error))?;
    JsonReader { text, count: 0 }.node(raw, MAX_DEPTH)
}

/// Reads the value that a text begins with.
pub(super) fn parse_first(text: &str) -> Result<First, SyntaxError> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let Some(first) = values.next() else { return parse(text).map(|root| (root, None)) };
    let raw = first.map_err(|error| syntax_error(text, 0, &error))?;
    let end = raw.get().as_ptr() as usize - text.as_ptr() as usize + raw.get().len();
    let root = JsonReader { text, count: 0 }.node(raw, MAX_DEPTH)?;
    Ok((root, text[end..].find(|c: char| !c.is_whitespace()).map(|at| end + at)))
}

struct JsonReader<'t> {
    text: &'t str,
    count: usize,
}

impl<'t> JsonReader<'t> {
    fn node(&mut self, raw: &'t RawValue, depth: usize) -> Result<DocumentNode, SyntaxError> {
        let span = self.span(raw);
        let number = self.count;
        self.count += 1;
        let value = match raw.get().as_bytes()[0] {
            b'n' => Value::Null,
            b't' => Value::Bool(true),
            b'f' => Value::Bool(false),
            b'"' => Value::Text(self.parsed(raw)?),
            b'[' | b'{' if depth == 0 => {
                return Err(SyntaxError { message: "this is nested too deeply".to_owned(), at: span.start });
            }
            b'[' => {
                let items: Vec<&RawValue> = self.parsed(raw)?;
                Value::List(items.into_iter().map(|item| self.node(item, depth - 1)).collect::<Result<_, _>>()?)
            }
            b'{' => {
                let Entries(entries) = self.parsed(raw)?;
                let mut nodes = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    nodes.push((self.node(key, depth - 1)?, self.node(value, depth - 1)?));
                }
                Value::Map(nodes)
            }
            _ => Value::Number,
        };
        Ok(DocumentNode { value, span: Some(span), number })
    }

    fn span(&self, raw: &RawValue) -> Range<usize> {
        let start = raw.get().as_ptr() as usize - self.text.as_ptr() as usize;
        start..start + raw.get().len()
    }

    fn parsed<T: Deserialize<'t>>(&self, raw: &'t RawValue) -> Result<T, SyntaxError> {
        serde_json::from_str(raw.get()).map_err(|error| syntax_error(self.text, self.span(raw).start, &error))
    }
}

/// The entries of an object in order, with those that stand there twice.
struct Entries<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// `error` is about the part of `text` that starts at `from`.
fn syntax_error(text: &str, from: usize, error: &serde_json::Error) -> SyntaxError {
    let mut message = error.to_string();
    if let Some(at) = message.rfind(" at line ") {
        message.truncate(at);
    }
    let line_start = match error.line() {
        0 | 1 => from,
        line => text[from..].match_indices('\n').nth(line - 2).map_or(text.len(), |(at, _)| from + at + 1),
    };
    let mut at = (line_start + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    SyntaxError { message: format!("this cannot be read as JSON: {message}"), at }
}
