//! The reference as pages: every table with its fields, every verb with its flags, and the schema as a file.

use std::fmt::Write;

use clap::Command;
use sealift_core::{plugin::Role, spec};

use super::{Topic, keys, kind, topics};

/// A page.
pub(crate) struct ReferencePage {
    /// Its name in the directory.
    pub(crate) file: String,
    /// Its content.
    pub(crate) text: String,
}

const NOTE: &str = "<!-- written by `sealift docs`; change the texts in the code -->";

/// Returns all pages; `command` is the definition of the command line.
pub(crate) fn pages(command: &Command) -> Vec<ReferencePage> {
    let topics = topics();
    let shared: Vec<_> = topics.iter().filter(|topic| topic.stage.is_none() && !topic.fields().is_empty()).collect();
    let mut pages = vec![page("pipeline.md", pipeline(&topics, &shared))];
    for role in Role::ALL {
        let kinds: Vec<_> = topics.iter().filter(|topic| topic.stage.is_some_and(|(of, _)| of == role)).collect();
        pages.push(page(&format!("{role}.md"), stages(role, &kinds)));
    }
    pages.push(page("commands.md", commands(command)));
    let schema = serde_json::to_string_pretty(&spec::schema()).expect("a schema can be written as JSON");
    pages.push(page("pipeline.schema.json", schema + "\n"));
    pages
}

fn page(file: &str, text: String) -> ReferencePage {
    ReferencePage { file: file.to_owned(), text }
}

fn pipeline(topics: &[Topic], shared: &[&Topic]) -> String {
    let mut text = format!(
        "{NOTE}\n\n# The pipeline file\n\n\
         A pipeline is TOML. Its tables are the stages, `use` in each names the kind, and what stages share. \
         `sealift check` says what is wrong with one; `sealift schema` prints the \
         [JSON Schema](pipeline.schema.json) by which editors complete and underline.\n\n\
         | key | what it is |\n|---|---|\n\
         | `name` | what the pipeline is called in logs and reports; may be left out |\n\
         | `[run]` | [how it runs](#run) |\n\
         | `[list]` | [what there is to copy](list.md) |\n\
         | `[[filter]]` | [what is dropped of it](filter.md), one after the other |\n\
         | `[fetch]` | [how images are read](fetch.md); left out: of the same kind as `[list]`, else `registry` |\n\
         | `[[push]]` | [where images go](push.md), one or several; left out: `registry` |\n\
         | `[[observe]]` | [what takes the events of a run](observe.md), one or several |\n\
         | `[[login]]` | [logins for registries](login.md), asked one after the other |\n"
    );
    for topic in shared.iter().filter(|topic| topic.name != "run") {
        let _ = writeln!(text, "| `[{0}]` | [{1}](#{0}) |", topic.name, topic.summary().trim_end_matches('.'));
    }
    text += "\n## Kinds\n\n| role | kind | what it does |\n|---|---|---|\n";
    for topic in topics {
        if let Some((role, kind)) = topic.stage {
            let _ = writeln!(text, "| {role} | [`{kind}`]({role}.md#{kind}) | {} |", cell(&topic.summary()));
        }
    }
    shared.iter().for_each(|topic| about(&mut text, &topic.name, topic));
    text
}

fn stages(role: Role, topics: &[&Topic]) -> String {
    let title = match role {
        Role::List => "Lists: what there is to copy",
        Role::Filter => "Filters: what is dropped",
        Role::Fetch => "Fetches: how images are read",
        Role::Push => "Pushes: where images go",
        Role::Observe => "Observers: what takes the events of a run",
        Role::Login => "Logins: for registries, from plugins",
        _ => role.plural(),
    };
    let mut text = format!("{NOTE}\n\n# {title}\n\n{}\n", role.summary());
    if topics.is_empty() {
        let _ = writeln!(text, "\nNone is built in; the [plugin guide](../plugin-guide.md) tells how to write one.");
    }
    for topic in topics {
        if let Some((_, kind)) = topic.stage {
            about(&mut text, kind, topic);
        }
    }
    text
}

/// A section about a table.
fn about(text: &mut String, title: &str, topic: &Topic) {
    let _ = write!(text, "\n## {title}\n\n{}\n", topic.description());
    let fields = topic.fields();
    if !fields.is_empty() {
        text.push_str("\n| key | what may be written | what it means |\n|---|---|---|\n");
    }
    for (path, field) in keys(&fields) {
        let mut meaning = cell(&field.description);
        for (choice, said) in field.choices.iter().filter(|(_, said)| !said.is_empty()) {
            let _ = write!(meaning, "<br>`{choice}`: {}", cell(said));
        }
        let _ = writeln!(text, "| `{path}` | {} | {meaning} |", cell(&kind(field)));
    }
    let _ = write!(text, "\n```toml\n{}```\n\nDefined in the crate `{}`.\n", topic.example(), topic.defined_in);
}

/// A text in a cell of a table: in one line, and without what would end the cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn commands(command: &Command) -> String {
    let mut text = format!("{NOTE}\n\n# The command line\n");
    let mut program = command.clone().term_width(100);
    program.build();
    section(&mut text, &mut program);
    text
}

/// A command, and then those below it.
fn section(text: &mut String, command: &mut Command) {
    let name = command.get_bin_name().unwrap_or("sealift").to_owned();
    let help = command.render_long_help().to_string();
    let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", lines(&help));
    command.get_subcommands_mut().for_each(|verb| section(text, verb));
}

/// Without blanks at the ends of lines, which editors take away.
fn lines(text: &str) -> String {
    text.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
