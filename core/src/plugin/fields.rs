//! From a schema to the table of fields that users read.
//!
//! The texts come from the doc comments of config structs, so each is written once; the same view on the schema checks
//! what users write, so what is explained is what is accepted.

use schemars::Schema;
use serde::Serialize;
use serde_json::Value as Json;

use super::{example::sample, shape::Shape, toml_text::toml_text};

/// Maximum depth of nested tables; deeper ones exist in recursive schemas only.
const MAX_DEPTH: usize = 6;

/// A field of a table, as `sealift explain` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its key; `*` where the user chooses the name, as in `[registries."quay.io"]`.
    pub name: String,
    /// The accepted values in words, such as `a list of texts`.
    pub accepts: String,
    /// The default as TOML; none if the text has to say it.
    pub default: Option<String>,
    /// A value that fits, as TOML: its example, its default, or one of the right type.
    pub sample: String,
    /// True if the field is required.
    pub required: bool,
    /// Its doc comment, in lines as they were written.
    pub description: String,
    /// True if its value is never shown.
    pub secret: bool,
    /// The texts that are allowed and what they mean; empty if it is no choice of texts.
    pub choices: Vec<(String, String)>,
    /// The fields of the table, or of the tables in the list, that it holds.
    pub inner: Vec<Field>,
}

/// The fields of a table with this schema, in the order of the struct.
pub fn fields(schema: &Schema) -> Vec<Field> {
    fields_of(Shape::of(schema), MAX_DEPTH)
}

fn fields_of(shape: Shape<'_>, depth: usize) -> Vec<Field> {
    let Some(table) = shape.table().filter(|_| depth > 0) else { return Vec::new() };
    let named = table.fields.iter().map(|(name, shape)| field(name, *shape, table.required.contains(name), depth));
    named.chain(table.others.map(|shape| field("*", shape, false, depth))).collect()
}

fn field(name: &str, shape: Shape<'_>, required: bool, depth: usize) -> Field {
    let text = |shape: Shape<'_>| shape.keyword("description").and_then(Json::as_str).unwrap_or_default().to_owned();
    let items = shape.alternatives().into_iter().find_map(|one| one.item(0));
    let secret = shape.is_secret();
    let choices = items.unwrap_or(shape).alternatives();
    Field {
        name: name.to_owned(),
        accepts: shape.words(),
        default: shape.keyword("default").and_then(toml_text),
        sample: toml_text(&sample(shape, depth)).unwrap_or_default(),
        required,
        description: text(shape),
        secret,
        choices: choices
            .iter()
            .flat_map(|one| {
                one.texts()
                    .unwrap_or_default()
                    .into_iter()
                    .map(|t| (t.to_owned(), if one.is_single() { text(*one) } else { String::new() }))
            })
            .collect(),
        inner: if secret { Vec::new() } else { fields_of(items.unwrap_or(shape), depth - 1) },
    }
}

#[cfg(test)]
mod tests;
