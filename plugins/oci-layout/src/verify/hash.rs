//! Reads every file, with all cores.

use std::{
    collections::HashMap,
    io::Read,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use sealift_core::content::Digest;

use super::{
    DamageKind, Progress,
    files::{BlobFile, LayoutFiles},
};
use crate::{fault::fault, storage::Storage};

/// Bytes that are read at once.
const CHUNK: usize = 512 << 10;

/// The damaged files and their damages.
pub(super) type Wrong = HashMap<Digest, (DamageKind, String)>;

/// Hashes all blobs.
pub(super) fn all(storage: &dyn Storage, files: &LayoutFiles, progress: &Progress) -> Wrong {
    let total = files.blobs.iter().filter_map(|blob| blob.length).sum();
    progress.total.store(total, Ordering::Relaxed);
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Wrong::new());
    let threads = thread::available_parallelism().map_or(1, usize::from).min(files.blobs.len());
    let hash = || {
        let mut buffer = vec![0; CHUNK];
        while let Some(blob) = files.blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(what) = check(storage, blob, &mut buffer, progress) {
                let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                wrong.insert(blob.digest.clone(), what);
            }
            progress.files.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        // This thread is one of them, so that the work is done where no other can be started.
        for _ in 1..threads {
            let _ = thread::Builder::new().spawn_scoped(scope, hash);
        }
        hash();
    });
    wrong.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn check(
    storage: &dyn Storage,
    blob: &BlobFile,
    buffer: &mut [u8],
    progress: &Progress,
) -> Result<(), (DamageKind, String)> {
    let unreadable = |error: sealift_core::error::Error| (DamageKind::Unreadable, error.message().to_owned());
    let Some((file, length)) = storage.open_blob(&blob.digest).map_err(unreadable)? else {
        return Err((DamageKind::Missing, "it disappeared while it was looked at".to_owned()));
    };
    let mut hasher = blob.digest.algorithm().hasher();
    let (mut file, mut length) = (file.take(length), 0);
    loop {
        let read =
            file.read(buffer).map_err(|error| unreadable(fault("read", &storage.blob_path(&blob.digest), error)))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        length += read as u64;
        progress.bytes.fetch_add(read as u64, Ordering::Relaxed);
    }
    let found = hasher.finish();
    if found == blob.digest {
        return Ok(());
    }
    Err((DamageKind::Corrupt, format!("its {length} bytes have the digest `{found}`")))
}
