//! YAML's merge keys: `<<: *base`, and `<<: [*one, *other]`.

use std::{collections::HashSet, mem};

use super::{DocumentNode, Value};

/// Replaces merge keys by the entries of the maps that they name. An entry of the map itself wins; of several merged maps,
/// the first one. A merge key with anything but maps stays, and is reported as an unknown key.
pub(super) fn expand(text: &str, node: &mut DocumentNode) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| expand(text, item)),
        Value::Map(entries) => {
            entries.iter_mut().for_each(|(_, value)| expand(text, value));
            if entries.iter().any(|entry| is_merge(text, entry)) {
                merge(text, entries);
            }
        }
        _ => {}
    }
}

fn is_merge(text: &str, (key, value): &(DocumentNode, DocumentNode)) -> bool {
    let plain = key.span.as_ref().is_some_and(|span| text[span.clone()].starts_with("<<"));
    let is_map = |node: &DocumentNode| matches!(node.value, Value::Map(_));
    let maps = match &value.value {
        Value::List(items) => items.iter().all(is_map),
        _ => is_map(value),
    };
    plain && maps && key.value == Value::Text("<<".to_owned())
}

fn merge(text: &str, entries: &mut Vec<(DocumentNode, DocumentNode)>) {
    let all = mem::take(entries);
    let mut known: HashSet<String> = all.iter().filter_map(|(key, _)| name(text, key)).collect();
    for entry in all {
        if !is_merge(text, &entry) {
            entries.push(entry);
            continue;
        }
        let merged = match entry.1.value {
            Value::Map(map) => map,
            Value::List(items) => items.into_iter().flat_map(map_of).collect(),
            _ => Vec::new(),
        };
        entries.extend(merged.into_iter().filter(|(key, _)| name(text, key).is_none_or(|name| known.insert(name))));
    }
}

fn map_of(node: DocumentNode) -> Vec<(DocumentNode, DocumentNode)> {
    if let Value::Map(map) = node.value { map } else { Vec::new() }
}

/// Returns the text of a key of any type.
fn name(text: &str, key: &DocumentNode) -> Option<String> {
    match &key.value {
        Value::Text(name) => Some(name.clone()),
        Value::List(_) | Value::Map(_) => None,
        _ => key.span.as_ref().map(|span| text[span.clone()].to_owned()),
    }
}
