//! One call of the command line: how loud it is, where its words go, and what its pipelines may look at.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use sealift_core::{
    diagnostic::{Diagnostic, Severity},
    error::Error,
    notes::Notes,
    plugin::Purpose,
    spec::{self, Loaded, Settings},
};

use crate::{
    args::{Called, Emptiness, Global, Verb},
    display::{Console, Out, diagnostics},
    logging::{self, LogFile},
};

/// One call of the command line.
pub(crate) struct Session {
    /// What every verb takes.
    pub(crate) global: Global,
    /// stderr: progress, logs, summaries, errors.
    pub(crate) console: Console,
    /// stdout: data.
    pub(crate) out: Out,
    /// The name that the program was called by.
    pub(crate) called: Called,
    /// The verb is `sync`: logs are what those who know image-syncer expect.
    sync: bool,
    log: Option<LogFile>,
    /// Warnings that were shown so far, for the report.
    warned: Mutex<Vec<String>>,
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
        Self { global, console, out, called: Called::Sealift, sync: false, log: None, warned: Mutex::default() }
    }

    /// The same for a program that was called by this name, with this verb.
    pub(crate) fn called(self, called: Called, verb: &Verb) -> Self {
        Self { called, sync: matches!(verb, Verb::Sync(_)), ..self }
    }

    /// Lets log lines go where they were asked to go. Under `sync` they go to stderr where that is not possible, as
    /// image-syncer has it: a night without its copy is worse than one without its log.
    pub(crate) fn start_logging(&mut self) -> Result<(), Refused> {
        self.log = match logging::start(&self.global, &self.console, self.sync) {
            Err(Refused(errors)) if self.sync => {
                let softened = |error: Diagnostic| Diagnostic { severity: Severity::Warning, ..error };
                let warnings: Vec<_> = errors.into_iter().map(softened).collect();
                self.show(&warnings);
                self.global.log_to_stderr();
                logging::start(&self.global, &self.console, self.sync)?
            }
            started => started?,
        };
        Ok(())
    }

    /// Returns true if lines go to a file in the form that image-syncer's have, and the terminal shall be silent while
    /// all goes well.
    pub(crate) fn is_scraped(&self) -> bool {
        self.sync && self.log.is_some()
    }

    /// Returns true if log lines were lost to a file that had to have them. Under `sync` that costs nothing but the
    /// warning, as the copies are there.
    pub(crate) fn lost_log_lines(&self) -> bool {
        !self.sync && self.log.as_ref().is_some_and(LogFile::has_failed)
    }

    /// The warnings that were shown so far.
    pub(crate) fn warned(&self) -> Vec<String> {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says that nothing was found; gives the exit code for it.
    pub(crate) fn nothing(&self, what: &str, emptiness: Emptiness) -> u8 {
        let (diagnostic, code) = match emptiness.allow_empty {
            true => (Diagnostic::warning(what), 0),
            false => (Diagnostic::error(what).hint("if that may be, say so: `--allow-empty`"), 1),
        };
        self.show(&[diagnostic]);
        code
    }

    /// Shows what is wrong with the command or a file: drawn for people, with `--json` as objects as well.
    pub(crate) fn show(&self, diagnostics: &[Diagnostic]) {
        if self.global.json {
            for diagnostic in diagnostics {
                self.out.json(&diagnostics::as_json(diagnostic));
            }
        }
        let warnings = diagnostics.iter().filter(|diagnostic| !diagnostic.is_error()).map(ToString::to_string);
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).extend(warnings);
        if self.is_scraped() {
            diagnostics.iter().for_each(log);
            if !diagnostics.iter().any(Diagnostic::is_error) {
                return;
            }
        }
        if self.global.quiet && !diagnostics.iter().any(Diagnostic::is_error) {
            diagnostics.iter().for_each(|warning| self.console.say(&format!("warning: {warning}")));
            return;
        }
        if !diagnostics.is_empty() {
            self.console.say(&diagnostics::draw(diagnostics, self.console.colour(), self.console.width()));
        }
    }
}

/// Writes what is wrong with the command or a file to the log.
fn log(diagnostic: &Diagnostic) {
    let notes: String = diagnostic.notes.iter().map(|note| format!(" ({note})")).collect();
    let hint = diagnostic.hint.as_ref().map_or_else(String::new, |hint| format!("; hint: {hint}"));
    let line = format!("{diagnostic}{notes}{hint}");
    match diagnostic.is_error() {
        true => tracing::error!(target: logging::RUN, "{line}"),
        false => tracing::warn!(target: logging::RUN, "{line}"),
    }
}

/// Builds a pipeline from its text. `file` is its name in diagnostics.
pub(crate) fn load(text: &str, file: &str, base: PathBuf, purpose: Purpose, notes: Notes) -> Result<Loaded, Refused> {
    let environment: sealift_core::plugin::Environment = Arc::new(|name: &str| std::env::var(name).ok());
    Ok(spec::load(text, file, &Settings { base, environment, purpose, notes })?)
}
