//! From the disk to a text, with a bound on its size.

use std::{fs::File, io::Read, path::Path};

use sealift_core::diagnostic::Diagnostic;

use crate::text::MAX_BYTES;

/// Reads a file. `shown` is its name for diagnostics, as the user wrote it.
///
/// # Errors
/// If it cannot be read, is no UTF-8, or is larger than 4 MiB.
pub fn read(path: &Path, shown: &str) -> Result<String, Vec<Diagnostic>> {
    let fail = |why: String| vec![Diagnostic::error(format!("cannot read `{shown}`: {why}"))];
    let file = File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells "just fits" from "too large", also where the size is not known beforehand.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| fail(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(fail(format!("it is larger than the {} MiB that are accepted", MAX_BYTES >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
        fail(format!("it is not UTF-8 (line {line})"))
    })
}
