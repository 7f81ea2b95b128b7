//! The expressions of rules: `/^v1\./` over the tags of a repository.
//!
//! image-syncer hands them to Go's `regexp`, whose dialect is RE2. The `regex` crate reads several forms differently
//! (`[a&&b]`, `a{`, `\<`, `a++`) and lacks others (`\Q…\E`, octal escapes), so an expression is parsed here by RE2's
//! grammar and written anew for the crate. Tags are ASCII, so classes are resolved to ASCII.

mod class;
mod parse;

use std::{fmt, sync::Arc};

use regex::{Regex, RegexBuilder};

/// Bytes that a compiled expression may take. `[\w.-]{1,1000}` needs a part of it.
const MAX_COMPILED: usize = 64 << 20;

/// Groups within groups. RE2 accepts 1000.
const MAX_DEPTH: u32 = 1000;

/// An expression that selects tags.
#[derive(Clone, Debug)]
pub struct Expression {
    written: Arc<str>,
    compiled: Regex,
}

impl Expression {
    /// Reads an expression in Go's dialect.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(written: &str) -> Result<Self, String> {
        let translated = parse::translate(written)?;
        let mut builder = RegexBuilder::new(&translated);
        let compiled = builder.size_limit(MAX_COMPILED).nest_limit(2 * MAX_DEPTH).build();
        let compiled = compiled.map_err(|_| "it is too large".to_owned())?;
        Ok(Self { written: written.into(), compiled })
    }

    /// Returns true if the expression matches anywhere in `tag`.
    pub fn is_match(&self, tag: &str) -> bool {
        self.compiled.is_match(tag)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Expression {}

#[cfg(test)]
mod tests;
