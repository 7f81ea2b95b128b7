//! The directory of a run, locked as long as the run lives, so that the next one can remove what a killed run left.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
};

use tempfile::TempDir;

/// The beginning of the name of such a directory.
const PREFIX: &str = ".incoming-";

/// The file in it that is locked. A directory without it is not one of these.
const LOCK: &str = "sealift-archive.lock";

/// A directory for this run alone. It is removed with its content when dropped.
pub(crate) struct RunDirectory {
    directory: TempDir,
    /// The system gives the lock back when the process ends, however it ends.
    _lock: File,
}

impl RunDirectory {
    /// Makes a directory inside of `path`, and removes those of runs that were killed.
    pub(crate) fn below(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        remove_leftovers(path)?;
        loop {
            let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(path)?;
            let file = directory.path().join(LOCK);
            let lock = File::create(&file)?;
            match lock.try_lock() {
                Ok(()) if file.exists() => return Ok(Self { directory, _lock: lock }),
                // Another run took it for a leftover before it was locked.
                Ok(()) | Err(TryLockError::WouldBlock) => continue,
                // Where files cannot be locked, leftovers stay.
                Err(TryLockError::Error(_)) => return Ok(Self { directory, _lock: lock }),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes the directories whose lock is free: their runs are over.
fn remove_leftovers(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)?.filter_map(io::Result::ok) {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.file_type().is_ok_and(|file_type| file_type.is_dir());
        let lock = is_ours.then(|| OpenOptions::new().write(true).open(entry.path().join(LOCK)));
        // The lock is held until all of it is gone, so that a run that is about to lock it notices.
        if let Some(Ok(lock)) = lock
            && lock.try_lock().is_ok()
        {
            // One that cannot be removed does no harm but for its space.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
