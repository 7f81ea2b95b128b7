//! Checks that a directory can be written to, without writing to it.
//!
//! Staging begins with requests to registries. A stick that is mounted read-only must be reported before those.

use std::{collections::BTreeSet, io, path::Path, sync::Arc};

use rustix::{
    fs::{Access, AtFlags, CWD},
    io::Errno,
};
use sealift_core::{
    content::{Algorithm, Digest},
    error::{Error, ErrorKind, Result},
};

use crate::{
    dir::{Dir, no_directory},
    fault::{broken, fault},
    index::{self, Index},
    layout::Layout,
    marker::{MARKER, OURS, check_kind},
    name::{EntryName, SOURCE, entry_name},
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

/// Says whether a layout may be emptied of what a run does not ask for: only of what this program staged. Blocks.
///
/// # Errors
/// [`ErrorKind::Conflict`] if there are other images; those of [`check_writable`].
pub fn check_staged(path: &Path) -> Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match Dir::root(path)?.filter(|root| root.has(index::FILE)).map(LayoutDir::new) {
        Some(dir) => Layout::read(Arc::new(dir))?.check_staged(&BTreeSet::new()),
        None => Ok(()),
    }
}

impl Layout {
    /// Does what [`check_staged`] does for the images that do not have these names. Blocks.
    ///
    /// # Errors
    /// As [`check_staged`].
    pub fn check_staged(&self, but: &BTreeSet<String>) -> Result<()> {
        let strangers: Vec<String> = self.not_staged()?.into_iter().filter(|name| !but.contains(name)).collect();
        let [first, more @ ..] = &strangers[..] else { return Ok(()) };
        let what = match more.len() {
            0 => format!("an image that was not staged, `{first}`"),
            more => format!("{} images that were not staged, `{first}` and {more} more", more + 1),
        };
        let path = self.path().display();
        let message = format!("`{path}` has {what}, and `exact` would remove what the list does not name");
        let name = if strangers.len() == 1 { first } else { "IMAGE" };
        Err(Error::new(ErrorKind::Conflict, message)
            .with_hint(format!("choose another directory, or remove it first: `sealift rm {path} {name}`")))
    }

    /// Returns the names of the entries that no run wrote, by the record of what was staged. What is about something
    /// that is here is left out: it goes with that.
    fn not_staged(&self) -> Result<Vec<String>> {
        let record = StagingRecord::find(&*self.0.storage)?;
        let is_here = |digest: &Digest| self.0.open_blob(digest).map(|blob| blob.is_some());
        let mut found = Vec::new();
        for entry in self.entries() {
            let name = entry_name(&entry);
            // One that a run wrote and did not record, because it was cut off, has its source beside it.
            let is_ours = |record: &StagingRecord| {
                entry.annotations.contains_key(SOURCE) || name.is_some_and(|name| record.has(name))
            };
            if record.as_ref().is_some_and(is_ours) {
                continue;
            }
            let tag = EntryName::of(&entry).and_then(|name| name.version.tag()?.referenced_digest());
            let subject = || Some(self.manifest_blocking(&entry).ok()?.subject()?.digest.clone());
            match tag.or_else(subject) {
                Some(subject) if record.is_some() && is_here(&subject)? => {}
                _ => found.push(name.map_or_else(|| format!("@{}", entry.digest), str::to_owned)),
            }
        }
        Ok(found)
    }
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
