//! A YAML or JSON document as a tree in which everything knows its place.
//!
//! serde has no spans for either format. JSON gives them through raw values that point into the text. YAML gives the
//! place of a node only with an error about that node, so the walk fails on purpose; see [`yaml`].

mod json;
mod yaml;

use std::ops::Range;

use sealift_core::diagnostic::{Diagnostic, Place};

use crate::text::{Format, Text};

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
}

impl<'t> Document<'t> {
    /// Parses a text.
    pub(crate) fn parse(mut text: Text<'t>) -> Result<Self, Vec<Diagnostic>> {
        let parsed = match text.format {
            Format::Yaml => yaml::parse(text.content),
            Format::Json => json::parse(text.content),
        };
        match parsed {
            Ok(root) => Ok(Self { text, root }),
            Err(error) => {
                // It is not known what is a password in a text that cannot be parsed.
                if text.content.contains("password") {
                    text.show_only(Vec::new());
                }
                Err(vec![Diagnostic::error(error.message).at(text.place(error.at..error.at))])
            }
        }
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
