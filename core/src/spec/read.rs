//! Reads a checked table with the plugin's own struct.
//!
//! What the schema cannot say is said by the struct, and serde stops at the first such error. So the value that it
//! complains of is set aside, and the rest is read again, until it is clean.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};

use super::{
    check::check,
    findings::{Findings, Scope},
    locate, mask, words,
};
use crate::plugin::{KeyPath, Step, Table, shape::Shape};

/// So many values of one table are set aside at most: every one of them means to read the table again.
const MAX_ROUNDS: usize = 32;

/// So many values are read again and again at most: a table that is as large as a file may be has fewer rounds.
const MAX_WORK: usize = 500_000;

/// Checks and reads a table. None if there was anything wrong with it; the findings have it then.
pub(super) fn read<T>(
    table: &Spanned<DeTable<'_>>,
    schema: &schemars::Schema,
    scope: &Scope,
    findings: &mut Findings,
    parse: impl Fn(Table<'_>) -> Result<T, Error>,
) -> Option<T> {
    let before = findings.len();
    let shape = Shape::of(schema);
    let mut rest = check(table.clone(), shape, scope, findings);
    for _ in 0..(MAX_WORK / locate::count(table.get_ref())).clamp(1, MAX_ROUNDS) {
        let error = match parse(Table(rest.clone())) {
            Ok(value) => return (findings.len() == before).then_some(value),
            Err(error) => error,
        };
        let Some(path) = blamed(&rest, &error, &parse) else {
            // It is the table as a whole.
            tell(table, shape, &KeyPath::new(), &error, table.span(), scope, findings);
            break;
        };
        let told = locate::in_original(table.get_ref(), rest.get_ref(), &path);
        let span = locate::at_path(table.get_ref(), &told).map_or(table.span(), Spanned::span);
        // A list that items were set aside from may be too short for that reason.
        let length = |table, path| match locate::at_path(table, path).map(Spanned::get_ref) {
            Some(DeValue::Array(items)) => items.len(),
            _ => 0,
        };
        let shorter = length(rest.get_ref(), &path) < length(table.get_ref(), &told);
        if !(shorter && error.message().starts_with("invalid length")) {
            tell(table, shape, &told, &error, span, scope, findings);
        }
        locate::change(rest.get_mut(), &path, |_| None);
    }
    if findings.len() == before {
        findings.add(table.span(), scope.error("this table cannot be read"));
    }
    None
}

/// The value that an error is about.
fn blamed<T>(
    table: &Spanned<DeTable<'_>>,
    error: &Error,
    parse: &impl Fn(Table<'_>) -> Result<T, Error>,
) -> Option<KeyPath> {
    let span = error.span()?;
    let path = locate::at_span(table.get_ref(), &span)?;
    let about_the_list = ["invalid type", "invalid length"].iter().any(|start| error.message().starts_with(start));
    match locate::at_path(table.get_ref(), &path).map(Spanned::get_ref) {
        Some(DeValue::Array(items)) if !about_the_list => {
            let index = guilty_item(table, &path, items.len(), error, parse);
            Some(index.into_iter().fold(path, KeyPath::index))
        }
        _ => Some(path),
    }
}

/// The item of a list that an error is about. Toml names the list if an item's own `Deserialize` refuses it after it
/// was read, so the shortest list is looked for that still fails.
fn guilty_item<T>(
    table: &Spanned<DeTable<'_>>,
    list: &KeyPath,
    length: usize,
    error: &Error,
    parse: &impl Fn(Table<'_>) -> Result<T, Error>,
) -> Option<usize> {
    let fails_with = |count: usize| {
        let mut shorter = table.clone();
        locate::change(shorter.get_mut(), list, |value| match value {
            DeValue::Array(items) => Some(DeValue::Array(items.into_iter().take(count).collect())),
            other => Some(other),
        });
        parse(Table(shorter))
            .err()
            .is_some_and(|found| found.span() == error.span() && found.message() == error.message())
    };
    let (mut passes, mut fails) = (0, length);
    if length == 0 || fails_with(0) {
        return None;
    }
    while fails - passes > 1 {
        let middle = passes.midpoint(fails);
        if fails_with(middle) { fails = middle } else { passes = middle }
    }
    Some(passes)
}

fn tell(
    table: &Spanned<DeTable<'_>>,
    shape: Shape<'_>,
    path: &KeyPath,
    error: &Error,
    span: Range<usize>,
    scope: &Scope,
    findings: &mut Findings,
) {
    let value = locate::at_path(table.get_ref(), path).map(Spanned::get_ref);
    let told_path = path.steps().iter().fold(scope.root.clone(), |mut told, step| {
        told.push(step.clone());
        told
    });
    let (shape, secret) = along(shape, path);
    if let Some(name) = words::missing_name(error.message()) {
        let set_aside = match value {
            Some(DeValue::Table(inner)) => inner.contains_key(name),
            _ => table.get_ref().contains_key(name),
        };
        let told = shape.and_then(Shape::table).is_some_and(|known| known.required.contains(&name));
        if !set_aside && !told {
            findings.add(span, scope.error(words::missing(name, &told_path)));
        }
        return;
    }
    findings.add(span, scope.error(words::of_struct(error.message(), &told_path, value, secret)));
}

/// The schema that a path leads to, and whether the way leads through a secret.
fn along<'s>(shape: Shape<'s>, path: &KeyPath) -> (Option<Shape<'s>>, bool) {
    let mut secret = shape.is_secret();
    let mut here = Some(shape);
    for step in path.steps() {
        here = here.and_then(|shape| match step {
            Step::Key(name) => {
                let table = shape.table()?;
                table.fields.iter().find(|(field, _)| field == name).map(|(_, shape)| *shape).or(table.others)
            }
            Step::Index(index) => shape.alternatives().iter().find_map(|one| one.item(*index)),
        });
        secret |= here.is_some_and(Shape::is_secret) || matches!(step, Step::Key(name) if mask::is_secret_name(name));
    }
    (here, secret)
}
