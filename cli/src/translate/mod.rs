//! From flags to the text of a pipeline.
//!
//! `sync` and `copy` have no way of their own to run: they write a pipeline, and that is what runs. `--print-pipeline`
//! shows it. What is wrong with a value is told with the flag that it came from.

mod copy;
mod load;
mod oci_dir;
mod receipt;
mod stage;
mod sync;

use std::path::Path;

use sealift_core::diagnostic::Diagnostic;
use toml::Value;

use crate::{
    args::{Emptiness, Pace, Platforms, Savings},
    session::Refused,
};

/// What a pipeline takes. It is a cap, so a lower one keeps what was asked for.
const MOST_TRANSFERS: u32 = 1024;

/// Further rounds that a pipeline takes.
const MOST_ROUNDS: i64 = 100;

/// How a file is read as image-syncer reads it.
const DIALECT: &str = "image-syncer";

/// The text of a pipeline, and which flag each of its lines came from.
#[derive(Debug)]
pub(crate) struct Translation {
    text: String,
    /// Line, counted from 1, and the flag with its value.
    flags: Vec<(usize, String)>,
    /// What is to be said of values that are taken in another way than they were typed.
    pub(crate) notices: Vec<Diagnostic>,
}

impl Translation {
    /// The file that diagnostics name.
    pub(crate) const FILE: &str = "--print-pipeline";

    fn new(verb: &str) -> Self {
        let text = format!(
            "# The pipeline that this `sealift {verb}` stands for: `sealift run FILE` does the same.\n\
             # Relative paths start from the directory of this file, here from the working directory.\n"
        );
        let mut translation = Self { text, flags: Vec::new(), notices: Vec::new() };
        translation.key("name", verb.into(), "");
        translation
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn table(&mut self, header: &str) {
        self.text.push_str(&format!("\n{header}\n"));
    }

    /// A key. `flag` is where its value came from, as it was typed; empty if nobody typed it.
    fn key(&mut self, key: &str, value: Value, flag: &str) {
        self.text.push_str(&format!("{key} = {value}\n"));
        if !flag.is_empty() {
            self.flags.push((self.text.lines().count(), flag.to_owned()));
        }
    }

    /// `[run]`.
    fn run(&mut self, pace: Pace, emptiness: Emptiness, savings: &Savings, referrers: Option<bool>) {
        self.table("[run]");
        if let Some(count) = pace.transfers {
            self.key("transfers", i64::from(count.get().min(MOST_TRANSFERS)).into(), &format!("--proc {count}"));
        }
        self.key("retries", i64::from(pace.retries).into(), &format!("--retries {}", pace.retries));
        if pace.force {
            self.key("force", true.into(), "--force");
        }
        self.emptiness(emptiness);
        if let Some(choice) = referrers {
            self.key("referrers", choice.into(), "");
        }
        self.verify(savings);
    }

    /// Whether nothing is fine, too.
    fn emptiness(&mut self, emptiness: Emptiness) {
        if emptiness.allow_empty {
            self.key("allow_empty", true.into(), "--allow-empty");
        }
    }

    /// Who computes digests, if that was said.
    fn verify(&mut self, savings: &Savings) {
        if let Some(who) = savings.verify() {
            self.key("verify", who.into(), &format!("--verify {who}"));
        }
    }

    /// `[credentials]`, if there is a file.
    fn credentials(&mut self, file: Option<&Path>) -> Result<(), Refused> {
        let Some(file) = file else { return Ok(()) };
        self.table("[credentials]");
        self.key("file", path(file, "--auth")?, &format!("--auth {}", file.display()));
        Ok(())
    }

    /// A filter, if there are platforms to be kept.
    fn platforms(&mut self, platforms: &Platforms) {
        for (at, (key, flag, values)) in platforms.keys().enumerate() {
            if at == 0 {
                self.table("[[filter]]");
                self.key("use", "platform".into(), "");
            }
            self.key(key, list(&values), &format!("{flag} {}", values.join(",")));
        }
    }

    /// Says of each diagnostic that is about this text which flag it is about.
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
        let Some(place) = diagnostic.place.as_ref().filter(|place| &*place.file == Self::FILE) else {
            return diagnostic;
        };
        if let Some((_, flag)) = self.flags.iter().find(|(line, _)| *line == place.line) {
            diagnostic.place = None;
            diagnostic.notes = vec![format!("from `{flag}`")];
        } else if place.line == 1 {
            // What is about a table that is not written points at the first line, which is a comment.
            diagnostic.place = None;
            diagnostic.notes.clear();
        }
        diagnostic
    }
}

fn list<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Value {
    values.into_iter().map(|value| value.as_ref().to_owned()).collect::<Vec<_>>().into()
}

/// A path as a value; TOML is text.
fn path(path: &Path, flag: &str) -> Result<Value, Refused> {
    path.to_str().map(Value::from).ok_or_else(|| {
        let message = format!("`{}` is not UTF-8", path.display());
        Diagnostic::error(message).note(format!("from `{flag}`")).into()
    })
}

#[cfg(test)]
mod tests;
