//! A small pipeline around one table: what `explain` and the reference show, and `check` accepts.

use sealift_core::plugin::{Plugin, Role, example, plugins};

use super::Topic;

/// A pipeline as small as it can be with a certain table in it.
pub(crate) struct Example {
    tables: Vec<String>,
}

impl Example {
    /// The table of a topic, and the stages that it needs around it.
    pub(super) fn of(topic: &Topic) -> Self {
        let own = table(&topic.header(), &example(&topic.schema));
        let tables = match topic.stage {
            None => list("registry").map(stage).into_iter().chain([own]).collect(),
            // Many lists name no destination, so the push does it.
            Some((Role::List, _)) => [own].into_iter().chain(find(Role::Push, "registry").map(stage)).collect(),
            Some((_, kind)) => list(kind)
                .or_else(|| list("registry"))
                .or_else(|| any(Role::List))
                .map(stage)
                .into_iter()
                .chain([own])
                .collect(),
        };
        Self { tables }
    }

    /// As it is written.
    pub(super) fn text(&self) -> String {
        self.tables.join("\n")
    }
}

fn list(kind: &str) -> Option<&'static Plugin> {
    find(Role::List, kind)
}

fn find(role: Role, kind: &str) -> Option<&'static Plugin> {
    plugins().into_iter().find(|plugin| plugin.role() == role && plugin.kind() == kind)
}

fn any(role: Role) -> Option<&'static Plugin> {
    plugins().into_iter().find(|plugin| plugin.role() == role)
}

fn stage(plugin: &Plugin) -> String {
    table(&format!("{}\nuse = \"{}\"", plugin.role().header(), plugin.kind()), &example(&plugin.schema()))
}

fn table(header: &str, lines: &[(String, String)]) -> String {
    let mut text = format!("{header}\n");
    for (key, value) in lines {
        text += &format!("{key} = {}\n", in_lines(value));
    }
    text
}

/// A list of tables is written with a line for each.
fn in_lines(value: &str) -> String {
    match value.strip_prefix("[{").and_then(|rest| rest.strip_suffix("}]")) {
        Some(inner) => format!("[\n  {{{}}},\n]", inner.replace("}, {", "},\n  {")),
        None => value.to_owned(),
    }
}
