//! What users read of a config struct.

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use super::{Field, fields};
use crate::{secret::SecretValue, spec::RunOptions};

/// A table with every kind of field.
#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Everything {
    /// What it is called.
    ///
    /// A second paragraph.
    name: String,
    /// How many.
    #[serde(default = "seven")]
    count: u8,
    ratio: Option<f64>,
    #[serde(default)]
    list: Vec<String>,
    numbers: Vec<u16>,
    deep: Vec<Vec<bool>>,
    mode: Mode,
    modes: Option<Vec<Mode>>,
    plain: Option<Plain>,
    inner: Option<Inner>,
    inners: Vec<Inner>,
    by_name: BTreeMap<String, Inner>,
    password: Option<SecretValue>,
    itself: Option<Box<Itself>>,
}

fn seven() -> u8 {
    7
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    /// Takes little time.
    VeryFast,
    /// Takes long.
    Slow,
}

#[derive(Deserialize, JsonSchema)]
enum Plain {
    A,
    B,
}

/// A table inside.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
struct Inner {
    /// Which one.
    #[serde(default)]
    port: u16,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Itself {
    again: Option<Box<Itself>>,
}

fn table(fields: &[Field], indent: usize) -> String {
    let mut out = String::new();
    for field in fields {
        let required = if field.required { ", required" } else { "" };
        let secret = if field.secret { ", secret" } else { "" };
        let default = field.default.as_ref().map_or(String::new(), |default| format!(" = {default}"));
        let text = field.description.lines().next().unwrap_or_default();
        let pad = "  ".repeat(indent);
        out += &format!("{pad}{}{default}: {}{required}{secret}. {text}\n", field.name, field.accepts);
        for (choice, meaning) in &field.choices {
            out += &format!("{pad}  - {choice}: {meaning}\n");
        }
        out += &table(&field.inner, indent + 1);
    }
    out
}

#[test]
fn fields_come_in_the_order_of_the_struct_with_their_texts() {
    insta::assert_snapshot!(table(&fields(&schema_for!(Everything)), 0));
}

#[test]
fn the_options_of_a_run_are_explained() {
    insta::assert_snapshot!(table(&fields(&schema_for!(RunOptions)), 0));
}

#[test]
fn a_map_has_one_field_of_any_name() {
    let found = fields(&schema_for!(BTreeMap<String, Inner>));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), found[0].inner[0].name.as_str()), ("*", "port"));
}
