//! A blob on its way to the disk.
//!
//! A large blob that breaks off leaves its part behind, named after its digest. The next writer that wants the blob reads
//! the part for its hash and goes on after it. A part that turned out wrong, or did not fit on the disk, is removed.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
};

use bytes::Bytes;
use sealift_core::{
    blob::BlobMark,
    content::{Algorithm, Descriptor, Digest, Hasher},
    error::{Error, ErrorKind, Result, Retry},
};

use crate::{
    blocking::blocking,
    dir::WORTH_KEEPING,
    fault::{broken, fault, fault_writing},
    layout::LayoutInner,
    verified::has_digest,
};

/// A blob that is being written: a hidden file without a name of its own. Dropped, it is gone, unless it is kept.
pub struct BlobWriter {
    /// None while it is being written to, and for good if that was cut off.
    part: Option<PartialFile>,
    queue: Vec<Bytes>,
    queued: usize,
    length: u64,
}

/// The file of a blob in transfer; its methods block.
struct PartialFile {
    layout: Arc<LayoutInner>,
    name: String,
    /// None while nothing is written, so that an upload that waits for its client holds no file open.
    file: Option<File>,
    written: u64,
    hasher: Option<Hasher>,
    need: Option<u64>,
    sync: bool,
    named: bool,
    /// True if it stays behind when it is large and breaks off.
    kept: bool,
}

/// Small chunks are gathered, so that the way to a thread that may block is worth it.
const GATHER: usize = 512 << 10;

impl BlobWriter {
    /// Begins a blob. `need` is its length, if known. Its bytes are hashed here unless the caller has `verified` them.
    pub(crate) async fn begin(layout: Arc<LayoutInner>, need: Option<u64>, verified: bool, sync: bool) -> Result<Self> {
        let hasher = (!verified).then(|| Algorithm::Sha256.hasher());
        let part = blocking(move || {
            let dir = layout.dir().make_blobs(Algorithm::Sha256)?;
            if let Some(need) = need {
                dir.check_room(need, need)?;
            }
            let (name, file) = dir.create_part("blob")?;
            Ok(PartialFile {
                layout,
                name,
                file: Some(file),
                written: 0,
                hasher,
                need,
                sync,
                named: false,
                kept: false,
            })
        })
        .await?;
        Ok(Self { part: Some(part), queue: Vec::new(), queued: 0, length: 0 })
    }

    /// Begins a blob that verifies itself. If it is large, its part is kept when it breaks off.
    pub(crate) async fn begin_kept(layout: Arc<LayoutInner>, item: &Descriptor, sync: bool) -> Result<Self> {
        let Some(hex) = kept_name(item) else { return Self::begin(layout, item.known_size(), true, sync).await };
        let need = item.size;
        let part = blocking(move || {
            let dir = layout.dir().make_blobs(Algorithm::Sha256)?;
            dir.check_room(need, need)?;
            let (name, file) = dir.create_kept_part(&hex)?;
            let (need, file) = (Some(need), Some(file));
            Ok(PartialFile { layout, name, file, written: 0, hasher: None, need, sync, named: false, kept: true })
        })
        .await?;
        Ok(Self { part: Some(part), queue: Vec::new(), queued: 0, length: 0 })
    }

    /// Goes on with what an earlier writer left of a blob that verifies itself, if there is something. The part is read
    /// for its hash.
    pub(crate) async fn go_on(layout: Arc<LayoutInner>, item: &Descriptor, sync: bool) -> Result<Option<Self>> {
        let Some(hex) = kept_name(item) else { return Ok(None) };
        let need = item.size;
        let part = blocking(move || {
            let dir = layout.dir().make_blobs(Algorithm::Sha256)?;
            let Some((name, mut file, length)) = dir.take_kept_part(&hex)? else { return Ok(None) };
            // The last byte comes from the source in any case, which then verifies the whole.
            let written = length.min(need - 1);
            let mut hasher = Algorithm::Sha256.hasher();
            let read = file.set_len(written).and_then(|()| hash(&mut file, &mut hasher));
            if read.is_err() {
                dir.remove(&name);
                return Ok(None);
            }
            dir.check_room(need - written, need)?;
            let (file, hasher, need) = (Some(file), Some(hasher), Some(need));
            Ok(Some(PartialFile { layout, name, file, written, hasher, need, sync, named: false, kept: true }))
        })
        .await?;
        let writer = |part: PartialFile| Self { length: part.written, part: Some(part), queue: Vec::new(), queued: 0 };
        Ok(part.map(writer))
    }

    /// Returns the place in the blob at which [`BlobWriter::go_on`] goes on. The blob hashes its bytes from there.
    pub(crate) fn mark(&mut self) -> Option<BlobMark> {
        let part = self.part.as_mut()?;
        Some(BlobMark::after(part.written, part.hasher.take()?))
    }

    /// Ends it with an error of the blob. What came is kept only if it may be right.
    pub(crate) fn stopped(&mut self, error: Error) -> Error {
        if let Some(part) = self.part.as_mut().filter(|_| error.kind() == ErrorKind::Corrupt) {
            part.kept = false;
        }
        error
    }

    /// Returns the number of bytes that were accepted.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns true if more bytes can be written: no write failed or was cut off.
    pub fn is_usable(&self) -> bool {
        self.part.is_some()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if they cannot be written; the blob is gone then.
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.length += chunk.len() as u64;
        self.queued += chunk.len();
        self.queue.push(chunk);
        if self.queued < GATHER { Ok(()) } else { self.flush().await }
    }

    /// Writes what was gathered and closes the file. The next [`BlobWriter::write`] opens it again.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be written; the blob is gone then.
    pub async fn close_file(&mut self) -> Result<()> {
        if self.queued > 0 {
            self.flush().await?;
        }
        if let Some(part) = &mut self.part {
            part.file = None;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let mut part = self.take()?;
        let chunks = std::mem::take(&mut self.queue);
        self.queued = 0;
        let write = move || part.write(&chunks).map(|()| part);
        self.part = Some(blocking(write).await?);
        Ok(())
    }

    fn take(&mut self) -> Result<PartialFile> {
        self.part.take().ok_or_else(|| Error::new(ErrorKind::Storage, "the blob was given up after a failed write"))
    }

    /// Gives it its name, once all of it is on the disk.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if it has another digest, [`ErrorKind::Storage`] if the disk fails. It is gone then.
    pub async fn commit(mut self, digest: &Digest) -> Result<()> {
        self.flush().await?;
        let mut part = self.take()?;
        let digest = digest.clone();
        blocking(move || part.commit(&digest)).await
    }
}

/// Returns the name of the part of a blob that is worth keeping.
fn kept_name(item: &Descriptor) -> Option<String> {
    let is_worth_it = item.known_size().is_some_and(|size| size > WORTH_KEEPING);
    (is_worth_it && item.digest.algorithm() == Algorithm::Sha256).then(|| item.digest.hex())
}

fn hash(file: &mut File, hasher: &mut Hasher) -> io::Result<()> {
    let mut buffer = vec![0; GATHER];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

impl PartialFile {
    fn write(&mut self, chunks: &[Bytes]) -> Result<()> {
        for chunk in chunks {
            let mut file = self.open()?;
            if let Err(error) = file.write_all(chunk) {
                self.kept = false; // it would take room on a full disk
                return Err(self.cannot_write(error));
            }
            self.written += chunk.len() as u64;
            if let Some(hasher) = &mut self.hasher {
                hasher.update(chunk);
            }
        }
        Ok(())
    }

    /// The file, at its end. One that was closed meanwhile must still be as it was left.
    fn open(&mut self) -> Result<&File> {
        if self.file.is_none() {
            let dir = self.layout.dir().make_blobs(Algorithm::Sha256)?;
            let mut file = dir.open_part(&self.name)?;
            let end = file.seek(SeekFrom::End(0)).map_err(|error| self.cannot_write(error))?;
            if end != self.written {
                let path = dir.file_path(&self.name);
                return Err(broken(&path, format_args!("has {end} bytes instead of {}", self.written)));
            }
            self.file = Some(file);
        }
        Ok(self.file.as_ref().expect("it was opened"))
    }

    fn commit(&mut self, digest: &Digest) -> Result<()> {
        self.kept = false; // what fails from here on is not the line
        self.verify(digest)?;
        if self.sync {
            let synced = self.open()?.sync_all();
            synced.map_err(|error| self.cannot_write(error))?;
        }
        let layout = Arc::clone(&self.layout);
        let from = layout.dir().make_blobs(Algorithm::Sha256)?;
        let to = layout.dir().make_blobs(digest.algorithm())?;
        layout.verified.remove(digest);
        let name = self.name.clone();
        from.rename(&name, self.open()?, to, &digest.hex())?;
        self.named = true;
        if self.sync {
            to.sync()?;
        }
        self.layout.verified.insert(digest);
        Ok(())
    }

    fn verify(&mut self, digest: &Digest) -> Result<()> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let right = if digest.algorithm() == Algorithm::Sha256 {
            hasher.finish() == *digest
        } else {
            // The algorithm is only known now: read it again.
            let path = self.layout.blob_path(digest);
            let file = self.open()?.try_clone().and_then(|mut file| file.rewind().map(|()| file));
            file.and_then(|file| has_digest(file, digest)).map_err(|error| fault("read", &path, error))?
        };
        if right {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Corrupt, format!("the bytes do not have the digest `{digest}`"))
            .with_retry(Retry::Soon))
    }

    fn cannot_write(&self, error: std::io::Error) -> Error {
        let path = self.layout.root().file_path("blobs").join(Algorithm::Sha256.name()).join(&self.name);
        fault_writing(&path, error, self.need)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        let stays = self.named || (self.kept && self.written >= WORTH_KEEPING);
        if !stays && let Ok(Some(dir)) = self.layout.dir().blob_dir(Algorithm::Sha256) {
            dir.remove(&self.name);
        }
    }
}
