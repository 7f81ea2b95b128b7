//! Checks that a directory can be written to, without writing to it.
//!
//! Staging begins with requests to registries. A stick that is mounted read-only must be reported before those.

use std::{io, path::Path};

use rustix::{
    fs::{Access, AtFlags, CWD},
    io::Errno,
};
use sealift_core::{
    content::Algorithm,
    error::{Error, ErrorKind, Result},
};

use crate::{
    dir::{Dir, no_directory},
    fault::{broken, fault},
    index::{self, Index},
    marker::{MARKER, OURS, check_kind},
    staged::StagingRecord,
    storage::LayoutDir,
};

/// Says what would keep a writer from writing a layout at `path`, as far as that can be seen from outside. Nothing is
/// made or changed, and no lock is taken. Blocks.
///
/// # Errors
/// [`ErrorKind::Storage`](sealift_core::error::ErrorKind::Storage) if something else is there, a part of the layout is
/// a symbolic link, `index.json` cannot be read, or the user or the file system does not allow to write.
pub fn check_writable(path: &Path) -> Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_dir() => Err(no_directory(path)),
        Ok(_) => inside(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => above(path),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(in_the_way(path)),
        Err(error) => Err(fault("open", path, error)),
    }
}

/// Says whether a layout may be emptied of what a run does not ask for: only one that this program staged. Blocks.
///
/// # Errors
/// [`ErrorKind::Conflict`] if there are images and no record of them; those of [`check_writable`].
pub fn check_staged(path: &Path) -> Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let Some(dir) = Dir::root(path)?.filter(|root| root.has(index::FILE)).map(LayoutDir::new) else { return Ok(()) };
    let images = Index::read(&dir)?.0.entries().count();
    if images == 0 || StagingRecord::find(&dir)?.is_some() {
        return Ok(());
    }
    let what = if images == 1 { "an image that was".to_owned() } else { format!("{images} images that were") };
    let message =
        format!("`{}` has {what} not staged, and `exact` would remove what the list does not name", path.display());
    Err(Error::new(ErrorKind::Conflict, message)
        .with_hint("choose another directory, or remove its images first: `sealift rm`"))
}

/// Checks an existing directory: it must be a layout, or contain nothing of one.
fn inside(path: &Path) -> Result<()> {
    let root = Dir::root(path)?.ok_or_else(|| broken(path, "is not a directory"))?;
    let dir = LayoutDir::new(root);
    check_kind(&dir)?;
    let root = &dir.root;
    if root.has(MARKER) && root.has(index::FILE) {
        Index::read(&dir)?;
    }
    writable(path)?;
    if root.sub(OURS)?.is_some() {
        writable(&root.file_path(OURS))?;
    }
    if let Some(blobs) = root.sub("blobs")? {
        writable(blobs.path())?;
        let name = Algorithm::Sha256.name();
        if blobs.sub(name)?.is_some() {
            writable(&blobs.file_path(name))?;
        }
    }
    Ok(())
}

/// There is nothing yet: the nearest directory that is there must take it.
fn above(path: &Path) -> Result<()> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(broken(path, "is a symbolic link to nothing"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match std::fs::metadata(parent) {
        Ok(meta) if meta.is_dir() => writable(parent),
        Ok(_) => Err(broken(parent, "is not a directory")),
        Err(error) if error.kind() == io::ErrorKind::NotFound && parent != path => above(parent),
        Err(error) => Err(fault("open", parent, error)),
    }
}

fn in_the_way(path: &Path) -> Error {
    let is_file = |path: &&Path| std::fs::metadata(path).is_ok_and(|meta| !meta.is_dir());
    broken(path.ancestors().find(is_file).unwrap_or(path), "is not a directory")
}

fn writable(path: &Path) -> Result<()> {
    match rustix::fs::accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        Err(error @ (Errno::ACCESS | Errno::ROFS | Errno::PERM)) => Err(fault("write to", path, error)),
        _ => Ok(()), // what cannot be told here is told by the first write
    }
}

#[cfg(test)]
mod tests;
