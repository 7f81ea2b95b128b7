//! The path to a value in a table: its keys and indices.
//!
//! Written as in TOML, with indices counted from 0: `keep`, `keep[1]`, `images[0].from`. A key that is no bare TOML key
//! (letters, digits, `_`, `-`) stands in quotes: `"quay.io".password`. A section's path starts inside its table; it may
//! also start with the table's own name (`registries."quay.io".password`).

use std::{fmt, iter::Peekable, str::Chars};

/// The way from a table to one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Step>);

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the value of a key.
    Key(String),
    /// To an item of a list, counted from 0.
    Index(usize),
}

impl KeyPath {
    /// The table itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// On to the value of a key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.push(Step::Key(key.into()));
        self
    }

    /// On to an item of a list, counted from 0.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// Reads a path as it is displayed; none if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(&next) = rest.peek() {
            match next {
                '[' => steps.push(Step::Index(index(&mut rest)?)),
                '.' if !steps.is_empty() => {
                    rest.next();
                    steps.push(Step::Key(key(&mut rest)?));
                }
                _ if steps.is_empty() => steps.push(Step::Key(key(&mut rest)?)),
                _ => return None,
            }
        }
        Some(Self(steps))
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path without its first key, if that is this one.
    pub(crate) fn inside(mut self, key: &str) -> Self {
        if self.0.first().is_some_and(|first| matches!(first, Step::Key(name) if name == key)) {
            self.0.remove(0);
        }
        self
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    pub(crate) fn pop(&mut self) {
        self.0.pop();
    }
}

fn index(rest: &mut Peekable<Chars<'_>>) -> Option<usize> {
    rest.next();
    let mut digits = String::new();
    loop {
        match rest.next()? {
            ']' => return digits.parse().ok(),
            digit => digits.push(digit),
        }
    }
}

fn key(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut key = String::new();
    if rest.next_if_eq(&'"').is_some() {
        loop {
            match rest.next()? {
                '"' => return Some(key),
                '\\' => key.push(rest.next()?),
                other => key.push(other),
            }
        }
    }
    while let Some(next) = rest.next_if(|next| !matches!(next, '.' | '[' | ']' | '"')) {
        key.push(next);
    }
    (!key.is_empty()).then_some(key)
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    f.write_str(if at == 0 { "" } else { "." })?;
                    match is_bare(key) {
                        true => f.write_str(key)?,
                        false => write!(f, "\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))?,
                    }
                }
            }
        }
        Ok(())
    }
}

impl From<KeyPath> for String {
    fn from(path: KeyPath) -> Self {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_back_as_it_was_written() {
        for text in ["", "keep", "keep[1]", "images[0].from", "\"quay.io\".password", "a.\"b \\\" c\\\\\"[2][3].d"] {
            assert_eq!(KeyPath::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path_is_none() {
        for text in [".a", "a.", "a..b", "a[", "a[x]", "a[1]b", "\"a", "a\"b\"", "a]"] {
            assert_eq!(KeyPath::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_with_dots_is_put_in_quotes() {
        assert_eq!(KeyPath::new().key("registries").key("quay.io").index(1).to_string(), "registries.\"quay.io\"[1]");
    }
}
