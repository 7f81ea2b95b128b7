//! Blobs that were found damaged, so that a later writer does not believe their length.
//!
//! A rerun compares lengths and hashes manifests only, because hashing every blob of a large directory takes as long as
//! reading the disk. [`verify`](crate::verify) does read it, and notes in `.sealift/doubts` what is not right; those
//! files are hashed before they count as present.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use sealift_core::{content::Digest, error::Result};

use crate::{
    marker::{MARKER, OURS},
    storage::{LayoutDir, Storage},
    verified::VerifiedBlobs,
};

/// The name of the file: a digest in each line.
const FILE: &str = "doubts";

/// As much of the file as is read: half a million digests.
const MAX_BYTES: u64 = 64 << 20;

/// The digests in the file of a layout, read when they are first needed.
#[derive(Default)]
pub(crate) struct SuspectBlobs(Mutex<Option<Arc<BTreeSet<Digest>>>>);

impl SuspectBlobs {
    /// Returns the digests that are in doubt.
    pub(crate) fn of(&self, root: &dyn Storage) -> Result<Arc<BTreeSet<Digest>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        Ok(Arc::clone(known.insert(Arc::new(read(root)?))))
    }

    /// Takes those out of the file that were hashed, or written, and are right.
    pub(crate) fn settle(&self, root: &LayoutDir, verified: &VerifiedBlobs, sync: bool) -> Result<()> {
        let left: BTreeSet<Digest> = read(root)?.into_iter().filter(|digest| !verified.contains(digest)).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        write(root, &left, sync)
    }
}

fn read(root: &dyn Storage) -> Result<BTreeSet<Digest>> {
    let read = root.read(&format!("{OURS}/{FILE}"), MAX_BYTES)?;
    let text = read.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Notes which blobs are in doubt. A file that says so already stays as it is, and one that would be empty is removed.
pub(crate) fn write(layout: &LayoutDir, suspects: &BTreeSet<Digest>, sync: bool) -> Result<()> {
    let root = &layout.root;
    if *suspects == read(layout)? {
        return Ok(());
    }
    if suspects.is_empty() {
        if let Some(ours) = root.sub(OURS)? {
            ours.remove(FILE);
        }
        return Ok(());
    }
    if !root.has(MARKER) {
        return Ok(()); // nobody writes into what is no layout
    }
    let text: String = suspects.iter().map(|digest| format!("{digest}\n")).collect();
    root.make_sub(OURS)?.replace(FILE, text.as_bytes(), sync)
}
