//! From flags to the text of a pipeline.
//!
//! Verbs such as `sync` and `copy` write a pipeline, which then runs; `--print-pipeline` shows it. Diagnostics about a value
//! name the flag that it came from.

mod oci_dir;

use std::path::Path;

use sealift_core::diagnostic::Diagnostic;
use toml::Value;

pub(crate) use oci_dir::OciDirArgument;

use crate::{
    options::{BulkOptions, EmptinessOptions, PlatformOptions, SavingsOptions, TransferOptions},
    usage_error::UsageError,
};

/// The highest cap of transfers that a pipeline takes.
pub(crate) const MOST_TRANSFERS: u32 = 1024;

/// The highest number of further rounds that a pipeline takes.
pub(crate) const MOST_ROUNDS: i64 = 100;

/// The text of a pipeline, and which flag each of its lines came from.
#[derive(Debug)]
pub(crate) struct Translation {
    text: String,
    /// Line, counted from 1, and the flag with its value.
    flags: Vec<(usize, String)>,
    /// Warnings about values that are taken in another way than they were typed.
    pub(crate) notices: Vec<Diagnostic>,
    /// True if the password of the login is read from stdin.
    pub(crate) password_stdin: bool,
}

impl Translation {
    /// The file that diagnostics name.
    pub(crate) const FILE: &str = "--print-pipeline";

    /// Starts the pipeline of a verb.
    pub(crate) fn new(verb: &str) -> Self {
        let text = format!(
            "# The pipeline that this `sealift {verb}` stands for: `sealift run FILE` does the same.\n\
             # Relative paths start from the directory of this file, here from the working directory.\n"
        );
        let mut translation = Self { text, flags: Vec::new(), notices: Vec::new(), password_stdin: false };
        translation.key("name", verb.into(), "");
        translation
    }

    /// Returns the text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Writes the header of a table.
    pub(crate) fn table(&mut self, header: &str) {
        self.text.push_str(&format!("\n{header}\n"));
    }

    /// Writes the header of a table that comes from a flag.
    pub(crate) fn table_of(&mut self, header: &str, flag: &str) {
        self.table(header);
        self.flags.push((self.text.lines().count(), flag.to_owned()));
    }

    /// Writes a key. `flag` is the flag as it was typed; empty if the value comes from none.
    pub(crate) fn key(&mut self, key: &str, value: Value, flag: &str) {
        self.text.push_str(&format!("{key} = {value}\n"));
        if !flag.is_empty() {
            self.flags.push((self.text.lines().count(), flag.to_owned()));
        }
    }

    /// Writes `[run]`.
    pub(crate) fn run(&mut self, options: &BulkOptions) {
        self.table("[run]");
        if let Some(count) = options.transfers {
            self.key("transfers", i64::from(count.get().min(MOST_TRANSFERS)).into(), &format!("--proc {count}"));
        }
        self.key("retries", i64::from(options.retries).into(), &format!("--retries {}", options.retries));
        if options.force {
            self.key("force", true.into(), "--force");
        }
        self.transfer(&options.transfer);
    }

    /// Writes the keys of `[run]` that are common to the verbs that move images.
    pub(crate) fn transfer(&mut self, options: &TransferOptions) {
        let TransferOptions { referrers, emptiness, no_overwrite, output } = options;
        if *no_overwrite {
            self.key("overwrite", false.into(), "--no-overwrite");
        }
        self.emptiness(*emptiness);
        if let Some(choice) = referrers.choice() {
            self.key("referrers", choice.into(), "");
        }
        self.verify(&output.savings);
    }

    /// Writes `allow_empty`, if it was asked for.
    pub(crate) fn emptiness(&mut self, emptiness: EmptinessOptions) {
        if emptiness.allow_empty {
            self.key("allow_empty", true.into(), "--allow-empty");
        }
    }

    /// Writes `verify`, if it was given.
    pub(crate) fn verify(&mut self, savings: &SavingsOptions) {
        if let Some(who) = savings.verify() {
            self.key("verify", who.into(), &format!("--verify {who}"));
        }
    }

    /// Writes `[credentials]`, if there is a file.
    pub(crate) fn credentials(&mut self, file: Option<&Path>) -> Result<(), UsageError> {
        let Some(file) = file else { return Ok(()) };
        self.table("[credentials]");
        self.key("file", path(file, "--auth")?, &format!("--auth {}", file.display()));
        Ok(())
    }

    /// Writes the platform filter, if platforms were given.
    pub(crate) fn platforms(&mut self, platforms: &PlatformOptions) {
        for (at, (key, flag, values)) in platforms.keys().enumerate() {
            if at == 0 {
                self.table("[[filter]]");
                self.key("use", "platform".into(), "");
            }
            self.key(key, list(&values), &format!("{flag} {}", values.join(",")));
        }
    }

    /// Replaces the positions of diagnostics in this text by the flags that those lines came from.
    pub(crate) fn explain(&self, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut explained: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
        for diagnostic in diagnostics {
            let diagnostic = self.explain_one(diagnostic);
            // One file may stand for two tables, and each of them tells what is in it.
            if !explained.contains(&diagnostic) {
                explained.push(diagnostic);
            }
        }
        explained
    }

    fn explain_one(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let Some(place) = diagnostic.location.as_ref().filter(|place| &*place.file == Self::FILE) else {
            return diagnostic;
        };
        let flag = self.flag_of(place.line);
        diagnostic.location = None;
        diagnostic.notes = flag.map(|flag| format!("from `{flag}`")).into_iter().collect();
        diagnostic
    }

    /// Returns the flag that the table with this header came from.
    pub(crate) fn flag_of_table(&self, header: &str) -> Option<&str> {
        let line = self.text.lines().position(|line| line == header)?;
        self.flag_of(line + 1)
    }

    /// Returns the flag that a line came from; for the header of a table, the only one of that table.
    fn flag_of(&self, line: usize) -> Option<&str> {
        let at = |line: usize| self.flags.iter().find(|(at, _)| *at == line).map(|(_, flag)| flag.as_str());
        let is_header = self.text.lines().nth(line.wrapping_sub(1)).is_some_and(|text| text.starts_with('['));
        let rest = self.text.lines().skip(line).take_while(|text| !text.starts_with('[')).count();
        match (at(line), is_header) {
            (None, true) => {
                let mut flags = (line + 1..=line + rest).filter_map(at);
                flags.next().filter(|_| flags.next().is_none())
            }
            (flag, _) => flag,
        }
    }
}

/// Returns a list of texts as a value.
pub(crate) fn list<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Value {
    values.into_iter().map(|value| value.as_ref().to_owned()).collect::<Vec<_>>().into()
}

/// Returns a path as a value.
///
/// # Errors
/// If it is not UTF-8, which TOML is.
pub(crate) fn path(path: &Path, flag: &str) -> Result<Value, UsageError> {
    path.to_str().map(Value::from).ok_or_else(|| {
        let message = format!("`{}` is not UTF-8", path.display());
        Diagnostic::error(message).note(format!("from `{flag}`")).into()
    })
}
