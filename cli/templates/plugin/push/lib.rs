//! A push into a directory of plain files: a place where something else takes images from.
//!
//! * `store/content/sha256-…`: blobs and manifests, by digest
//! * `store/names/quay.io/acme/app/@v1`: a line with digest and media type: what a tag, or a digest, of
//!   the repository `quay.io/acme/app` points to
//!
//! The struct is what users write, the traits are what it does, the last line makes it known. The texts
//! that `sealift plugins` and `sealift explain push my-plugin` show are the doc comments of the struct.

use std::{
    io,
    path::{Path, PathBuf},
};

use sealift_core::{
    async_trait,
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, MediaType, Repository},
    error::{Error, ErrorKind, Result},
    job::Job,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    schemars::JsonSchema,
    serde::Deserialize,
    stage::{BeginUpload, Push, PushCapabilities, PutManifest, StoreId, Upload, UploadStart},
};
use tempfile::NamedTempFile;
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt,
};

/// Writes images into a directory of plain files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
pub struct Config {
    /// The directory, made if it is missing. A relative path starts at the pipeline file.
    #[schemars(example = &"store")]
    pub path: String,
}

impl StageConfig<dyn Push> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Push>, ConfigError> {
        if self.path.trim().is_empty() {
            return Err(ConfigError::new("the path is empty").at("path"));
        }
        Ok(Box::new(Store {
            path: cx.path(self.path),
        }))
    }
}

/// The stage.
#[derive(Clone)]
struct Store {
    path: PathBuf,
}

impl Store {
    fn content(&self, digest: &Digest) -> PathBuf {
        self.path
            .join("content")
            .join(digest.to_string().replace(':', "-"))
    }

    /// Where it is noted what a tag or digest points to. The `@` keeps the tag `b` of the repository `a`
    /// apart from the repository `a/b`.
    fn pointer(&self, image: &ImageRef) -> PathBuf {
        let repository = image.repository.to_string().replace(':', "_");
        let reference = image.reference.to_string().replace(':', "@");
        self.path
            .join("names")
            .join(repository)
            .join(format!("@{reference}"))
    }

    async fn point(&self, image: &ImageRef, to: &Manifest) -> Result<()> {
        let text = format!("{} {}\n", to.digest(), to.media_type());
        Incoming::beside(self.pointer(image))
            .await?
            .write(text.as_bytes())
            .await?
            .keep()
            .await
    }
}

#[async_trait]
impl Push for Store {
    /// Images keep the path that they have at the source. This must be the same whenever it is asked.
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        Ok(vec![job.source.clone()])
    }

    /// All repositories share one store: what one of them has is not sent again for another.
    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new(&format!("my-plugin:{}", self.path.display()))
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        let path = self.pointer(at);
        match fs::read_to_string(&path).await {
            Ok(text) => {
                let (digest, media_type) = pointed(&text).ok_or_else(|| wrong(&path))?;
                Ok(Some(Descriptor::new(
                    media_type,
                    digest,
                    Descriptor::UNSIZED,
                )))
            }
            // Nothing there is an answer, not an error.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(cannot("read", &path, error)),
        }
    }

    async fn blob_exists(&self, _: &Repository, item: &Descriptor) -> Result<bool> {
        let path = self.content(&item.digest);
        fs::try_exists(&path)
            .await
            .map_err(|error| cannot("read", &path, error))
    }

    async fn begin_upload(&self, request: &BeginUpload<'_>) -> Result<UploadStart> {
        Ok(
            match self.blob_exists(request.repository, request.item).await? {
                true => UploadStart::Present,
                false => {
                    UploadStart::Upload(Box::new(FileUpload(self.content(&request.item.digest))))
                }
            },
        )
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        let PutManifest {
            repository,
            manifest,
            tag,
            ..
        } = *request;
        let path = self.content(manifest.digest());
        Incoming::beside(path)
            .await?
            .write(manifest.bytes())
            .await?
            .keep()
            .await?;
        self.point(&repository.with_digest(manifest.digest()), manifest)
            .await?;
        // The tag comes last, when everything below it is there.
        match tag {
            Some(tag) => self.point(&repository.with_tag(tag), manifest).await,
            None => Ok(()),
        }
    }

    /// What else this destination can do: `PushCapabilities` lists what there is.
    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default()
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// Waits for one blob.
struct FileUpload(PathBuf);

#[async_trait]
impl Upload for FileUpload {
    async fn write(self: Box<Self>, mut blob: Blob) -> Result<()> {
        let mut incoming = Incoming::beside(self.0).await?;
        // The last chunk comes only if all of it was what the digest says, so `?` is all there is to verify.
        while let Some(chunk) = blob.chunk().await? {
            incoming = incoming.write(&chunk).await?;
        }
        incoming.keep().await
    }
}

/// A file that gets its name once it is complete. Dropped before, it is gone: whole or not at all.
struct Incoming {
    file: File,
    temporary: tempfile::TempPath,
    path: PathBuf,
}

impl Incoming {
    async fn beside(path: PathBuf) -> Result<Self> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let made = fs::create_dir_all(directory).await;
        let (file, temporary) = made
            .and_then(|()| NamedTempFile::new_in(directory))
            .map_err(|error| cannot("write to", directory, error))?
            .into_parts();
        Ok(Self {
            file: File::from_std(file),
            temporary,
            path,
        })
    }

    async fn write(mut self, bytes: &[u8]) -> Result<Self> {
        let written = self.file.write_all(bytes).await;
        written.map_err(|error| cannot("write", &self.path, error))?;
        Ok(self)
    }

    async fn keep(mut self) -> Result<()> {
        let written = async {
            self.file.flush().await?;
            // On the disk before it gets its name, so that not even a power cut leaves half a file.
            self.file.sync_all().await?;
            self.temporary
                .persist(&self.path)
                .map_err(|error| error.error)
        };
        written
            .await
            .map_err(|error| cannot("write", &self.path, error))
    }
}

/// What a note says: digest and media type.
fn pointed(text: &str) -> Option<(Digest, MediaType)> {
    let (digest, media_type) = text.trim().split_once(' ')?;
    Some((digest.parse().ok()?, MediaType::from_header(media_type)))
}

fn cannot(doing: &str, path: &Path, error: io::Error) -> Error {
    let message = format!("cannot {doing} `{}`: {error}", path.display());
    Error::new(ErrorKind::Storage, message).with_source(error)
}

fn wrong(path: &Path) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("`{}` says no digest and media type", path.display()),
    )
    .with_hint("remove the file; the next run writes it anew")
}

sealift_core::inventory::submit! { Plugin::push::<Config>("my-plugin") }

#[cfg(test)]
mod tests;
