//! Writing a layout into a tar file, without a copy of the whole.
//!
//! Several blobs are written at the same time: the length of each is known before its first byte, so each gets a place
//! of its own. The file has a hidden name until all is on the disk. A blob that failed leaves its place to one of the
//! same length, or is cut off at the end.

mod docker;

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::StreamExt;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, Manifest},
    error::{Error, ErrorKind, Result},
};
use tar::{EntryType, Header};

use crate::{
    blocking::blocking,
    changes::OwnChanges,
    dir::{make_all, sync_parent},
    fault::{broken, fault, fault_writing},
    index::{self, Index, IndexChange},
    marker::{MARKER, MARKER_TEXT, OURS},
    name::NamedEntry,
    staged::{StagingEnd, StagingRecord, StagingRequest},
    storage::blob_name,
};

const BLOCK: u64 = 512;

/// A layout that is written into a tar file. Cheap to clone: the clones are one writer.
#[derive(Clone)]
pub struct ArchiveWriter(Arc<ArchiveFile>);

struct ArchiveFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
    docker: bool,
    state: Mutex<ArchiveState>,
}

struct ArchiveState {
    end: u64,
    blobs: HashMap<Digest, u64>,
    manifests: HashMap<Digest, Manifest>,
    /// Places of blobs that failed, by length.
    free: BTreeMap<u64, Vec<u64>>,
    /// Places that stay unused, because something may still be written there.
    lost: Vec<(u64, u64)>,
    index: Index,
    finished: bool,
}

impl ArchiveWriter {
    /// Begins a file at a path where there is nothing. With `docker` it also gets what `docker load` reads.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if something is there, or the file cannot be made.
    pub async fn create(path: impl Into<PathBuf>, docker: bool) -> Result<Self> {
        let path = path.into();
        blocking(move || {
            check_archive(&path)?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            make_all(parent)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let part = parent.join(format!(".{name}.{}.part", std::process::id()));
            let file = File::options().read(true).write(true).create(true).truncate(true).open(&part);
            let file = file.map_err(|error| fault_writing(&part, error, None))?;
            let state = ArchiveState {
                end: 0,
                blobs: HashMap::new(),
                manifests: HashMap::new(),
                free: BTreeMap::new(),
                lost: Vec::new(),
                index: Index::empty(),
                finished: false,
            };
            let this = Self(Arc::new(ArchiveFile { path, part, file, docker, state: Mutex::new(state) }));
            this.0.put_file(MARKER, MARKER_TEXT)?; // first, so that programs that look at the start know it
            Ok(this)
        })
        .await
    }

    /// Returns true if a blob was written, or a manifest with everything below it.
    pub fn has(&self, item: &Descriptor) -> bool {
        let state = self.0.state();
        match state.manifests.get(&item.digest) {
            Some(manifest) => state.is_whole(manifest),
            None => state.blobs.contains_key(&item.digest),
        }
    }

    /// The entry of this full name.
    pub fn find(&self, name: &str) -> Option<Descriptor> {
        self.0.state().index.find(name).cloned()
    }

    /// Writes a blob, which must say how long it is.
    ///
    /// # Errors
    /// If the blob fails, or the disk does.
    pub async fn put_blob(&self, mut blob: Blob) -> Result<()> {
        let digest = blob.descriptor().digest.clone();
        let Some(length) = blob.descriptor().known_size() else {
            let message =
                format!("nothing says how long `{digest}` is, which must be known to write it into a tar file");
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint("write into a directory instead"));
        };
        let at = self.0.reserve(&blob_name(&digest), length)?;
        let mut place = Place { file: Arc::clone(&self.0), at, length, kept: false, busy: false };
        let mut written = 0;
        while let Some(chunk) = blob.next().await {
            let chunk: Bytes = chunk?;
            let (file, start) = (Arc::clone(&self.0), at + BLOCK + written);
            written += chunk.len() as u64;
            if written > length {
                return Err(Error::new(ErrorKind::Corrupt, format!("`{digest}` is longer than {length} bytes")));
            }
            place.busy = true;
            let done = blocking(move || file.write(&chunk, start)).await;
            place.busy = false;
            done?;
        }
        if written != length {
            let message = format!("`{digest}` has {written} bytes instead of {length}");
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        place.kept = true;
        self.0.state().blobs.insert(digest, length);
        Ok(())
    }

    /// Writes a manifest.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the disk fails.
    pub async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        if self.0.state().manifests.contains_key(manifest.digest()) {
            return Ok(());
        }
        let (this, manifest) = (Arc::clone(&self.0), manifest.clone());
        blocking(move || {
            this.put_file(&blob_name(manifest.digest()), manifest.bytes())?;
            this.state().manifests.insert(manifest.digest().clone(), manifest);
            Ok(())
        })
        .await
    }

    /// Lists an image.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the list would become too long.
    pub fn set(&self, entry: NamedEntry) -> Result<()> {
        let change = IndexChange::Put(Box::new(entry.0));
        let mut state = self.0.state();
        if !state.index.has_room_for(&change) {
            return Err(Error::new(ErrorKind::Unsupported, "a tar file cannot list so many images")
                .with_hint("spread the images over several files"));
        }
        state.index.apply(&change);
        Ok(())
    }

    /// Writes the list of images and gives the file its name. Without an image there will be no file.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the disk fails or something has the name meanwhile; [`ErrorKind::Unsupported`] if an
    /// image cannot be written as `docker load` reads it.
    pub async fn finish(&self, request: StagingRequest, end: StagingEnd) -> Result<()> {
        let this = Arc::clone(&self.0);
        blocking(move || this.finish(&request, &end)).await
    }
}

/// Returns true if a path has the name of a tar file, compressed or not.
pub fn is_archive_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    [".tar", ".tgz", ".tar.gz", ".tar.zst", ".tar.bz2", ".tar.xz"].iter().any(|end| name.ends_with(end))
}

/// Checks that a tar file can be begun at a path. Blocks.
///
/// # Errors
/// [`ErrorKind::Storage`] if something is there, or the directory cannot be written to.
pub fn check_archive(path: &Path) -> Result<()> {
    if is_archive_name(path) && !path.extension().is_some_and(|end| end.eq_ignore_ascii_case("tar")) {
        return Err(broken(path, "would be compressed, and layers are compressed already")
            .with_hint("write a file that ends in `.tar`"));
    }
    match std::fs::symlink_metadata(path) {
        Ok(_) => Err(broken(path, "is there already, and a tar file is written as a whole").with_hint(
            "write another file, or remove this one; `sealift merge OLD NEW --to DIR` joins what is in two files",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(fault("open", path, error)),
    }
}

impl ArchiveFile {
    fn state(&self) -> MutexGuard<'_, ArchiveState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a file its place and writes its header; returns where that is.
    fn reserve(&self, name: &str, length: u64) -> Result<u64> {
        let at = {
            let mut state = self.state();
            match state.free.get_mut(&length).and_then(Vec::pop) {
                Some(at) => at,
                None => {
                    let at = state.end;
                    state.end += BLOCK + length.next_multiple_of(BLOCK);
                    at
                }
            }
        };
        let written = header(name, length).and_then(|header| self.write(&header, at));
        // The bytes behind a file are zero, also if another one was here.
        let end = at + BLOCK + length;
        let rest = usize::try_from(end.next_multiple_of(BLOCK) - end).unwrap_or_default();
        match written.and_then(|()| self.write(&vec![0; rest], end)) {
            Ok(()) => Ok(at),
            Err(error) => {
                self.release(at, length);
                Err(error)
            }
        }
    }

    /// Gives a place back.
    fn release(&self, at: u64, length: u64) {
        let mut state = self.state();
        if at + BLOCK + length.next_multiple_of(BLOCK) == state.end {
            state.end = at;
        } else {
            state.free.entry(length).or_default().push(at);
        }
    }

    fn put_file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let at = self.reserve(name, bytes.len() as u64)?;
        self.write(bytes, at + BLOCK)
    }

    fn write(&self, bytes: &[u8], at: u64) -> Result<()> {
        self.file.write_all_at(bytes, at).map_err(|error| fault_writing(&self.part, error, Some(bytes.len() as u64)))
    }

    fn finish(&self, request: &StagingRequest, end: &StagingEnd) -> Result<()> {
        let (text, docker, record) = {
            let state = self.state();
            if state.index.entries().next().is_none() {
                return Ok(());
            }
            let docker = if self.docker { Some(docker::list(&state.index, &state.manifests)?) } else { None };
            let mut record = StagingRecord::default();
            record.end(&state.index, &OwnChanges::default(), request, end);
            (state.index.render(), docker, record.render())
        };
        // What is left of blobs that failed.
        let free: Vec<(u64, u64)> = {
            let mut state = self.state();
            let (free, lost) = (std::mem::take(&mut state.free), std::mem::take(&mut state.lost));
            lost.into_iter()
                .chain(free.into_iter().flat_map(|(length, places)| places.into_iter().map(move |at| (at, length))))
                .collect()
        };
        for (number, (at, length)) in free.into_iter().enumerate() {
            self.write(&header(&format!("{OURS}/unused/{number}"), length)?, at)?;
        }
        if let Some(list) = docker {
            self.put_file("manifest.json", list.as_bytes())?;
        }
        self.put_file(&format!("{OURS}/staged"), record.as_bytes())?;
        self.put_file(index::FILE, text.as_bytes())?;
        let length = {
            let state = self.state();
            self.write(&[0; 2 * BLOCK as usize], state.end)?;
            state.end + 2 * BLOCK
        };
        let cannot = |error| fault_writing(&self.part, error, None);
        self.file.set_len(length).map_err(cannot)?;
        self.file.sync_all().map_err(cannot)?;
        check_archive(&self.path)?; // something may have got the name meanwhile
        std::fs::rename(&self.part, &self.path).map_err(|error| fault("name", &self.path, error))?;
        self.state().finished = true;
        sync_parent(&self.path);
        Ok(())
    }
}

impl Drop for ArchiveFile {
    fn drop(&mut self) {
        if !self.state().finished {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

impl ArchiveState {
    fn is_whole(&self, manifest: &Manifest) -> bool {
        let has = |blob: &Descriptor| blob.is_foreign() || self.blobs.contains_key(&blob.digest);
        manifest.blobs().all(has)
            && manifest
                .children()
                .all(|child| self.manifests.get(&child.digest).is_some_and(|manifest| self.is_whole(manifest)))
    }
}

/// A place that is given back unless the blob is whole.
struct Place {
    file: Arc<ArchiveFile>,
    at: u64,
    length: u64,
    kept: bool,
    /// True while a thread writes into it, which goes on if the future is dropped.
    busy: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        match (self.kept, self.busy) {
            (true, _) => {}
            (false, false) => self.file.release(self.at, self.length),
            (false, true) => self.file.state().lost.push((self.at, self.length)),
        }
    }
}

/// The header of a file. The same content gives the same bytes: there is no time and no owner in it.
fn header(name: &str, length: u64) -> Result<[u8; BLOCK as usize]> {
    let mut header = Header::new_gnu();
    header
        .set_path(name)
        .map_err(|error| broken(Path::new(name), format_args!("cannot be a name in a tar file: {error}")))?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(length);
    header.set_cksum();
    Ok(*header.as_bytes())
}

#[cfg(test)]
mod tests;
