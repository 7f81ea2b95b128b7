//! The context of one command: its options, its output streams, and the log.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use sealift_core::{
    cache::Cache,
    diagnostic::{Diagnostic, Severity},
    observer::Observer,
    plugin::Purpose,
    spec::{self, LoadOptions, Loaded, Named},
};

use crate::{
    display::{Console, Out, RUN_LOG, ShowOptions, diagnostics},
    flag_words::has_flags,
    logging::{self, LogFile},
    options::{EmptinessOptions, GlobalOptions},
    program::Program,
    usage_error::UsageError,
};

/// The context of one command.
pub(crate) struct Context {
    /// The options that every verb takes.
    pub(crate) global: GlobalOptions,
    /// stderr: progress, logs, summaries, errors.
    pub(crate) console: Console,
    /// stdout: data.
    pub(crate) out: Out,
    /// The program as its users know it.
    pub(crate) program: Program,
    /// The definition of the command line.
    pub(crate) command: clap::Command,
    /// The observers of every run.
    pub(crate) observers: Vec<Named<dyn Observer>>,
    /// True for the verb `sync`: logs have the form of image-syncer's.
    sync: bool,
    log: Option<LogFile>,
    /// Warnings that were shown so far, for the report.
    warned: Mutex<Vec<String>>,
}

impl Context {
    /// Creates the context of a verb.
    pub(crate) fn new(
        program: Program,
        command: clap::Command,
        observers: Vec<Named<dyn Observer>>,
        global: GlobalOptions,
        verb: Option<&str>,
    ) -> Self {
        let program = Program { has_flags: verb.is_some_and(has_flags), ..program };
        let sync = verb == Some("sync");
        let console = Console::of_process(program);
        let out = Out::new(console.clone());
        Self { global, console, out, program, command, observers, sync, log: None, warned: Mutex::default() }
    }

    /// Starts to log, runs the command, shows its error, and returns the exit code of the process.
    pub(crate) fn exit_code(mut self, command: impl FnOnce(&Self) -> Result<u8, UsageError>) -> ExitCode {
        let code = self.start_logging().and_then(|()| command(&self));
        let code = code.unwrap_or_else(|error| {
            self.show(&error.0);
            2
        });
        let code = if self.lost_log_lines() { code.max(1) } else { code };
        match self.out.failure() {
            Some(reason) => {
                self.console.say(&format!("error: cannot write to stdout: {reason}"));
                ExitCode::from(code.max(1))
            }
            None => ExitCode::from(code),
        }
    }

    /// Starts to log. If the log file of `sync` cannot be written, log lines go to stderr, as under image-syncer: copies
    /// matter more than their log.
    ///
    /// # Errors
    /// If the log file of another verb cannot be written.
    fn start_logging(&mut self) -> Result<(), UsageError> {
        self.log = match logging::start(&self.global, &self.console, self.sync) {
            Err(UsageError(errors)) if self.sync => {
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

    /// Returns true if the log file has the form of image-syncer's and the terminal stays silent while all goes well.
    pub(crate) fn is_scraped(&self) -> bool {
        self.sync && self.log.is_some()
    }

    /// Returns true if the log file did not take some lines, which fails the command. Under `sync` it is only a warning.
    fn lost_log_lines(&self) -> bool {
        !self.sync && self.log.as_ref().is_some_and(LogFile::has_failed)
    }

    /// Returns the warnings that were shown so far.
    pub(crate) fn warned(&self) -> Vec<String> {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows that nothing was found, and returns the exit code for it.
    pub(crate) fn nothing(&self, what: &str, emptiness: EmptinessOptions) -> u8 {
        let (diagnostic, code) = match emptiness.allow_empty {
            true => (Diagnostic::warning(what), 0),
            false => (Diagnostic::error(what).hint("if that may be, say so: `--allow-empty`"), 1),
        };
        self.show(&[diagnostic]);
        code
    }

    /// Returns how a run is shown.
    pub(crate) fn show_options(&self) -> ShowOptions {
        ShowOptions {
            json: self.global.json,
            quiet: self.global.quiet,
            all: self.global.verbose > 0,
            to_log_file: self.global.log_file().is_some(),
            scraped: self.is_scraped(),
            is_image_syncer: self.program.is_image_syncer,
        }
    }

    /// Shows diagnostics: drawn for people, with `--json` as objects as well.
    pub(crate) fn show(&self, diagnostics: &[Diagnostic]) {
        let hint = |one: &Diagnostic| one.hint.clone().map(|hint| self.program.hint(hint));
        let diagnostics = diagnostics.iter().map(|one| Diagnostic { hint: hint(one), ..one.clone() });
        let diagnostics = &diagnostics.collect::<Vec<_>>()[..];
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

/// Writes a diagnostic to the log.
fn log(diagnostic: &Diagnostic) {
    let notes: String = diagnostic.notes.iter().map(|note| format!(" ({note})")).collect();
    let hint = diagnostic.hint.as_ref().map_or_else(String::new, |hint| format!("; hint: {hint}"));
    let line = format!("{diagnostic}{notes}{hint}");
    match diagnostic.is_error() {
        true => tracing::error!(target: RUN_LOG, "{line}"),
        false => tracing::warn!(target: RUN_LOG, "{line}"),
    }
}

/// Builds a pipeline from its text. `file` is its name in diagnostics, `base` the directory of its relative paths.
///
/// # Errors
/// If the text is no pipeline.
pub(crate) fn load(
    text: &str,
    file: &str,
    base: PathBuf,
    purpose: Purpose,
    notes: Cache,
) -> Result<Loaded, UsageError> {
    let environment: sealift_core::plugin::Environment = Arc::new(|name: &str| std::env::var(name).ok());
    Ok(spec::load(
        text,
        file,
        &LoadOptions { base, environment, purpose, cache: notes, extensions: Default::default() },
    )?)
}
