//! The location and the format of `registries.conf` (containers-registries.conf(5)).

use std::{
    io,
    path::{Path, PathBuf},
};

use sealift_core::{error::io_message, plugin::BuildContext};
use serde::Deserialize;

use super::conf::{Mirror, MirroredPulls, RegistriesConf, RegistryRule};

/// The file. Keys that do not matter for a copy are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfFile {
    registry: Vec<RegistryTable>,
    /// Version 1.
    registries: Version1,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Version1 {
    insecure: Version1Names,
    block: Version1Names,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Version1Names {
    registries: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct RegistryTable {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirror_by_digest_only: bool,
    mirror: Vec<MirrorTable>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct MirrorTable {
    location: String,
    insecure: bool,
    pull_from_mirror: String,
}

/// Reads the files that apply on this machine, for this user.
///
/// # Errors
/// A sentence that names the file that cannot be used.
pub(super) fn registries_conf(cx: &BuildContext<'_>) -> Result<RegistriesConf, String> {
    let variable = |name: &str| cx.env(name).filter(|value| !value.is_empty());
    if let Some(file) = variable("CONTAINERS_REGISTRIES_CONF") {
        return read_all(&[cx.path(&file)]);
    }
    let user = variable("HOME").map(|home| Path::new(&home).join(".config/containers"));
    read_all(&files(user.as_deref(), Path::new("/etc/containers"))?)
}

/// Returns the files in order. The user's file replaces that of the system, together with its drop-ins.
pub(super) fn files(user: Option<&Path>, system: &Path) -> Result<Vec<PathBuf>, String> {
    let own = user.map(|user| user.join("registries.conf")).filter(|file| file.exists());
    let drop_ins = |root: &Path| drop_ins(&root.join("registries.conf.d"));
    let mut files = Vec::new();
    match own {
        Some(own) => files.push(own),
        None => {
            files.push(system.join("registries.conf"));
            files.extend(drop_ins(system)?);
        }
    }
    if let Some(user) = user {
        files.extend(drop_ins(user)?);
    }
    Ok(files)
}

fn drop_ins(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_nothing(&error) => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot read `{}`: {}", directory.display(), io_message(&error))),
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "conf") && file.is_file());
    files.sort();
    Ok(files)
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads files in order. A later file replaces the entry of an earlier one for the same prefix.
pub(super) fn read_all(files: &[PathBuf]) -> Result<RegistriesConf, String> {
    let mut conf = RegistriesConf::default();
    for file in files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if is_nothing(&error) => continue,
            Err(error) => return Err(format!("cannot read `{}`: {}", file.display(), io_message(&error))),
        };
        let written: ConfFile = toml::from_str(&text)
            .map_err(|error| format!("`{}` cannot be read: {}", file.display(), error.message()))?;
        for registry in written.registry {
            conf.put(entry(registry, file)?);
        }
        for (names, insecure) in [(written.registries.insecure, true), (written.registries.block, false)] {
            for name in names.registries {
                let one = RegistryTable { location: name, insecure, blocked: !insecure, ..RegistryTable::default() };
                conf.put(entry(one, file)?);
            }
        }
    }
    Ok(conf)
}

fn entry(written: RegistryTable, file: &Path) -> Result<RegistryRule, String> {
    let bare = |text: String| text.trim_end_matches('/').to_owned();
    let (mut prefix, mut location) = (bare(written.prefix), bare(written.location));
    let wild = prefix.starts_with("*.");
    if prefix.is_empty() && location.is_empty() {
        return Err(format!("`{}` has a registry without `prefix` and `location`", file.display()));
    }
    if prefix.is_empty() {
        prefix.clone_from(&location);
    }
    if location.is_empty() && !wild {
        location.clone_from(&prefix);
    }
    let mirrors = written.mirror.into_iter().map(|mirror| Mirror {
        location: bare(mirror.location),
        insecure: mirror.insecure,
        pulls: match mirror.pull_from_mirror.as_str() {
            "digest-only" => MirroredPulls::Digests,
            "tag-only" => MirroredPulls::Tags,
            _ if written.mirror_by_digest_only => MirroredPulls::Digests,
            _ => MirroredPulls::All,
        },
    });
    Ok(RegistryRule {
        prefix,
        location,
        insecure: written.insecure,
        blocked: written.blocked,
        mirrors: mirrors.filter(|mirror| !mirror.location.is_empty()).collect(),
        file: file.display().to_string(),
    })
}
