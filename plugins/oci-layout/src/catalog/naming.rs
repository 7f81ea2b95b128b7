//! From what an entry is called to a reference with a registry.

use sealift_core::content::{Descriptor, ImageRef, Repository, Suffix, Version};

use crate::name::{EntryName, entry_name};

/// The parts of an image's reference that a layout states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Registry, path and version: `docker.io/library/nginx:1.27`.
    Full,
    /// Path and version: `team/app:1`.
    Path,
    /// Only the version: `v1`.
    Version,
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
                if matches!(source.version, Version::Digest(_)) {
                    // A filter may have changed the image since it got its name.
                    source.version = Version::Digest(entry.digest.clone());
                }
                ResolvedName { name: text.to_owned(), source, naming, unusable: None }
            }
            (text, _) => {
                let unusable = text.map(|text| text.escape_debug().to_string());
                let source = self.own.at(&entry.digest);
                ResolvedName { name: format!("@{}", entry.digest), source, naming: Naming::Nothing, unusable }
            }
        }
    }

    fn reference(&self, name: &EntryName) -> Option<(ImageRef, Naming)> {
        let version = name.version.clone();
        if name.repository.is_empty() {
            return Some((ImageRef { repository: self.own.clone(), version }, Naming::Version));
        }
        let (repository, naming) = match full(&name.repository) {
            Some(repository) => (repository, Naming::Full),
            None => (Repository::new(LOCAL, &name.repository).ok()?, Naming::Path),
        };
        Some((ImageRef { repository, version }, naming))
    }
}

/// A repository, if the text begins with a registry.
fn full(text: &str) -> Option<Repository> {
    let (repository, Suffix::None) = Repository::split(text).ok()? else { return None };
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
mod tests {
    use sealift_core::content::{Digest, well_known};

    use super::*;
    use crate::name::{CONTAINERD_NAME, REF_NAME};

    fn called(ref_name: &str) -> (String, Naming) {
        let mut entry = Descriptor::to(well_known::OCI_MANIFEST, b"{}");
        entry.annotations.insert(REF_NAME.to_owned(), ref_name.to_owned());
        let called = Namer::new("My Bundle_2").call(&entry);
        (called.source.to_string(), called.naming)
    }

    #[test]
    fn every_way_to_name_an_image_gives_a_reference() {
        let digest = Digest::of(b"{}");
        for (name, source, naming) in [
            ("docker.io/library/nginx:1.27", "docker.io/library/nginx:1.27", Naming::Full),
            ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1", Naming::Full),
            ("q.io/a", "q.io/a:latest", Naming::Full),
            ("nginx:1.27", "localhost/nginx:1.27", Naming::Path),
            ("library/nginx:1.27", "localhost/library/nginx:1.27", Naming::Path),
            ("v1", "localhost/my-bundle-2:v1", Naming::Version),
            ("latest", "localhost/my-bundle-2:latest", Naming::Version),
            ("a/B:v1", &format!("localhost/my-bundle-2@{digest}"), Naming::Nothing),
            ("a b", &format!("localhost/my-bundle-2@{digest}"), Naming::Nothing),
            ("", &format!("localhost/my-bundle-2@{digest}"), Naming::Nothing),
        ] {
            assert_eq!(called(name), (source.to_owned(), naming), "{name:?}");
        }
    }

    #[test]
    fn what_containerd_calls_an_image_goes_before_its_tag() {
        let mut entry = Descriptor::to(well_known::OCI_MANIFEST, b"{}");
        entry.annotations.insert(REF_NAME.to_owned(), "1.27".to_owned());
        entry.annotations.insert(CONTAINERD_NAME.to_owned(), "docker.io/library/nginx:1.27".to_owned());
        assert_eq!(Namer::new("x").call(&entry).source.to_string(), "docker.io/library/nginx:1.27");
    }

    #[test]
    fn a_name_by_digest_says_what_stands_there_now() {
        let entry = |name: String| {
            let mut entry = Descriptor::to(well_known::OCI_MANIFEST, b"filtered");
            entry.annotations.insert(CONTAINERD_NAME.to_owned(), name);
            entry
        };
        let called = Namer::new("x").call(&entry(format!("q.io/a@{}", Digest::of(b"original"))));
        assert_eq!(called.source.to_string(), format!("q.io/a@{}", Digest::of(b"filtered")));
    }

    #[test]
    fn any_directory_has_a_name() {
        for (directory, path) in [("", "layout"), ("..", "layout"), ("Büro", "b-ro"), ("a__b--C", "a-b-c")] {
            assert_eq!(path_of(directory), path, "{directory:?}");
        }
        Namer::new(&"-x".repeat(500));
    }
}
