//! Tables of registries that nothing in a pipeline names.

use std::{fs, path::Path};

use sealift_core::diagnostic::{Diagnostic, did_you_mean};
use toml::{Table, Value};

/// The lists of which all names stand in the pipeline or in the files that it names.
const LISTS: [&str; 5] = ["catalog", "compose", "kubernetes", "registry", "text"];

/// Names without a registry are at Docker Hub.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// Returns a warning for each table of a registry that has no effect, as far as that can be known from files.
pub(super) fn registries(file: &Path) -> Vec<Diagnostic> {
    let table = fs::read_to_string(file).ok().and_then(|text| text.parse::<Table>().ok());
    let Some(mut table) = table else { return Vec::new() };
    let Some(Value::Table(registries)) = table.remove("registries") else { return Vec::new() };
    let Some(named) = names(&table, file.parent().unwrap_or(Path::new(""))) else { return Vec::new() };
    let settings: String = registries.values().map(|value| format!("{value}\n")).collect();
    let is_used = |host: &str| host == "*" || HUB.contains(&host) || named.contains(host) || settings.contains(host);
    let unused = registries.keys().filter(|host| !is_used(host));
    unused
        .map(|host| {
            let message = format!("[registries.\"{host}\"] has no effect: nothing in this pipeline names `{host}`");
            let warning = Diagnostic::warning(message).note(format!("in `{}`", file.display()));
            let words = named.split(['"', '\'', ' ', '\n', '/', ',']);
            match did_you_mean(host, words.filter(|word| word.contains('.') || word.contains(':'))) {
                Some(meant) => warning.hint(format!("did you mean `{meant}`?")),
                None => warning.hint("take it out, or mend the name of the host"),
            }
        })
        .collect()
}

/// Returns everything in which a registry may be named; none if that stands elsewhere, too.
fn names(pipeline: &Table, base: &Path) -> Option<String> {
    let mut named = toml::to_string(pipeline).ok()?;
    let list = pipeline.get("list")?.as_table()?;
    if !LISTS.contains(&list.get("use")?.as_str()?) {
        return None;
    }
    let files = list.get("files").and_then(Value::as_array).into_iter().flatten().chain(list.get("rules"));
    for file in files.filter_map(Value::as_str) {
        named += &fs::read_to_string(base.join(file)).ok()?;
    }
    Some(named)
}
