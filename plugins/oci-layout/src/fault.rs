//! Errors of the file system as errors of the project, with the file and a hint.

use std::{io, path::Path};

use sealift_core::error::{Error, ErrorKind, io_message};

/// An error of a disk. `doing` is what could not be done, such as `open`.
pub(crate) fn fault(doing: &str, path: &Path, error: impl Into<io::Error>) -> Error {
    build(doing, path, error.into(), "")
}

/// Makes the error of a write of `need` bytes; names the free space if the disk is full.
pub(crate) fn fault_writing(path: &Path, error: impl Into<io::Error>, need: Option<u64>) -> Error {
    let error = error.into();
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let need = need.map(|need| format!("{need} bytes are needed"));
    let free = path.parent().filter(|_| full).and_then(free).map(|free| format!("{free} are free"));
    let known: Vec<_> = need.into_iter().chain(free).collect();
    let note = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
    build("write", path, error, &note)
}

fn build(doing: &str, path: &Path, error: io::Error, note: &str) -> Error {
    let message = format!("cannot {doing} `{}`: {}{note}", path.display(), io_message(&error));
    let fault = Error::new(ErrorKind::Storage, message);
    match hint(error.kind()) {
        Some(hint) => fault.with_hint(hint),
        None => fault,
    }
    .with_source(error)
}

/// A layout that is not as the specification wants it.
pub(crate) fn broken(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Storage, format!("`{}` {what}", path.display()))
}

/// Returns the free bytes of the disk of a path that may not be there yet; none if unknown.
pub fn free_space(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    // Some file systems in user space do not count at all.
    let stat = rustix::fs::statvfs(if there.as_os_str().is_empty() { Path::new(".") } else { there });
    stat.ok().filter(|stat| stat.f_blocks > 0).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn free(dir: &Path) -> Option<u64> {
    rustix::fs::statvfs(dir).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

fn hint(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::StorageFull => {
            "free some space (or inodes) there, or use another disk; what is whole stays and is not sent again"
        }
        io::ErrorKind::QuotaExceeded => "the quota of this user is used up there",
        io::ErrorKind::ReadOnlyFilesystem => "it is mounted read-only: mount it writable, or use another directory",
        io::ErrorKind::FileTooLarge => {
            "the file system or a limit does not allow files this large: FAT32 ends at 4 GiB, use exFAT or ext4"
        }
        io::ErrorKind::PermissionDenied => "check the owner and the rights of the directory",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
