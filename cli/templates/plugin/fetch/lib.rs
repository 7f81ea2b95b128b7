//! A fetch from a directory of plain files: a place where something else keeps images.
//!
//! * `store/content/sha256-…`: blobs and manifests, by digest
//! * `store/names/quay.io/acme/app/@v1`: a line with digest and media type: what a tag, or a digest, of
//!   the repository `quay.io/acme/app` points to
//!
//! The struct is what users write, the traits are what it does, the last line makes it known. The texts
//! that `sealift plugins` and `sealift explain fetch my-plugin` show are the doc comments of the struct.

use std::{
    io,
    path::{Path, PathBuf},
};

use futures::stream;
use sealift_core::{
    Bytes, async_trait,
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, MediaType, Repository},
    error::{Error, ErrorKind, Result},
    job::Resolved,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    schemars::JsonSchema,
    serde::Deserialize,
    stage::{Fetch, FetchCapabilities, ResolveMode},
};
use tokio::{
    fs::{self, File},
    io::AsyncReadExt,
};

/// Reads images from a directory of plain files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
pub struct Config {
    /// The directory, such as `store`. A relative path starts at the pipeline file.
    #[schemars(example = &"store")]
    pub path: String,
}

impl StageConfig<dyn Fetch> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn Fetch>, ConfigError> {
        if self.path.trim().is_empty() {
            return Err(ConfigError::new("the path is empty").at("path"));
        }
        Ok(Box::new(Store {
            path: cx.path(self.path),
        }))
    }
}

/// The stage.
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

    async fn read(&self, digest: &Digest, media_type: &MediaType) -> Result<Manifest> {
        let path = self.content(digest);
        let bytes = fs::read(&path)
            .await
            .map_err(|error| cannot_read(&path, error))?;
        // Verifies, and keeps the bytes as they are: they are what the digest is of.
        Ok(Manifest::parse_expecting(bytes, media_type, digest)?)
    }
}

#[async_trait]
impl Fetch for Store {
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        let path = self.pointer(image);
        let text = fs::read_to_string(&path)
            .await
            .map_err(|error| cannot_read(&path, error))?;
        let (digest, media_type) = pointed(&text).ok_or_else(|| wrong(&path))?;
        let manifest = match want {
            ResolveMode::Manifest => Some(self.read(&digest, &media_type).await?),
            ResolveMode::Descriptor => None,
        };
        let content = self.content(&digest);
        let there = fs::metadata(&content)
            .await
            .map_err(|error| cannot_read(&content, error))?;
        let descriptor = Descriptor::new(media_type, digest, there.len());
        Ok(Resolved {
            image: image.clone(),
            descriptor,
            manifest,
        })
    }

    async fn manifest(&self, _: &Repository, item: &Descriptor) -> Result<Manifest> {
        self.read(&item.digest, &item.media_type).await
    }

    async fn blob(&self, _: &Repository, item: &Descriptor) -> Result<Blob> {
        let path = self.content(&item.digest);
        let file = File::open(&path)
            .await
            .map_err(|error| cannot_read(&path, error))?;
        let chunks = stream::try_unfold((file, path), |(mut file, path)| async move {
            let mut chunk = vec![0; 256 << 10];
            let read = file
                .read(&mut chunk)
                .await
                .map_err(|error| cannot_read(&path, error))?;
            chunk.truncate(read);
            Ok((read > 0).then(|| (Bytes::from(chunk), (file, path))))
        });
        // A blob verifies itself: a damaged file is an error, not a damaged copy.
        Ok(Blob::new(item.clone(), chunks))
    }

    /// What else this source can do: `FetchCapabilities` lists what there is.
    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default()
    }
}

/// What a note says: digest and media type.
fn pointed(text: &str) -> Option<(Digest, MediaType)> {
    let (digest, media_type) = text.trim().split_once(' ')?;
    Some((digest.parse().ok()?, MediaType::from_header(media_type)))
}

/// "Not found" tells the engine not to try again; everything else is the disk's.
fn cannot_read(path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Storage,
    };
    Error::new(kind, format!("cannot read `{}`: {error}", path.display())).with_source(error)
}

fn wrong(path: &Path) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("`{}` says no digest and media type", path.display()),
    )
}

sealift_core::inventory::submit! { Plugin::fetch::<Config>("my-plugin") }

#[cfg(test)]
mod tests;
