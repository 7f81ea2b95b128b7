//! From a path to the layout that is there.

use std::{fs::File, io::Read, path::Path, sync::Arc};

use sealift_core::error::{Error, ErrorKind, Result};

use crate::{
    archive::Archive,
    dir::Dir,
    storage::{LayoutDir, Storage},
};

/// Opens the directory or the file at a path; none if there is nothing.
pub(crate) fn open(path: &Path) -> Result<Option<Arc<dyn Storage>>> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(Some(Arc::new(Archive::open(path)?))),
        _ => Ok(Dir::root(path)?.map(|root| Arc::new(LayoutDir::new(root)) as Arc<dyn Storage>)),
    }
}

/// Returns true if a file is a tar file and not a receipt.
pub(crate) fn is_archive(path: &Path) -> bool {
    let mut start = [0; 1];
    path.is_file() && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start != *b"{"
}

/// The error of a path at which there is nothing.
pub(crate) fn nothing_at(path: &Path) -> Error {
    let what = if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("tar")) { "file" } else { "directory" };
    let error = Error::new(ErrorKind::NotFound, format!("there is no {what} `{}`", path.display()));
    let text = path.to_string_lossy();
    match ["oci-dir:", "oci-archive:", "docker-archive:"].into_iter().find_map(|kind| text.strip_prefix(kind)) {
        Some(rest) => error.with_hint(format!("give the path alone: `{rest}`")),
        None => error,
    }
}
