//! `sealift plugins`: what is linked into this binary.

use sealift_core::plugin::{Plugin, plugins};
use serde::Serialize;

use crate::{context::Context, reference::row};

/// List the plugins that pipelines can use: role, kind, what it does, defining crate
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Row {
    role: &'static str,
    kind: &'static str,
    summary: String,
    #[serde(rename = "crate")]
    defined_in: &'static str,
}

impl From<&Plugin> for Row {
    fn from(plugin: &Plugin) -> Self {
        Self {
            role: plugin.role().name(),
            kind: plugin.kind(),
            summary: plugin.summary(),
            defined_in: plugin.defined_in(),
        }
    }
}

pub(super) fn execute(_: &Args, context: &Context) -> u8 {
    let rows: Vec<_> = plugins().into_iter().map(Row::from).collect();
    if context.global.json {
        context.out.json(&rows);
        return 0;
    }
    context.out.text(&table(&rows, context.out.columns()));
    if rows.is_empty() {
        context.console.say("no plugin is linked; a crate is linked by a line such as `use sealift_plugins as _;`");
    }
    0
}

fn table(rows: &[Row], columns: Option<usize>) -> String {
    let width = |of: fn(&Row) -> &str, head: &str| rows.iter().map(of).map(str::len).max().max(Some(head.len()));
    let role = width(|row| row.role, "ROLE").unwrap_or_default();
    let kind = width(|row| row.kind, "KIND").unwrap_or_default();
    let from = width(|row| row.defined_in, "CRATE").unwrap_or_default();
    let line = |a: &str, b: &str, c: &str, d: &str| row(&format!("{a:<role$}  {b:<kind$}  {c:<from$}  "), d, columns);
    let mut text = line("ROLE", "KIND", "CRATE", "WHAT IT DOES");
    for Row { role, kind, summary, defined_in } in rows {
        text += &line(role, kind, defined_in, summary);
    }
    text
}
