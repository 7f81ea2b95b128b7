//! The tables that a pipeline may have.

use sealift_core::{
    plugin::{Field, Plugin, Role, SectionPlugin, fields, plugins, sections},
    schemars::{Schema, schema_for},
    spec::RunOptions,
};

use super::{Example, first_paragraph};

/// A table, and where it comes from.
pub(crate) struct Topic {
    /// The name as it is typed: `run`, `filter platform`.
    pub(crate) name: String,
    /// The stage that it describes; none: a table that all stages share.
    pub(crate) stage: Option<(Role, &'static str)>,
    /// The crate that defines it.
    pub(crate) defined_in: &'static str,
    /// The schema of its fields.
    pub(crate) schema: Schema,
}

/// All of them: `run`, the stages by role and kind, the sections.
pub(crate) fn topics() -> Vec<Topic> {
    let run = Topic { name: "run".into(), stage: None, defined_in: "sealift_core", schema: schema_for!(RunOptions) };
    let stages = plugins().into_iter().map(Topic::from);
    let sections = sections().into_iter().map(Topic::from);
    std::iter::once(run).chain(stages).chain(sections).collect()
}

impl From<&Plugin> for Topic {
    fn from(plugin: &Plugin) -> Self {
        Self {
            name: format!("{} {}", plugin.role(), plugin.kind()),
            stage: Some((plugin.role(), plugin.kind())),
            defined_in: plugin.defined_in(),
            schema: plugin.schema(),
        }
    }
}

impl From<&SectionPlugin> for Topic {
    fn from(section: &SectionPlugin) -> Self {
        Self { name: section.table().into(), stage: None, defined_in: section.defined_in(), schema: section.schema() }
    }
}

impl Topic {
    /// Returns its header in a pipeline.
    pub(crate) fn header(&self) -> String {
        match self.stage {
            Some((role, kind)) => format!("{}\nuse = \"{kind}\"", role.header()),
            None => format!("[{}]", self.name),
        }
    }

    /// Its doc comment.
    pub(crate) fn description(&self) -> &str {
        self.schema.get("description").and_then(|text| text.as_str()).unwrap_or_default()
    }

    /// Returns its purpose in one line.
    pub(crate) fn summary(&self) -> String {
        first_paragraph(self.description())
    }

    /// Returns its fields.
    pub(crate) fn fields(&self) -> Vec<Field> {
        fields(&self.schema)
    }

    /// A whole pipeline with such a table in it.
    pub(crate) fn example(&self) -> String {
        Example::of(self).text()
    }
}
