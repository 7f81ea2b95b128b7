//! The text of a pipeline file, and where in it a byte stands.

use std::{ops::Range, sync::Arc};

use super::mask::Masks;
use crate::{
    diagnostic::{Location, MAX_QUOTED},
    text,
};

/// The text of a file.
pub(super) struct Source<'t> {
    file: Arc<str>,
    text: &'t str,
    /// The offset of each line: a file may have as many errors as lines, so lines are counted once.
    lines: Vec<usize>,
}

impl<'t> Source<'t> {
    /// A text and the name of its file.
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file: file.into(), text, lines }
    }

    /// The file as the user named it.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Some bytes of the text.
    pub(super) fn slice(&self, span: Range<usize>) -> &'t str {
        self.text.get(span).unwrap_or_default()
    }

    /// The number of the line of a byte, counted from 0.
    pub(super) fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at) - 1
    }

    /// The place of some bytes, with what is secret in its line masked.
    pub(super) fn place(&self, span: &Range<usize>, masks: &Masks) -> Location {
        let line = self.line_of(span.start.min(self.text.len()));
        let start = self.lines[line];
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let (text, column, length) = match end - start > MAX_QUOTED {
            true => {
                let width = |part: Range<usize>| self.text.get(part).map_or(0, |text| text.chars().count());
                (String::new(), width(start..span.start), width(span.start..span.end.min(end)))
            }
            false => masks.apply(self.text, start..end, span),
        };
        Location {
            file: Arc::clone(&self.file),
            line: line + 1,
            column: column + 1,
            length: length.max(1),
            text: text::quoted(text.strip_suffix('\r').unwrap_or(&text)),
        }
    }
}
