//! `sealift explain`: what a pipeline may say, from what is linked.

mod fields;

use std::fmt::Write;

use sealift_core::{
    diagnostic::{Diagnostic, did_you_mean},
    plugin::{linked, linked_sections},
    schemars::{Schema, schema_for},
    spec::RunOptions,
};

use crate::session::{Refused, Session};
use fields::fields;

/// Tell what a table of a pipeline may say; without a name, which tables there are
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The table: `run`, `registries`, or role and kind such as `filter platform`
    #[arg(value_name = "NAME", num_args = 0..=2)]
    name: Vec<String>,
}

/// A table, and where it comes from.
struct Topic {
    /// What is typed.
    name: String,
    /// How it is written in a pipeline.
    header: String,
    defined_in: &'static str,
    schema: Schema,
}

pub(super) fn execute(args: &Args, session: &Session) -> Result<u8, Refused> {
    let topics = topics();
    let name = args.name.join(" ");
    if name.is_empty() {
        session.out.text(&overview(&topics));
        return Ok(0);
    }
    let topic = topics.iter().find(|topic| topic.name == name).ok_or_else(|| unknown(&name, &topics))?;
    if session.global.json {
        session.out.json(&topic.schema);
    } else {
        session.out.text(&text(topic));
    }
    Ok(0)
}

fn topics() -> Vec<Topic> {
    let run = Topic {
        name: "run".into(),
        header: "[run]".into(),
        defined_in: "sealift_core",
        schema: schema_for!(RunOptions),
    };
    let stages = linked().into_iter().map(|plugin| {
        let (role, kind) = (plugin.role().name(), plugin.kind());
        let table = if matches!(role, "filter" | "push") { format!("[[{role}]]") } else { format!("[{role}]") };
        Topic {
            name: format!("{role} {kind}"),
            header: format!("{table}\nuse = \"{kind}\""),
            defined_in: plugin.defined_in(),
            schema: plugin.schema(),
        }
    });
    let sections = linked_sections().into_iter().map(|section| Topic {
        name: section.table().into(),
        header: format!("[{}]", section.table()),
        defined_in: section.defined_in(),
        schema: section.schema(),
    });
    std::iter::once(run).chain(stages).chain(sections).collect()
}

fn overview(topics: &[Topic]) -> String {
    let width = topics.iter().map(|topic| topic.name.len()).max().unwrap_or_default();
    topics.iter().map(|topic| format!("{:<width$}  {}\n", topic.name, fields::summary(&topic.schema))).collect()
}

fn text(topic: &Topic) -> String {
    let mut text = format!("{}\n\n{}\n", topic.header, fields::description(&topic.schema));
    for field in fields(&topic.schema) {
        let _ = write!(text, "\n  {} ({})\n", field.path, field.kind);
        for line in field.text.lines() {
            let _ = writeln!(text, "      {line}");
        }
    }
    let _ = writeln!(text, "\nDefined in the crate {}.", topic.defined_in);
    text
}

fn unknown(name: &str, topics: &[Topic]) -> Refused {
    let names = || topics.iter().map(|topic| topic.name.as_str());
    let meant = did_you_mean(name, names()).map(|meant| format!(", did you mean `{meant}`?")).unwrap_or_default();
    Diagnostic::error(format!("there is no `{name}` to explain{meant}"))
        .note(format!("known are {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")))
        .into()
}
