//! Reads the texts of a list: files, directories, standard input.

use std::{
    fs,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use sealift_core::{
    diagnostic::Diagnostic,
    error::io_message,
    plugin::{BuildContext, ConfigError, Purpose},
};

/// Rendered charts have some megabytes; this bounds what parsing can cost.
const MAX_BYTES: u64 = 64 << 20;

/// A text and where it came from.
pub(crate) struct Input {
    /// As the user named it, with the rest of the path for what was found in a directory.
    pub(crate) name: Arc<str>,
    pub(crate) text: String,
    /// The directory that relative paths in it start from.
    pub(crate) directory: PathBuf,
    /// True if the user named the file itself, and not its directory.
    pub(crate) named: bool,
}

/// Selects the files of a directory.
pub(crate) type InDirectory = fn(&Path) -> io::Result<Vec<PathBuf>>;

/// Reads what `files` names; `-` is standard input. Only checking does not wait for standard input.
///
/// # Errors
/// Everything that cannot be read, at its key.
pub(crate) fn read(
    files: &[String],
    in_directory: InDirectory,
    cx: &BuildContext<'_>,
) -> Result<Vec<Input>, ConfigError> {
    let mut errors = ConfigError::default();
    let mut inputs = Vec::new();
    if files.is_empty() {
        errors = ConfigError::new("`files` names no file").at("files").hint("use `-` for standard input");
    }
    for (index, name) in files.iter().enumerate() {
        let key = format!("files[{index}]");
        if files[..index].contains(name) {
            errors = errors.and(ConfigError::new(format!("`{name}` is there twice")).at(key));
            continue;
        }
        match read_one(name, in_directory, cx) {
            Ok(found) => inputs.extend(found),
            Err(error) => errors = errors.and(error.at(key)),
        }
    }
    errors.or_ok(inputs)
}

fn read_one(name: &str, in_directory: InDirectory, cx: &BuildContext<'_>) -> Result<Vec<Input>, ConfigError> {
    if name == "-" {
        return standard_input(cx);
    }
    let path = cx.path(name);
    let cannot = |error: &io::Error| ConfigError::new(format!("cannot read `{name}`: {}", reason(error)));
    if !path.is_dir() {
        return read_file(&path, name, true).map(|input| vec![input]).map_err(|error| cannot(&error));
    }
    let found = in_directory(&path).map_err(|error| cannot(&error))?;
    if found.is_empty() {
        return Err(ConfigError::new(format!("the directory `{name}` has no file for this list")));
    }
    let mut errors = ConfigError::default();
    let mut inputs = Vec::new();
    for file in found {
        let inside = file.strip_prefix(&path).unwrap_or(&file).display();
        let name = format!("{}/{inside}", name.trim_end_matches('/'));
        match read_file(&file, &name, false) {
            Ok(input) => inputs.push(input),
            Err(error) => errors = errors.and(ConfigError::new(format!("cannot read `{name}`: {}", reason(&error)))),
        }
    }
    errors.or_ok(inputs)
}

fn read_file(path: &Path, name: &str, named: bool) -> io::Result<Input> {
    let text = text_of(fs::File::open(path)?)?;
    let directory = path.parent().unwrap_or(Path::new(".")).to_owned();
    Ok(Input { name: name.into(), text, directory, named })
}

/// Standard input ends only once, but a pipeline may be built twice: it is kept.
fn standard_input(cx: &BuildContext<'_>) -> Result<Vec<Input>, ConfigError> {
    static KEPT: OnceLock<Result<String, String>> = OnceLock::new();
    if cx.purpose() == Purpose::Check {
        return Ok(Vec::new());
    }
    if KEPT.get().is_none() && io::stdin().is_terminal() {
        let error = ConfigError::new("`-` reads standard input, which is a terminal here");
        return Err(error.hint("pipe something into it, such as `helm template … | sealift run …`"));
    }
    let text = KEPT.get_or_init(|| text_of(io::stdin()).map_err(|error| reason(&error)));
    let text = text.clone().map_err(|reason| ConfigError::new(format!("cannot read standard input: {reason}")))?;
    Ok(vec![Input { name: "-".into(), text, directory: cx.path(""), named: true }])
}

pub(crate) fn text_of(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        let message = format!("it is larger than the {} MiB that are accepted", MAX_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    // A byte order mark is no part of the first name.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "it is not text in UTF-8".to_owned(),
        _ => io_message(error),
    }
}

/// Says of the files that the user named that nothing is in them, not even a mistake: perhaps another file was meant.
pub(crate) fn warn_of_nothing(input: &Input, found: usize, cx: &BuildContext<'_>) {
    if found == 0 && input.named {
        cx.warn_at("files", Diagnostic::warning(format!("`{}` names no image", input.name)));
    }
}

#[cfg(test)]
mod tests;
