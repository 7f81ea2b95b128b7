//! `index.json`: which images are in a layout.
//!
//! Others write there too, so it is not made anew: what stands before and after the list of entries is kept as text,
//! and so is every entry that nobody here changes.

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
use crate::{fault::broken, name::name_of};

/// The name of the file.
pub(crate) const FILE: &str = "index.json";

/// More than any layout needs, and little enough to be read whole: about 25,000 images.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// What an index without images is.
const EMPTY: &str =
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}\n";

/// A change of the entries. It can be made again on an index that somebody else wrote meanwhile.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Puts an entry in the place of the one of the same name, or at the end.
    Put(Box<Descriptor>),
    /// Removes what has this name.
    Remove(String),
    /// Removes what has this name, or none, and points to this manifest.
    RemoveEntry { name: Option<String>, digest: Digest },
}

impl Change {
    /// The name that it is about.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Put(entry) => name_of(entry),
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
    entries: Vec<Option<Arc<Entry>>>,
    after: String,
    /// The places of each name, also of entries that only have a name.
    by_name: HashMap<String, Vec<usize>>,
    /// How long [`Index::render`] is.
    length: usize,
}

#[derive(Debug)]
struct Entry {
    text: Box<str>,
    view: View,
}

/// What is understood of an entry.
#[derive(Debug)]
enum View {
    Whole(Box<Descriptor>),
    /// It is damaged, or has an unknown digest algorithm for example.
    Broken(Box<BrokenEntry>),
}

impl Entry {
    /// What its text and the comma and line break after it take.
    fn length(&self) -> usize {
        self.text.len() + SEPARATOR.len()
    }

    fn descriptor(&self) -> Option<&Descriptor> {
        match &self.view {
            View::Whole(descriptor) => Some(descriptor),
            View::Broken(_) => None,
        }
    }

    fn name(&self) -> Option<&str> {
        match &self.view {
            View::Whole(descriptor) => name_of(descriptor),
            View::Broken(broken) => broken.name.as_deref(),
        }
    }
}

/// What stands between two entries.
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

    /// Reads an index; `path` is for messages.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let bad = |what: &dyn std::fmt::Display| {
            broken(path, format_args!("is no image index: {what}"))
                .hint("it is left as it is: restore it from a copy, or use another directory")
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
        for raw in entries.map(|entries| entries.0).unwrap_or_default() {
            let view = match serde_json::from_str(raw.get()) {
                Ok(descriptor) => View::Whole(Box::new(descriptor)),
                Err(error) => View::Broken(Box::new(BrokenEntry::of(raw.get(), &error))),
            };
            index.push(Entry { text: raw.get().into(), view });
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
            View::Broken(broken) => Some(&**broken),
            View::Whole(_) => None,
        })
    }

    /// The entry of this name; the first one if there are several, as everybody reads it.
    pub(crate) fn find(&self, name: &str) -> Option<&Descriptor> {
        self.by_name.get(name)?.iter().find_map(|at| self.entries[*at].as_ref()?.descriptor())
    }

    /// Returns true if the index stays short enough to be read with this change.
    pub(crate) fn has_room_for(&self, change: &Change) -> bool {
        let Change::Put(entry) = change else { return true };
        let replaced = name_of(entry).and_then(|name| self.by_name.get(name)).into_iter().flatten();
        let replaced: usize = replaced.filter_map(|at| self.entries[*at].as_ref()).map(|entry| entry.length()).sum();
        let added = serde_json::to_string(entry).expect("a descriptor is JSON").len() + SEPARATOR.len();
        (self.length - replaced + added) as u64 <= MAX_BYTES
    }

    /// Makes a change; says whether it changed anything.
    pub(crate) fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Put(entry) => self.put(entry),
            Change::Remove(name) => self.remove(name),
            Change::RemoveEntry { name, digest } => self.remove_entry(name.as_deref(), digest),
        }
    }

    fn put(&mut self, entry: &Descriptor) -> bool {
        let Some(name) = name_of(entry) else { return false };
        let places = self.by_name.get(name).cloned().unwrap_or_default();
        if places.len() == 1 && self.find(name) == Some(entry) {
            return false;
        }
        let text = serde_json::to_string(entry).expect("a descriptor is JSON").into();
        let new = Entry { text, view: View::Whole(Box::new(entry.clone())) };
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
        let is_meant =
            |entry: &Entry| entry.descriptor().is_some_and(|view| view.digest == *digest && name_of(view) == name);
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

    fn push(&mut self, entry: Entry) {
        if let Some(name) = entry.name() {
            self.by_name.entry(name.to_owned()).or_default().push(self.entries.len());
        }
        self.length += entry.length();
        self.entries.push(Some(Arc::new(entry)));
    }
}

#[cfg(test)]
mod tests;
