//! From flags to the text of a pipeline.
//!
//! `sync` and `copy` have no way of their own to run: they write a pipeline, and that is what runs. `--print-pipeline`
//! shows it. What is wrong with a value is told with the flag that it came from.

mod copy;
mod sync;

use std::path::Path;

use sealift_core::diagnostic::Diagnostic;
use toml::Value;

use crate::session::Refused;

/// The text of a pipeline, and which flag each of its lines came from.
#[derive(Debug)]
pub(crate) struct Translation {
    text: String,
    /// Line, counted from 1, and the flag with its value.
    flags: Vec<(usize, String)>,
}

impl Translation {
    /// The file that diagnostics name.
    pub(crate) const FILE: &str = "--print-pipeline";

    fn new(verb: &str) -> Self {
        let text = format!(
            "# The pipeline that this `sealift {verb}` stands for: `sealift run FILE` does the same.\n\
             # Relative paths start from the directory of this file, here from the working directory.\n"
        );
        let mut translation = Self { text, flags: Vec::new() };
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

    /// Says of each diagnostic that is about this text which flag it is about.
    pub(crate) fn explain(&self, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
        diagnostics.into_iter().map(|diagnostic| self.explain_one(diagnostic)).collect()
    }

    fn explain_one(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let Some(place) = diagnostic.place.as_ref().filter(|place| &*place.file == Self::FILE) else {
            return diagnostic;
        };
        if let Some((_, flag)) = self.flags.iter().find(|(line, _)| *line == place.line) {
            diagnostic.place = None;
            diagnostic.notes = vec![format!("from `{flag}`")];
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
