//! Where blobs wait until their image is written: a directory beside the files, which ends with the run.
//!
//! What was written as a part of an image is kept there alone: further images that need it read it from that file.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Take, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest},
    error::{Error, ErrorKind, Result},
    stage::Upload,
};
use tempfile::NamedTempFile;

use crate::run_directory::RunDirectory;

/// What has arrived.
pub(crate) struct Incoming {
    directory: RunDirectory,
    /// What is in the files of images by now, and no longer in the directory.
    written: Mutex<HashMap<Digest, Place>>,
}

/// A part of the file of an image.
struct Place {
    file: Arc<Path>,
    part: Part,
}

/// Where bytes are in a file.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) at: u64,
    pub(crate) size: u64,
}

impl Place {
    fn open(&self) -> io::Result<Take<File>> {
        let opened = File::open(&self.file).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.part.at))?;
            Ok(file.take(self.part.size))
        });
        opened.map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", self.file.display())))
    }
}

impl Incoming {
    /// Makes the directory inside of `path`, on the same file system as what will be written there.
    pub(crate) fn below(path: &Path) -> Result<Self> {
        let made = RunDirectory::below(path).map_err(|error| cannot("write to", path, error));
        Ok(Self { directory: made?, written: Mutex::default() })
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.written().contains_key(digest) || self.file(digest).exists()
    }

    /// Opens what has arrived, at its beginning; its limit is its size.
    pub(crate) fn open(&self, digest: &Digest) -> io::Result<Take<File>> {
        match self.written().get(digest) {
            Some(place) => place.open(),
            None => {
                let file = File::open(self.file(digest))?;
                let size = file.metadata()?.len();
                Ok(file.take(size))
            }
        }
    }

    /// Puts a manifest there, which goes into the file like a blob.
    pub(crate) fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let written = self.temporary().and_then(|mut file| {
            file.write_all(bytes)?;
            Ok(file)
        });
        self.keep(written.map_err(|error| cannot("write to", self.directory.path(), error))?, digest)
    }

    /// A place for a blob.
    pub(crate) fn upload(self: &Arc<Self>, item: &Descriptor) -> Box<dyn Upload> {
        Box::new(IncomingUpload { incoming: Arc::clone(self), digest: item.digest.clone() })
    }

    /// A file without a name of its own yet. It is gone with the directory, also that of a killed run.
    pub(crate) fn temporary(&self) -> io::Result<NamedTempFile> {
        NamedTempFile::new_in(self.directory.path())
    }

    /// Gives the file of an image its name. What it has is kept there from now on, and not in the directory.
    pub(crate) fn finish(&self, file: NamedTempFile, path: &Path, parts: Vec<(Digest, Part)>) -> io::Result<()> {
        let mut written = self.written();
        let stays = |digest: &Digest| parts.iter().any(|(part, _)| part == digest);
        // Another image may need what the file of this name had until now.
        let lost = written.iter().filter(|(digest, place)| *place.file == *path && !stays(digest));
        let lost: Vec<Digest> = lost.map(|(digest, _)| digest.clone()).collect();
        for digest in &lost {
            let mut copy = self.temporary()?;
            io::copy(&mut written[digest].open()?, &mut copy)?;
            copy.persist(self.file(digest)).map_err(|error| error.error)?;
        }
        file.persist(path).map_err(|error| error.error)?;
        lost.iter().for_each(|digest| drop(written.remove(digest)));
        let file: Arc<Path> = path.into();
        for (digest, part) in parts {
            // If it stays there, it costs its space until the end of the run.
            let _ = fs::remove_file(self.file(&digest));
            written.insert(digest, Place { file: Arc::clone(&file), part });
        }
        Ok(())
    }

    fn keep(&self, file: NamedTempFile, digest: &Digest) -> Result<()> {
        if self.written().contains_key(digest) {
            return Ok(());
        }
        // Renamed into place: half of it is never seen, and of ten writers the last one wins with the same bytes.
        let kept = file.persist(self.file(digest)).map_err(|error| error.error);
        kept.map(drop).map_err(|error| cannot("write to", self.directory.path(), error))
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.directory.path().join(format!("{}-{}", digest.algorithm().name(), digest.hex()))
    }

    fn written(&self) -> MutexGuard<'_, HashMap<Digest, Place>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A blob on its way. Dropped half way, its temporary file goes with it.
struct IncomingUpload {
    incoming: Arc<Incoming>,
    digest: Digest,
}

#[async_trait]
impl Upload for IncomingUpload {
    async fn write(self: Box<Self>, mut blob: Blob) -> Result<()> {
        let directory = self.incoming.directory.path();
        let mut file = self.incoming.temporary().map_err(|error| cannot("write to", directory, error))?;
        // The last chunk comes only if all of it was what the digest says, so `?` is the whole verification.
        while let Some(chunk) = blob.chunk().await? {
            file = blocking(move || file.write_all(&chunk).map(|()| file))
                .await
                .map_err(|error| cannot("write to", directory, error))?;
        }
        self.incoming.keep(file, &self.digest)
    }
}

/// Does what may wait for a disk where that holds up nobody else.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("what it does does not panic")
}

/// The error of a disk.
pub(crate) fn cannot(doing: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, format!("cannot {doing} `{}`: {error}", path.display())).with_source(error)
}
