//! YAML as a tree in which everything knows its place.
//!
//! Made of the events of a parser, because serde has no places, stops at tags such as Compose's `!reset`, and copies
//! what aliases point to as often as they do.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use sealift_core::diagnostic::{Diagnostic, Place};

use crate::input::Input;

/// Deeper than anything that people write; walks over the tree recurse.
const MAX_DEPTH: usize = 100;

/// A node of a document.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    span: Span,
}

/// What a node is.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar {
        text: String,
        /// Without quotes.
        is_plain: bool,
    },
    List(Vec<Rc<Node>>),
    /// In the order of the text, with keys that stand there twice.
    Map(Vec<(Rc<Node>, Rc<Node>)>),
    Alias(Rc<Node>),
}

impl Node {
    /// What it is, or what its alias points to.
    pub(crate) fn resolved(&self) -> &Value {
        match &self.value {
            Value::Alias(node) => node.resolved(),
            value => value,
        }
    }

    /// Its text, if it is one: quoted, or something that is neither null nor a boolean nor a number.
    pub(crate) fn text(&self) -> Option<&str> {
        match self.resolved() {
            Value::Scalar { text, is_plain } if !is_plain || !is_other(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it says nothing: `~`, `null`, or empty.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.resolved(), Value::Scalar { text, is_plain: true } if is_null(text))
    }

    /// What a key of a map leads to, also by way of `<<`. The last one counts, as for the tools that read these files.
    pub(crate) fn get(&self, key: &str) -> Option<&Rc<Node>> {
        let Value::Map(entries) = self.resolved() else { return None };
        let named = |name: &str| entries.iter().rev().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value);
        named(key).or_else(|| match named("<<")?.resolved() {
            Value::List(bases) => bases.iter().find_map(|base| base.get(key)),
            _ => named("<<")?.get(key),
        })
    }

    /// Whether it waits for `helm template`: `"{{ … }}"`, or the same without quotes, which is a map as the key of a map.
    pub(crate) fn is_template(&self) -> bool {
        match self.resolved() {
            Value::Scalar { text, .. } => text.contains("{{"),
            Value::Map(entries) => entries.iter().any(|(key, _)| matches!(key.value, Value::Map(_))),
            _ => false,
        }
    }

    /// What it is, for people.
    pub(crate) fn what(&self) -> String {
        match self.resolved() {
            _ if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, .. } => format!("`{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Alias(_) => "an alias".to_owned(),
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// YAML's core schema, section 10.3.2, as far as it matters whether something is a text.
fn is_other(text: &str) -> bool {
    let is_bool = matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE");
    is_null(text) || is_bool || text.parse::<f64>().is_ok()
}

/// The documents of a text.
pub(crate) struct Documents<'i> {
    input: &'i Input,
    lines: Vec<&'i str>,
    pub(crate) roots: Vec<Rc<Node>>,
}

impl<'i> Documents<'i> {
    /// Parses a text. If it breaks off, the documents before count, and the error says where.
    pub(crate) fn parse(input: &'i Input) -> (Self, Option<Diagnostic>) {
        let mut builder = Builder::default();
        let result = builder.run(&input.text);
        let documents = Self { input, lines: input.text.lines().collect(), roots: builder.roots };
        let error = result.err().map(|(line, column, message)| documents.syntax_error(line, column, &message));
        (documents, error)
    }

    fn syntax_error(&self, line: usize, column: usize, message: &str) -> Diagnostic {
        // The end of a text is said as a line that is not there.
        let line = line.min(self.lines.len()).max(1);
        let text = self.lines.get(line - 1).copied().unwrap_or_default();
        let place = Place { file: self.file(), line, column: column + 1, length: 1, text: text.to_owned() };
        let error = Diagnostic::error(format!("this cannot be read as YAML: {message}")).at(place);
        if self.input.text.contains("{{") { error.hint(RENDER) } else { error }
    }

    /// The name of the file.
    pub(crate) fn file(&self) -> Arc<str> {
        Arc::clone(&self.input.name)
    }

    /// The place of a node.
    pub(crate) fn place(&self, node: &Node) -> Place {
        let (line, start) = (node.span.start.line(), node.span.start.col());
        let text = self.lines.get(line - 1).copied().unwrap_or_default();
        let rest: String = text.chars().skip(start).collect();
        let (skipped, length) = extent(&rest, &node.value);
        Place { file: self.file(), line, column: start + skipped + 1, length: length.max(1), text: text.to_owned() }
    }
}

/// What to do about a file that is a template.
pub(crate) const RENDER: &str = "this looks like a template: render it first, as with `helm template`";

/// Where a value begins after its anchor and tag, and how long it is on its first line, in characters.
fn extent(rest: &str, value: &Value) -> (usize, usize) {
    let mut written = rest;
    while written.starts_with(['&', '!']) {
        written = written.split_once(' ').map_or("", |(_, after)| after).trim_start();
    }
    let skipped = rest.chars().count() - written.chars().count();
    let length = match value {
        Value::Scalar { text, is_plain: true } if written.starts_with(text.as_str()) => text.chars().count(),
        Value::Scalar { is_plain: false, .. } if written.starts_with(['"', '\'']) => {
            let quote = &written[..1];
            written[1..].find(quote).map_or(1, |end| written[..end + 2].chars().count())
        }
        Value::Alias(_) => written.split([' ', ',', ']', '}']).next().unwrap_or_default().chars().count(),
        _ => 1,
    };
    (skipped, length)
}

/// Puts events together.
#[derive(Default)]
struct Builder {
    roots: Vec<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
}

/// A list or map that is not at its end yet.
struct Open {
    value: Value,
    /// The key that waits for its value.
    key: Option<Rc<Node>>,
    anchor: usize,
    span: Span,
}

type Broken = (usize, usize, String);

impl Builder {
    fn run(&mut self, text: &str) -> Result<(), Broken> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(broken)?;
            self.take(event, span)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Broken> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let value = Value::Scalar { text: text.into_owned(), is_plain: style == ScalarStyle::Plain };
                self.close(value, anchor, span);
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    let place = (span.start.line(), span.start.col());
                    return Err((place.0, place.1, "this alias stands inside what it points to".to_owned()));
                };
                self.close(Value::Alias(node), 0, span);
            }
            Event::SequenceStart(anchor, _) => self.open(Value::List(Vec::new()), anchor, span)?,
            Event::MappingStart(anchor, _) => self.open(Value::Map(Vec::new()), anchor, span)?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { value, anchor, span, .. }) = self.open.pop() {
                    self.close(value, anchor, span);
                }
            }
            Event::DocumentEnd => self.anchors.clear(),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, value: Value, anchor: usize, span: Span) -> Result<(), Broken> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("it is nested more than {MAX_DEPTH} levels deep");
            return Err((span.start.line(), span.start.col(), message));
        }
        self.open.push(Open { value, key: None, anchor, span });
        Ok(())
    }

    /// Hands a finished node to what it stands in.
    fn close(&mut self, value: Value, anchor: usize, span: Span) {
        let node = Rc::new(Node { value, span });
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            None => self.roots.push(node),
            Some(Open { value: Value::Map(entries), key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(node),
            },
            Some(Open { value: Value::List(items), .. }) => items.push(node),
            Some(_) => unreachable!("only lists and maps are opened"),
        }
    }
}

fn broken(error: ScanError) -> Broken {
    let marker = error.marker();
    (marker.line(), marker.col(), error.info().to_owned())
}

#[cfg(test)]
mod tests;
