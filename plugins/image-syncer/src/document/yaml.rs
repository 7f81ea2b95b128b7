//! YAML: serde reports the position of a node only in an error about it.
//!
//! The visitor of a scalar therefore stores the value and fails; its caller takes the value, and the position from the
//! error, and continues. This works for scalars because their event is consumed by then. A list or map that fails would
//! leave its entries unread, so its position comes from another walk that stops at that node; only diagnostics need it.

mod place;
mod syntax;

use std::fmt;

use serde::{
    Deserializer as _,
    de::{self, DeserializeSeed, EnumAccess, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use super::{DocumentNode, First, SyntaxError, Value};
use place::{Cursor, Lines, scalar_span};
use syntax::{second_document, syntax_error};

/// Aliases repeat what stands once: these bound what a small text can become.
const MAX_NODES: usize = 1 << 20;
const MAX_TEXT: usize = 16 << 20;

const TOO_LARGE: &str = "aliases make this larger than is accepted";

/// Marks the errors that are made on purpose; the position follows it.
const MARK: &str = "\u{1}here";

/// The parser's work grows with the depth of braces and brackets times the length of the text, so both are bounded.
const MAX_BRACES: usize = 500;

pub(super) fn parse(text: &str) -> Result<DocumentNode, SyntaxError> {
    if let Some(at) = too_deep(text) {
        return Err(SyntaxError { message: "this is nested too deeply".to_owned(), at });
    }
    walk(text, None, false).map_err(|error| syntax_error(text, &error))
}

/// Reads the first document of a text.
pub(super) fn parse_first(text: &str) -> Result<First, SyntaxError> {
    if let Some(at) = too_deep(text) {
        return Err(SyntaxError { message: "this is nested too deeply".to_owned(), at });
    }
    let root = walk(text, None, true).map_err(|error| syntax_error(text, &error))?;
    let several = serde_yaml::Deserializer::from_str(text).nth(1).is_some();
    Ok((root, several.then(|| second_document(text))))
}

/// Returns the offset at which too many braces and brackets are open. Those in quotes and expressions count, too, because
/// only the parser can tell them apart; they are rarely left open.
fn too_deep(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MAX_BRACES
    })
}

/// Returns the offset of the node with this number.
pub(super) fn locate(text: &str, number: usize) -> Option<usize> {
    let error = walk(text, Some(number), true).err()?;
    let lines = Lines::new(text);
    Some(error.location().map_or(0, |found| lines.offset(found.line(), found.column(), &mut Cursor::default())))
}

fn walk(text: &str, stop_at: Option<usize>, only_first: bool) -> Result<DocumentNode, serde_yaml::Error> {
    let mut walk = YamlWalk {
        lines: Lines::new(text),
        cursor: Cursor::default(),
        stop_at,
        nodes: 0,
        text_bytes: 0,
        aside: None,
        any_tag: only_first,
    };
    let whole = serde_yaml::Deserializer::from_str(text);
    let first = if only_first { serde_yaml::Deserializer::from_str(text).next() } else { None };
    let result = first.unwrap_or(whole).deserialize_any(Seed(&mut walk));
    walk.take(result.map(Some)).map(|node| node.expect("a document has a root"))
}

struct YamlWalk<'t> {
    lines: Lines<'t>,
    cursor: Cursor,
    stop_at: Option<usize>,
    nodes: usize,
    text_bytes: usize,
    /// The scalar whose visitor just failed on purpose.
    aside: Option<(usize, Value)>,
    /// Ignores unknown tags, as image-syncer does.
    any_tag: bool,
}

impl YamlWalk<'_> {
    fn number<E: de::Error>(&mut self) -> Result<usize, E> {
        let number = self.nodes;
        self.nodes += 1;
        if self.stop_at == Some(number) {
            return Err(E::custom(MARK));
        }
        if self.nodes > MAX_NODES || self.text_bytes > MAX_TEXT {
            return Err(E::custom(TOO_LARGE));
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
    fn take<E: de::Error>(&mut self, result: Result<Option<DocumentNode>, E>) -> Result<Option<DocumentNode>, E> {
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
        Ok(Some(DocumentNode { value, span: Some(span), number }))
    }
}

struct Seed<'w, 't>(&'w mut YamlWalk<'t>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = DocumentNode;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<DocumentNode, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = DocumentNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or a map")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<DocumentNode, A::Error> {
        let Self(walk) = self;
        if !walk.any_tag {
            return Err(de::Error::invalid_type(de::Unexpected::Enum, &Seed(walk)));
        }
        let (_, content) = data.variant::<IgnoredAny>()?;
        content.newtype_variant_seed(Seed(walk))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<DocumentNode, A::Error> {
        let Self(walk) = self;
        let number = walk.number()?;
        let mut items = Vec::new();
        loop {
            let item = seq.next_element_seed(Seed(walk));
            match walk.take(item)? {
                Some(item) => items.push(item),
                None => return Ok(DocumentNode { value: Value::List(items), span: None, number }),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DocumentNode, A::Error> {
        let Self(walk) = self;
        let number = walk.number()?;
        let mut entries = Vec::new();
        loop {
            let key = map.next_key_seed(Seed(walk));
            let Some(key) = walk.take(key)? else {
                return Ok(DocumentNode { value: Value::Map(entries), span: None, number });
            };
            let value = map.next_value_seed(Seed(walk)).map(Some);
            entries.push((key, walk.take(value)?.expect("a value was read")));
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<DocumentNode, E> {
        Err(self.0.put_aside(Value::Text(text.to_owned())))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<DocumentNode, E> {
        Err(self.0.put_aside(Value::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<DocumentNode, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<DocumentNode, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<DocumentNode, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<DocumentNode, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<DocumentNode, E> {
        Err(self.0.put_aside(Value::Number))
    }

    fn visit_unit<E: de::Error>(self) -> Result<DocumentNode, E> {
        Err(self.0.put_aside(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<DocumentNode, E> {
        Err(self.0.put_aside(Value::Null))
    }
}

/// The line and column that an error made on purpose tells; none means the very start.
fn position(told: &str) -> Option<(usize, usize)> {
    let (_, after) = told.rsplit_once(MARK)?;
    let (line, column) = after.strip_prefix(" at line ")?.split_once(" column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}
