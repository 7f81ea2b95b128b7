//! One JSON schema for pipeline files, from everything that is linked.
//!
//! Editors complete by it and underline by it. A stage is `oneOf` its kinds, told apart by a constant `use`, because
//! the editors' TOML servers look into alternatives when they complete, and not behind `if` and `then`.

use schemars::Schema;
use serde_json::{Map, Value as Json, json};

use super::RunOptions;
use crate::plugin::{Plugin, Role, plugins, sections};

/// The schema of a pipeline file, draft 2020-12.
///
/// It knows what [`check`](super::load) knows of keys and types, and nothing of what only the stages can tell, such as
/// whether a reference is one.
pub fn schema() -> Schema {
    let mut defs = Map::new();
    let mut properties = Map::new();
    properties.insert("name".into(), json!({ "type": "string", "description": "What the pipeline is called." }));
    properties.insert("run".into(), table("run", schemars::schema_for!(RunOptions), &mut defs));
    for role in Role::ALL {
        let stage = stage(role, &mut defs);
        properties.insert(
            role.name().into(),
            match role {
                Role::Fetch => stage,
                Role::List => json!({
                    "description": role.summary(),
                    "anyOf": [stage, { "type": "array", "items": stage, "minItems": 1 }],
                }),
                _ => json!({ "type": "array", "items": stage, "description": role.summary() }),
            },
        );
    }
    for section in sections() {
        properties.insert(section.table().into(), table(section.table(), section.schema(), &mut defs));
    }
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sealift pipeline",
        "description": "What is copied, what of it, and where to.",
        "type": "object",
        "properties": properties,
        "required": ["list"],
        "additionalProperties": false,
        "$defs": defs,
    });
    Schema::try_from(whole).expect("an object is a schema")
}

/// The kinds of a role, each in `$defs`, and what is one of them.
fn stage(role: Role, defs: &mut Map<String, Json>) -> Json {
    let plugins: Vec<_> = plugins().into_iter().filter(|plugin| plugin.role() == role).collect();
    let kinds: Vec<_> = plugins.iter().map(|plugin| kind(plugin, defs)).collect();
    match kinds.is_empty() {
        true => json!({ "description": role.summary(), "not": {} }),
        false => json!({ "description": role.summary(), "type": "object", "required": ["use"], "oneOf": kinds }),
    }
}

fn kind(plugin: &Plugin, defs: &mut Map<String, Json>) -> Json {
    let name = format!("{}.{}", plugin.role(), plugin.kind());
    let reference = moved_in(&name, plugin.schema(), defs);
    let Some(table) = defs.get_mut(&name).and_then(Json::as_object_mut) else { return reference };
    let mut properties = Map::new();
    properties.insert("use".into(), json!({ "const": plugin.kind(), "description": plugin.summary() }));
    if let Some(Json::Object(fields)) = table.remove("properties") {
        properties.extend(fields);
    }
    table.insert("properties".into(), properties.into());
    table.entry("additionalProperties").or_insert(false.into());
    match table.entry("required").or_insert_with(|| json!([])) {
        Json::Array(required) => required.insert(0, "use".into()),
        other => *other = json!(["use"]),
    }
    reference
}

/// A table that is no stage. Its text stands at the key as well, because not every editor looks for one behind references.
fn table(name: &str, schema: Schema, defs: &mut Map<String, Json>) -> Json {
    let mut reference = moved_in(name, schema, defs);
    if let Some(description) = defs[name].get("description") {
        reference["description"] = description.clone();
    }
    reference
}

/// Puts a schema and what it refers to into `$defs`, and gives the reference to it.
fn moved_in(name: &str, schema: Schema, defs: &mut Map<String, Json>) -> Json {
    let mut schema = schema.to_value();
    refine(&mut schema, name);
    if let Some(table) = schema.as_object_mut() {
        table.remove("$schema");
        if let Some(Json::Object(inner)) = table.remove("$defs") {
            defs.extend(inner.into_iter().map(|(of, schema)| (format!("{name}.{of}"), schema)));
        }
    }
    defs.insert(name.into(), schema);
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// References follow their schemas into `$defs`, and a struct has its fields and no others, as everywhere.
fn refine(schema: &mut Json, name: &str) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(|item| refine(item, name)),
        Json::Object(table) => {
            for (key, value) in table.iter_mut() {
                match value {
                    Json::String(target) if key == "$ref" => {
                        if let Some(of) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/$defs/{name}.{of}");
                        } else if target == "#" {
                            *target = format!("#/$defs/{name}");
                        }
                    }
                    // What is in here are values, not schemas.
                    _ if matches!(key.as_str(), "examples" | "default" | "const" | "enum") => {}
                    value => refine(value, name),
                }
            }
            if table.get("properties").is_some_and(Json::is_object) && table.get("type").is_some() {
                table.entry("additionalProperties").or_insert(false.into());
            }
        }
        _ => {}
    }
}
