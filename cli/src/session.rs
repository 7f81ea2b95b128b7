//! One call of the command line: how loud it is, where its words go, and what its pipelines may look at.

use std::{path::PathBuf, sync::Arc};

use sealift_core::{
    diagnostic::Diagnostic,
    error::Error,
    notes::Notes,
    plugin::Purpose,
    spec::{self, Loaded, Settings},
};

use crate::{
    args::Global,
    display::{Console, Out, diagnostics},
    logging,
};

/// One call of the command line.
pub(crate) struct Session {
    /// What every verb takes.
    pub(crate) global: Global,
    /// stderr: progress, logs, summaries, errors.
    pub(crate) console: Console,
    /// stdout: data.
    pub(crate) out: Out,
}

/// The command or a file is wrong, and nothing was moved: exit code 2.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Vec<Diagnostic>);

impl From<Diagnostic> for Refused {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let diagnostic = Diagnostic::error(error.message());
        match error.hint_text() {
            Some(hint) => diagnostic.hint(hint).into(),
            None => diagnostic.into(),
        }
    }
}

impl From<Vec<Diagnostic>> for Refused {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self(diagnostics)
    }
}

impl Session {
    /// A call that says as much as was asked for.
    pub(crate) fn new(global: Global) -> Self {
        let console = Console::of_process();
        let out = Out::new(console.clone());
        Self { global, console, out }
    }

    /// Lets log lines go where they were asked to go.
    pub(crate) fn start_logging(&self) -> Result<(), Refused> {
        logging::start(&self.global, &self.console)
    }

    /// Shows what is wrong with the command or a file: drawn for people, with `--json` as objects as well.
    pub(crate) fn show(&self, diagnostics: &[Diagnostic]) {
        if self.global.json {
            for diagnostic in diagnostics {
                self.out.json(&diagnostics::as_json(diagnostic));
            }
        }
        if self.global.quiet && !diagnostics.iter().any(Diagnostic::is_error) {
            return;
        }
        if !diagnostics.is_empty() {
            self.console.say(&diagnostics::draw(diagnostics, self.console.colour(), self.console.width()));
        }
    }
}

/// Builds a pipeline from its text. `file` is its name in diagnostics.
pub(crate) fn load(text: &str, file: &str, base: PathBuf, purpose: Purpose, notes: Notes) -> Result<Loaded, Refused> {
    let environment: sealift_core::plugin::Environment = Arc::new(|name: &str| std::env::var(name).ok());
    Ok(spec::load(text, file, &Settings { base, environment, purpose, notes })?)
}
