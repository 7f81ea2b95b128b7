//! Writing a layout into a tar file, without a copy of the whole.
//!
//! Several blobs are written at the same time: the length of each is known before its first byte, so each gets a place
//! of its own. The file has a hidden name until all is on the disk, and is locked until then; the next run takes up
//! what a killed one left. A blob that failed leaves its place to one of the same length, or is cut off at the end.

mod docker;

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    fs::{File, TryLockError},
    os::unix::fs::{FileExt, MetadataExt},
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
    dir::{Dir, make_all},
    fault::{broken, fault, fault_writing},
    index::{self, Index, IndexChange},
    marker::{MARKER, MARKER_TEXT, OURS},
    name::{NamedEntry, entry_name},
    staged::{StagingEnd, StagingRecord, StagingRequest},
    storage::blob_name,
};

const BLOCK: u64 = 512;

/// A layout that is written into a tar file. Cheap to clone: the clones are one writer.
#[derive(Clone)]
pub struct ArchiveWriter(Arc<ArchiveFile>);

struct ArchiveFile {
    path: PathBuf,
    dir: Dir,
    /// The hidden name, until the file has its own.
    part: String,
    file: File,
    docker: bool,
    state: Mutex<ArchiveState>,
}

struct ArchiveState {
    end: u64,
    blobs: HashMap<Digest, u64>,
    manifests: HashMap<Digest, WrittenManifest>,
    /// Places of blobs that failed, by length.
    free: BTreeMap<u64, Vec<u64>>,
    /// Places that stay unused, because something may still be written there.
    lost: Vec<(u64, u64)>,
    index: Index,
    finished: bool,
}

/// A manifest in the file. Its bytes are there only, because memory would follow the number of images.
struct WrittenManifest {
    at: u64,
    length: u64,
    /// True if everything below it was written before it.
    whole: bool,
}

impl ArchiveWriter {
    /// Begins a file at a path where there is nothing. With `docker` it also gets what `docker load` reads.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if something is there, or the file cannot be made; [`ErrorKind::Conflict`] if another
    /// program is writing it.
    pub async fn create(path: impl Into<PathBuf>, docker: bool) -> Result<Self> {
        let path = path.into();
        blocking(move || {
            check_archive(&path)?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            make_all(parent)?;
            let dir = Dir::root(parent)?.ok_or_else(|| broken(parent, "is not a directory"))?;
            let part = format!(".{}.part", file_name(&path));
            let file = lock_part(&dir, &part, &path)?;
            let state = ArchiveState {
                end: 0,
                blobs: HashMap::new(),
                manifests: HashMap::new(),
                free: BTreeMap::new(),
                lost: Vec::new(),
                index: Index::empty(),
                finished: false,
            };
            let this = Self(Arc::new(ArchiveFile { path, dir, part, file, docker, state: Mutex::new(state) }));
            this.0.put_file(MARKER, MARKER_TEXT)?; // first, so that programs that look at the start know it
            Ok(this)
        })
        .await
    }

    /// Returns true if a blob was written, or a manifest with everything below it.
    pub fn has(&self, item: &Descriptor) -> bool {
        let state = self.0.state();
        match state.manifests.get(&item.digest) {
            Some(manifest) => manifest.whole,
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
        let (file, name) = (Arc::clone(&self.0), blob_name(&digest));
        let mut place = blocking(move || Place::take(&file, &name, length)).await?;
        let mut written = 0;
        while let Some(chunk) = blob.next().await {
            let chunk: Bytes = chunk?;
            let (file, start) = (Arc::clone(&self.0), place.at + BLOCK + written);
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
        // Two tasks may have brought it; the place of the second one is given back.
        place.kept = self.0.state().blobs.insert(digest, length).is_none();
        Ok(())
    }

    /// Writes a manifest.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the disk fails.
    pub async fn put_manifest(&self, manifest: &Manifest) -> Result<()> {
        {
            let mut state = self.0.state();
            let whole = state.has_parts(manifest);
            if let Some(written) = state.manifests.get_mut(manifest.digest()) {
                written.whole |= whole;
                return Ok(());
            }
        }
        let (this, manifest) = (Arc::clone(&self.0), manifest.clone());
        blocking(move || {
            let length = manifest.bytes().len() as u64;
            let mut place = Place::take(&this, &blob_name(manifest.digest()), length)?;
            let at = place.at;
            this.write(manifest.bytes(), at + BLOCK)?;
            let mut state = this.state();
            let whole = state.has_parts(&manifest);
            match state.manifests.entry(manifest.digest().clone()) {
                // Two tasks may have brought it; the place of the second one is given back.
                Entry::Occupied(mut first) => first.get_mut().whole |= whole,
                Entry::Vacant(vacant) => {
                    vacant.insert(WrittenManifest { at, length, whole });
                    place.kept = true;
                }
            }
            drop(state);
            Ok(())
        })
        .await
    }

    /// Lists an image whose manifest was written.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the list would become too long, or `docker load` could not read the image.
    pub async fn set(&self, manifest: &Manifest, entry: NamedEntry) -> Result<()> {
        let (this, manifest) = (Arc::clone(&self.0), manifest.clone());
        blocking(move || {
            if this.docker {
                docker::saved(&manifest, entry.entry(), &|item| this.manifest(item))?;
            }
            let change = IndexChange::Put(Box::new(entry.0));
            let mut state = this.state();
            if !state.index.has_room_for(&change) {
                return Err(Error::new(ErrorKind::Unsupported, "a tar file cannot list so many images")
                    .with_hint("spread the images over several files"));
            }
            state.index.apply(&change);
            Ok(())
        })
        .await
    }

    /// Writes the list of images and gives the file its name. Without an image there will be no file.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the disk fails or something has the name meanwhile.
    pub async fn finish(&self, request: StagingRequest, end: StagingEnd) -> Result<()> {
        let this = Arc::clone(&self.0);
        blocking(move || this.finish(&request, &end)).await
    }

    /// Returns the names of the entries.
    pub fn names(&self) -> Vec<String> {
        let state = self.0.state();
        let mut names: Vec<String> =
            state.index.entries().filter_map(|entry| entry_name(entry).map(str::to_owned)).collect();
        names.sort();
        names
    }
}

/// Opens the hidden file and locks it, so that two programs never write one file. What a killed program left in it is
/// cut off.
fn lock_part(dir: &Dir, part: &str, path: &Path) -> Result<File> {
    loop {
        let file = dir.open_or_create(part)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("another process is writing `{}`", path.display());
                return Err(
                    Error::new(ErrorKind::Conflict, message).with_hint("wait until it is done, or write another file")
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(fault("lock", &dir.file_path(part), error)
                    .with_hint("write the file to a file system that has file locks"));
            }
        }
        if !dir.is_named(&file, part) {
            continue; // it was finished or removed between the two
        }
        let cannot = |error| fault_writing(path, error, None);
        if file.metadata().map_err(cannot)?.nlink() > 1 {
            dir.remove(part); // what it is under another name stays
            continue;
        }
        file.set_len(0).map_err(cannot)?;
        return Ok(file);
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
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
                    let (at, need) = (state.end, BLOCK + length.next_multiple_of(BLOCK));
                    self.dir.check_room(need, at + need)?;
                    state.end += need;
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
        self.file.write_all_at(bytes, at).map_err(|error| self.cannot_write(error, Some(bytes.len() as u64)))
    }

    fn cannot_write(&self, error: std::io::Error, need: Option<u64>) -> Error {
        let is_full = error.kind() == std::io::ErrorKind::StorageFull;
        let fault = fault_writing(&self.path, error, need);
        if is_full { fault.with_hint("free some space there, or write to another disk") } else { fault }
    }

    /// Reads a manifest that was written.
    fn manifest(&self, item: &Descriptor) -> Result<Option<Manifest>> {
        let Some((at, length)) = self.state().manifests.get(&item.digest).map(|found| (found.at, found.length)) else {
            return Ok(None);
        };
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, at + BLOCK).map_err(|error| fault("read", &self.path, error))?;
        Ok(Some(Manifest::parse_expecting(bytes, &item.media_type, &item.digest)?))
    }

    fn finish(&self, request: &StagingRequest, end: &StagingEnd) -> Result<()> {
        let (text, entries, record) = {
            let state = self.state();
            let mut record = StagingRecord::default();
            record.end(&state.index, &OwnChanges::default(), request, end);
            (state.index.render(), state.index.entries().cloned().collect::<Vec<_>>(), record.render())
        };
        if entries.is_empty() {
            return Ok(());
        }
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
        self.put_file(&format!("{OURS}/staged"), record.as_bytes())?;
        if self.docker {
            self.put_file("manifest.json", docker::list(&entries, &|item| self.manifest(item))?.as_bytes())?;
        }
        // Last, so that a file that is cut off lists no image.
        self.put_file(index::FILE, text.as_bytes())?;
        let length = {
            let state = self.state();
            self.write(&[0; 2 * BLOCK as usize], state.end)?;
            state.end + 2 * BLOCK
        };
        self.file.set_len(length).map_err(|error| self.cannot_write(error, None))?;
        self.file.sync_all().map_err(|error| self.cannot_write(error, None))?;
        check_archive(&self.path)?; // something may have got the name meanwhile
        self.dir.rename(&self.part, &self.file, &self.dir, &file_name(&self.path))?;
        self.state().finished = true;
        self.dir.sync()
    }
}

impl Drop for ArchiveFile {
    fn drop(&mut self) {
        if !self.state().finished && self.dir.is_named(&self.file, &self.part) {
            self.dir.remove(&self.part);
        }
    }
}

impl ArchiveState {
    /// Returns true if everything below a manifest was written.
    fn has_parts(&self, manifest: &Manifest) -> bool {
        manifest.blobs().all(|blob| blob.is_foreign() || self.blobs.contains_key(&blob.digest))
            && manifest.children().all(|child| self.manifests.get(&child.digest).is_some_and(|child| child.whole))
    }
}

/// A place that is given back unless the content is whole.
struct Place {
    file: Arc<ArchiveFile>,
    at: u64,
    length: u64,
    kept: bool,
    /// True while a thread writes into it, which goes on if the future is dropped.
    busy: bool,
}

impl Place {
    fn take(file: &Arc<ArchiveFile>, name: &str, length: u64) -> Result<Self> {
        let at = file.reserve(name, length)?;
        Ok(Self { file: Arc::clone(file), at, length, kept: false, busy: false })
    }
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
