//! Properties that hold for any bytes in the files of a layout.
//!
//! Fuzz targets (`fuzz/`) search for counterexamples without end, property tests for a moment in each run.

use std::path::Path;

use sealift_core::content::{Descriptor, Reference, well_known};

use crate::{
    EntryName, Receipt, RefStyle,
    index::{Index, IndexChange},
    name::{NamedEntry, entry_name},
};

/// An index is written as it was read, and a change of it changes nothing else.
pub fn index(bytes: &[u8]) {
    let path = Path::new("/d/index.json");
    let Ok(mut index) = Index::parse(bytes, path) else { return };
    let read = |index: &Index| Index::parse(index.render().as_bytes(), path).expect("what is written can be read");
    assert_same(&index, &read(&index));
    for entry in index.entries() {
        let _ = EntryName::of(entry);
    }
    let broken: Vec<_> = index.broken().cloned().collect();
    let version = Reference::Tag("v1".parse().expect("it is a tag"));
    let manifest = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"{}");
    let NamedEntry(entry) = NamedEntry::new(manifest, "q.io/a", &version, RefStyle::Full);
    let name = entry_name(&entry).expect("it is named").to_owned();
    let others = index.entries().filter(|entry| entry_name(entry) != Some(&name)).count();
    let put = IndexChange::Put(Box::new(entry.clone()));
    index.apply(&put);
    assert!(!index.apply(&put), "the second time it is there");
    let again = read(&index);
    assert_same(&index, &again);
    assert_eq!(again.find(&name), Some(&entry));
    assert_eq!(again.entries().count(), others + 1);
    assert!(
        again.broken().eq(broken.iter().filter(|entry| entry.name.as_deref() != Some(name.as_str()))),
        "what others wrote stays"
    );
    assert!(index.apply(&IndexChange::Remove(name)));
    assert_eq!(read(&index).entries().count(), others);
}

fn assert_same(one: &Index, other: &Index) {
    assert!(one.entries().eq(other.entries()) && one.broken().eq(other.broken()));
}

/// A receipt is written as it was read.
pub fn receipt(bytes: &[u8]) {
    let path = Path::new("receipt.json");
    let Ok(receipt) = Receipt::parse(bytes, path) else { return };
    let again = Receipt::parse(receipt.render().as_bytes(), path).expect("what is written can be read");
    assert_eq!(again.render(), receipt.render());
}

/// A name in a layout is read so that it can be written again, or is none.
pub fn name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(name) = EntryName::parse(text) else { return };
    if let Reference::Tag(tag) = &name.version {
        let written = if name.repository.is_empty() { tag.to_string() } else { format!("{}:{tag}", name.repository) };
        assert_eq!(EntryName::parse(&written).as_ref(), Some(&name), "{text:?}");
    }
    assert!(text.starts_with(&name.repository), "{text:?}");
}

#[cfg(test)]
mod tests;
