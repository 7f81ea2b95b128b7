//! The names of a layout as repository paths.

use std::path::Path;

use sealift_core::content::Repository;

/// The repository of entries that are only a tag, if the directory's name cannot be a path.
const UNNAMED: &str = "image";

/// Returns the repository of entries that are only a tag: the name of their directory.
pub(super) fn unnamed(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = dir.file_name().and_then(|name| name.to_str());
    name.and_then(served).unwrap_or_else(|| UNNAMED.to_owned())
}

/// A name without the registry before it; none if it has none, or is nothing else.
///
/// What comes before the first `/` is a registry if it has a dot or a port or is `localhost`, as everywhere.
pub(super) fn without_registry(name: &str) -> Option<&str> {
    let (registry, path) = name.split_once('/')?;
    let is_registry = registry.contains(['.', ':']) || registry == "localhost";
    (is_registry && Repository::new("localhost", path).is_ok()).then_some(path)
}

/// The path under which a name is served; none if nothing can be made of it.
///
/// Most names are paths already. In others, a registry's port for example, each character that cannot stand in a path
/// becomes `_`, and capitals become small.
pub(super) fn served(name: &str) -> Option<String> {
    let valid = |path: &str| Repository::new("localhost", path).is_ok();
    if valid(name) {
        return Some(name.to_owned());
    }
    let made: String = name
        .chars()
        .map(|sign| match sign.to_ascii_lowercase() {
            sign @ ('a'..='z' | '0'..='9' | '.' | '_' | '-' | '/') => sign,
            _ => '_',
        })
        .collect();
    let made = made.split('/').map(|element| element.trim_matches(['.', '_', '-'])).collect::<Vec<_>>().join("/");
    valid(&made).then_some(made)
}

#[cfg(test)]
mod tests;
