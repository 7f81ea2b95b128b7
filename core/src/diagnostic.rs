//! Problems of a configuration, with their places.

use std::{fmt, sync::Arc};

use crate::text;

/// Something to say about a file, a flag or a pipeline.
///
/// The command line draws it with a caret picture; [`fmt::Display`] is the one-line form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The problem; lower case, no full stop, values in backticks.
    pub message: String,
    /// The place in a file, if there is one.
    pub location: Option<Location>,
    /// Context, such as ``in filter `platform` ``.
    pub notes: Vec<String>,
    /// A remedy, if one is known.
    pub hint: Option<String>,
}

/// The severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Length in characters, at least 1.
    pub length: usize,
    /// The text of that line, without its end and with everything in it printable. Empty if the line is longer than
    /// 4096 bytes.
    pub text: String,
}

impl Location {
    /// The place of the bytes `span` in `text`; a span over several lines ends with its first line.
    pub fn of(file: impl Into<Arc<str>>, text: &str, span: std::ops::Range<usize>) -> Self {
        let floor = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (floor(span.start), floor(span.end.max(span.start)));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        Self {
            file: file.into(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            length: text[start..end.min(line_end).max(start)].chars().count().max(1),
            text: quoted(text[line_start..line_end].trim_end_matches('\r')),
        }
    }

    /// The place of a line and column, both counted from 1, as parsers of YAML and JSON tell them.
    pub fn at(file: impl Into<Arc<str>>, text: &str, line: usize, column: usize) -> Self {
        let text = quoted(text.lines().nth(line.saturating_sub(1)).unwrap_or_default());
        Self { file: file.into(), line: line.max(1), column: column.max(1), length: 1, text }
    }
}

impl Diagnostic {
    /// Something that stops the run.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: text::message(&message.into()).into_owned(),
            location: None,
            notes: Vec::new(),
            hint: None,
        }
    }

    /// Something that the user should know.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Says where.
    #[must_use]
    pub fn at(self, place: impl Into<Option<Location>>) -> Self {
        Self { location: place.into(), ..self }
    }

    /// Says what it belongs to.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(text::message(&note.into()).into_owned());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(text::message(&hint.into()).into_owned()), ..self }
    }

    /// Returns true if the diagnostic stops the run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.location {
            write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
        }
        f.write_str(&self.message)
    }
}

/// Lines longer than this, in bytes, are not quoted.
pub(crate) const MAX_QUOTED: usize = 4096;

fn quoted(line: &str) -> String {
    if line.len() > MAX_QUOTED { String::new() } else { text::quoted(line) }
}

/// The closest of some names, if it is close enough to be meant: one that begins like this, or one that is spelt alike.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes time and memory in the product of the lengths; longer names are not misspellings.
    if name.len() > 64 {
        return None;
    }
    let begins = |candidate: &str| name.len() >= 3 && candidate.starts_with(name);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| begins(candidate) || *distance <= 1 + candidate.len().max(name.len()) / 4)
        .min_by_key(|(distance, candidate)| (*distance > 1, !begins(candidate), *distance))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
