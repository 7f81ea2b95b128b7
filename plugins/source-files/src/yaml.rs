//! YAML as a tree of nodes with positions.
//!
//! It is built from the events of a parser, because serde has no positions, refuses tags such as Compose's `!reset`, and
//! copies a node for each of its aliases.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use sealift_core::{
    diagnostic::{Diagnostic, Location},
    text::quoted,
};

use crate::input::Input;

/// The deepest nesting that is accepted, because walks over the tree recurse.
const MAX_DEPTH: usize = 100;

/// A node of a document.
#[derive(Debug)]
pub(crate) struct YamlNode {
    pub(crate) value: YamlValue,
    span: Span,
}

/// The value of a node.
#[derive(Debug)]
pub(crate) enum YamlValue {
    Scalar {
        text: String,
        /// Without quotes.
        is_plain: bool,
    },
    List(Vec<Rc<YamlNode>>),
    /// In the order of the text, with keys that stand there twice.
    Map(Vec<(Rc<YamlNode>, Rc<YamlNode>)>),
    Alias(Rc<YamlNode>),
}

impl YamlNode {
    /// Returns its value; for an alias, that of its target.
    pub(crate) fn resolved(&self) -> &YamlValue {
        match &self.value {
            YamlValue::Alias(node) => node.resolved(),
            value => value,
        }
    }

    /// Its text, if it is one: quoted, or something that is neither null nor a boolean nor a number.
    pub(crate) fn text(&self) -> Option<&str> {
        match self.resolved() {
            YamlValue::Scalar { text, is_plain } if !is_plain || !is_other(text) => Some(text),
            _ => None,
        }
    }

    /// Returns true for `~`, `null`, or an empty text.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.resolved(), YamlValue::Scalar { text, is_plain: true } if is_null(text))
    }

    /// Returns the value of a key, also through `<<`. The last duplicate wins, as in the tools that read these files.
    pub(crate) fn get(&self, key: &str) -> Option<&Rc<YamlNode>> {
        // Bases may have bases in common, so each is looked at once.
        let (mut waiting, mut seen) = (vec![self], HashSet::new());
        while let Some(node) = waiting.pop() {
            let YamlValue::Map(entries) = node.resolved() else { continue };
            if !seen.insert(std::ptr::from_ref(entries)) {
                continue;
            }
            let named =
                |name: &str| entries.iter().rev().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value);
            if let Some(found) = named(key) {
                return Some(found);
            }
            match named("<<").map(|bases| (bases, bases.resolved())) {
                Some((_, YamlValue::List(bases))) => waiting.extend(bases.iter().rev().map(|base| &**base)),
                Some((base, _)) => waiting.push(base),
                None => {}
            }
        }
        None
    }

    /// Returns true for a template of Helm: `"{{ … }}"`, or the same without quotes, which is a map as the key of a map.
    pub(crate) fn is_template(&self) -> bool {
        match self.resolved() {
            YamlValue::Scalar { text, .. } => text.contains("{{"),
            YamlValue::Map(entries) => entries.iter().any(|(key, _)| matches!(key.value, YamlValue::Map(_))),
            _ => false,
        }
    }

    /// Describes it in words.
    pub(crate) fn what(&self) -> String {
        match self.resolved() {
            _ if self.is_null() => "nothing".to_owned(),
            YamlValue::Scalar { text, .. } => format!("`{text}`"),
            YamlValue::List(_) => "a list".to_owned(),
            YamlValue::Map(_) => "a map".to_owned(),
            YamlValue::Alias(_) => "an alias".to_owned(),
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
    pub(crate) roots: Vec<Rc<YamlNode>>,
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
        let place = Location { file: self.file(), line, column: column + 1, length: 1, text: quoted(text) };
        let before: String = text.chars().take(column + 1).collect();
        let message = match before.trim_start_matches(' ').starts_with('\t') {
            true => "a tab stands here, and YAML is indented by spaces only",
            false => message,
        };
        let error = Diagnostic::error(format!("this cannot be read as YAML: {message}")).at(place);
        if self.input.text.contains("{{") { error.hint(RENDER) } else { error }
    }

    /// Returns true if there is no document, or only empty ones.
    pub(crate) fn is_empty(&self) -> bool {
        self.roots.iter().all(|root| root.is_null())
    }

    /// The name of the file.
    pub(crate) fn file(&self) -> Arc<str> {
        Arc::clone(&self.input.name)
    }

    /// The place of a node.
    pub(crate) fn place(&self, node: &YamlNode) -> Location {
        let (line, start) = (node.span.start.line(), node.span.start.col());
        let text = self.lines.get(line - 1).copied().unwrap_or_default();
        let rest: String = text.chars().skip(start).collect();
        let (skipped, length) = extent(&rest, &node.value);
        Location { file: self.file(), line, column: start + skipped + 1, length: length.max(1), text: quoted(text) }
    }
}

/// The hint for a file that is a template.
pub(crate) const RENDER: &str = "this looks like a template: render it first, as with `helm template`";

/// Returns the offset of a value behind its anchor and tag, and its length on its first line, in characters.
fn extent(rest: &str, value: &YamlValue) -> (usize, usize) {
    let mut written = rest;
    while written.starts_with(['&', '!']) {
        written = written.split_once(' ').map_or("", |(_, after)| after).trim_start();
    }
    let skipped = rest.chars().count() - written.chars().count();
    let length = match value {
        YamlValue::Scalar { text, is_plain: true } if written.starts_with(text.as_str()) => text.chars().count(),
        YamlValue::Scalar { is_plain: false, .. } if written.starts_with(['"', '\'']) => {
            let quote = &written[..1];
            written[1..].find(quote).map_or(1, |end| written[..end + 2].chars().count())
        }
        YamlValue::Alias(_) => written.split([' ', ',', ']', '}']).next().unwrap_or_default().chars().count(),
        _ => 1,
    };
    (skipped, length)
}

/// Puts events together.
#[derive(Default)]
struct Builder {
    roots: Vec<Rc<YamlNode>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<YamlNode>>,
}

/// A list or map that is not at its end yet.
struct Open {
    value: YamlValue,
    /// The key that waits for its value.
    key: Option<Rc<YamlNode>>,
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
                let value = YamlValue::Scalar { text: text.into_owned(), is_plain: style == ScalarStyle::Plain };
                self.close(value, anchor, span);
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    let place = (span.start.line(), span.start.col());
                    return Err((place.0, place.1, "this alias stands inside what it points to".to_owned()));
                };
                self.close(YamlValue::Alias(node), 0, span);
            }
            Event::SequenceStart(anchor, _) => self.open(YamlValue::List(Vec::new()), anchor, span)?,
            Event::MappingStart(anchor, _) => self.open(YamlValue::Map(Vec::new()), anchor, span)?,
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

    fn open(&mut self, value: YamlValue, anchor: usize, span: Span) -> Result<(), Broken> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("it is nested more than {MAX_DEPTH} levels deep");
            return Err((span.start.line(), span.start.col(), message));
        }
        self.open.push(Open { value, key: None, anchor, span });
        Ok(())
    }

    /// Hands a finished node to what it stands in.
    fn close(&mut self, value: YamlValue, anchor: usize, span: Span) {
        let node = Rc::new(YamlNode { value, span });
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        match self.open.last_mut() {
            None => self.roots.push(node),
            Some(Open { value: YamlValue::Map(entries), key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(node),
            },
            Some(Open { value: YamlValue::List(items), .. }) => items.push(node),
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
