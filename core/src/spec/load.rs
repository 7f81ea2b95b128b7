//! From the text of a pipeline file to a pipeline.
//!
//! Parse, sort, read, build: each step tells everything that is wrong before the next one is taken, and what is wrong
//! with one stage hides nothing of another.

use std::path::PathBuf;

use toml::de::{DeTable, Error};

use super::{Pipeline, assemble::assemble, findings::Findings, mask, source::Source, words};
use crate::{
    diagnostic::Diagnostic,
    plugin::{self, Environment, Purpose},
};

/// A larger text is no pipeline: 4 MiB.
const MAX_BYTES: usize = 4 << 20;

/// What the text does not say.
#[derive(Clone)]
pub struct Settings {
    /// The directory that relative paths start from.
    pub base: PathBuf,
    /// The environment.
    pub environment: Environment,
    /// What the pipeline is built for.
    pub purpose: Purpose,
}

/// A pipeline, and what should be said about it all the same.
pub struct Loaded {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Things that do not stop the run.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a pipeline. `file` is its name for diagnostics, as the user wrote it. Nothing is asked of any network.
///
/// # Errors
/// Everything that is wrong with it, and the warnings, in the order of the text.
pub fn load(text: &str, file: &str, settings: &Settings) -> Result<Loaded, Vec<Diagnostic>> {
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
    let pipeline = assemble(root.into_inner(), file, settings, &mut findings);
    let mut diagnostics = findings.into_diagnostics(&source);
    let wrong = diagnostics.iter().any(Diagnostic::is_error);
    match pipeline {
        Some(pipeline) if !wrong => Ok(Loaded { pipeline, warnings: diagnostics }),
        _ => {
            if !wrong {
                let message = format!("a stage or section of `{file}` cannot be built and does not say why");
                diagnostics.push(Diagnostic::error(message).hint("this is a mistake in a plugin"));
            }
            Err(diagnostics)
        }
    }
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
