//! What is found while a file is read: everything, in the order of the text.

use sealift_core::diagnostic::Diagnostic;

/// What was found so far.
#[derive(Default)]
pub(crate) struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Findings {
    /// Takes an error or a warning.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.is_error() {
            self.errors.push(diagnostic);
        } else {
            self.warnings.push(diagnostic);
        }
    }

    /// `value` and the warnings if there is no error, else the errors and then the warnings.
    pub(crate) fn or_ok<T>(mut self, value: T) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
        let place = |diagnostic: &Diagnostic| diagnostic.place.as_ref().map(|place| (place.line, place.column));
        self.errors.sort_by_key(place);
        self.warnings.sort_by_key(place);
        if self.errors.is_empty() {
            return Ok((value, self.warnings));
        }
        self.errors.append(&mut self.warnings);
        Err(self.errors)
    }
}
