//! From places in the text to values in a table and back.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use crate::plugin::{KeyPath, Step};

/// The way to the innermost value that stands at these bytes, or whose key does; none if it is the table itself or
/// nothing.
pub(super) fn at_span(table: &DeTable<'_>, span: &Range<usize>) -> Option<KeyPath> {
    let mut path = KeyPath::new();
    in_table(table, span, &mut path).then_some(path)
}

fn in_table(table: &DeTable<'_>, span: &Range<usize>, path: &mut KeyPath) -> bool {
    table.iter().any(|(key, value)| {
        path.push(Step::Key(key.get_ref().to_string()));
        let found = in_value(value, span, path) || value.span() == *span || key.span() == *span;
        if !found {
            path.pop();
        }
        found
    })
}

fn in_value(value: &Spanned<DeValue<'_>>, span: &Range<usize>, path: &mut KeyPath) -> bool {
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, span, path),
        DeValue::Array(items) => items.iter().enumerate().any(|(index, item)| {
            path.push(Step::Index(index));
            let found = in_value(item, span, path) || item.span() == *span;
            if !found {
                path.pop();
            }
            found
        }),
        _ => false,
    }
}

/// Returns the number of values in a table, itself included.
pub(super) fn count(table: &DeTable<'_>) -> usize {
    fn in_value(value: &DeValue<'_>) -> usize {
        match value {
            DeValue::Table(table) => count(table),
            DeValue::Array(items) => 1 + items.iter().map(|item| in_value(item.get_ref())).sum::<usize>(),
            _ => 1,
        }
    }
    1 + table.values().map(|value| in_value(value.get_ref())).sum::<usize>()
}

/// The value that a path leads to; of one that leads nowhere, the last value on the way. None: the table itself.
pub(super) fn at_path<'v, 't>(table: &'v DeTable<'t>, path: &KeyPath) -> Option<&'v Spanned<DeValue<'t>>> {
    let (first, rest) = path.steps().split_first()?;
    let Step::Key(key) = first else { return None };
    let mut here = table.get(key.as_str())?;
    for step in rest {
        match child(here.get_ref(), step) {
            Some(next) => here = next,
            None => break,
        }
    }
    Some(here)
}

fn child<'v, 't>(value: &'v DeValue<'t>, step: &Step) -> Option<&'v Spanned<DeValue<'t>>> {
    match (value, step) {
        (DeValue::Table(table), Step::Key(key)) => table.get(key.as_str()),
        (DeValue::Array(items), Step::Index(index)) => items.get(*index),
        _ => None,
    }
}

/// The same way in the table that parts were left out of `table` from: items have other indices there.
pub(super) fn in_original(original: &DeTable<'_>, table: &DeTable<'_>, path: &KeyPath) -> KeyPath {
    let mut told = KeyPath::new();
    let mut way = KeyPath::new();
    for step in path.steps() {
        way.push(step.clone());
        let span = at_path(table, &way).map(Spanned::span);
        let step = match (step, at_path(original, &told).map(Spanned::get_ref)) {
            (Step::Index(_), Some(DeValue::Array(items))) => {
                items.iter().position(|item| Some(item.span()) == span).map_or_else(|| step.clone(), Step::Index)
            }
            _ => step.clone(),
        };
        told.push(step);
    }
    told
}

/// Changes the value that a path leads to; `change` gives none to take it out. Whether there was one.
pub(super) fn change<'t>(
    table: &mut DeTable<'t>,
    path: &KeyPath,
    change: impl FnOnce(DeValue<'t>) -> Option<DeValue<'t>>,
) -> bool {
    change_table(table, path.steps(), change)
}

fn change_table<'t>(
    table: &mut DeTable<'t>,
    steps: &[Step],
    change: impl FnOnce(DeValue<'t>) -> Option<DeValue<'t>>,
) -> bool {
    let Some((Step::Key(key), rest)) = steps.split_first() else { return false };
    let Some((name, mut value)) = table.remove_entry(key.as_str()) else { return false };
    let (kept, found) = change_value(&mut value, rest, change);
    if kept {
        table.insert(name, value);
    }
    found
}

/// Returns two flags: the value is kept, and the path led to a value.
fn change_value<'t>(
    value: &mut Spanned<DeValue<'t>>,
    steps: &[Step],
    change: impl FnOnce(DeValue<'t>) -> Option<DeValue<'t>>,
) -> (bool, bool) {
    let Some((step, rest)) = steps.split_first() else {
        let taken = std::mem::replace(value.get_mut(), DeValue::Boolean(false));
        let changed = change(taken);
        let kept = changed.is_some();
        *value.get_mut() = changed.unwrap_or(DeValue::Boolean(false));
        return (kept, true);
    };
    match (value.get_mut(), step) {
        (DeValue::Table(table), Step::Key(_)) => (true, change_table(table, steps, change)),
        (DeValue::Array(items), Step::Index(index)) if *index < items.len() => {
            let (kept, found) = change_value(&mut items.as_mut()[*index], rest, change);
            if !kept {
                let all = std::mem::replace(items, DeArray::new()).into_iter().enumerate();
                *items = all.filter(|(at, _)| at != index).map(|(_, item)| item).collect();
            }
            (true, found)
        }
        _ => (true, false),
    }
}
