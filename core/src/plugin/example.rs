//! Examples of configuration, taken from the schema.
//!
//! An author gives a field an example where its doc comment is, `#[schemars(example = &"linux/amd64")]`, or the whole
//! struct one. The keyword is JSON Schema's own, `examples`, so editors show it as well. Without any, required fields
//! get a value of the right type.

use schemars::Schema;
use serde_json::{Map, Value as Json};

use super::{KeyPath, shape::Shape, toml_text::toml_text};

/// Maximum depth of nested tables in an example.
const MAX_DEPTH: usize = 6;

/// An example of a table with this schema: keys and values, both as TOML, in the order of the struct. It is that of the
/// struct, else every required field and every field with an example of its own.
pub fn example(schema: &Schema) -> Vec<(String, String)> {
    let root = Shape::of(schema);
    let table = match given(root) {
        Some(Json::Object(table)) => table.clone(),
        _ => table(root, MAX_DEPTH),
    };
    let line = |(key, value): (&String, &Json)| Some((KeyPath::new().key(key).to_string(), toml_text(value)?));
    table.iter().filter_map(line).collect()
}

/// A value that fits: an example, the default, or one of the right type.
pub(super) fn sample(shape: Shape<'_>, depth: usize) -> Json {
    if let Some(value) = given(shape).or_else(|| shape.keyword("default").filter(|value| !value.is_null())) {
        return value.clone();
    }
    if shape.is_secret() {
        return serde_json::json!({ "env": "PASSWORD" });
    }
    let Some(first) = shape.alternatives().into_iter().next() else { return Json::Null };
    if let Some(text) = first.texts().and_then(|texts| texts.first().copied()) {
        return text.into();
    }
    match first.types().and_then(|types| types.first().copied()) {
        Some("boolean") => true.into(),
        Some("integer" | "number") => first.bounds().0.and_then(|least| i64::try_from(least).ok()).unwrap_or(1).into(),
        Some("array") => match first.item(0).filter(|_| depth > 0) {
            Some(item) => vec![sample(item, depth - 1)].into(),
            None => Json::Array(Vec::new()),
        },
        Some("object") => Json::Object(table(first, depth)),
        _ => "example".into(),
    }
}

fn given(shape: Shape<'_>) -> Option<&Json> {
    shape.keyword("examples")?.get(0)
}

fn table(shape: Shape<'_>, depth: usize) -> Map<String, Json> {
    let Some(table) = shape.table().filter(|_| depth > 0) else { return Map::new() };
    let shown = table.fields.iter().filter(|(name, shape)| table.required.contains(name) || given(*shape).is_some());
    shown.map(|(name, shape)| ((*name).to_owned(), sample(*shape, depth - 1))).collect()
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, schema_for};

    use super::*;

    fn written(schema: &Schema) -> Vec<String> {
        example(schema).into_iter().map(|(key, value)| format!("{key} = {value}")).collect()
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    enum Mode {
        Fast,
        Slow,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Inner {
        #[schemars(example = &"quay.io")]
        host: String,
        port: Option<u16>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Plain {
        mode: Mode,
        places: Vec<Inner>,
        #[schemars(range(min = 3))]
        count: u8,
        password: crate::secret::SecretValue,
        words: Option<Vec<String>>,
        #[schemars(example = ["a", "b"])]
        shown: Option<Vec<String>>,
    }

    #[test]
    fn required_fields_and_those_with_an_example_are_shown() {
        assert_eq!(
            written(&schema_for!(Plain)),
            [
                r#"mode = "Fast""#,
                r#"places = [{ host = "quay.io" }]"#,
                "count = 3",
                r#"password = { env = "PASSWORD" }"#,
                r#"shown = ["a", "b"]"#,
            ]
        );
    }

    #[derive(JsonSchema)]
    #[schemars(extend("examples" = [{ "quay.io": { "port": 1 } }]))]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Whole {
        port: u16,
    }

    #[test]
    fn an_example_of_the_struct_goes_before_those_of_its_fields() {
        assert_eq!(written(&schema_for!(Whole)), [r#""quay.io" = { port = 1 }"#]);
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Endless {
        again: Vec<Endless>,
    }

    #[test]
    fn a_struct_that_contains_itself_has_an_end() {
        assert_eq!(example(&schema_for!(Endless)).len(), 1);
    }
}
