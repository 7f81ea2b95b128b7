//! The top-level keys of a pipeline file, sorted by kind and not yet read.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    findings::Findings,
    words::{self, noun, shown},
};
use crate::{
    diagnostic::{Diagnostic, did_you_mean},
    plugin::{Role, SectionPlugin, plugins, sections},
};

pub(super) type SpannedTable<'t> = Spanned<DeTable<'t>>;

/// The parts of a pipeline file.
#[derive(Default)]
pub(super) struct Written<'t> {
    pub(super) name: Option<String>,
    pub(super) run: Option<SpannedTable<'t>>,
    pub(super) lists: Vec<SpannedTable<'t>>,
    /// True if there is a key `list`, even if there is no table in it.
    pub(super) has_list: bool,
    pub(super) filters: Vec<SpannedTable<'t>>,
    /// None: it is not there.
    pub(super) fetch: Option<SpannedTable<'t>>,
    /// True if there is a key `fetch`, even if it is no table.
    pub(super) has_fetch: bool,
    pub(super) pushes: Vec<SpannedTable<'t>>,
    /// True if there is a key `push`, even if there is no table in it.
    pub(super) has_push: bool,
    pub(super) observers: Vec<SpannedTable<'t>>,
    pub(super) logins: Vec<SpannedTable<'t>>,
    pub(super) sections: Vec<(&'static SectionPlugin, SpannedTable<'t>)>,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl<'t> Written<'t> {
    /// Sorts the top-level keys of a file.
    pub(super) fn sort(root: DeTable<'t>, findings: &mut Findings) -> Self {
        let mut written = Self { has_list: root.contains_key("list"), ..Self::default() };
        for (key, value) in root {
            written.take(&key, value, findings);
        }
        written.sections.sort_by_key(|(_, table)| table.span().start);
        written
    }

    fn take(&mut self, key: &Spanned<DeString<'t>>, value: Value<'t>, findings: &mut Findings) {
        let name: &str = key.get_ref();
        match name {
            "name" => self.name = text(value, findings),
            "run" => self.run = one("run", value, findings),
            "list" => {
                self.lists = match value.get_ref() {
                    DeValue::Array(items) if !items.is_empty() => several("list", key.span(), value, findings),
                    _ => one("list", value, findings).into_iter().collect(),
                };
            }
            "filter" => self.filters = several("filter", key.span(), value, findings),
            "fetch" => {
                self.has_fetch = true;
                self.fetch = one("fetch", value, findings);
            }
            "push" => {
                self.has_push = !matches!(value.get_ref(), DeValue::Array(items) if items.is_empty());
                self.pushes = several("push", key.span(), value, findings);
            }
            "observe" => self.observers = several("observe", key.span(), value, findings),
            "login" => self.logins = several("login", key.span(), value, findings),
            _ => match sections().into_iter().find(|section| section.table() == name) {
                Some(section) => {
                    let table = one(section.table(), value, findings);
                    self.sections.extend(table.map(|table| (section, table)));
                }
                None => findings.add_with(key.span(), || unknown(name, value.get_ref().is_table())),
            },
        }
    }
}

fn text(value: Value<'_>, findings: &mut Findings) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        other => {
            findings.add(value.span(), Diagnostic::error(format!("`name` must be a text, not {}", noun(other))));
            None
        }
    }
}

fn one<'t>(name: &str, value: Value<'t>, findings: &mut Findings) -> Option<SpannedTable<'t>> {
    let span = value.span();
    let hint = format!("write `[{name}]`");
    match value.into_inner() {
        DeValue::Table(table) => return Some(Spanned::new(span, table)),
        DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
            findings.add(
                span,
                Diagnostic::error(format!("there can be one `[{name}]` only, not a list of them")).hint(hint),
            );
        }
        other => {
            let message = format!("`{name}` must be a table, not {}", noun(&other));
            findings.add(span, Diagnostic::error(message).hint(hint));
        }
    }
    None
}

/// The tables of a list. One that is written as the only one is told, and looked into all the same.
fn several<'t>(name: &str, key: Range<usize>, value: Value<'t>, findings: &mut Findings) -> Vec<SpannedTable<'t>> {
    let span = value.span();
    let hint = format!("write `[[{name}]]`, once for each {}", if name == "observe" { "observer" } else { name });
    let items = match value.into_inner() {
        DeValue::Array(items) => items,
        table @ DeValue::Table(_) => {
            // Of `[filter.platform]` only the key is about the filter.
            let place = if span.start < key.start && key.end < span.end { span.clone() } else { key };
            let message = format!("`{name}` must be a list of tables, not a single table");
            findings.add(place, Diagnostic::error(message).hint(hint.clone()));
            // `[filter.platform]` is another idea of how to write it: its fields are not those of a stage.
            let is_stage = table.as_table().is_some_and(|table| table.contains_key("use"));
            is_stage.then(|| Spanned::new(span, table)).into_iter().collect()
        }
        other => {
            let message = format!("`{name}` must be a list of tables, not {}", noun(&other));
            findings.add(span, Diagnostic::error(message).hint(hint));
            return Vec::new();
        }
    };
    let mut tables = Vec::new();
    for item in items {
        let span = item.span();
        match item.into_inner() {
            DeValue::Table(table) => tables.push(Spanned::new(span, table)),
            other => {
                let message = format!("`{name}` must be a list of tables, and this is {}", noun(&other));
                findings.add(span, Diagnostic::error(message).hint(hint.clone()));
            }
        }
    }
    tables
}

/// A pipeline has to say what there is to copy.
pub(super) fn missing_list() -> Diagnostic {
    let kinds =
        words::kinds(plugins().into_iter().filter(|plugin| plugin.role() == Role::List).map(|plugin| plugin.kind()));
    Diagnostic::error("missing table `[list]`, which says what there is to copy")
        .note(format!("linked lists: {kinds}"))
        .hint("write `[list]` and under it `use = \"…\"`")
}

fn unknown(name: &str, is_table: bool) -> Diagnostic {
    let sections = sections();
    let mut tables: Vec<_> = ["run", "list", "filter", "fetch", "push", "observe", "login"].to_vec();
    tables.extend(sections.iter().map(|section| section.table()));
    let header = |name: &str| match name {
        "filter" | "push" | "observe" | "login" => format!("`[[{name}]]`"),
        "name" => "`name`".to_owned(),
        _ => format!("`[{name}]`"),
    };
    let meant = did_you_mean(name, tables.iter().copied().chain(["name"]));
    let meant = meant.map_or(String::new(), |meant| format!(", did you mean {}?", header(meant)));
    let what = if is_table { format!("table `[{}]`", shown(name)) } else { format!("key `{}`", shown(name)) };
    let known = tables.iter().map(|name| header(name)).collect::<Vec<_>>().join(", ");
    Diagnostic::error(format!("unknown {what}{meant}"))
        .note(format!("known are `name`, {known}"))
        .hint("a table that a crate of yours defines is known once the crate is mentioned: `use the_crate as _;`")
}
