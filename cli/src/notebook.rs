//! The notebook on disk: what is remembered between runs, one small file for each note.
//!
//! A note is written beside and renamed into place, so two runs at once do not disturb each other and the last one
//! wins. Each carries a digest of itself: one that is broken is dropped, and a log line says so. Notes that were not
//! used for 30 days are removed, and then the oldest ones as long as there are too many. Notes contain no secrets; they
//! are not readable for other users all the same, because the names of images may be confidential.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use sealift_core::{
    Bytes, async_trait,
    cache::{Cache, CacheStore, Namespace},
    content::Digest,
};
use tokio::task::spawn_blocking;

use crate::options::CacheOptions;

/// Another version keeps its notes elsewhere, and finds none of ours.
const VERSION: &str = "v1";

/// No note is larger; what claims to be is broken.
const LARGEST: u64 = 4 << 20;

/// Upper bound for the size of all notes together, in bytes.
const MOST_BYTES: u64 = 128 << 20;
const MOST_NOTES: usize = 20_000;

/// Notes that were not used for this long are removed.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// A note that was used is young again; once a day is often enough to say so.
const TOUCH_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Notes in a directory, read and written on threads that may wait for the disk.
struct Directory(Arc<Files>);

struct Files {
    root: PathBuf,
    /// Limits the log to one message per run if notes cannot be written; the run goes on without them.
    failed: std::sync::Once,
}

/// Opens the notes that the options choose.
pub(crate) fn of(options: &CacheOptions) -> Cache {
    if options.no_cache { Cache::default() } else { open(options.cache_dir.as_deref()) }
}

/// Opens the notes in this directory or in the usual one; none if there is no place for them.
pub(crate) fn open(directory: Option<&Path>) -> Cache {
    let usual = || usual_directory(&|name| std::env::var_os(name).map(PathBuf::from));
    let Some(root) = directory.map(Path::to_owned).or_else(usual) else { return Cache::default() };
    let files = Files { root: root.join(VERSION), failed: std::sync::Once::new() };
    Cache::new(Arc::new(Directory(Arc::new(files))))
}

/// `$XDG_CACHE_HOME/sealift`, else `~/.cache/sealift` (XDG Base Directory Specification: relative paths are ignored).
fn usual_directory(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let caches = variable("XDG_CACHE_HOME").filter(absolute);
    let caches = caches.or_else(|| variable("HOME").filter(absolute).map(|home| home.join(".cache")));
    caches.map(|caches| caches.join("sealift"))
}

impl Files {
    fn file(&self, namespace: Namespace, key: &str) -> PathBuf {
        self.root.join(namespace.name()).join(Digest::of(key.as_bytes()).hex())
    }

    /// Writes a note. That none can be written is logged once.
    fn write(&self, path: &Path, key: &str, note: &[u8]) {
        if let Err(error) = self.try_write(path, key, note) {
            self.failed.call_once(|| {
                tracing::warn!(directory = %self.root.display(), %error, "nothing can be noted for the next run");
            });
        }
    }

    fn try_write(&self, path: &Path, key: &str, note: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        make_private(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(seal(key, note).as_bytes())?;
        file.write_all(note)?;
        file.persist(path)?;
        Ok(())
    }

    /// Returns the note in a file.
    fn read(path: &Path, key: &str) -> Option<Bytes> {
        let mut whole = Vec::new();
        let read = open_file(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut whole));
        if let Err(error) = read {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(file = %path.display(), %error, "a note of an earlier run cannot be read");
            }
            return None;
        }
        let note = opened(key, whole);
        if note.is_none() {
            tracing::warn!(file = %path.display(), "a note of an earlier run is broken and was dropped");
            let _ = fs::remove_file(path); // the next one takes its place in any case
        } else {
            touch(path);
        }
        note
    }
}

#[async_trait]
impl CacheStore for Directory {
    async fn get(&self, namespace: Namespace, key: &str) -> Option<Bytes> {
        let (path, key) = (self.0.file(namespace, key), key.to_owned());
        spawn_blocking(move || Files::read(&path, &key)).await.ok().flatten()
    }

    async fn put(&self, namespace: Namespace, key: &str, note: Bytes) {
        if note.len() as u64 > LARGEST / 2 {
            return;
        }
        let (files, path, key) = (Arc::clone(&self.0), self.0.file(namespace, key), key.to_owned());
        let _ = spawn_blocking(move || files.write(&path, &key, &note)).await; // it does not panic
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        tidy(&self.root, SystemTime::now(), MOST_NOTES, MOST_BYTES);
    }
}

/// Returns the first line of a note's file: the digest of key and note, by which a damaged or wrong file is found.
fn seal(key: &str, note: &[u8]) -> String {
    format!("{}\n", Digest::of(&[key.as_bytes(), b"\n", note].concat()))
}

fn opened(key: &str, whole: Vec<u8>) -> Option<Bytes> {
    let whole = Bytes::from(whole);
    let end = whole.iter().position(|byte| *byte == b'\n')? + 1;
    let note = whole.slice(end..);
    (whole[..end] == *seal(key, &note).as_bytes()).then_some(note)
}

/// Opens the file of a note. A pipe in its place would wait for its other end.
fn open_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::File::options();
    #[cfg(unix)]
    {
        let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).expect("flags of open are numbers of C");
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    let file = options.read(true).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Says that a note was used.
fn touch(path: &Path) {
    let Ok(file) = fs::File::options().append(true).open(path) else { return };
    let age = file.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
    if age.is_some_and(|age| age > TOUCH_AFTER) {
        let _ = file.set_modified(SystemTime::now()); // it only goes a little earlier then
    }
}

/// Removes notes that were not used for [`UNUSED`], and the oldest ones as long as there are too many.
fn tidy(root: &Path, now: SystemTime, most_notes: usize, most_bytes: u64) {
    let mut notes = Vec::new();
    for folder in Namespace::ALL.map(|room| root.join(room.name())) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            notes.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), meta.len(), entry.path()));
        }
    }
    notes.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
    let (mut count, mut bytes) = (0, 0);
    for (used, length, path) in notes {
        count += 1;
        bytes += length;
        let unused = now.duration_since(used).is_ok_and(|since| since > UNUSED);
        if unused || count > most_notes || bytes > most_bytes {
            let _ = fs::remove_file(path); // another run may have been quicker
        }
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests;
