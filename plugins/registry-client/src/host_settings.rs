//! From the tables of `[registries]` to the settings of each host.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
};

use sealift_core::{
    error::io_message,
    plugin::{BuildContext, ConfigError},
    spec::{LoadOptions, load_parts},
};
use serde::Deserialize;

use crate::{
    config::{ALL, Config, RegistryConfig, canonical},
    profile,
    registry::RegistrySettings,
    transport::{ConnectionSettings, Trust, read_ca, read_identity},
};

/// The settings of all hosts.
#[derive(Default)]
pub(crate) struct HostSettings {
    by_host: HashMap<String, RegistrySettings>,
    others: RegistrySettings,
}

impl HostSettings {
    /// Returns the settings of a host.
    pub(crate) fn of(&self, host: &str) -> RegistrySettings {
        self.by_host.get(host).unwrap_or(&self.others).clone()
    }
}

impl From<HashMap<String, RegistrySettings>> for HostSettings {
    fn from(by_host: HashMap<String, RegistrySettings>) -> Self {
        Self { by_host, others: RegistrySettings::default() }
    }
}

/// Reads all entries, and those of the file that is named; all that is wrong with them at once.
///
/// # Errors
/// If an entry or the file is not valid.
pub(crate) fn read(config: Config, cx: &BuildContext<'_>) -> Result<HostSettings, ConfigError> {
    let mut problems = ConfigError::default();
    let mut hosts = config.file.as_deref().map_or_else(|| Ok(BTreeMap::new()), |file| read_file(file, cx));
    let mut shared = hosts.as_mut().map(std::mem::take).unwrap_or_default();
    problems = problems.and(hosts.err().unwrap_or_default());
    let mut own = config.hosts;
    let all = own.remove(ALL).unwrap_or_default().or(shared.remove(ALL).unwrap_or_default());
    let (all, others) = match read_all(all, cx) {
        Ok(read) => read,
        Err(found) => {
            problems = problems.and(found);
            Default::default()
        }
    };
    let mut by_host = HashMap::new();
    let mut add = |written: String, entry: RegistryConfig| match read_entry(&written, &entry.or(all.clone()), cx) {
        Ok((host, found)) => {
            if by_host.insert(host, found).is_some() {
                let twice = ConfigError::new(format!("`{written}` is a second entry for the same registry"));
                problems = std::mem::take(&mut problems).and(twice.at(format!("{written:?}")));
            }
        }
        Err(found) => problems = std::mem::take(&mut problems).and(found),
    };
    for (written, entry) in own {
        let same = |other: &&String| canonical(other).ok() == canonical(&written).ok();
        let other = shared.keys().find(same).cloned().and_then(|other| shared.remove(&other)).unwrap_or_default();
        add(written, entry.or(other));
    }
    shared.into_iter().for_each(|(written, entry)| add(written, entry));
    problems.or_ok(HostSettings { by_host, others })
}

/// Reads what is for all registries.
fn read_all(all: RegistryConfig, cx: &BuildContext<'_>) -> Result<(RegistryConfig, RegistrySettings), ConfigError> {
    if all.username.is_some() || all.password.is_some() {
        let error = ConfigError::new("a login for all registries would be sent to each of them");
        return Err(error.at(format!("{ALL:?}")).hint("write it under the name of the registry that it is for"));
    }
    let (_, settings) = read_entry(ALL, &all, cx)?;
    Ok((all, settings))
}

/// A file of tables `[registries."…"]`.
#[derive(Deserialize)]
struct SharedFile {
    #[serde(default)]
    registries: Config,
}

/// Reads a file of entries. Paths in it are returned as they are seen from here.
fn read_file(name: &str, cx: &BuildContext<'_>) -> Result<BTreeMap<String, RegistryConfig>, ConfigError> {
    let path = cx.path(name);
    let text = fs::read_to_string(&path)
        .map_err(|error| ConfigError::new(format!("cannot read `{name}`: {}", io_message(&error))).at("file"))?;
    let base = path.parent().map(ToOwned::to_owned).unwrap_or_default();
    // A file that is no TOML is told below, with the place.
    let table: toml::Table = toml::from_str(&text).unwrap_or_default();
    let named_inside = table.get("registries").and_then(|registries| registries.get("file")).is_some();
    if let Some(other) = table.keys().find(|key| *key != "registries").filter(|_| !table.is_empty()) {
        let error = ConfigError::new(format!("`{name}` has `{other}`, and only tables `[registries.\"…\"]` are read"));
        return Err(error.at("file"));
    }
    if named_inside {
        return Err(ConfigError::new(format!("`{name}` names a further `file`, which is not read")).at("file"));
    }
    let settings = LoadOptions {
        base: base.clone(),
        environment: cx.environment(),
        purpose: cx.purpose(),
        cache: cx.cache().clone(),
        extensions: Default::default(),
    };
    // Everything that is wrong is told here, with its place in the file and without its secrets.
    load_parts(&text, name, &settings)?;
    let mut hosts = toml::from_str(&text).map_or_else(|_| BTreeMap::new(), |file: SharedFile| file.registries.hosts);
    for entry in hosts.values_mut() {
        for path in [&mut entry.ca_file, &mut entry.client_cert, &mut entry.client_key].into_iter().flatten() {
            *path = base.join(&*path).to_string_lossy().into_owned();
        }
    }
    Ok(hosts)
}

/// Reads one entry; all that is wrong with it at once.
fn read_entry(
    written: &str,
    entry: &RegistryConfig,
    cx: &BuildContext<'_>,
) -> Result<(String, RegistrySettings), ConfigError> {
    let key = |field: &str| format!("{written:?}.{field}");
    let mut problems = ConfigError::default();
    let mut note = |problem: ConfigError| problems = std::mem::take(&mut problems).and(problem);

    let host = if written == ALL { Ok(ALL.to_owned()) } else { canonical(written) };
    let host = host.unwrap_or_else(|error| {
        let hint = "write host and port only, such as \"registry.example.com:5000\"";
        note(ConfigError::new(error.to_string()).at(format!("{written:?}")).hint(hint));
        String::new()
    });
    let mut reveal = |value: &Option<_>, field: &str| {
        value.as_ref().and_then(|value| cx.reveal(value, &key(field)).map_err(&mut note).ok())
    };
    let (username, password) = (reveal(&entry.username, "username"), reveal(&entry.password, "password"));
    for (one, has_one, other, has_other, example) in [
        ("username", entry.username.is_some(), "password", entry.password.is_some(), "{ env = \"REGISTRY_PASSWORD\" }"),
        ("password", entry.password.is_some(), "username", entry.username.is_some(), "\"robot\""),
        ("client_cert", entry.client_cert.is_some(), "client_key", entry.client_key.is_some(), "\"client.key\""),
        ("client_key", entry.client_key.is_some(), "client_cert", entry.client_cert.is_some(), "\"client.pem\""),
    ] {
        if has_one && !has_other {
            let hint = format!("add `{other} = {example}`, or leave out `{one}`");
            note(ConfigError::new(format!("`{one}` needs a `{other}`")).at(key(one)).hint(hint));
        }
    }
    let trust = read_trust(entry, cx, &key).unwrap_or_else(|problem| {
        note(problem);
        Trust::default()
    });
    let path_prefix = entry.path_prefix.as_deref().unwrap_or_default().trim_end_matches('/');
    if !path_prefix.is_empty() && (!path_prefix.starts_with('/') || path_prefix.contains(['?', '#', '%'])) {
        let message = format!("`path_prefix` must be a path such as `/repository/docker`, not `{path_prefix}`");
        note(ConfigError::new(message).at(key("path_prefix")));
    }
    let profile = entry.kind.as_deref().map(profile::by_name).transpose().unwrap_or_else(|why| {
        note(ConfigError::new(why).at(key("kind")));
        None
    });
    let connection = ConnectionSettings {
        insecure: entry.insecure,
        trust,
        path_prefix: path_prefix.to_owned(),
        trusted_hosts: entry.trusted_hosts.clone(),
    };
    let login = username.map(|name| name.expose().to_owned()).zip(password);
    let part = entry.chunk_mib.map(|mebibytes| u64::from(mebibytes.get()) << 20);
    let ranges = entry.ranges.map_or(1, |ranges| usize::from(ranges.get()));
    let settings = RegistrySettings { login, connection, profile, part, ranges, is_anonymous: false };
    problems.or_ok((host, settings))
}

fn read_trust(
    entry: &RegistryConfig,
    cx: &BuildContext<'_>,
    key: &dyn Fn(&str) -> String,
) -> Result<Trust, ConfigError> {
    let read = |path: &str, field: &str| {
        std::fs::read(cx.path(path))
            .map_err(|error| ConfigError::new(format!("cannot read `{path}`: {}", io_message(&error))).at(key(field)))
    };
    let mut trust = Trust::default();
    if let Some(path) = &entry.ca_file {
        trust.roots = read_ca(&read(path, "ca_file")?)
            .map_err(|why| ConfigError::new(format!("`{path}` {why}")).at(key("ca_file")))?;
    }
    if let (Some(cert), Some(private)) = (&entry.client_cert, &entry.client_key) {
        let identity = read_identity(&read(cert, "client_cert")?, &read(private, "client_key")?)
            .map_err(|why| ConfigError::new(format!("`{cert}` {why}")).at(key("client_cert")))?;
        trust.identity = Some(identity);
    }
    Ok(trust)
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use sealift_core::plugin::Purpose;

    use super::*;

    fn read_in(base: &Path, table: &str) -> Result<HostSettings, Vec<String>> {
        let environment = |name: &str| (name == "PW").then(|| "CANARY".to_owned());
        let cx = BuildContext::new(Arc::new(environment), base, Purpose::Run);
        read(toml::from_str(table).unwrap(), &cx).map_err(|error| {
            let told = |problem: sealift_core::plugin::Problem| {
                format!("{}: {}", problem.key.unwrap_or_default(), problem.diagnostic)
            };
            error.into_problems().into_iter().map(told).collect()
        })
    }

    #[test]
    fn a_file_of_registries_is_shared_and_the_pipeline_goes_before_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("site")).unwrap();
        std::fs::write(dir.path().join("site/ca.pem"), "no certificate").unwrap();
        let shared = "[registries.\"a.io\"]\npath_prefix = \"/a\"\ninsecure = true\n\
                      [registries.\"index.docker.io\"]\nusername = \"bot\"\npassword = { env = \"PW\" }\n\
                      [registries.\"b.io\"]\nusername = \"bot\"\npassword = { env = \"PW\" }\n";
        std::fs::write(dir.path().join("site/registries.toml"), shared).unwrap();
        let own = "file = \"site/registries.toml\"\n[\"a.io\"]\npath_prefix = \"/own\"\n\
                   [\"docker.io\"]\nusername = \"me\"\npassword = \"x\"\n[\"*\"]\ntrusted_hosts = [\"t.io\"]\n";
        let settings = read_in(dir.path(), own).unwrap();
        let connection = settings.of("a.io").connection;
        assert_eq!((connection.insecure, connection.path_prefix.as_str()), (true, "/own"));
        assert_eq!(settings.of("docker.io").login.unwrap().0, "me");
        assert_eq!(settings.of("b.io").login.unwrap().0, "bot");
        for host in ["a.io", "b.io", "c.io"] {
            assert_eq!(settings.of(host).connection.trusted_hosts, ["t.io"], "{host}");
        }
        // Paths in the file start at its directory.
        let with_ca = format!("{shared}ca_file = \"ca.pem\"\n");
        std::fs::write(dir.path().join("site/registries.toml"), with_ca).unwrap();
        let wrong = read_in(dir.path(), own).err().unwrap();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].contains("ca.pem` ") && !wrong[0].contains("cannot read"), "{wrong:?}");
    }

    #[test]
    fn what_is_wrong_with_a_file_of_registries_is_told_with_its_place_and_without_its_secrets() {
        let dir = tempfile::tempdir().unwrap();
        for (text, told) in [
            (
                "[registries.\"a.io\"]\ninsecur = true\n",
                "r.toml:2:1: unknown field `insecur`, did you mean `insecure`?",
            ),
            ("[registries.\"a.io\"]\nusername = \"x\"\npassword = [\"CANARY\"]\n", "r.toml:3:12: "),
            ("[registries.\"a.io\"\n", "r.toml:1:"),
            ("[list]\nuse = \"registry\"\n", "file: `r.toml` has `list`, and only tables"),
            ("[registries]\nfile = \"r.toml\"\n", "file: `r.toml` names a further `file`"),
            ("[registries.\"*\"]\nusername = \"x\"\npassword = \"CANARY\"\n", "a login for all registries"),
        ] {
            std::fs::write(dir.path().join("r.toml"), text).unwrap();
            let wrong = read_in(dir.path(), "file = \"r.toml\"\n").err().unwrap().join("\n");
            assert!(wrong.contains(told), "{wrong}");
            assert!(!wrong.contains("CANARY"), "{wrong}");
        }
        let missing = read_in(dir.path(), "file = \"none.toml\"\n").err().unwrap();
        assert_eq!(missing, ["file: cannot read `none.toml`: no such file or directory"]);
    }

    #[test]
    fn a_login_for_all_registries_is_refused() {
        let wrong = read_in(Path::new("."), "[\"*\"]\nusername = \"x\"\npassword = \"CANARY\"\n").err().unwrap();
        assert_eq!(wrong, ["\"*\": a login for all registries would be sent to each of them"]);
    }
}
