//! A YAML or JSON document as a tree of nodes with positions.
//!
//! serde has no spans for either format. JSON gives them through raw values that point into the text. YAML gives the
//! place of a node only with an error about that node, so the walk fails on purpose; see [`yaml`].

mod json;
mod merge;
mod yaml;

use std::ops::Range;

use sealift_core::diagnostic::{Diagnostic, Location};

use crate::{
    dialect::Dialect,
    text::{Format, SourceText},
};

/// A node. Keys of maps are nodes too.
#[derive(Debug)]
pub(crate) struct DocumentNode {
    pub(crate) value: Value,
    /// Its position in the text. Lists and maps of YAML have none here; see [`Document::span`].
    span: Option<Range<usize>>,
    /// Its number in the order of the document.
    number: usize,
}

/// The value of a node. Maps keep their order, and duplicate keys.
#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<DocumentNode>),
    Map(Vec<(DocumentNode, DocumentNode)>),
}

impl PartialEq for DocumentNode {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A text and its tree.
pub(crate) struct Document<'t> {
    pub(crate) text: SourceText<'t>,
    pub(crate) root: DocumentNode,
    dialect: Dialect,
    /// The offset of the text behind the first document, if there is any.
    rest: Option<usize>,
}

/// The first document of a text, and the offset of the text behind it.
type First = (DocumentNode, Option<usize>);

impl<'t> Document<'t> {
    /// Parses a text. In image-syncer's dialect only its first document counts; in the strict one it has no other.
    pub(crate) fn parse(mut text: SourceText<'t>, dialect: Dialect) -> Result<Self, Vec<Diagnostic>> {
        let parsed = match (text.format, dialect) {
            (Format::Yaml, Dialect::Strict) => yaml::parse(text.content).map(|root| (root, None)),
            (Format::Yaml, Dialect::ImageSyncer) => yaml::parse_first(text.content),
            (Format::Json, Dialect::Strict) => json::parse(text.content).map(|root| (root, None)),
            (Format::Json, Dialect::ImageSyncer) => json::parse_first(text.content),
        };
        match parsed {
            Ok((mut root, rest)) => {
                if text.format == Format::Yaml {
                    merge::expand(text.content, &mut root);
                }
                Ok(Self { text, root, dialect, rest })
            }
            Err(error) => {
                // It is not known what is a password in a text that cannot be parsed.
                if text.content.contains("password") {
                    text.show_only(Vec::new());
                }
                Err(vec![Diagnostic::error(error.message).at(text.place(error.at..error.at))])
            }
        }
    }

    /// Returns a warning if there is text behind the first document, which is all that image-syncer reads.
    pub(crate) fn ignored(&self) -> Option<Diagnostic> {
        let at = self.rest?;
        let message = "what begins here is ignored: the file has an end before it";
        Some(Diagnostic::warning(message).at(self.text.place(at..at)))
    }

    /// Returns true if the names of fields are taken in any case, as Go's `encoding/json` does.
    pub(crate) fn folds_names(&self) -> bool {
        self.text.format == Format::Json && self.dialect == Dialect::ImageSyncer
    }

    /// Returns true if a key is the field `name`.
    pub(crate) fn is_field(&self, key: &DocumentNode, name: &str) -> bool {
        let written = self.written(key).unwrap_or_default();
        written == name || (self.folds_names() && written.eq_ignore_ascii_case(name))
    }

    /// Returns the position of a node in the text.
    pub(crate) fn span(&self, node: &DocumentNode) -> Range<usize> {
        let found = || yaml::locate(self.text.content, node.number).map(|at| at..at);
        node.span.clone().or_else(found).unwrap_or(0..0)
    }

    /// Returns the place of a node for diagnostics.
    pub(crate) fn place(&self, node: &DocumentNode) -> Location {
        self.text.place(self.span(node))
    }

    /// Returns the text of a scalar of any type: `1.10` stays `1.10`. None for lists and maps.
    pub(crate) fn written<'n>(&'n self, node: &'n DocumentNode) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number => Some(&self.text.content[self.span(node)]),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Returns true for a text without quotes.
    pub(crate) fn is_plain(&self, node: &DocumentNode) -> bool {
        !self.text.content[self.span(node)].starts_with(['"', '\''])
    }
}

impl Value {
    /// Returns its type in words.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// A syntax error and its offset.
#[derive(Debug, PartialEq)]
struct SyntaxError {
    message: String,
    at: usize,
}

#[cfg(test)]
mod tests;
