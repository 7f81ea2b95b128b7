//! Reads pipeline files.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sealift_core::{cache::Cache, diagnostic::Diagnostic, plugin::Purpose, spec::Loaded};

use crate::{
    context,
    display::{bytes, io_message},
    usage_error::UsageError,
};

/// The largest file that is read; no pipeline needs as much.
const MAX_BYTES: u64 = 4 << 20;

/// Reads and builds the pipeline in a file; `-` is stdin. Relative paths in it start from its directory.
///
/// # Errors
/// If the file cannot be read, or is no pipeline.
pub(crate) fn load(file: &Path, purpose: Purpose, notes: Cache) -> Result<Loaded, UsageError> {
    let (text, base) = if file == Path::new("-") {
        (read(io::stdin().lock(), file)?, PathBuf::new())
    } else {
        let opened = File::open(file).map_err(|error| cannot_read(file, &io_message(&error)))?;
        (read(opened, file)?, file.parent().map(Path::to_owned).unwrap_or_default())
    };
    let name = if file == Path::new("-") { "stdin".into() } else { file.to_string_lossy() };
    context::load(&text, &name, base, purpose, notes).map_err(|wrong| match is_of_rules(file) {
        // Each of its lines would be an error.
        true => Diagnostic::error(format!("`{name}` is no pipeline: those are TOML")).hint(NOT_RULES).into(),
        false => wrong,
    })
}

fn read(from: impl Read, file: &Path) -> Result<String, UsageError> {
    let mut text = Vec::new();
    from.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|error| cannot_read(file, &io_message(&error)))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(cannot_read(file, &format!("it is larger than {}", bytes(MAX_BYTES))));
    }
    String::from_utf8(text).map_err(|_| cannot_read(file, "it is not UTF-8 text"))
}

fn cannot_read(file: &Path, why: &str) -> UsageError {
    let diagnostic = Diagnostic::error(format!("cannot read `{}`: {why}", file.display()));
    if is_of_rules(file) { diagnostic.hint(NOT_RULES).into() } else { diagnostic.into() }
}

/// The hint for a file of image-syncer's that is given as a pipeline.
const NOT_RULES: &str = "a pipeline is TOML; rules go with `sealift sync --images`, logins with `--auth`, and `sealift convert` \
                         checks both without any traffic";

fn is_of_rules(file: &Path) -> bool {
    matches!(file.extension().and_then(|suffix| suffix.to_str()), Some("yaml" | "yml" | "json"))
}
