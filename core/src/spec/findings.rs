//! Problems of a pipeline file, collected so that all of them are reported.
//!
//! Places are only worked out at the end: then it is known which parts of the text are secret.

use std::ops::Range;

use super::{mask::Masks, source::Source};
use crate::{
    diagnostic::{Diagnostic, Location},
    plugin::KeyPath,
    text,
};

/// So many are told at most.
const MAX_TOLD: usize = 200;

/// So many are kept at most, to find the first ones among them: a file that is wrong throughout should take neither
/// memory nor time to phrase it.
const MAX_KEPT: usize = 2000;

/// Findings in one pipeline file.
#[derive(Default)]
pub(super) struct Findings {
    found: Vec<(Range<usize>, Diagnostic)>,
    /// Number of further findings that are not kept.
    more: usize,
    secrets: Vec<Range<usize>>,
}

/// The table of a finding: `` in filter `platform` ``, and the command that explains its fields.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// The note that every finding gets.
    pub(super) note: String,
    /// Prefix of paths in messages: the name of the table, or empty for paths inside of it.
    pub(super) root: KeyPath,
    /// The command that lists what may be written; none: nothing does.
    pub(super) explain: Option<String>,
}

impl Scope {
    /// The scope of the table of a stage.
    pub(super) fn stage(role: impl std::fmt::Display, kind: &str) -> Self {
        Self {
            note: format!("in {role} `{kind}`"),
            root: KeyPath::new(),
            explain: Some(format!("run `sealift explain {role} {kind}`")),
        }
    }

    /// The scope of a table that is no stage.
    pub(super) fn table(name: &str) -> Self {
        let explain = Some(format!("run `sealift explain {name}`"));
        Self { note: format!("in `[{name}]`"), root: KeyPath::new(), explain }
    }

    /// The scope of the table of a section, which has names that users choose.
    pub(super) fn section(name: &str) -> Self {
        Self { root: KeyPath::new().key(name), ..Self::table(name) }
    }

    /// Returns the name of the plugin for a message: ``filter `platform` ``, `` `[registries]` ``.
    pub(super) fn named(&self) -> &str {
        self.note.strip_prefix("in ").unwrap_or(&self.note)
    }

    /// Notes that this stage is a default and not in the file.
    pub(super) fn left_out(mut self, table: &str) -> Self {
        self.note = format!("{}, which is used because there is no `{table}`", self.note);
        self
    }

    /// Notes that this plugin is used by every pipeline and is not in the file.
    pub(super) fn automatic(mut self) -> Self {
        self.note = format!("{}, which pipelines use without naming it", self.note);
        self
    }

    /// A finding about what was written, which the explanation of the fields helps with.
    pub(super) fn error(&self, message: impl Into<String>) -> Diagnostic {
        let error = Diagnostic::error(message).note(&self.note);
        match &self.explain {
            Some(explain) => error.hint(explain),
            None => error,
        }
    }
}

impl Findings {
    /// Adds what was found at these bytes of the text; a place in another file is kept.
    pub(super) fn add(&mut self, span: Range<usize>, diagnostic: Diagnostic) {
        self.add_with(span, || diagnostic);
    }

    /// The same for what may be found often and takes time to phrase.
    pub(super) fn add_with(&mut self, span: Range<usize>, diagnostic: impl FnOnce() -> Diagnostic) {
        match self.found.len() < MAX_KEPT {
            true => self.found.push((span, diagnostic())),
            false => self.more += 1,
        }
    }

    /// Keeps these bytes of the text from being shown.
    pub(super) fn hide(&mut self, span: Range<usize>) {
        self.secrets.push(span);
    }

    /// Returns the number of findings, including those not kept.
    pub(super) fn len(&self) -> usize {
        self.found.len() + self.more
    }

    /// Two tables may name one file, such as the old single file of image-syncer, and both find the same in it.
    fn tell_other_files_once(&mut self) {
        let mut told: Vec<(Location, String)> = Vec::new();
        self.found.retain(|(_, diagnostic)| {
            let Some(place) = &diagnostic.location else { return true };
            let known = told.iter().any(|(at, message)| at == place && *message == diagnostic.message);
            if !known && told.len() < MAX_TOLD {
                told.push((place.clone(), diagnostic.message.clone()));
            }
            !known
        });
    }

    /// All of it in the order of the text, each once.
    pub(super) fn into_diagnostics(mut self, source: &Source<'_>) -> Vec<Diagnostic> {
        self.found.sort_by_key(|(span, _)| span.start);
        self.found.dedup_by(|(span, second), (first_span, first)| {
            span == first_span && first.message == second.message && first.location == second.location
        });
        self.tell_other_files_once();
        let more = self.more + self.found.len().saturating_sub(MAX_TOLD);
        self.found.truncate(MAX_TOLD);
        let masks = Masks::new(self.secrets);
        let told = self.found.into_iter().map(|(span, diagnostic)| match diagnostic.location {
            Some(_) => diagnostic,
            None => diagnostic.at(source.place(&span, &masks)),
        });
        let verb = if more == 1 { "is" } else { "are" };
        let rest = text::more(more as u64, "error")
            .map(|more| Diagnostic::error(format!("there {verb} {more} in `{}`", source.file())));
        told.chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_tables_find_in_one_file_is_told_once() {
        let mut findings = Findings::default();
        let at = |line| Diagnostic::error("unknown key `pw`").at(Location::at("config.json", "", line, 1));
        findings.add(0..1, at(1).note("in `[credentials]`"));
        findings.add(5..6, at(1).note("in list `registry`"));
        findings.add(5..6, at(2));
        let told = findings.into_diagnostics(&Source::new("x.toml", ""));
        let lines: Vec<_> = told.iter().map(|one| one.location.as_ref().unwrap().line).collect();
        assert_eq!(lines, [1, 2]);
    }
}
