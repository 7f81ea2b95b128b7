//! Registries that a pipeline names, as far as its text and the files in it tell.

use std::{collections::BTreeSet, fs, path::Path};

use sealift_core::{
    content::Repository,
    diagnostic::{Diagnostic, did_you_mean},
    plugin::matches_host,
};
use toml::{Table, Value};

use crate::translation::Translation;

/// The lists of which all names stand in the pipeline or in the files that it names.
const LISTS: [&str; 6] = ["catalog", "compose", "kubernetes", "oci-dir", "registry", "text"];

/// The lists in whose files a variable may stand for a registry.
const WITH_VARIABLES: [&str; 2] = ["compose", "registry"];

/// Names without a registry are at Docker Hub.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The number of hosts in a hint.
const FEW: usize = 5;

/// The words in which a registry may be named.
pub(super) struct NamedHosts {
    text: String,
}

impl NamedHosts {
    /// Reads the tables of a pipeline without `[registries]`; none if registries are named elsewhere, too.
    pub(super) fn of(pipeline: &Table, base: &Path) -> Option<Self> {
        let mut text = String::new();
        for (name, value) in pipeline.iter().filter(|(name, _)| !["registries", "login"].contains(&name.as_str())) {
            text += &format!("{name} = {value}\n");
        }
        let lists = match pipeline.get("list")? {
            Value::Array(lists) => lists.iter().filter_map(Value::as_table).collect(),
            list => vec![list.as_table()?],
        };
        for list in lists {
            text += &files_of(list, base)?;
        }
        Some(Self { text })
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split(|c: char| !(c.is_ascii_alphanumeric() || ".:_-[]".contains(c)))
    }

    /// Returns true if a registry is named, or may be.
    pub(super) fn contains(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let is_odd = host.starts_with('['); // IPv6, in brackets as lists are
        let is_named = |word: &str| word.trim_matches(['[', ']']).eq_ignore_ascii_case(&host);
        HUB.contains(&&*host) || self.words().any(is_named) || (is_odd && self.text.contains(&host))
    }

    /// Returns true if a pattern of hosts matches a registry that is named, or may be.
    fn matches(&self, pattern: &str) -> bool {
        self.words().chain(HUB).any(|word| matches_host(pattern, word.trim_matches(['[', ']'])))
    }

    /// Returns the name that may have been meant.
    fn closest(&self, host: &str) -> Option<&str> {
        did_you_mean(host, self.words().filter(|word| word.contains('.') || word.contains(':')))
    }

    /// Returns the registries in front of the paths of images.
    fn hosts<'s>(&'s self) -> Vec<&'s str> {
        let lines = self.text.lines().filter(|line| !line.contains("apiVersion"));
        let words = lines.flat_map(|line| line.split(['"', '\'', ' ', ',', '{', '}', '=']));
        let host = |word: &'s str| {
            let (host, path) = word.split_once('/')?;
            let is_host = host.contains(['.', ':']) || host == "localhost";
            (is_host && !path.starts_with('/') && Repository::new(host, "x").is_ok()).then_some(host)
        };
        words.filter_map(host).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Returns the text of the files of a list; none if it cannot be known what they name.
fn files_of(list: &Table, base: &Path) -> Option<String> {
    let kind = list.get("use")?.as_str()?;
    if !LISTS.contains(&kind) {
        return None;
    }
    // A registry alone, for which the names of images are found later.
    let alone = ["registry", "to"].iter().filter_map(|key| list.get(*key)?.as_str());
    let mut text: String = alone.map(|host| format!("{host}/\n")).collect();
    if kind == "oci-dir" {
        let has_targets = |image: &Value| image.get("to").is_some();
        let images = list.get("images").and_then(Value::as_array).filter(|images| !images.is_empty());
        let is_given = list.contains_key("to") || images.is_some_and(|images| images.iter().all(has_targets));
        let index = || fs::read_to_string(base.join(list.get("path")?.as_str()?).join("index.json")).ok();
        return if is_given { Some(text) } else { index() };
    }
    let files = list.get("files").and_then(Value::as_array).into_iter().flatten().chain(list.get("rules"));
    for file in files.filter_map(Value::as_str) {
        read(&base.join(file), &mut text)?;
    }
    (!text.contains('$') || !WITH_VARIABLES.contains(&kind)).then_some(text)
}

/// Reads a file, or everything below a directory.
fn read(path: &Path, text: &mut String) -> Option<()> {
    if !path.is_dir() {
        *text += &fs::read_to_string(path).ok()?;
        return Some(());
    }
    for entry in fs::read_dir(path).ok()? {
        read(&entry.ok()?.path(), text)?;
    }
    Some(())
}

/// Returns an error for each registry that a flag is for and that the command has nothing to do with; a warning if other
/// files on the machine may lead there.
pub(super) fn strangers(translation: &Translation) -> Vec<Diagnostic> {
    let Ok(mut table) = translation.text().parse::<Table>() else { return Vec::new() };
    let Some(Value::Table(registries)) = table.remove("registries") else { return Vec::new() };
    let hosts = registries.iter().filter(|(host, value)| *host != "*" && value.is_table()).map(|(host, _)| host);
    let Some(named) = NamedHosts::of(&table, Path::new("")) else { return Vec::new() };
    let has_mirrors = table.contains_key("containers");
    // A name that is none is told with everything else that is wrong.
    let is_name = |host: &&String| Repository::new(host.as_str(), "x").is_ok();
    let strangers = hosts.filter(is_name).filter(|host| !named.contains(host)).map(|host| {
        let message = format!("no image of this command is at `{host}`");
        let found = match has_mirrors {
            true => Diagnostic::warning(message),
            false => Diagnostic::error(message),
        };
        let flag = translation.flag_of_table(&format!("[registries.{}]", Value::from(host.as_str())));
        let found = flag.into_iter().fold(found, |found, flag| found.note(format!("from `{flag}`")));
        match named.hosts()[..] {
            [] => found.hint("leave the flag out: all images are at Docker Hub"),
            ref hosts => {
                let few: Vec<_> = hosts.iter().take(FEW).map(|host| format!("`{host}`")).collect();
                let more = if hosts.len() > FEW { ", …" } else { "" };
                found.hint(format!(
                    "the images are at {}{more}: name one of these, or leave the flag out",
                    few.join(", ")
                ))
            }
        }
    });
    strangers.collect()
}

/// Returns a warning for each table of a pipeline file that is for registries which nothing in it names, as far as that
/// can be known from files.
pub(super) fn without_effect(file: &Path) -> Vec<Diagnostic> {
    let table = fs::read_to_string(file).ok().and_then(|text| text.parse::<Table>().ok());
    let Some(mut table) = table else { return Vec::new() };
    let Some(named) = NamedHosts::of(&table, file.parent().unwrap_or(Path::new(""))) else { return Vec::new() };
    let registries = match table.remove("registries") {
        Some(Value::Table(registries)) => registries,
        _ => Table::new(),
    };
    let settings: String = registries.values().map(|value| format!("{value}\n")).collect();
    let settings = NamedHosts { text: settings };
    let warning = |message: String| Diagnostic::warning(message).note(format!("in `{}`", file.display()));
    let hint = |host: &str, rest: &str| match named.closest(host) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("take it out, or mend {rest}"),
    };
    let is_used = |host: &&String| *host == "*" || named.contains(host) || settings.contains(host);
    let unused = registries.iter().filter(|(_, value)| value.is_table()).map(|(host, _)| host);
    let unused = unused.filter(|host| !is_used(host)).map(|host| {
        let message = format!("[registries.\"{host}\"] has no effect: nothing in this pipeline names `{host}`");
        warning(message).hint(hint(host, "the name of the host"))
    });
    let logins = table.get("login").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table);
    let unasked = logins.filter_map(|login| {
        let kind = login.get("use")?.as_str()?;
        let hosts = hosts_of(kind, login)?;
        let first = hosts.first().filter(|_| hosts.iter().all(|host| !named.matches(host)))?;
        let message =
            format!("the login `{kind}` has no effect: nothing in this pipeline is at `{}`", hosts.join("`, `"));
        Some(warning(message).hint(hint(first, "its `hosts`")))
    });
    unused.chain(unasked).collect()
}

/// Returns the hosts of a login: those of its table, or those of its kind.
fn hosts_of(kind: &str, login: &Table) -> Option<Vec<String>> {
    if let Some(hosts) = login.get("hosts") {
        return Some(hosts.as_array()?.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect());
    }
    let plugins = sealift_core::plugin::plugins();
    let plugin =
        plugins.iter().find(|plugin| plugin.role() == sealift_core::plugin::Role::Login && plugin.kind() == kind)?;
    let schema = plugin.schema();
    let hosts = schema.get("properties")?.get("hosts")?.get("default")?.as_array()?;
    Some(hosts.iter().filter_map(|host| Some(host.as_str()?.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_named_as_a_whole() {
        let pipeline = "list = { use = \"text\", files = [] }\n[[push]]\nuse = \"registry\"\nprefix = \"[::1]:5000/x\"\nto = [\"q.io/a\", \"h.io:5000/b\"]\n";
        let named = NamedHosts::of(&pipeline.parse().unwrap(), Path::new("")).unwrap();
        for host in ["q.io", "Q.io", "h.io:5000", "docker.io", "[::1]:5000"] {
            assert!(named.contains(host), "{host}");
        }
        for host in ["h.io", "io", "q.io:443", "quay.io", "[::2]:5000"] {
            assert!(!named.contains(host), "{host}");
        }
        assert_eq!(named.hosts(), ["[::1]:5000", "h.io:5000", "q.io"]);
        assert!(named.matches("*.io:*") && named.matches("Q.IO") && !named.matches("*.com"));
    }
}
