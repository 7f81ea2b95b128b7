//! From a stage's table to a config that waits to be built: which plugin it names, and what its fields say.

use std::collections::HashMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    findings::{Findings, Scope},
    read::read,
    words::{self, noun, shown},
    written::SpannedTable,
};
use crate::{
    diagnostic::{Diagnostic, did_you_mean},
    plugin::{Build, Plugin, Role, plugins},
};

/// The plugins of this program, with their schemas as far as they were asked for.
pub(super) struct Plugins {
    all: Vec<&'static Plugin>,
    schemas: HashMap<(Role, &'static str), schemars::Schema>,
}

/// A stage that was read.
pub(super) struct Selected<'t> {
    pub(super) kind: &'static str,
    /// Its table without `use`.
    pub(super) table: SpannedTable<'t>,
    pub(super) scope: Scope,
    /// None: something is wrong with its table.
    pub(super) build: Option<Build>,
}

impl Plugins {
    /// Those that are linked.
    pub(super) fn linked() -> Self {
        Self { all: plugins(), schemas: HashMap::new() }
    }

    /// Reads the table of a stage. None if it names no plugin; the findings have it then.
    pub(super) fn select<'t>(
        &mut self,
        role: Role,
        mut table: SpannedTable<'t>,
        findings: &mut Findings,
    ) -> Option<Selected<'t>> {
        let plugin = self.named(role, &mut table, findings)?;
        let scope = Scope::stage(role, plugin.kind());
        Some(self.read(plugin, table, scope, findings))
    }

    /// The fetch of a pipeline without `[fetch]`: of the same kind as its list, else `registry`.
    pub(super) fn left_out_fetch<'t>(
        &mut self,
        lists: &[Option<Selected<'t>>],
        findings: &mut Findings,
    ) -> Option<Selected<'t>> {
        let of = |list: &Selected<'t>| if self.find(Role::Fetch, list.kind).is_some() { list.kind } else { "registry" };
        let mut lists = lists.iter().flatten();
        let first = lists.next()?;
        let kind = of(first);
        if let Some(other) = lists.find(|list| of(list) != kind) {
            let (own, kind) = (of(other), kind);
            let message = format!("this list is of images in `{own}`, and another one of images in `{kind}`");
            let hint = "a pipeline reads from one of them: make a second pipeline of this list";
            findings.add(other.table.span(), Diagnostic::error(message).hint(hint));
            return None;
        }
        self.left_out(Role::Fetch, kind, "[fetch]", first.table.span(), findings)
    }

    /// The push of a pipeline without `[[push]]`.
    pub(super) fn left_out_push<'t>(&mut self, findings: &mut Findings) -> Option<Selected<'t>> {
        self.left_out(Role::Push, "registry", "[[push]]", 0..0, findings)
    }

    /// The logins that pipelines use without naming them, but for those that are named.
    pub(super) fn automatic_logins<'t>(
        &mut self,
        named: &[Option<Selected<'t>>],
        findings: &mut Findings,
    ) -> Vec<Option<Selected<'t>>> {
        let is_named = |kind| named.iter().flatten().any(|login| login.kind == kind);
        let automatic = self.all.iter().copied().filter(|plugin| plugin.is_automatic() && !is_named(plugin.kind()));
        let automatic: Vec<_> = automatic.collect();
        let read = |plugin: &'static Plugin| {
            let scope = Scope::stage(plugin.role(), plugin.kind()).automatic();
            Some(self.read(plugin, Spanned::new(0..0, DeTable::new()), scope, findings))
        };
        automatic.into_iter().map(read).collect()
    }

    fn left_out<'t>(
        &mut self,
        role: Role,
        kind: &str,
        header: &str,
        place: std::ops::Range<usize>,
        findings: &mut Findings,
    ) -> Option<Selected<'t>> {
        let Some(plugin) = self.find(role, kind) else {
            let error = Diagnostic::error(format!(
                "missing table `{header}`, because there is no {role} `{kind}` to use without it"
            ));
            findings.add(place, error.note(format!("linked {}: {}", role.plural(), self.kinds(role))));
            return None;
        };
        let scope = Scope::stage(role, kind).left_out(header);
        Some(self.read(plugin, Spanned::new(place, DeTable::new()), scope, findings))
    }

    fn read<'t>(
        &mut self,
        plugin: &'static Plugin,
        table: SpannedTable<'t>,
        scope: Scope,
        findings: &mut Findings,
    ) -> Selected<'t> {
        let schema = self.schemas.entry((plugin.role(), plugin.kind())).or_insert_with(|| plugin.schema());
        let build = read(&table, schema, &scope, findings, |table| plugin.read(table));
        Selected { kind: plugin.kind(), table, scope, build }
    }

    /// Takes `use` out of a table and finds the plugin that it names.
    fn named(&self, role: Role, table: &mut SpannedTable<'_>, findings: &mut Findings) -> Option<&'static Plugin> {
        let note = format!("linked {}: {}", role.plural(), self.kinds(role));
        let Some(written) = table.get_mut().remove("use") else {
            let error = Diagnostic::error(format!("missing `use`, which names the kind of {role}"));
            findings.add(table.span(), error.note(note).hint("write `use = \"…\"` first in the table"));
            return None;
        };
        let DeValue::String(kind) = written.get_ref() else {
            let message = format!("`use` must be a text, the kind of {role}, not {}", noun(written.get_ref()));
            findings.add(written.span(), Diagnostic::error(message).note(note));
            return None;
        };
        let found = self.find(role, kind);
        if found.is_none() {
            findings.add(written.span(), self.unknown(role, kind).note(note));
        }
        found
    }

    fn unknown(&self, role: Role, kind: &str) -> Diagnostic {
        let others: Vec<_> =
            Role::ALL.into_iter().filter(|role| self.find(*role, kind).is_some()).map(Role::name).collect();
        let meant = match did_you_mean(
            kind,
            self.all.iter().filter(|plugin| plugin.role() == role).map(|plugin| plugin.kind()),
        ) {
            Some(meant) => format!(", did you mean `{meant}`?"),
            None if others.is_empty() => String::new(),
            None => format!(", there is only a {} of this kind", others.join(" and a ")),
        };
        Diagnostic::error(format!("unknown {role} `{}`{meant}", shown(kind)))
            .hint("a plugin in a crate of yours is linked once the crate is mentioned in code: `use the_crate as _;`")
    }

    fn find(&self, role: Role, kind: &str) -> Option<&'static Plugin> {
        self.all.iter().find(|plugin| plugin.role() == role && plugin.kind() == kind).copied()
    }

    fn kinds(&self, role: Role) -> String {
        words::kinds(self.all.iter().filter(|plugin| plugin.role() == role).map(|plugin| plugin.kind()))
    }
}
