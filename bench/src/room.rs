//! Storage of registries and directories: in memory if there is enough, else in the directory for temporary files.
//!
//! A registry syncs every file that it writes; on a disk one would measure the disk.

use std::{
    ffi::CString,
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use sealift_testkit::registry::{Registry, Setup};
use tempfile::TempDir;

const RAM: &str = "/dev/shm";

/// A kind of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Memory,
    Disk,
}

impl Room {
    /// A place with this many bytes to spare.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn with(bytes: u64) -> Result<Self> {
        // Half of the memory that is left: the contenders need some as well.
        let memory = free(Path::new(RAM)).map_or(0, |free| free.min(available_memory() / 2));
        if memory >= bytes {
            return Ok(Self::Memory);
        }
        let disk = std::env::temp_dir();
        let left = free(&disk).with_context(|| format!("cannot tell what is free in `{}`", disk.display()))?;
        ensure!(
            left >= bytes,
            "{} MiB are needed for the registries; `{RAM}` has {} MiB to spare and `{}` has {} MiB\n\
             hint: set TMPDIR to a place with more room, or leave out the scenario `big`",
            bytes >> 20,
            memory >> 20,
            disk.display(),
            left >> 20,
        );
        Ok(Self::Disk)
    }

    /// Starts an empty registry there.
    ///
    /// # Errors
    /// If there is no `docker-registry`.
    pub(crate) fn registry(self) -> Result<Registry> {
        self.registry_with(|setup| setup)
    }

    /// Starts a registry there, changed by `change`.
    ///
    /// # Errors
    /// If there is no `docker-registry`.
    pub(crate) fn registry_with(self, change: impl FnOnce(Setup) -> Setup) -> Result<Registry> {
        let setup = change(Registry::with().lean());
        let setup = if self == Self::Memory { setup.in_ram() } else { setup };
        setup.start().context("`docker-registry` is needed and not installed")
    }

    /// An empty directory there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn directory(self) -> Result<TempDir> {
        let base = if self == Self::Memory { PathBuf::from(RAM) } else { std::env::temp_dir() };
        tempfile::tempdir_in(&base).with_context(|| format!("cannot make a directory in `{}`", base.display()))
    }
}

/// Bytes that an ordinary user may still write.
fn free(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut answer = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the name ends with a zero and the answer is a value of ours; both live long enough.
    let done = unsafe { libc::statvfs(path.as_ptr(), answer.as_mut_ptr()) };
    // SAFETY: all zeros is a valid value, and the call above filled it in if it went well.
    (done == 0).then(|| unsafe { answer.assume_init() }).map(|answer| answer.f_bavail * answer.f_frsize)
}

fn available_memory() -> u64 {
    available_in(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default()).unwrap_or(0)
}

fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_read() {
        let text = "MemTotal:       24596184 kB\nMemFree:  1 kB\nMemAvailable:   22000000 kB\n";
        assert_eq!(available_in(text), Some(22_000_000 << 10));
        assert_eq!(available_in("MemTotal: 5 kB\n"), None);
    }

    #[test]
    fn too_little_room_is_said_with_figures() {
        let error = Room::with(1 << 62).unwrap_err().to_string();
        assert!(error.contains("MiB are needed") && error.contains("hint:"), "{error}");
    }
}
