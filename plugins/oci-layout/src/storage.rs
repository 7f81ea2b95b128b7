//! The places that a layout can be in: a directory, or a file that holds one.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rustix::fs::FileType;
use sealift_core::{
    content::{Algorithm, Digest},
    error::Result,
};

use crate::dir::{Dir, Stamp};

/// The files of a layout, for reading. Names inside have `/` between their parts: `.sealift/staged`.
pub(crate) trait Storage: Send + Sync {
    /// The directory or file that the user named.
    fn path(&self) -> &Path;

    /// Returns true if anything has this name.
    fn has(&self, name: &str) -> bool;

    /// Reads a small file; none if there is nothing. A longer one than `cap` is refused.
    fn read(&self, name: &str, cap: u64) -> Result<Option<(Vec<u8>, Stamp)>>;

    /// The names of the files below a directory.
    fn list(&self, dir: &str) -> Result<Vec<String>>;

    /// The stamp of a file, by which a change is noticed.
    fn stamp(&self, name: &str) -> Option<Stamp>;

    /// Opens a blob at its first byte and says how long it is; none if there is none. More bytes may follow in the
    /// file, which are not of the blob.
    fn open_blob(&self, digest: &Digest) -> Result<Option<(File, u64)>>;

    /// The blobs with their lengths; no length if one is no regular file.
    fn blobs(&self) -> Result<Vec<(Digest, Option<u64>)>>;

    /// Reads a blob that is small; none if there is none.
    fn read_blob(&self, digest: &Digest, cap: u64) -> Result<Option<Vec<u8>>>;

    /// Returns the path of the blob with this digest, for messages.
    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path().join(blob_name(digest))
    }

    /// Returns the directory, if that is what it is.
    fn directory(&self) -> Option<&LayoutDir> {
        None
    }
}

/// Returns the path of a blob inside a layout.
pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// A directory with its directories of blobs, each opened once.
pub(crate) struct LayoutDir {
    pub(crate) root: Dir,
    sha256: OnceLock<Dir>,
    sha512: OnceLock<Dir>,
}

impl LayoutDir {
    pub(crate) fn new(root: Dir) -> Self {
        Self { root, sha256: OnceLock::new(), sha512: OnceLock::new() }
    }

    /// The directory of the blobs that are named by this algorithm, if there is one.
    pub(crate) fn blob_dir(&self, algorithm: Algorithm) -> Result<Option<&Dir>> {
        let cell = self.cell(algorithm);
        if cell.get().is_none() {
            let Some(blobs) = self.root.sub("blobs")? else { return Ok(None) };
            let Some(dir) = blobs.sub(algorithm.name())? else { return Ok(None) };
            return Ok(Some(cell.get_or_init(|| dir)));
        }
        Ok(cell.get())
    }

    /// Returns the directory of the blobs that are named by this algorithm; makes it if it is missing.
    pub(crate) fn make_blobs(&self, algorithm: Algorithm) -> Result<&Dir> {
        if let Some(dir) = self.blob_dir(algorithm)? {
            return Ok(dir);
        }
        let dir = self.root.make_sub("blobs")?.make_sub(algorithm.name())?;
        Ok(self.cell(algorithm).get_or_init(|| dir))
    }

    /// Returns true if the directories of blobs that were opened are those that the path leads to.
    pub(crate) fn has_blobs_at_their_path(&self) -> bool {
        [&self.sha256, &self.sha512].into_iter().filter_map(OnceLock::get).all(Dir::is_at_its_path)
    }

    fn cell(&self, algorithm: Algorithm) -> &OnceLock<Dir> {
        match algorithm {
            Algorithm::Sha256 => &self.sha256,
            Algorithm::Sha512 => &self.sha512,
        }
    }
}

impl Storage for LayoutDir {
    fn path(&self) -> &Path {
        self.root.path()
    }

    fn has(&self, name: &str) -> bool {
        self.root.has(name)
    }

    fn read(&self, name: &str, cap: u64) -> Result<Option<(Vec<u8>, Stamp)>> {
        match name.rsplit_once('/') {
            Some((dir, name)) => match sub(&self.root, dir)? {
                Some(dir) => dir.read(name, cap),
                None => Ok(None),
            },
            None => self.root.read(name, cap),
        }
    }

    fn list(&self, dir: &str) -> Result<Vec<String>> {
        let Some(dir) = sub(&self.root, dir)? else { return Ok(Vec::new()) };
        Ok(dir.list()?.into_iter().map(|(name, ..)| name).collect())
    }

    fn stamp(&self, name: &str) -> Option<Stamp> {
        self.root.stamp(name)
    }

    fn open_blob(&self, digest: &Digest) -> Result<Option<(File, u64)>> {
        self.blob_dir(digest.algorithm())?.map_or(Ok(None), |dir| dir.open(&digest.hex()))
    }

    fn blobs(&self) -> Result<Vec<(Digest, Option<u64>)>> {
        let mut found = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let Some(dir) = self.blob_dir(algorithm)? else { continue };
            for (name, kind, length) in dir.list()? {
                if let Ok(digest) = format!("{}:{name}", algorithm.name()).parse() {
                    found.push((digest, (kind == FileType::RegularFile).then_some(length)));
                }
            }
        }
        Ok(found)
    }

    fn read_blob(&self, digest: &Digest, cap: u64) -> Result<Option<Vec<u8>>> {
        let dir = self.blob_dir(digest.algorithm())?;
        let read = dir.map(|dir| dir.read(&digest.hex(), cap)).transpose()?.flatten();
        Ok(read.map(|(bytes, _)| bytes))
    }

    fn directory(&self) -> Option<&LayoutDir> {
        Some(self)
    }
}

/// A directory inside; `path` has `/` between its parts.
fn sub(root: &Dir, path: &str) -> Result<Option<Dir>> {
    let mut parts = path.split('/');
    let mut dir = root.sub(parts.next().unwrap_or_default())?;
    for part in parts {
        dir = match dir {
            Some(inner) => inner.sub(part)?,
            None => return Ok(None),
        };
    }
    Ok(dir)
}
