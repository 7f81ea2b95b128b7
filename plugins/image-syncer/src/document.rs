//! A YAML or JSON document as a tree in which everything knows its place.
//!
//! serde has no spans for either format. JSON gives them through raw values that point into the text. YAML gives the
//! place of a node only with an error about that node, so the walk fails on purpose; see [`yaml`].

mod json;
mod merge;
mod yaml;

use std::ops::Range;

use sealift_core::diagnostic::{Diagnostic, Place};

use crate::{
    dialect::Dialect,
    text::{Format, Text},
};

/// A node. Keys of maps are nodes too.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    /// Where it is in the text; YAML tells it for lists and maps only when asked, see [`Document::span`].
    span: Option<Range<usize>>,
    /// Its number in the order of the document.
    number: usize,
}

/// What a node is. Maps keep their order, and keys that stand there twice.
#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A text and its tree.
pub(crate) struct Document<'t> {
    pub(crate) text: Text<'t>,
    pub(crate) root: Node,
    dialect: Dialect,
    /// Where something stands behind the first document.
    rest: Option<usize>,
}

/// The first document of a text, and where something stands behind it.
type First = (Node, Option<usize>);

impl<'t> Document<'t> {
    /// Parses a text. In image-syncer's dialect only its first document counts; in the strict one it has no other.
    pub(crate) fn parse(mut text: Text<'t>, dialect: Dialect) -> Result<Self, Vec<Diagnostic>> {
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

    /// A warning if something stands behind the first document, which is all that image-syncer reads.
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
    pub(crate) fn is_field(&self, key: &Node, name: &str) -> bool {
        let written = self.written(key).unwrap_or_default();
        written == name || (self.folds_names() && written.eq_ignore_ascii_case(name))
    }

    /// Where a node is in the text.
    pub(crate) fn span(&self, node: &Node) -> Range<usize> {
        let found = || yaml::locate(self.text.content, node.number).map(|at| at..at);
        node.span.clone().or_else(found).unwrap_or(0..0)
    }

    /// The place of a node.
    pub(crate) fn place(&self, node: &Node) -> Place {
        self.text.place(self.span(node))
    }

    /// What is written for a scalar, whatever type it has: `1.10` stays `1.10`. None for lists and maps.
    pub(crate) fn written<'n>(&'n self, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number => Some(&self.text.content[self.span(node)]),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether a node is a text without quotes.
    pub(crate) fn is_plain(&self, node: &Node) -> bool {
        !self.text.content[self.span(node)].starts_with(['"', '\''])
    }
}

impl Value {
    /// What it is, for people.
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

/// Why a text is no document, and the offset of it.
#[derive(Debug, PartialEq)]
struct SyntaxError {
    message: String,
    at: usize,
}

#[cfg(test)]
mod tests;
