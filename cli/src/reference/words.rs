//! Fields in the words of people.

use sealift_core::plugin::Field;

/// The first paragraph of a text, in one line.
pub(crate) fn first_paragraph(text: &str) -> String {
    text.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All fields, also those of tables inside, by the path that leads to them: `images[].from`, `"NAME".password`.
pub(crate) fn keys(fields: &[Field]) -> Vec<(String, &Field)> {
    let mut found = Vec::new();
    walk(fields, "", &mut found);
    found
}

fn walk<'f>(fields: &'f [Field], above: &str, found: &mut Vec<(String, &'f Field)>) {
    for field in fields {
        let name = if field.name == "*" { "\"NAME\"" } else { &field.name };
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        let inside = if field.accepts.starts_with("a list") { format!("{path}[]") } else { path.clone() };
        found.push((path, field));
        walk(&field.inner, &inside, found);
    }
}

/// What may be written there, and what holds if nothing is: ``a text, required``, ``a list of texts, default `[]` ``.
pub(crate) fn kind(field: &Field) -> String {
    let must = match &field.default {
        _ if field.required => ", required".to_owned(),
        // The texts say it where a default is "none".
        Some(default) if default != "{}" => format!(", default `{default}`"),
        _ => String::new(),
    };
    format!("{}{must}", field.accepts)
}
