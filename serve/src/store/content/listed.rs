//! Entries of `index.json` and their spelling.
//!
//! Several texts mean one tag: `localhost:5000/a:v1` and `localhost_5000/a:v1` are served under one path, skopeo writes
//! `v1` alone, crane nothing at all. An entry that is changed keeps its text, and one that is removed is removed under
//! the text that it has.

use sealift_core::content::{Descriptor, Digest, Reference};
use sealift_oci_layout::{EntryChange, EntryName, NamedEntry, REF_NAME, RefStyle, entry_name};

/// An entry of the index.
#[derive(Clone, Debug)]
pub(super) struct ListedEntry {
    pub(super) digest: Digest,
    spelling: Spelling,
}

#[derive(Clone, Debug)]
enum Spelling {
    /// Without a name.
    Unnamed,
    /// With this full name.
    Named { full: String, kind: SpellingKind },
}

#[derive(Clone, Debug)]
enum SpellingKind {
    /// A repository and a version.
    Full { repository: String, style: RefStyle },
    /// A tag alone.
    Tag,
    /// No image reference.
    Other,
}

impl ListedEntry {
    /// An entry as it was found.
    pub(super) fn of(item: &Descriptor) -> Self {
        let spelling = match entry_name(item) {
            Some(full) => Spelling::Named { full: full.to_owned(), kind: kind_of(full, item) },
            None => Spelling::Unnamed,
        };
        Self { digest: item.digest.clone(), spelling }
    }

    /// The entry that takes the place of this one when the version moves.
    pub(super) fn moved(&self, item: Descriptor, version: &Reference) -> Option<NamedEntry> {
        let Spelling::Named { kind, .. } = &self.spelling else { return None };
        match (kind, version) {
            (SpellingKind::Full { repository, style }, _) => Some(NamedEntry::new(item, repository, version, *style)),
            (SpellingKind::Tag, Reference::Tag(tag)) => Some(NamedEntry::tagged(item, tag)),
            _ => None,
        }
    }

    /// The change that removes this entry.
    pub(super) fn removal(&self) -> EntryChange {
        let name = match &self.spelling {
            Spelling::Unnamed => None,
            Spelling::Named { full, .. } => Some(full.clone()),
        };
        EntryChange::Remove { name, digest: self.digest.clone() }
    }

    /// Returns true if it has this full name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        matches!(&self.spelling, Spelling::Named { full, .. } if full == name)
    }
}

fn kind_of(full: &str, item: &Descriptor) -> SpellingKind {
    match EntryName::parse(full) {
        None => SpellingKind::Other,
        Some(EntryName { repository, .. }) if repository.is_empty() => SpellingKind::Tag,
        Some(EntryName { repository, version }) => {
            let ref_name = item.annotations.get(REF_NAME);
            let is_tag = version.tag().is_some_and(|tag| ref_name.is_some_and(|name| *name == tag.to_string()));
            SpellingKind::Full { repository, style: if is_tag { RefStyle::Tag } else { RefStyle::Full } }
        }
    }
}
