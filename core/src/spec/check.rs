//! Checks a table against its schema before the struct reads it.
//!
//! Serde stops at the first error; this walk finds them all: unknown and missing fields, values of a wrong type or out
//! of range, unknown choices. What is wrong is told and left out of the table that goes on.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeArray, DeString, DeTable, DeValue},
};

use super::{
    findings::{Findings, Scope},
    mask, words,
};
use crate::{
    diagnostic::did_you_mean,
    plugin::{
        KeyPath, Step,
        shape::{Shape, TableShape},
    },
};

/// Checks a table; what comes back is the part of it that its schema allows.
pub(super) fn check<'t>(
    table: Spanned<DeTable<'t>>,
    shape: Shape<'_>,
    scope: &Scope,
    findings: &mut Findings,
) -> Spanned<DeTable<'t>> {
    let mut walk = Walk { scope, findings, path: scope.root.clone(), secret: false };
    let span = table.span();
    let cleaned = walk.table(table.into_inner(), &span, shape);
    Spanned::new(span, cleaned)
}

struct Walk<'w> {
    scope: &'w Scope,
    findings: &'w mut Findings,
    path: KeyPath,
    /// True if the value must not be shown.
    secret: bool,
}

/// Returns true if an unknown key seems to mean this field; the missing field is not reported then.
fn misspelt(name: &str, table: &DeTable<'_>, known: &TableShape<'_>) -> bool {
    let names = || known.fields.iter().map(|(field, _)| *field);
    let unknown =
        table.keys().map(|key| key.get_ref()).filter(|key| known.others.is_none() && !names().any(|name| name == *key));
    unknown.into_iter().any(|key| did_you_mean(key, names()) == Some(name))
}

type Entry<'t> = (Spanned<DeString<'t>>, Spanned<DeValue<'t>>);

impl Walk<'_> {
    fn table<'t>(&mut self, table: DeTable<'t>, span: &Range<usize>, shape: Shape<'_>) -> DeTable<'t> {
        let Some(known) = shape.table() else { return table };
        for name in &known.required {
            if !table.contains_key(*name) && !misspelt(name, &table, &known) {
                let path = self.path.clone();
                self.error(span.clone(), || words::missing(name, &path));
            }
        }
        table.into_iter().filter_map(|entry| self.entry(entry, &known)).collect()
    }

    fn entry<'t>(&mut self, (key, value): Entry<'t>, known: &TableShape<'_>) -> Option<Entry<'t>> {
        let name = key.get_ref();
        let named: Vec<_> = known.fields.iter().filter(|(field, _)| field == name).map(|(_, shape)| *shape).collect();
        let value = match (named.as_slice(), known.others) {
            (&[shape], _) | ([], Some(shape)) => self.step(Step::Key(name.to_string()), value, shape)?,
            // Several kinds of table have this field: the struct judges.
            ([_, ..], _) => value,
            ([], None) => {
                self.unknown(&key, &value, known);
                return None;
            }
        };
        Some((key, value))
    }

    fn unknown(&mut self, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>, known: &TableShape<'_>) {
        let name = key.get_ref();
        let names: Vec<_> = known.fields.iter().map(|(field, _)| *field).collect();
        self.error(key.span(), || words::unknown("field", name, &names));
        // What was meant for a secret is one, even under the wrong name.
        let secrets = known.fields.iter().filter(|(field, shape)| mask::is_secret_name(field) || shape.is_secret());
        if self.secret || did_you_mean(name, secrets.map(|(field, _)| *field)).is_some() {
            mask::literals(value, &mut |span| self.findings.hide(span));
        }
    }

    fn step<'t>(&mut self, step: Step, value: Spanned<DeValue<'t>>, shape: Shape<'_>) -> Option<Spanned<DeValue<'t>>> {
        let outside = self.secret;
        self.secret |= shape.is_secret() || matches!(&step, Step::Key(name) if mask::is_secret_name(name));
        self.path.push(step);
        if self.secret && !outside {
            mask::literals(&value, &mut |span| self.findings.hide(span));
        }
        let cleaned = self.value(value, shape);
        self.path.pop();
        self.secret = outside;
        cleaned
    }

    fn value<'t>(&mut self, value: Spanned<DeValue<'t>>, shape: Shape<'_>) -> Option<Spanned<DeValue<'t>>> {
        let span = value.span();
        if let Some(problem) = words::misfit(value.get_ref(), shape, &self.path, self.secret) {
            self.error(span, || problem);
            return None;
        }
        let cleaned = match value.into_inner() {
            DeValue::Table(table) => DeValue::Table(self.table(table, &span, shape)),
            DeValue::Array(items) => DeValue::Array(self.items(items, shape)),
            scalar => scalar,
        };
        Some(Spanned::new(span, cleaned))
    }

    fn items<'t>(&mut self, items: DeArray<'t>, shape: Shape<'_>) -> DeArray<'t> {
        let lists = shape.alternatives();
        let items = items.into_iter().enumerate();
        items
            .filter_map(|(index, item)| match lists.iter().find_map(|list| list.item(index)) {
                Some(shape) => self.step(Step::Index(index), item, shape),
                None => Some(item),
            })
            .collect()
    }

    fn error(&mut self, span: Range<usize>, message: impl FnOnce() -> String) {
        self.findings.add_with(span, || self.scope.error(message()));
    }
}
