//! The files of a layout.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::FileType;
use sealift_core::{
    content::{Algorithm, Digest},
    error::{Error, Result},
};

use crate::{
    dir::{Dir, is_part},
    storage::Storage,
};

/// The files of a layout.
#[derive(Default)]
pub(super) struct LayoutFiles {
    pub(super) blobs: Vec<BlobFile>,
    /// Hidden files of writers that got no name.
    pub(super) leftovers: Vec<(PathBuf, u64)>,
    /// Other files between the blobs.
    pub(super) strangers: Vec<(PathBuf, u64)>,
    /// Places that cannot be looked into.
    pub(super) closed: Vec<(PathBuf, Error)>,
}

/// A file that has a digest for a name.
pub(super) struct BlobFile {
    pub(super) digest: Digest,
    /// Its length; none if it is no regular file.
    pub(super) length: Option<u64>,
}

/// Returns the path of a blob inside a layout.
pub(super) fn place(digest: &Digest) -> PathBuf {
    Path::new("blobs").join(digest.algorithm().name()).join(digest.hex())
}

/// Finds all files. Directories of unknown digest algorithms are ignored.
pub(super) fn find(storage: &Arc<dyn Storage>) -> Result<LayoutFiles> {
    let mut files = LayoutFiles::default();
    match storage.directory() {
        Some(dir) => files.find_in(&dir.root)?,
        None => {
            let blobs = storage.blobs()?.into_iter();
            files.blobs.extend(blobs.map(|(digest, length)| BlobFile { digest, length }));
        }
    }
    // The longest first, so that no thread begins with one when the others are done.
    files.blobs.sort_by(|one, two| two.length.cmp(&one.length).then_with(|| one.digest.cmp(&two.digest)));
    Ok(files)
}

impl LayoutFiles {
    fn find_in(&mut self, root: &Dir) -> Result<()> {
        for (name, _, length) in root.list()? {
            if is_part(&name) {
                self.leftovers.push((PathBuf::from(name), length));
            }
        }
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let inside = Path::new("blobs").join(algorithm.name());
            match root.sub("blobs").and_then(|blobs| blobs.map_or(Ok(None), |blobs| blobs.sub(algorithm.name()))) {
                Ok(Some(dir)) => self.look_into(&dir, algorithm, &inside)?,
                Ok(None) => {}
                Err(error) => self.closed.push((inside, error)),
            }
        }
        Ok(())
    }

    fn look_into(&mut self, dir: &Dir, algorithm: Algorithm, inside: &Path) -> Result<()> {
        for (name, kind, length) in dir.list()? {
            match format!("{}:{name}", algorithm.name()).parse() {
                Ok(digest) => {
                    let length = (kind == FileType::RegularFile).then_some(length);
                    self.blobs.push(BlobFile { digest, length });
                }
                Err(_) if is_part(&name) => self.leftovers.push((inside.join(name), length)),
                Err(_) => self.strangers.push((inside.join(name), length)),
            }
        }
        Ok(())
    }
}
