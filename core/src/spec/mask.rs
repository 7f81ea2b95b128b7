//! The parts of a pipeline file that must not be shown when a line of it is quoted.
//!
//! Secret is what a schema says to be (see [`crate::secret::SecretValue`]) and what the name of its key says to be. A broken
//! file was not read as it was meant, so there the rest of the line is secret too.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub(super) use crate::text::is_secret_name;

/// The replacement for a secret.
const MASK: &str = "[secret]";

/// Parts of a text that are not shown, sorted and apart from each other.
pub(super) struct Masks(Vec<Range<usize>>);

impl Masks {
    /// Parts in any order.
    pub(super) fn new(mut parts: Vec<Range<usize>>) -> Self {
        parts.retain(|part| !part.is_empty());
        parts.sort_by_key(|part| part.start);
        parts.dedup_by(|next, kept| {
            let overlaps = next.start < kept.end;
            if overlaps {
                kept.end = kept.end.max(next.end);
            }
            overlaps
        });
        Self(parts)
    }

    /// A line of `text` with what is secret in it masked, and where `span` then stands in it: first character and
    /// number of characters.
    ///
    /// Columns stay true: in front of the span a mask is as wide as what it hides. Everywhere else it is always the
    /// same, so that it does not tell the length.
    pub(super) fn apply(&self, text: &str, line: Range<usize>, span: &Range<usize>) -> (String, usize, usize) {
        let mut shown = Shown::default();
        let mut at = line.start;
        for mask in self.within(&line) {
            shown.plain(text, at..mask.start, span);
            shown.masked(text, mask.clone(), span);
            at = mask.end;
        }
        shown.plain(text, at..line.end, span);
        let start = shown.start.unwrap_or(shown.width);
        let end = shown.end.unwrap_or(shown.width);
        (shown.text, start, end.saturating_sub(start))
    }

    fn within(&self, line: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let (start, end) = (line.start, line.end);
        let first = self.0.partition_point(|part| part.end <= start);
        let touching = self.0[first..].iter().take_while(move |part| part.start < end);
        touching.map(move |part| part.start.max(start)..part.end.min(end))
    }
}

/// A line as it is shown so far.
#[derive(Default)]
struct Shown {
    text: String,
    width: usize,
    start: Option<usize>,
    end: Option<usize>,
}

impl Shown {
    fn plain(&mut self, text: &str, part: Range<usize>, span: &Range<usize>) {
        let offset = |at: usize| text.get(part.start..at).map_or(0, |t| t.chars().count());
        if part.contains(&span.start) {
            self.start.get_or_insert(self.width + offset(span.start));
        }
        if part.contains(&span.end) {
            self.end.get_or_insert(self.width + offset(span.end));
        }
        self.push(&text[part]);
    }

    fn masked(&mut self, text: &str, part: Range<usize>, span: &Range<usize>) {
        if part.contains(&span.start) {
            self.start.get_or_insert(self.width);
        }
        match part.end <= span.start {
            true => self.push(&"*".repeat(text[part.clone()].chars().count())),
            false => self.push(MASK),
        }
        if span.end > part.start && span.end <= part.end {
            self.end.get_or_insert(self.width);
        }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.width += text.chars().count();
    }
}

/// The values whose keys say that they are secret.
pub(super) fn by_name(table: &DeTable<'_>, hide: &mut impl FnMut(Range<usize>)) {
    for (key, value) in table.iter() {
        match is_secret_name(key.get_ref()) {
            true => literals(value, hide),
            false => inside(value, hide),
        }
    }
}

fn inside(value: &Spanned<DeValue<'_>>, hide: &mut impl FnMut(Range<usize>)) {
    match value.get_ref() {
        DeValue::Table(table) => by_name(table, hide),
        DeValue::Array(items) => items.iter().for_each(|item| inside(item, hide)),
        _ => {}
    }
}

/// The texts in a secret value: itself, or everything in a table but the name of a variable.
pub(super) fn literals(value: &Spanned<DeValue<'_>>, hide: &mut impl FnMut(Range<usize>)) {
    match value.get_ref() {
        DeValue::Table(table) => {
            table.iter().filter(|(key, _)| key.get_ref() != "env").for_each(|(_, value)| literals(value, hide));
        }
        DeValue::Array(items) => items.iter().for_each(|item| literals(item, hide)),
        _ => hide(value.span()),
    }
}

/// The secrets of a text that is no TOML: the text after `password =` and the like, to the end of the line or of the
/// text in three quotes that begins there.
pub(super) fn unread(text: &str, hide: &mut impl FnMut(Range<usize>)) {
    for (equals, _) in text.match_indices('=') {
        let key = text[..equals].trim_end_matches([' ', '\t', '"', '\'']);
        let bare = key.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next().unwrap_or(key);
        let value = text[equals + 1..].trim_start_matches([' ', '\t']);
        if !is_secret_name(bare) || value.starts_with('{') {
            continue;
        }
        let closing = ["\"\"\"", "'''"].into_iter().find(|quotes| value.starts_with(quotes));
        let length = match closing {
            Some(quotes) => value[3..].find(quotes).map_or(value.len(), |at| at + 6),
            None => value.find('\n').unwrap_or(value.len()),
        };
        let start = text.len() - value.len();
        hide(start..start + length);
    }
}
