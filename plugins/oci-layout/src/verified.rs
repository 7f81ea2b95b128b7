//! The blobs that were compared with their digests in this process.
//!
//! A file of the right length may still have the wrong content: after a crash, on a bad stick, from a tool that trusts
//! `stat`. Hashing everything each time would be slow, so each blob is hashed once in a process. Blobs that this
//! process wrote were hashed during the transfer.

use std::{
    collections::HashSet,
    io::{self, Read},
    sync::{Mutex, PoisonError},
};

use sealift_core::content::Digest;

#[derive(Default)]
pub(crate) struct VerifiedBlobs(Mutex<HashSet<Digest>>);

impl VerifiedBlobs {
    pub(crate) fn contains(&self, digest: &Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    pub(crate) fn insert(&self, digest: &Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone());
    }

    pub(crate) fn remove(&self, digest: &Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(digest);
    }
}

/// Returns true if the rest of a file has this digest.
pub(crate) fn has_digest(mut file: impl Read, digest: &Digest) -> io::Result<bool> {
    let mut hasher = digest.algorithm().hasher();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish() == *digest),
            read => hasher.update(&buffer[..read]),
        }
    }
}
