//! A text and the places in it.

use std::{ops::Range, sync::Arc};

use sealift_core::{
    diagnostic::{Diagnostic, Location},
    text::quoted,
};

/// Generated files with tens of thousands of rules are some megabytes large; this bounds what parsing can cost.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Yaml,
    Json,
}

/// The text of a file, without byte order mark, and where its lines start.
pub(crate) struct SourceText<'t> {
    pub(crate) file: Arc<str>,
    pub(crate) content: &'t str,
    pub(crate) format: Format,
    lines: Vec<usize>,
    /// Some: the text holds passwords, and only these spans of it may be shown.
    shown: Option<Vec<Range<usize>>>,
}

impl<'t> SourceText<'t> {
    /// A text that may be parsed: the suffix says how, and it is not too large.
    pub(crate) fn new(content: &'t str, file: &str) -> Result<Self, Vec<Diagnostic>> {
        let suffix = file.rsplit(['/', '\\']).next().and_then(|name| name.rsplit_once('.')).map(|(_, suffix)| suffix);
        let format = match suffix.map(str::to_ascii_lowercase).as_deref() {
            Some("yaml" | "yml") => Format::Yaml,
            Some("json") => Format::Json,
            _ => {
                let message = format!("`{file}` is neither YAML nor JSON by its name");
                return Err(vec![Diagnostic::error(message).hint("name it `.yaml`, `.yml` or `.json`")]);
            }
        };
        if content.len() as u64 > MAX_BYTES {
            let message = format!("`{file}` is larger than the {} MiB that are accepted", MAX_BYTES >> 20);
            return Err(vec![Diagnostic::error(message)]);
        }
        let content = content.strip_prefix('\u{feff}').unwrap_or(content);
        let lines = std::iter::once(0).chain(content.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Ok(Self { file: file.into(), content, format, lines, shown: None })
    }

    /// Returns true if there is nothing but comments and space.
    pub(crate) fn is_empty(&self) -> bool {
        self.content.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
    }

    /// From now on only `spans` of the text are shown, because the rest may hold passwords.
    pub(crate) fn show_only(&mut self, mut spans: Vec<Range<usize>>) {
        spans.sort_by_key(|span| span.start);
        self.shown = Some(spans);
    }

    /// The line of an offset, counted from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    /// The place of `span`; one over several lines ends with its first line.
    pub(crate) fn place(&self, span: Range<usize>) -> Location {
        let line = self.line(span.start);
        let start = self.lines[line - 1];
        let end = self.lines.get(line).map_or(self.content.len(), |next| next - 1);
        let text = self.content[start..end].trim_end_matches('\r');
        let inside = &self.content[span.start..span.end.min(start + text.len()).max(span.start)];
        Location {
            file: Arc::clone(&self.file),
            line,
            column: self.content[start..span.start].chars().count() + 1,
            length: inside.chars().count().max(1),
            text: self.showable(start, text),
        }
    }

    /// The text of a line with a star for every character that may belong to a password.
    fn showable(&self, start: usize, line: &str) -> String {
        let Some(shown) = &self.shown else { return quoted(line) };
        let mut colon_from = None;
        let mut show = |at: usize, character: char| {
            let before = shown.partition_point(|span| span.start <= at);
            if before.checked_sub(1).is_some_and(|index| shown[index].end > at) {
                colon_from = Some(at + character.len_utf8());
                return true;
            }
            // The colon after a key is its own.
            character.is_whitespace() || (character == ':' && colon_from == Some(at))
        };
        quoted(&line.char_indices().map(|(at, c)| if show(start + at, c) { c } else { '*' }).collect::<String>())
    }
}
