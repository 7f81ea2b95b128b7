//! `index.json`, the list of images of a layout.
//!
//! Other programs write it, too. So the text before and after the list of entries is kept as it is, and so is every
//! entry that is not changed.

mod broken;
mod entries;

use std::{collections::HashMap, path::Path, sync::Arc};

use sealift_core::{
    content::{Descriptor, Digest},
    error::Result,
};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use self::broken::BrokenEntry;
use self::entries::Entries;
use crate::{dir::Stamp, fault::broken, name::entry_name, storage::Storage};

/// The name of the file.
pub(crate) const FILE: &str = "index.json";

/// More than any layout needs, and little enough to be read whole: about 25,000 images.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// The most keys of an entry. Real ones have about ten.
const MAX_KEYS: usize = 1000;

/// The most annotations of all entries together: six for each of the images for which there is room.
const MAX_ANNOTATIONS: usize = 150_000;

/// The content of an index without images.
const EMPTY: &str =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}\n";

/// A change of the entries. It can be repeated on an index that another program wrote.
#[derive(Clone, Debug)]
pub(crate) enum IndexChange {
    /// Puts an entry in the place of the one of the same name, or at the end.
    Put(Box<Descriptor>),
    /// Removes what has this name.
    Remove(String),
    /// Removes what has this name, or none, and points to this manifest.
    RemoveEntry { name: Option<String>, digest: Digest },
}

impl IndexChange {
    /// The name that it is about.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Put(entry) => entry_name(entry),
            Self::Remove(name) => Some(name),
            Self::RemoveEntry { name, .. } => name.as_deref(),
        }
    }

    /// Returns true if it takes an entry away.
    pub(crate) fn removes(&self) -> bool {
        !matches!(self, Self::Put(_))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Index {
    before: String,
    /// Shared with copies of the index, which are made to try a change.
    entries: Vec<Option<Arc<IndexEntry>>>,
    after: String,
    /// The places of each name, also of entries that only have a name.
    by_name: HashMap<String, Vec<usize>>,
    /// The length of the text that [`Index::render`] returns.
    length: usize,
}

#[derive(Debug)]
struct IndexEntry {
    text: Box<str>,
    view: ParsedEntry,
}

/// The parsed form of an entry.
#[derive(Debug)]
enum ParsedEntry {
    Whole(Box<Descriptor>),
    /// It is damaged, or has an unknown digest algorithm for example.
    Broken(Box<BrokenEntry>),
}

impl IndexEntry {
    /// Returns the length of the text, with the comma and line break after it.
    fn length(&self) -> usize {
        self.text.len() + SEPARATOR.len()
    }

    fn descriptor(&self) -> Option<&Descriptor> {
        match &self.view {
            ParsedEntry::Whole(descriptor) => Some(descriptor),
            ParsedEntry::Broken(_) => None,
        }
    }

    fn name(&self) -> Option<&str> {
        match &self.view {
            ParsedEntry::Whole(descriptor) => entry_name(descriptor),
            ParsedEntry::Broken(broken) => broken.name.as_deref(),
        }
    }
}

/// The text between two entries.
const SEPARATOR: &str = ",\n";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Top<'a> {
    schema_version: u64,
    #[serde(borrow)]
    manifests: &'a RawValue,
}

impl Index {
    pub(crate) fn empty() -> Self {
        Self::parse(EMPTY.as_bytes(), Path::new(FILE)).expect("it is an index")
    }

    /// Reads `index.json` in the root directory of a layout.
    ///
    /// # Errors
    /// If it is missing, longer than [`MAX_BYTES`] or no image index.
    pub(crate) fn read(root: &dyn Storage) -> Result<(Self, Stamp)> {
        let path = root.path().join(FILE);
        let Some((bytes, stamp)) = root.read(FILE, MAX_BYTES)? else {
            return Err(broken(&path, "is missing").with_hint(
                "if the first stage into it was interrupted, stage again; else restore it from a copy, or use another directory",
            ));
        };
        Ok((Self::parse(&bytes, &path)?, stamp))
    }

    /// Reads an index; `path` is for messages.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let bad = |what: &dyn std::fmt::Display| {
            broken(path, format_args!("is no image index: {what}"))
                .with_hint("it is left as it is: restore it from a copy, or use another directory")
        };
        let text = std::str::from_utf8(bytes).map_err(|error| bad(&error))?;
        let top: Top<'_> = serde_json::from_str(text).map_err(|error| bad(&error))?;
        if top.schema_version != 2 {
            return Err(bad(&format_args!("its `schemaVersion` is {}, expected 2", top.schema_version)));
        }
        let list = top.manifests.get();
        let entries: Option<Entries<'_>> = serde_json::from_str(list).map_err(|error| bad(&error))?;
        let start = list.as_ptr() as usize - text.as_ptr() as usize;
        let (before, after) = (text[..start].to_owned(), text[start + list.len()..].to_owned());
        let length = before.len() + after.len() + "[]".len();
        let mut index = Self { before, entries: Vec::new(), after, by_name: HashMap::new(), length };
        let mut annotations = 0;
        for raw in entries.map(|entries| entries.0).unwrap_or_default() {
            if raw.get().matches("\":").count() > MAX_KEYS || annotations > MAX_ANNOTATIONS {
                let why = "it, or those before it, have more annotations than any image has".to_owned();
                let broken = BrokenEntry::because(None, why, raw.get());
                index.push(IndexEntry { text: raw.get().into(), view: ParsedEntry::Broken(Box::new(broken)) });
                continue;
            }
            let view = match serde_json::from_str::<Descriptor>(raw.get()) {
                Ok(descriptor) => {
                    annotations += descriptor.annotations.len();
                    ParsedEntry::Whole(Box::new(descriptor))
                }
                Err(error) => ParsedEntry::Broken(Box::new(BrokenEntry::of(raw.get(), &error))),
            };
            index.push(IndexEntry { text: raw.get().into(), view });
        }
        Ok(index)
    }

    /// The text of it. Entries that were not changed are as they were, byte by byte.
    pub(crate) fn render(&self) -> String {
        let entries = self.entries.iter().flatten();
        let mut text = String::with_capacity(self.before.len() + self.after.len() + self.entries.len() * 600);
        text.push_str(&self.before);
        text.push('[');
        for (at, entry) in entries.enumerate() {
            text.push_str(if at == 0 { "\n" } else { SEPARATOR });
            text.push_str(&entry.text);
        }
        text.push(']');
        text.push_str(&self.after);
        text
    }

    /// The entries that can be understood, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Descriptor> {
        self.entries.iter().flatten().filter_map(|entry| entry.descriptor())
    }

    /// The entries that cannot be understood.
    pub(crate) fn broken(&self) -> impl Iterator<Item = &BrokenEntry> {
        self.entries.iter().flatten().filter_map(|entry| match &entry.view {
            ParsedEntry::Broken(broken) => Some(&**broken),
            ParsedEntry::Whole(_) => None,
        })
    }

    /// Returns the entry of this name; the first one if there are several, as other tools do.
    pub(crate) fn find(&self, name: &str) -> Option<&Descriptor> {
        self.by_name.get(name)?.iter().find_map(|at| self.entries[*at].as_ref()?.descriptor())
    }

    /// Returns true if the index stays short enough to be read with this change.
    pub(crate) fn has_room_for(&self, change: &IndexChange) -> bool {
        let IndexChange::Put(entry) = change else { return true };
        let replaced = entry_name(entry).and_then(|name| self.by_name.get(name)).into_iter().flatten();
        let replaced: usize = replaced.filter_map(|at| self.entries[*at].as_ref()).map(|entry| entry.length()).sum();
        let added = serde_json::to_string(entry).expect("a descriptor is JSON").len() + SEPARATOR.len();
        (self.length - replaced + added) as u64 <= MAX_BYTES
    }

    /// Makes a change; says whether it changed anything.
    pub(crate) fn apply(&mut self, change: &IndexChange) -> bool {
        match change {
            IndexChange::Put(entry) => self.put(entry),
            IndexChange::Remove(name) => self.remove(name),
            IndexChange::RemoveEntry { name, digest } => self.remove_entry(name.as_deref(), digest),
        }
    }

    fn put(&mut self, entry: &Descriptor) -> bool {
        let Some(name) = entry_name(entry) else { return false };
        let places = self.by_name.get(name).cloned().unwrap_or_default();
        if places.len() == 1 && self.find(name) == Some(entry) {
            return false;
        }
        let text = serde_json::to_string(entry).expect("a descriptor is JSON").into();
        let new = IndexEntry { text, view: ParsedEntry::Whole(Box::new(entry.clone())) };
        match places.first() {
            Some(first) => {
                places.iter().for_each(|at| self.take(*at));
                self.length += new.length();
                self.entries[*first] = Some(Arc::new(new));
                self.by_name.insert(name.to_owned(), vec![*first]);
            }
            None => self.push(new),
        }
        true
    }

    fn remove(&mut self, name: &str) -> bool {
        let places = self.by_name.remove(name).unwrap_or_default();
        places.iter().for_each(|at| self.take(*at));
        !places.is_empty()
    }

    fn remove_entry(&mut self, name: Option<&str>, digest: &Digest) -> bool {
        let is_meant = |entry: &IndexEntry| {
            entry.descriptor().is_some_and(|view| view.digest == *digest && entry_name(view) == name)
        };
        let all = (0..self.entries.len()).collect();
        let places = name.map_or(Some(&all), |name| self.by_name.get(name)).cloned().unwrap_or_default();
        let (gone, kept): (Vec<_>, Vec<_>) =
            places.into_iter().partition(|at| self.entries[*at].as_deref().is_some_and(is_meant));
        gone.iter().for_each(|at| self.take(*at));
        match name {
            Some(name) if kept.is_empty() => drop(self.by_name.remove(name)),
            Some(name) => drop(self.by_name.insert(name.to_owned(), kept)),
            None => {}
        }
        !gone.is_empty()
    }

    fn take(&mut self, at: usize) {
        self.length -= self.entries[at].take().map_or(0, |entry| entry.length());
    }

    fn push(&mut self, entry: IndexEntry) {
        if let Some(name) = entry.name() {
            self.by_name.entry(name.to_owned()).or_default().push(self.entries.len());
        }
        self.length += entry.length();
        self.entries.push(Some(Arc::new(entry)));
    }
}

#[cfg(test)]
mod tests;
