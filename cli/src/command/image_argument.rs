//! Arguments that name an image.

use std::path::Path;

use sealift_core::{content::FullReference, diagnostic::Diagnostic};

use crate::usage_error::UsageError;

/// Returns the full name of the image that an argument names; without tag or digest it is `latest`.
///
/// # Errors
/// If it names none. A file of that name is told as one, with `files` as the hint.
pub(super) fn parse(text: &str, files: &str) -> Result<String, UsageError> {
    let parsed = FullReference::parse_or_latest(text);
    let path = Path::new(text);
    if path.is_file() && (parsed.is_err() || path.extension().is_some()) {
        return Err(Diagnostic::error(format!("`{text}` is a file, and an image is expected")).hint(files).into());
    }
    match parsed {
        Ok(image) => Ok(image.to_string()),
        Err(error) => Err(Diagnostic::error(error.to_string()).note(format!("from `{text}`")).into()),
    }
}
