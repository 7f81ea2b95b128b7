//! The images that were staged into a layout, so that entries lost from `index.json` are reported.
//!
//! `.sealift/staged` has a line with digest and name for each image that was staged to the end. Other tools do not
//! read it. A name that stands in `index.json` with another digest is fine: a run that was killed before it could note
//! that may have replaced the entry.

use std::collections::BTreeMap;

use sealift_core::{content::Digest, error::Result};

use crate::{
    changes::OwnChanges,
    dir::Dir,
    index::Index,
    marker::OURS,
    name::{SOURCE, entry_name},
};

const FILE: &str = "staged";

/// Longer than any list of the names that an index can have.
const MAX_BYTES: u64 = 64 << 20;

/// The images, by name.
pub(crate) type Staged = BTreeMap<String, Digest>;

/// Returns what is noted; nothing for a layout of others, or of an earlier version.
pub(crate) fn read(root: &Dir) -> Result<Staged> {
    let read = root.sub(OURS)?.map(|ours| ours.read(FILE, MAX_BYTES)).transpose()?.flatten();
    let text = read.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let image = |line: &str| {
        let (digest, name) = line.split_once(' ')?;
        Some((name.to_owned(), digest.parse().ok()?))
    };
    Ok(text.lines().filter_map(image).collect())
}

/// Notes what an index has now. What was noted before stays, unless this process removed it: it may have got lost.
pub(crate) fn note(root: &Dir, index: &Index, own: &OwnChanges, sync: bool) -> Result<()> {
    let before = read(root)?;
    let mut staged = before.clone();
    for entry in index.entries() {
        // Entries of others are theirs to remove.
        if let Some(name) = entry_name(entry)
            && !name.contains('\n')
            && (entry.annotations.contains_key(SOURCE) || own.has_set(name))
        {
            staged.insert(name.to_owned(), entry.digest.clone());
        }
    }
    staged.retain(|name, _| !own.has_removed(name));
    write(root, &before, &staged, sync)
}

/// Takes out what was removed on purpose.
pub(crate) fn forget<'a>(root: &Dir, names: impl Iterator<Item = &'a str>, sync: bool) -> Result<()> {
    let before = read(root)?;
    let mut staged = before.clone();
    names.for_each(|name| drop(staged.remove(name)));
    write(root, &before, &staged, sync)
}

fn write(root: &Dir, before: &Staged, staged: &Staged, sync: bool) -> Result<()> {
    if before == staged {
        return Ok(());
    }
    let text: String = staged.iter().map(|(name, digest)| format!("{digest} {name}\n")).collect();
    root.make_sub(OURS)?.replace(FILE, text.as_bytes(), sync)
}
