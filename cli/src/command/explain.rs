//! `sealift explain`: what a pipeline may say, from what is linked.

use std::fmt::Write;

use sealift_core::{
    diagnostic::{Diagnostic, did_you_mean},
    plugin::{Field, Role},
    schemars::Schema,
};
use serde::Serialize;

use crate::{
    context::Context,
    reference::{Topic, WIDTH, keys, kind, row, topics, wrapped},
    usage_error::UsageError,
};

/// Tell what a table of a pipeline may say; without a name, which tables there are
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The table: `run`, `registries`, a role such as `filter`, or role and kind such as `filter platform`
    #[arg(value_name = "NAME", num_args = 0..=2)]
    name: Vec<String>,
}

/// A table, as programs read it.
#[derive(Serialize)]
struct Told<'t> {
    name: &'t str,
    table: String,
    summary: String,
    description: &'t str,
    fields: Vec<Field>,
    example: String,
    #[serde(rename = "crate")]
    defined_in: &'t str,
    schema: &'t Schema,
}

pub(super) fn execute(args: &Args, context: &Context) -> Result<u8, UsageError> {
    let topics = topics();
    let name = args.name.join(" ");
    let role = Role::ALL.into_iter().find(|role| role.name() == name);
    if name.is_empty() || role.is_some() {
        let asked_for = |topic: &&Topic| role.is_none() || role == topic.stage.map(|(role, _)| role);
        let several: Vec<_> = topics.iter().filter(asked_for).collect();
        match (context.global.json, several.is_empty()) {
            (true, _) => context.out.json(&several.into_iter().map(Told::from).collect::<Vec<_>>()),
            (false, true) => context
                .out
                .text(&format!("this program has no `{name}` built in; `sealift new plugin {name} NAME` begins one\n")),
            (false, false) => context.out.text(&overview(&several, context.out.columns())),
        }
        return Ok(0);
    }
    let topic = topics.iter().find(|topic| topic.name == name).ok_or_else(|| unknown(&name, &topics))?;
    match context.global.json {
        true => context.out.json(&Told::from(topic)),
        false => context.out.text(&text(topic, context.out.columns().unwrap_or(WIDTH).min(WIDTH))),
    }
    Ok(0)
}

impl<'t> From<&'t Topic> for Told<'t> {
    fn from(topic: &'t Topic) -> Self {
        Self {
            name: &topic.name,
            table: topic.header(),
            summary: topic.summary(),
            description: topic.description(),
            fields: topic.fields(),
            example: topic.example(),
            defined_in: topic.defined_in,
            schema: &topic.schema,
        }
    }
}

fn overview(topics: &[&Topic], columns: Option<usize>) -> String {
    let width = topics.iter().map(|topic| topic.name.len()).max().unwrap_or_default();
    topics.iter().map(|topic| row(&format!("{:<width$}  ", topic.name), &topic.summary(), columns)).collect()
}

fn text(topic: &Topic, width: usize) -> String {
    let described = |by: &str, text: &str| -> String {
        let lines = wrapped(text, width.saturating_sub(by.len()));
        lines.iter().map(|line| format!("{by}{line}").trim_end().to_owned() + "\n").collect()
    };
    let mut text = format!("{}\n\n{}", topic.header(), described("", topic.description()));
    let fields = topic.fields();
    for (path, field) in keys(&fields) {
        let _ = write!(text, "\n  {path} ({})\n", kind(field));
        text += &described("      ", &field.description);
        for (choice, meaning) in field.choices.iter().filter(|(_, meaning)| !meaning.is_empty()) {
            let _ = writeln!(text, "      `{choice}`:");
            text += &described("          ", meaning);
        }
    }
    if fields.is_empty() {
        text += "\nThere are no keys to set.\n";
    } else {
        text += "\nExample:\n\n";
        for line in topic.example().lines() {
            let _ = writeln!(text, "{}", format!("  {line}").trim_end());
        }
    }
    let _ = writeln!(text, "\nDefined in the crate {}.", topic.defined_in);
    text
}

fn unknown(name: &str, topics: &[Topic]) -> UsageError {
    let roles = Role::ALL.map(Role::name);
    let names = || topics.iter().map(|topic| topic.name.as_str());
    let meant =
        did_you_mean(name, names().chain(roles)).map(|meant| format!(", did you mean `{meant}`?")).unwrap_or_default();
    Diagnostic::error(format!("there is no `{name}` to explain{meant}"))
        .note(format!("known are {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")))
        .into()
}
