//! A layout in a tar file, read where it is: the headers are indexed once, blobs are read at their places.
//!
//! An archive is of unknown origin. Links, devices, sparse files and names that leave the archive are refused, and
//! memory is bounded by the number of entries. What `docker save` writes is read as a layout, too ([`docker`]).

mod docker;
mod tar_index;

use std::{
    collections::HashMap,
    fs::File,
    io::{Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use sealift_core::{content::Digest, error::Result};

use crate::{
    dir::Stamp,
    fault::{broken, fault},
    index,
    storage::{Storage, blob_name},
};
use tar_index::{Region, TarIndex, blob_of};

/// A layout in a tar file.
pub(crate) struct Archive {
    path: PathBuf,
    file: File,
    identity: (u64, u64, u64),
    stamp: Stamp,
    blobs: HashMap<Digest, Region>,
    files: HashMap<String, Region>,
    /// Files that are made of others.
    made: HashMap<String, Vec<u8>>,
}

impl Archive {
    /// Opens a file and reads its headers. Blocks.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let cannot = |error| fault("open", path, error);
        let file = File::open(path).map_err(cannot)?;
        let identity = identity(&file).map_err(cannot)?;
        let stamp = Stamp::of_file(&file).map_err(cannot)?;
        let TarIndex { blobs, files, links, .. } = TarIndex::read(&file, identity.2, path)?;
        let mut archive = Self { path: path.to_owned(), file, identity, stamp, blobs, files, made: HashMap::new() };
        if !archive.files.contains_key(index::FILE) {
            archive.read_docker(&links)?;
        } else if let Some(link) = links.keys().find(|name| name.starts_with("blobs/")) {
            return Err(broken(
                path,
                format_args!("has a link `{}`, which an image layout may not have", link.escape_debug()),
            ));
        }
        Ok(archive)
    }

    fn read_at(&self, region: Region, cap: u64, name: &str) -> Result<Vec<u8>> {
        if region.length > cap {
            return Err(broken(&self.path.join(name), format_args!("is longer than {cap} bytes")));
        }
        let mut bytes = vec![0; usize::try_from(region.length).unwrap_or_default()];
        self.file
            .read_exact_at(&mut bytes, region.start)
            .map_err(|error| fault("read", &self.path.join(name), error))?;
        Ok(bytes)
    }
}

impl Storage for Archive {
    fn path(&self) -> &Path {
        &self.path
    }

    fn has(&self, name: &str) -> bool {
        let dir = format!("{name}/");
        (name == "blobs" && !self.blobs.is_empty())
            || self.made.contains_key(name)
            || self.files.contains_key(name)
            || self.files.keys().any(|file| file.starts_with(&dir))
    }

    fn read(&self, name: &str, cap: u64) -> Result<Option<(Vec<u8>, Stamp)>> {
        if let Some(made) = self.made.get(name) {
            return Ok(Some((made.clone(), self.stamp)));
        }
        let Some(region) = self.files.get(name) else { return Ok(None) };
        Ok(Some((self.read_at(*region, cap, name)?, self.stamp)))
    }

    fn list(&self, dir: &str) -> Result<Vec<String>> {
        let inside = self.files.keys().filter_map(|name| name.strip_prefix(dir)?.strip_prefix('/'));
        Ok(inside.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    fn stamp(&self, _: &str) -> Option<Stamp> {
        Some(self.stamp) // what was indexed is read, whatever becomes of the name
    }

    fn open_blob(&self, digest: &Digest) -> Result<Option<(File, u64)>> {
        let path = self.blob_path(digest);
        if let Some(made) = self.made.get(&blob_name(digest)) {
            return in_memory(made, &path).map(|file| Some((file, made.len() as u64)));
        }
        let Some(region) = self.blobs.get(digest) else { return Ok(None) };
        // Each reader has a position of its own.
        let mut file = File::open(&self.path).map_err(|error| fault("open", &self.path, error))?;
        if identity(&file).map_err(|error| fault("look at", &self.path, error))? != self.identity {
            return Err(broken(&self.path, "was changed while it was read"));
        }
        file.seek(SeekFrom::Start(region.start)).map_err(|error| fault("read", &path, error))?;
        Ok(Some((file, region.length)))
    }

    fn blobs(&self) -> Result<Vec<(Digest, Option<u64>)>> {
        let made = self.made.iter().filter_map(|(name, bytes)| Some((blob_of(name)?, Some(bytes.len() as u64))));
        let files = self.blobs.iter().map(|(digest, region)| (digest.clone(), Some(region.length)));
        let all: HashMap<Digest, Option<u64>> = files.chain(made).collect();
        Ok(all.into_iter().collect())
    }

    fn read_blob(&self, digest: &Digest, cap: u64) -> Result<Option<Vec<u8>>> {
        let name = blob_name(digest);
        if let Some(made) = self.made.get(&name) {
            return Ok(Some(made.clone()));
        }
        self.blobs.get(digest).map(|region| self.read_at(*region, cap, &name)).transpose()
    }
}

/// Device, number and length of a file.
fn identity(file: &File) -> std::io::Result<(u64, u64, u64)> {
    let meta = file.metadata()?;
    Ok((meta.dev(), meta.ino(), meta.len()))
}

/// A file without a name that has these bytes.
fn in_memory(bytes: &[u8], path: &Path) -> Result<File> {
    use std::io::Write;
    let made = || {
        let mut file = anonymous()?;
        file.write_all(bytes)?;
        file.rewind()?;
        Ok(file)
    };
    made().map_err(|error: std::io::Error| fault("read", path, error))
}

#[cfg(target_os = "linux")]
fn anonymous() -> std::io::Result<File> {
    Ok(File::from(rustix::fs::memfd_create("blob", rustix::fs::MemfdFlags::CLOEXEC)?))
}

#[cfg(not(target_os = "linux"))]
fn anonymous() -> std::io::Result<File> {
    let path = std::env::temp_dir().join(format!(".sealift.{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

#[cfg(test)]
mod tests;
