//! Where `registries.conf` is, and what is written there (containers-registries.conf(5)).

use std::{
    io,
    path::{Path, PathBuf},
};

use sealift_core::{error::of_io, plugin::BuildContext};
use serde::Deserialize;

use super::conf::{Entry, Mirror, Pulls, RegistriesConf};

/// The file, as far as it concerns a copy. Keys that are not known here are about other things.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    registry: Vec<Registry>,
    /// Version 1.
    registries: First,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct First {
    insecure: Names,
    block: Names,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Names {
    registries: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Registry {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirror_by_digest_only: bool,
    mirror: Vec<WrittenMirror>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct WrittenMirror {
    location: String,
    insecure: bool,
    pull_from_mirror: String,
}

/// Reads the files that count on this machine, for this user.
///
/// # Errors
/// A sentence with the file that cannot be used.
pub(super) fn registries_conf(cx: &BuildContext<'_>) -> Result<RegistriesConf, String> {
    let variable = |name: &str| cx.env(name).filter(|value| !value.is_empty());
    if let Some(file) = variable("CONTAINERS_REGISTRIES_CONF") {
        return read_all(&[cx.path(&file)]);
    }
    let user = variable("HOME").map(|home| Path::new(&home).join(".config/containers"));
    read_all(&files(user.as_deref(), Path::new("/etc/containers"))?)
}

/// The user's file goes before that of the system, and takes its drop-ins along.
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
        Err(error) => return Err(format!("cannot read `{}`: {}", directory.display(), of_io(&error))),
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "conf") && file.is_file());
    files.sort();
    Ok(files)
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Later files replace what earlier ones say of the same prefix.
pub(super) fn read_all(files: &[PathBuf]) -> Result<RegistriesConf, String> {
    let mut conf = RegistriesConf::default();
    for file in files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if is_nothing(&error) => continue,
            Err(error) => return Err(format!("cannot read `{}`: {}", file.display(), of_io(&error))),
        };
        let written: Written = toml::from_str(&text)
            .map_err(|error| format!("`{}` cannot be read: {}", file.display(), error.message()))?;
        for registry in written.registry {
            conf.put(entry(registry, file)?);
        }
        for (names, insecure) in [(written.registries.insecure, true), (written.registries.block, false)] {
            for name in names.registries {
                let one = Registry { location: name, insecure, blocked: !insecure, ..Registry::default() };
                conf.put(entry(one, file)?);
            }
        }
    }
    Ok(conf)
}

fn entry(written: Registry, file: &Path) -> Result<Entry, String> {
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
            "digest-only" => Pulls::Digests,
            "tag-only" => Pulls::Tags,
            _ if written.mirror_by_digest_only => Pulls::Digests,
            _ => Pulls::All,
        },
    });
    Ok(Entry {
        prefix,
        location,
        insecure: written.insecure,
        blocked: written.blocked,
        mirrors: mirrors.filter(|mirror| !mirror.location.is_empty()).collect(),
        file: file.display().to_string(),
    })
}
