//! The error of a command line or a file that is wrong.

use sealift_core::{diagnostic::Diagnostic, error::Error};

/// The command line or a file is wrong, and nothing was moved: exit code 2.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) Vec<Diagnostic>);

impl From<Diagnostic> for UsageError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<Vec<Diagnostic>> for UsageError {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self(diagnostics)
    }
}

impl From<Error> for UsageError {
    fn from(error: Error) -> Self {
        from_error(&error).into()
    }
}

/// Converts an error, with its hint.
pub(crate) fn from_error(error: &Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(error.message());
    match error.hint() {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    }
}
