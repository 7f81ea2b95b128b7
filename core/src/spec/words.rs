//! Messages about values that do not fit.
//!
//! A secret's value is never part of what is said.

use toml::de::{DeInteger, DeValue};

use crate::{
    diagnostic::did_you_mean,
    plugin::{
        KeyPath,
        shape::{Shape, one_of},
    },
    text::quoted,
};

/// Says that a field is not there.
pub(super) fn missing(name: &str, table: &KeyPath) -> String {
    let inside = if table.steps().is_empty() { String::new() } else { format!(" in `{}`", shown(&table.to_string())) };
    format!("missing field `{name}`{inside}")
}

/// Says that there is no such thing: ``unknown field `kep`, did you mean `keep`?``
pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let more = match (did_you_mean(name, known.iter().copied()), known) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, []) => format!("there are no {what}s here"),
        (None, _) => format!("expected {}", one_of(known)),
    };
    format!("unknown {what} `{}`, {more}", shown(name))
}

/// A text of the user's inside of a message: quoted, and not too long.
pub(super) fn shown(text: &str) -> String {
    let short: String = quoted(text).chars().take(80).collect();
    if short.len() < quoted(text).len() { short + "…" } else { short }
}

/// Returns the mismatch between a value and its schema, if any; values inside of it are not checked.
pub(super) fn misfit(value: &DeValue<'_>, shape: Shape<'_>, path: &KeyPath, secret: bool) -> Option<String> {
    let alternatives = shape.alternatives();
    let kind = kind_of(value);
    let takes = |one: &Shape<'_>| {
        one.types().is_none_or(|types| types.contains(&kind) || (kind == "integer" && types.contains(&"number")))
    };
    let fitting: Vec<_> = alternatives.into_iter().filter(takes).collect();
    let wrong = |found: String| Some(format!("`{}` must be {}, not {found}", shown(&path.to_string()), shape.words()));
    if fitting.is_empty() {
        return wrong(noun(value).into());
    }
    match value {
        DeValue::String(text) => {
            let choices: Option<Vec<_>> = fitting.iter().map(|one| one.texts()).collect();
            let choices = choices?.concat();
            match choices.contains(&text.as_ref()) {
                true => None,
                false if secret => wrong("this text".into()),
                false => {
                    let meant =
                        did_you_mean(text, choices).map_or(String::new(), |meant| format!(", did you mean `{meant}`?"));
                    wrong(format!("`{}`{meant}", shown(text)))
                }
            }
        }
        DeValue::Integer(written) => {
            let number = i128::from_str_radix(written.as_str(), written.radix()).ok();
            let most = fitting.iter().filter_map(|one| one.most()).max();
            if let (Some(number), Some(most)) = (number, most)
                && number > most
                && !secret
            {
                return Some(format!("`{}` must be at most {most}, not `{number}`", shown(&path.to_string())));
            }
            let allows = |one: &Shape<'_>| {
                let (min, max) = one.bounds();
                number.is_some_and(|number| min.is_none_or(|min| min <= number) && max.is_none_or(|max| number <= max))
            };
            match fitting.iter().any(allows) {
                true => None,
                false if secret => wrong("this number".into()),
                false => wrong(format!("`{}`", shown(&digits(written)))),
            }
        }
        DeValue::Array(items) => {
            let least = fitting.iter().map(|one| one.least_items()).min()?;
            (items.len() < least).then(|| match least {
                1 => format!("`{}` must not be empty", shown(&path.to_string())),
                _ => format!("`{}` needs {least} items or more, not {}", shown(&path.to_string()), items.len()),
            })
        }
        _ => None,
    }
}

/// Rewrites the parser's message about a text that is no TOML; `culprit` is the text at the error.
pub(super) fn syntax(message: &str, culprit: &str) -> String {
    match message {
        "duplicate key" => format!("`{}` is there twice", shown(culprit)),
        _ if message.starts_with("string values must be quoted") => match culprit.trim() {
            "" => "a value is missing".into(),
            _ => "this is no value; a text stands in quotes".into(),
        },
        _ => message.trim_end_matches(", expected nothing").to_owned(),
    }
}

/// Rewrites serde's message about a value that fits the schema and is refused by the struct.
pub(super) fn of_struct(message: &str, path: &KeyPath, value: Option<&DeValue<'_>>, secret: bool) -> String {
    let subject = match path.steps() {
        [] => "this table".to_owned(),
        _ => format!("`{}`", shown(&path.to_string())),
    };
    let found = || match value {
        Some(value) => noun(value).to_owned(),
        None => "this".into(),
    };
    if let Some((_, expected)) = message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        return format!("{subject} must be {}, not {}", plain(expected), found());
    }
    if let Some((what, expected)) =
        message.strip_prefix("invalid value: ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        let what = if secret { found() } else { plain(what) };
        return format!("{subject} must be {}, not {}", plain(expected), shown(&what));
    }
    if secret {
        return format!("{subject} has a value that cannot be used");
    }
    if let Some(rest) = message.strip_prefix("invalid length ") {
        let expected = rest.rsplit_once(", expected ").map_or("another number of items", |(_, expected)| expected);
        return format!("{subject} must be {}", plain(expected));
    }
    quoted(message.trim_end_matches('.'))
}

/// The name that serde puts in a message about a field that is not there.
pub(super) fn missing_name(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Rust's names of types and values in the words of a user.
fn plain(serde: &str) -> String {
    let word = serde.split_once(' ').map_or(serde, |(word, _)| word);
    match (word, serde) {
        (_, "a string" | "string") => "a text".into(),
        (_, "a sequence") => "a list".into(),
        (_, "a boolean") => "`true` or `false`".into(),
        ("struct", _) | (_, "a map") => "a table".into(),
        (_, "f32" | "f64") => "a number".into(),
        (_, "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize") => "a whole number".into(),
        ("string", _) => serde.trim_start_matches("string ").replace('"', "`"),
        ("integer", _) => serde.trim_start_matches("integer ").into(),
        _ => serde.to_owned(),
    }
}

fn digits(number: &DeInteger<'_>) -> String {
    number.to_string()
}

/// The JSON type of a value; `date-time` has none there.
fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "date-time",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "object",
    }
}

/// Returns the kind of a value, without the value.
pub(super) fn noun(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(true) => "`true`",
        DeValue::Boolean(false) => "`false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The kinds of a role in one line.
pub(super) fn kinds<'k>(kinds: impl Iterator<Item = &'k str>) -> String {
    let all = kinds.map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
    if all.is_empty() { "none".into() } else { all }
}
