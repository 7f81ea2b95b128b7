//! From the text of a pipeline file to a pipeline.
//!
//! Parse, sort, read, build: each step tells everything that is wrong before the next one is taken, and what is wrong
//! with one stage hides nothing of another.

use std::sync::Mutex;

use toml::de::{DeTable, Error};

use super::{
    LoadOptions, Loaded, OpenPipeline, Parts, Pipeline,
    assemble::{Built, LeftOut, assemble},
    findings::Findings,
    mask,
    source::Source,
    words,
};
use crate::{diagnostic::Diagnostic, lock::lock, plugin};

/// A larger text is no pipeline: 4 MiB.
const MAX_BYTES: usize = 4 << 20;

/// Reads a pipeline. `file` is its name for diagnostics, as the user wrote it. Nothing is asked of any network.
///
/// # Errors
/// Everything that is wrong with it, and the warnings, in the order of the text.
pub fn load(text: &str, file: &str, settings: &LoadOptions) -> Result<Loaded, Vec<Diagnostic>> {
    let document = Document { text: text.into(), file: file.into(), settings: settings.clone() };
    let (first, warnings) = document.open()?;
    let options = first.run.clone();
    let registries = first.registries();
    // The stages that were built for the check serve the first run.
    let first = Mutex::new(Some(first));
    let open = move || {
        let checked = lock(&first).take();
        checked.map_or_else(|| document.open().map(|(stages, _)| stages), Ok)
    };
    Ok(Loaded { pipeline: Pipeline::new(options, open), warnings, registries })
}

/// The text of a pipeline, and how it is read.
struct Document {
    text: String,
    file: String,
    settings: LoadOptions,
}

impl Document {
    /// Builds the stages of one run.
    fn open(&self) -> Result<(OpenPipeline, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (built, diagnostics) = read(&self.text, &self.file, &self.settings, LeftOut::Default)?;
        match built.pipeline(&self.settings.cache) {
            Some(stages) if !diagnostics.iter().any(Diagnostic::is_error) => Ok((stages, diagnostics)),
            _ => Err(diagnostics),
        }
    }
}

/// Reads a piece of a pipeline, such as a single `[[filter]]`: stages that are left out are not there. For tests of
/// plugins, which want one stage just as a pipeline would have it.
///
/// # Errors
/// As [`load`].
pub fn load_parts(text: &str, file: &str, settings: &LoadOptions) -> Result<Parts, Vec<Diagnostic>> {
    let (built, warnings) = read(text, file, settings, LeftOut::Nothing)?;
    match warnings.iter().any(Diagnostic::is_error) {
        true => Err(warnings),
        false => Ok(Parts { warnings, ..built.parts() }),
    }
}

/// Everything that can be built of a text, and everything that is to say about it.
fn read(
    text: &str,
    file: &str,
    settings: &LoadOptions,
    left_out: LeftOut,
) -> Result<(Built, Vec<Diagnostic>), Vec<Diagnostic>> {
    let twice = plugin::duplicates();
    if !twice.is_empty() {
        return Err(twice);
    }
    if text.len() > MAX_BYTES {
        let message = format!("`{file}` has {} bytes; a pipeline has {MAX_BYTES} at most", text.len());
        return Err(vec![Diagnostic::error(message).hint("keep long lists of images in a file of rules")]);
    }
    let source = Source::new(file, text);
    let mut findings = Findings::default();
    let (root, errors) = DeTable::parse_recoverable(text);
    mask::by_name(root.get_ref(), &mut |span| findings.hide(span));
    if !errors.is_empty() {
        mask::unread(text, &mut |span| findings.hide(span));
        add_syntax_errors(&errors, &source, &mut findings);
        return Err(findings.into_diagnostics(&source));
    }
    let built = assemble(root.into_inner(), file, settings, left_out, &mut findings);
    Ok((built, findings.into_diagnostics(&source)))
}

/// One error a line: what follows in the same line is mostly the same mistake once more.
fn add_syntax_errors(errors: &[Error], source: &Source<'_>, findings: &mut Findings) {
    let mut last = None;
    for error in errors {
        let span = error.span().unwrap_or_default();
        let line = source.line_of(span.start);
        if last.replace(line) != Some(line) {
            let message = words::syntax(error.message(), source.slice(span.clone()));
            findings.add(span, Diagnostic::error(message).note("the file is not valid TOML"));
        }
    }
}
