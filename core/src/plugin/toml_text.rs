//! JSON values of a schema as TOML text.

use serde_json::Value as Json;

use super::KeyPath;

/// A JSON value as TOML on one line; none for `null`.
pub(super) fn toml_text(value: &Json) -> Option<String> {
    Some(match value {
        Json::Null => return None,
        Json::Array(items) => format!("[{}]", items.iter().filter_map(toml_text).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) if entries.is_empty() => "{}".into(),
        Json::Object(entries) => {
            let entries = entries
                .iter()
                .filter_map(|(key, value)| Some(format!("{} = {}", KeyPath::new().key(key), toml_text(value)?)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        // JSON writes texts, numbers and booleans the way TOML does.
        scalar => scalar.to_string(),
    })
}
