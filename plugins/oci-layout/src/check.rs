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
    error::{Error, Result},
};

use crate::{
    dir::Dir,
    fault::{broken, fault},
    index::{self, Index},
    marker::{MARKER, OURS, check_kind},
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
        Ok(meta) if !meta.is_dir() => Err(broken(path, "is not a directory")),
        Ok(_) => inside(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => above(path),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(in_the_way(path)),
        Err(error) => Err(fault("open", path, error)),
    }
}

/// Checks an existing directory: it must be a layout, or contain nothing of one.
fn inside(path: &Path) -> Result<()> {
    let root = Dir::root(path)?.ok_or_else(|| broken(path, "is not a directory"))?;
    check_kind(&root)?;
    if root.has(MARKER) && root.has(index::FILE) {
        Index::read(&root)?;
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
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::{Writer, WriterOptions};

    fn refused(path: &Path) -> String {
        check_writable(path).unwrap_err().message().replace(path.to_str().unwrap(), "PATH")
    }

    #[tokio::test]
    async fn a_layout_and_what_may_become_one_are_fine_and_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        check_writable(dir.path()).unwrap();
        check_writable(&dir.path().join("a/b")).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let writer = Writer::create(dir.path(), WriterOptions::default()).await.unwrap();
        check_writable(dir.path()).unwrap();
        drop(writer);
        symlink(dir.path(), dir.path().join("link")).unwrap();
        check_writable(&dir.path().join("link")).unwrap();
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(refused(&file), "`PATH` is not a directory");
        let below = check_writable(&file.join("a/b")).unwrap_err();
        assert_eq!(below.message(), format!("`{}` is not a directory", file.display()));
        let link = dir.path().join("link");
        symlink("nowhere", &link).unwrap();
        assert_eq!(refused(&link), "`PATH` is a symbolic link to nothing");
    }

    #[tokio::test]
    async fn links_inside_and_a_broken_index_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(Writer::create(dir.path(), WriterOptions::default()).await.unwrap());
        std::fs::write(dir.path().join("index.json"), "{").unwrap();
        assert!(refused(dir.path()).contains("is no image index"));
        let other = tempfile::tempdir().unwrap();
        symlink(dir.path(), other.path().join(OURS)).unwrap();
        assert!(refused(other.path()).contains("is a symbolic link"));
        std::fs::create_dir(dir.path().join("more")).unwrap();
        symlink("/", dir.path().join("more/blobs")).unwrap();
        assert!(refused(&dir.path().join("more")).contains("no file `oci-layout`"));
    }
}
