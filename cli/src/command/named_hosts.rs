//! Settings and logins for registries that a pipeline has nothing to do with.

use std::{collections::BTreeSet, path::Path};

use sealift_core::{
    content::Repository,
    diagnostic::{Diagnostic, did_you_mean},
    plugin::{Role, matches_host, plugins},
    spec::Loaded,
};
use toml::{Table, Value};

use crate::translation::Translation;

/// The number of hosts in a hint.
const FEW: usize = 5;

/// Registries that the stages of a pipeline name.
struct NamedHosts<'a>(&'a BTreeSet<String>);

impl NamedHosts<'_> {
    /// Returns true if a registry is named. A host that is none is told with everything else that is wrong.
    fn contains(&self, host: &str) -> bool {
        Repository::new(host, "x").map_or(true, |at| self.0.contains(at.registry()))
    }

    /// Returns true if a pattern of hosts matches a registry that is named.
    fn matches(&self, pattern: &str) -> bool {
        self.0.iter().any(|host| matches_host(pattern, host))
    }

    /// Returns the name that may have been meant.
    fn closest(&self, host: &str) -> Option<&str> {
        did_you_mean(host, self.0.iter().map(String::as_str))
    }

    /// Returns the hosts in words, at most [`FEW`].
    fn few(&self) -> String {
        let few: Vec<_> = self.0.iter().take(FEW).map(|host| format!("`{host}`")).collect();
        let more = if self.0.len() > FEW { ", …" } else { "" };
        few.join(", ") + more
    }
}

/// Returns an error for each registry that a flag is for and that the command has nothing to do with; a warning if other
/// files on the machine may lead there.
pub(super) fn strangers(translation: &Translation, loaded: &Loaded) -> Vec<Diagnostic> {
    let Some(named) = loaded.registries.as_ref().map(NamedHosts) else { return Vec::new() };
    let Ok(table) = translation.text().parse::<Table>() else { return Vec::new() };
    let has_mirrors = table.contains_key("containers");
    let strangers = settings(&table).filter(|(host, _)| !named.contains(host)).map(|(host, _)| {
        let message = format!("no image of this command is at `{host}`");
        let found = match has_mirrors {
            true => Diagnostic::warning(message),
            false => Diagnostic::error(message),
        };
        let flag = translation.flag_of_table(&format!("[registries.{}]", Value::from(host)));
        let found = flag.into_iter().fold(found, |found, flag| found.note(format!("from `{flag}`")));
        found.hint(match named.0.is_empty() {
            true => "leave the flag out: this command asks no registry".to_owned(),
            false => format!("the images are at {}: name one of these, or leave the flag out", named.few()),
        })
    });
    strangers.collect()
}

/// Returns a warning for each table of a pipeline file that is for registries which its stages do not name.
pub(super) fn without_effect(file: &Path, loaded: &Loaded) -> Vec<Diagnostic> {
    let Some(named) = loaded.registries.as_ref().map(NamedHosts) else { return Vec::new() };
    let table = std::fs::read_to_string(file).ok().and_then(|text| text.parse::<Table>().ok());
    // Mirrors of `registries.conf` may be at any host.
    let Some(table) = table.filter(|table| !table.contains_key("containers")) else { return Vec::new() };
    let warning = |message: String| Diagnostic::warning(message).note(format!("in `{}`", file.display()));
    let hint = |host: &str, rest: &str| match named.closest(host) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("take it out, or mend {rest}"),
    };
    // Settings of one registry may lead to another one.
    let values: Vec<_> = settings(&table).map(|(_, value)| value.to_string()).collect();
    let is_led_to = |host: &str| values.iter().any(|value| value.contains(host));
    let unused = settings(&table).map(|(host, _)| host).filter(|host| !named.contains(host) && !is_led_to(host));
    let unused = unused.map(|host| {
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

/// Returns the tables of `[registries]` for single registries.
fn settings(pipeline: &Table) -> impl Iterator<Item = (&str, &Value)> {
    let tables = pipeline.get("registries").and_then(Value::as_table).into_iter().flatten();
    tables.filter(|(host, value)| *host != "*" && value.is_table()).map(|(host, value)| (host.as_str(), value))
}

/// Returns the hosts of a login: those of its table, or those of its kind.
fn hosts_of(kind: &str, login: &Table) -> Option<Vec<String>> {
    if let Some(hosts) = login.get("hosts") {
        return Some(hosts.as_array()?.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect());
    }
    let plugins = plugins();
    let plugin = plugins.iter().find(|plugin| plugin.role() == Role::Login && plugin.kind() == kind)?;
    let schema = plugin.schema();
    let hosts = schema.get("properties")?.get("hosts")?.get("default")?.as_array()?;
    Some(hosts.iter().filter_map(|host| Some(host.as_str()?.to_owned())).collect())
}
