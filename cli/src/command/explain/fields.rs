//! From a JSON schema to the fields that a person sets: path, kind, text.

use sealift_core::schemars::Schema;
use serde_json::{Map, Value};

/// One thing to set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// As it is written: `keep`, `images[].from`, `"NAME".password`.
    pub(super) path: String,
    /// What goes there, and whether it must: `list of texts`.
    pub(super) kind: String,
    /// What it means.
    pub(super) text: String,
}

/// How deep tables in tables are told.
const DEPTH: usize = 4;

/// The first paragraph, in one line.
pub(super) fn summary(schema: &Schema) -> String {
    description(schema).split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All that is said of it.
pub(super) fn description(schema: &Schema) -> String {
    schema.as_value().get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The fields, with those of tables inside.
pub(super) fn fields(schema: &Schema) -> Vec<Field> {
    let mut found = Vec::new();
    let root = schema.as_value();
    Walk { defs: root.get("$defs").and_then(Value::as_object) }.walk(root, "", DEPTH, &mut found);
    found
}

struct Walk<'a> {
    defs: Option<&'a Map<String, Value>>,
}

impl<'a> Walk<'a> {
    fn walk(&self, schema: &'a Value, above: &str, depth: usize, found: &mut Vec<Field>) {
        let schema = self.meant(schema);
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut properties: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
        // What must be there first. The order of the schema is that of the code or of the alphabet, as it was built.
        properties.sort_by_key(|(name, _)| (!required.contains(&name.as_str()), *name));
        for (name, property) in properties {
            let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
            self.field(property, path, required.contains(&name.as_str()), depth, found);
        }
        let every = &schema["additionalProperties"];
        if every.is_object() {
            let path = if above.is_empty() { "\"NAME\"".to_owned() } else { format!("{above}.\"NAME\"") };
            self.inside(every, &path, depth, found);
        }
    }

    fn field(&self, schema: &'a Value, path: String, required: bool, depth: usize, found: &mut Vec<Field>) {
        let must = if required { ", required" } else { "" };
        let text = [schema, self.meant(schema)].iter().find_map(|schema| schema["description"].as_str());
        found.push(Field {
            path: path.clone(),
            kind: format!("{}{must}", self.kind(schema)),
            text: text.unwrap_or_default().to_owned(),
        });
        self.inside(schema, &path, depth, found);
    }

    /// Tables inside, and tables in lists.
    fn inside(&self, schema: &'a Value, path: &str, depth: usize, found: &mut Vec<Field>) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let schema = self.meant(schema);
        match schema.get("items") {
            Some(items) => self.walk(items, &format!("{path}[]"), depth, found),
            None => self.walk(schema, path, depth, found),
        }
    }

    /// Behind references, and behind "or nothing".
    fn meant(&self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.defs.and_then(|defs| defs.get(name)).map_or(schema, |schema| self.meant(schema));
        }
        let some = |one: &&Value| one["type"] != "null";
        match schema["anyOf"].as_array() {
            Some(choices) if choices.iter().filter(some).count() == 1 => {
                choices.iter().find(some).map_or(schema, |one| self.meant(one))
            }
            _ => schema,
        }
    }

    fn kind(&self, schema: &'a Value) -> String {
        let schema = self.meant(schema);
        if let Some(words) = words(schema) {
            return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).find(|one| *one != "null"),
            one => one.as_str(),
        };
        match types {
            Some("string") => "text".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("number") => "number".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("array") => format!("list of {}s", self.kind(&schema["items"])),
            Some("object") => "table".to_owned(),
            _ => match schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
                Some(choices) => choices.iter().map(|one| self.kind(one)).collect::<Vec<_>>().join(" or "),
                None => "value".to_owned(),
            },
        }
    }
}

/// The words of a choice.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema["enum"].as_array() {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    schema["oneOf"].as_array()?.iter().map(|one| one["const"].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealift_core::{
        schemars::{JsonSchema, schema_for},
        spec::RunOptions,
    };

    /// Sends things somewhere.
    ///
    /// More of it.
    #[derive(JsonSchema)]
    #[schemars(crate = "sealift_core::schemars")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Stage {
        /// Where to.
        to: Vec<Place>,
        /// How often.
        times: Option<u32>,
    }

    /// A place.
    #[derive(JsonSchema)]
    #[schemars(crate = "sealift_core::schemars")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Place {
        /// Its name.
        name: String,
    }

    #[test]
    fn fields_are_told_with_those_of_tables_inside() {
        let schema = schema_for!(Stage);
        let told: Vec<_> = fields(&schema).into_iter().map(|field| (field.path, field.kind, field.text)).collect();
        let expected = [
            ("to", "list of tables, required", "Where to."),
            ("to[].name", "text, required", "Its name."),
            ("times", "whole number", "How often."),
        ];
        assert_eq!(told, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
        assert_eq!(summary(&schema), "Sends things somewhere.");
    }

    #[test]
    fn choices_are_told_with_their_words() {
        let fields = fields(&schema_for!(RunOptions));
        let index = fields.iter().find(|field| field.path == "index").unwrap();
        assert_eq!(index.kind, "`rewrite` or `sparse` or `single`");
    }
}
