//! From what an entry is called to a reference with a registry.

use sealift_core::content::{Descriptor, ImageRef, Reference, ReferenceSuffix, Repository};

use crate::name::{EntryName, entry_name};

/// The parts of an image's reference that a layout states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Registry, path and version: `docker.io/library/nginx:1.27`.
    Full,
    /// Path and version: `team/app:1`.
    Path,
    /// Only the version: `v1`.
    Reference,
    /// Nothing, or something that is no reference: it goes by its digest.
    Nothing,
}

/// The registry of what has none; podman says so, too.
const LOCAL: &str = "localhost";

/// The name of an entry and the reference made of it.
pub(super) struct ResolvedName {
    pub(super) name: String,
    pub(super) source: ImageRef,
    pub(super) naming: Naming,
    /// The name as it is written, if it is one that cannot be used.
    pub(super) unusable: Option<String>,
}

/// Makes references of names.
pub(super) struct Namer {
    /// For names without a repository.
    own: Repository,
}

impl Namer {
    /// For a layout in a directory of this name.
    pub(super) fn new(directory: &str) -> Self {
        let own = Repository::new(LOCAL, &path_of(directory)).expect("it was made to be a path");
        Self { own }
    }

    pub(super) fn call(&self, entry: &Descriptor) -> ResolvedName {
        let text = entry_name(entry);
        let known = EntryName::of(entry).and_then(|name| self.reference(&name));
        match (text, known) {
            (Some(text), Some((mut source, naming))) => {
                if matches!(source.reference, Reference::Digest(_)) {
                    // A filter may have changed the image since it got its name.
                    source.reference = Reference::Digest(entry.digest.clone());
                }
                ResolvedName { name: text.to_owned(), source, naming, unusable: None }
            }
            (text, _) => {
                let unusable = text.map(|text| text.escape_debug().to_string());
                let source = self.own.with_digest(&entry.digest);
                ResolvedName { name: format!("@{}", entry.digest), source, naming: Naming::Nothing, unusable }
            }
        }
    }

    fn reference(&self, name: &EntryName) -> Option<(ImageRef, Naming)> {
        let version = name.version.clone();
        if name.repository.is_empty() {
            return Some((ImageRef { repository: self.own.clone(), reference: version }, Naming::Reference));
        }
        let (repository, naming) = match full(&name.repository) {
            Some(repository) => (repository, Naming::Full),
            None => (Repository::new(LOCAL, &name.repository).ok()?, Naming::Path),
        };
        Some((ImageRef { repository, reference: version }, naming))
    }
}

/// A repository, if the text begins with a registry.
fn full(text: &str) -> Option<Repository> {
    let (repository, ReferenceSuffix::None) = Repository::parse_prefix(text).ok()? else { return None };
    let hub = ["docker.io/", "index.docker.io/", "registry-1.docker.io/"].iter().any(|host| text.starts_with(host));
    (hub || repository.registry() != "docker.io").then_some(repository)
}

/// The name of a directory as a path element: lower case, single dashes for what is not allowed there.
fn path_of(directory: &str) -> String {
    let lower = directory.to_ascii_lowercase();
    let words = lower.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let path: String = words.collect::<Vec<_>>().join("-").chars().take(128).collect();
    let path = path.trim_matches('-');
    if path.is_empty() { "layout".to_owned() } else { path.to_owned() }
}

#[cfg(test)]
mod tests;
