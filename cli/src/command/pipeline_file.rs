//! Reads pipeline files.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sealift_core::{cache::Cache, diagnostic::Diagnostic, plugin::Purpose, spec::Loaded};

use super::perform::Extras;
use crate::{
    context::{self, Context},
    display::{bytes, io_message},
    options::ReportOptions,
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

/// Creates the outputs of a run of the pipeline in a file.
///
/// # Errors
/// If the report file cannot be written, or is the pipeline or one of its files.
pub(super) fn extras(file: &Path, options: &ReportOptions, context: &Context) -> Result<Extras, UsageError> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // The file itself is one that must stay as well.
    let own =
        file.file_name().map(|name| format!("\n[pipeline]\npath = {}\n", toml::Value::from(&*name.to_string_lossy())));
    let named = own.filter(|_| file != Path::new("-")).unwrap_or_default();
    Extras::of(options, context, &(text + &named), file.parent().unwrap_or(Path::new("")))
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
