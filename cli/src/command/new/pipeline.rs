//! `sealift new LIST/FILTER,…/PUSH`: a pipeline to begin with, in which everything that can be set is explained.

use std::fmt::Write;

use sealift_core::{
    diagnostic::{Diagnostic, did_you_mean},
    plugin::{Field, Plugin, Role, example, fields, plugins, sections},
    schemars::{Schema, schema_for},
    spec::RunOptions,
};

use crate::{
    context::Context,
    reference::{WIDTH, first_paragraph, keys, kind, wrapped},
    usage_error::UsageError,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  sealift new registry/platform,tag/oci-dir > stage.toml
  sealift new oci-dir//harbor > load.toml
  sealift new kubernetes/registry > mirror.toml

`sealift plugins` lists the kinds. Everything else that can be set is there as a comment.";

/// The stages that were named.
struct Stages {
    list: &'static Plugin,
    filters: Vec<&'static Plugin>,
    pushes: Vec<&'static Plugin>,
}

pub(super) fn execute(typed: &str, context: &Context) -> Result<u8, UsageError> {
    context.out.document(&text(&Stages::parse(typed)?));
    Ok(0)
}

impl Stages {
    fn parse(typed: &str) -> Result<Self, UsageError> {
        let parts: Vec<_> = typed.split('/').collect();
        let (list, filters, pushes) = match parts[..] {
            [list, push] => (list, "", push),
            [list, filters, push] => (list, filters, push),
            _ => {
                let error = Diagnostic::error(format!("`{typed}` names no stages; expected `LIST/FILTERS/PUSH`"));
                return Err(error.hint("for example `sealift new registry/platform,tag/oci-dir`").into());
            }
        };
        let mut wrong = Vec::new();
        let mut several = |role, names: &str| -> Vec<&'static Plugin> {
            let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.filter_map(|name| find(role, name, &mut wrong)).collect()
        };
        let (lists, filters, pushes) =
            (several(Role::List, list), several(Role::Filter, filters), several(Role::Push, pushes));
        if wrong.is_empty() && lists.len() != 1 {
            let named = if lists.is_empty() { "none" } else { "several" };
            wrong.push(Diagnostic::error(format!("a pipeline has one list, and `{typed}` names {named}")));
        }
        if wrong.is_empty() && pushes.is_empty() {
            wrong.push(Diagnostic::error(format!("a pipeline has at least one push, and `{typed}` names none")));
        }
        match lists.first() {
            Some(list) if wrong.is_empty() => Ok(Self { list, filters, pushes }),
            _ => Err(wrong.into()),
        }
    }
}

/// The plugin that is meant; none if there is no such, which `wrong` has then.
fn find(role: Role, kind: &str, wrong: &mut Vec<Diagnostic>) -> Option<&'static Plugin> {
    let plugins: Vec<_> = plugins().into_iter().filter(|plugin| plugin.role() == role).collect();
    let found = plugins.iter().find(|plugin| plugin.kind() == kind).copied();
    if found.is_none() {
        let kinds = || plugins.iter().map(|plugin| plugin.kind());
        let meant = did_you_mean(kind, kinds()).map(|meant| format!(", did you mean `{meant}`?"));
        let known = kinds().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ");
        let error = Diagnostic::error(format!("there is no {role} `{kind}`{}", meant.unwrap_or_default()));
        wrong.push(error.note(format!("linked are {known}")));
    }
    found
}

fn text(stages: &Stages) -> String {
    let mut text = String::from(
        "# A pipeline to begin with. A line that starts with `#` and no space after it can be set as well.\n\
         # `sealift check FILE` says what is wrong with it, `sealift plan FILE` what it would do.\n\
         name = \"mirror\"\n",
    );
    for plugin in std::iter::once(&stages.list).chain(&stages.filters).chain(&stages.pushes) {
        stage(&mut text, plugin);
    }
    optional(&mut text, "run", &schema_for!(RunOptions));
    for section in sections() {
        // A schema without fields has nothing to set.
        if !fields(&section.schema()).is_empty() {
            optional(&mut text, section.table(), &section.schema());
        }
    }
    text
}

/// A stage: what its example sets is set, the rest is a comment.
fn stage(text: &mut String, plugin: &Plugin) {
    let schema = plugin.schema();
    let _ = write!(text, "\n# {}\n", wrapped(&plugin.summary(), WIDTH - 2).join("\n# "));
    let _ = write!(text, "{}\nuse = \"{}\"\n", plugin.role().header(), plugin.kind());
    let set = example(&schema);
    for field in fields(&schema) {
        comment(text, &field);
        match set.iter().find(|(key, _)| *key == field.name) {
            Some((key, value)) => _ = writeln!(text, "{key} = {value}"),
            None => unset(text, &field),
        }
    }
}

/// A table that may be left out: all of it is a comment.
fn optional(text: &mut String, table: &str, schema: &Schema) {
    let about = schema.get("description").and_then(|text| text.as_str()).unwrap_or_default();
    let _ = write!(text, "\n# {}\n#[{table}]\n", first_paragraph(about));
    let fields = fields(schema);
    if fields.iter().all(|field| field.name != "*") {
        for field in fields {
            comment(text, &field);
            unset(text, &field);
        }
        return;
    }
    for (key, value) in example(schema) {
        let _ = writeln!(text, "#{key} = {value}");
    }
    let _ = writeln!(text, "# `sealift explain {table}` tells what else there is.");
}

fn unset(text: &mut String, field: &Field) {
    let _ = writeln!(text, "#{} = {}", field.name, field.sample);
}

/// Writes the description of a field and of the fields inside it.
fn comment(text: &mut String, field: &Field) {
    text.push('\n');
    for (path, field) in keys(std::slice::from_ref(field)) {
        let _ = writeln!(text, "# {path} ({})", kind(field));
        for line in wrapped(&field.description, WIDTH - 4) {
            let _ = writeln!(text, "{}", format!("#   {line}").trim_end());
        }
        for (choice, meaning) in field.choices.iter().filter(|(_, meaning)| !meaning.is_empty()) {
            let lines = wrapped(&format!("`{choice}`: {}", first_paragraph(meaning)), WIDTH - 6);
            let _ = writeln!(text, "#   {}", lines.join("\n#     "));
        }
    }
}
