//! Where blobs wait until their image is complete: a directory beside the files, which ends with the run.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest},
    error::{Error, ErrorKind, Result},
    stage::Upload,
};
use tempfile::{NamedTempFile, TempDir};

/// What has arrived.
pub(crate) struct Incoming(TempDir);

impl Incoming {
    /// Makes the directory inside of `path`, on the same file system as what will be written there.
    pub(crate) fn below(path: &Path) -> Result<Self> {
        let made =
            fs::create_dir_all(path).and_then(|()| tempfile::Builder::new().prefix(".incoming-").tempdir_in(path));
        made.map(Self).map_err(|error| cannot("write to", path, error))
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.file(digest).exists()
    }

    pub(crate) fn open(&self, digest: &Digest) -> io::Result<File> {
        File::open(self.file(digest))
    }

    /// Puts a manifest there, which goes into the file like a blob.
    pub(crate) fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let written = NamedTempFile::new_in(self.0.path()).and_then(|mut file| {
            file.write_all(bytes)?;
            Ok(file)
        });
        self.keep(written.map_err(|error| cannot("write to", self.0.path(), error))?, digest)
    }

    /// A place for a blob.
    pub(crate) fn upload(self: &Arc<Self>, item: &Descriptor) -> Box<dyn Upload> {
        Box::new(IncomingUpload { incoming: Arc::clone(self), digest: item.digest.clone() })
    }

    fn keep(&self, file: NamedTempFile, digest: &Digest) -> Result<()> {
        // Renamed into place: nobody ever sees half of it, and of ten writers the last one wins with the same bytes.
        let kept = file.persist(self.file(digest)).map_err(|error| error.error);
        kept.map(drop).map_err(|error| cannot("write to", self.0.path(), error))
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.0.path().join(format!("{}-{}", digest.algorithm().name(), digest.hex()))
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
        let directory = self.incoming.0.path();
        let mut file = NamedTempFile::new_in(directory).map_err(|error| cannot("write to", directory, error))?;
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
