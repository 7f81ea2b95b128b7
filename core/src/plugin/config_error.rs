//! Errors of a plugin about its configuration.

use crate::{diagnostic::Diagnostic, error::Error};

/// Problems with the values of a table, all at once.
///
/// One without problems means that what is wrong is told elsewhere, as with a section that several stages ask for.
#[derive(Clone, Debug, Default)]
pub struct ConfigError(Vec<Problem>);

/// One problem.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The key that it concerns, as a [`KeyPath`](super::KeyPath) inside the table: `keep`, `keep[1]`,
    /// `images[0].from`, `"quay.io".password`. None: the table as a whole, or a place in another file that the
    /// diagnostic names. Of a path that leads nowhere, the part that does counts.
    pub key: Option<String>,
    /// The message, with its hint.
    pub diagnostic: Diagnostic,
}

/// Turns an error into a problem of the configuration that caused it.
impl From<Error> for ConfigError {
    fn from(error: Error) -> Self {
        let problem = Self::new(error.message());
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl ConfigError {
    /// A problem of the table as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self(vec![Problem { key: None, diagnostic: Diagnostic::error(message) }])
    }

    /// Says which key it concerns: `keep`, `keep[1]`, `images[0].from`; see [`Problem::key`]. For names that users
    /// choose build it with [`KeyPath`](super::KeyPath), which knows when to quote.
    #[must_use]
    pub fn at(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        for problem in &mut self.0 {
            problem.key.get_or_insert_with(|| key.clone());
        }
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        for problem in &mut self.0 {
            problem.diagnostic.hint.get_or_insert_with(|| hint.clone());
        }
        self
    }

    /// Adds the problems of another.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The problems.
    pub fn into_problems(self) -> Vec<Problem> {
        self.0
    }

    /// `value` if there are no problems, else the problems.
    ///
    /// # Errors
    /// The problems.
    pub fn or_ok<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// Problems in a file that the table names; they bring their own places.
impl From<Vec<Diagnostic>> for ConfigError {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self(diagnostics.into_iter().map(|diagnostic| Problem { key: None, diagnostic }).collect())
    }
}
