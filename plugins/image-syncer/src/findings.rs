//! The diagnostics of a file, in the order of the text.

use sealift_core::diagnostic::{Diagnostic, Severity};

/// The diagnostics so far.
#[derive(Default)]
pub(crate) struct FileFindings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// True if an error is about the file as a whole.
    refused: bool,
}

impl FileFindings {
    /// Takes an error or a warning.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.is_error() {
            self.errors.push(diagnostic);
        } else {
            self.warnings.push(diagnostic);
        }
    }

    /// Takes several.
    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        diagnostics.into_iter().for_each(|diagnostic| self.push(diagnostic));
    }

    /// Returns the number of errors so far.
    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    /// Adds to the messages of all errors but the first `known` what they lead to.
    pub(crate) fn add_outcome(&mut self, known: usize, outcome: &str) {
        for error in &mut self.errors[known..] {
            error.message = format!("{}, {outcome}", error.message);
        }
    }

    /// Takes an error after which nothing of the file can be used.
    pub(crate) fn refuse(&mut self, error: Diagnostic) {
        self.refused = true;
        self.errors.push(error);
    }

    /// Turns errors into warnings, unless the file as a whole is refused.
    pub(crate) fn soften(&mut self) {
        if !self.refused {
            let softened = self.errors.drain(..).map(|error| Diagnostic { severity: Severity::Warning, ..error });
            self.warnings.extend(softened);
        }
    }

    /// Takes the diagnostics of another reader.
    pub(crate) fn append(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.warnings.extend(other.warnings);
        self.refused |= other.refused;
    }

    /// `value` with errors and warnings if what is wrong costs only a part of it, else as [`FileFindings::or_ok`].
    pub(crate) fn or_parts<T>(self, value: T, forgives: bool) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
        let usable = forgives && !self.refused;
        match self.or_ok(()) {
            Ok(((), warnings)) => Ok((value, warnings)),
            Err(found) if usable => Ok((value, found)),
            Err(found) => Err(found),
        }
    }

    /// `value` and the warnings if there is no error, else the errors and then the warnings.
    pub(crate) fn or_ok<T>(mut self, value: T) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
        let place = |diagnostic: &Diagnostic| diagnostic.location.as_ref().map(|place| (place.line, place.column));
        self.errors.sort_by_key(place);
        self.warnings.sort_by_key(place);
        if self.errors.is_empty() {
            return Ok((value, self.warnings));
        }
        self.errors.append(&mut self.warnings);
        Err(self.errors)
    }
}
