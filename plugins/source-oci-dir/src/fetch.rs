//! The fetch: manifests and blobs from the disk.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use schemars::JsonSchema;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Manifest, MediaType, Reference, Repository, Tag},
    diagnostic::did_you_mean,
    error::{Error, ErrorKind, Result, Retry},
    job::Resolved,
    plugin::{BuildContext, ConfigError, StageConfig},
    stage::{self, BlobCheck, Fetch, FetchCapabilities, ResolveMode},
};
use sealift_oci_layout::{Naming, ReceiptImage};
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::{
    layouts::{Bundle, Layouts, LazyLayout},
    missing::MissingContent,
    targets::LoadTarget,
};

/// Reads images from an OCI image layout in a directory.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{}]))]
pub(crate) struct Config {
    /// The directory, seen from that of the pipeline file. Default: that of `[list]`.
    #[schemars(example = &"/media/usb/bundle")]
    path: Option<String>,
}

impl StageConfig<dyn stage::Fetch> for Config {
    fn build(self, cx: &BuildContext<'_>) -> Result<Box<dyn stage::Fetch>, ConfigError> {
        let layouts = cx.section::<Layouts>()?;
        let lazy = match self.path {
            Some(path) if path.is_empty() => return Err(ConfigError::new("`path` is empty").at("path")),
            Some(path) => {
                let lazy = layouts.at(cx.path(path));
                // Of the layout that is listed the list says what is wrong.
                if layouts.listed().is_none_or(|listed| listed.path() != lazy.path()) {
                    lazy.open_for(cx.purpose())?;
                }
                lazy
            }
            None => layouts.listed().ok_or_else(|| {
                ConfigError::new("`path` is missing, and `[list]` is no `oci-dir` that has one")
                    .hint("say which directory is read: `path = \"/media/usb/bundle\"`")
            })?,
        };
        Ok(Box::new(OciDirFetch { lazy, absent: OnceCell::new() }))
    }
}

/// Repositories that are told where a blob may be; all of them would be asked for one that everything shares.
const PLACES: usize = 16;

/// Reads from a layout.
struct OciDirFetch {
    lazy: Arc<LazyLayout>,
    absent: OnceCell<MissingContent>,
}

impl OciDirFetch {
    /// Finds out, once, everything that is not there, so that each failure can tell who misses what.
    async fn missing(&self, bundle: &Bundle, item: &Descriptor) -> Error {
        let bases = match bundle.layout.baselines().await {
            Ok(bases) => bases,
            Err(error) => return error,
        };
        match self.absent.get_or_try_init(|| MissingContent::find(bundle)).await {
            Ok(absent) => absent.error(bundle, &bases, item).await,
            Err(error) => error,
        }
    }
}

#[async_trait]
impl stage::Fetch for OciDirFetch {
    async fn resolve(&self, image: &ImageRef, want: ResolveMode) -> Result<Resolved> {
        let bundle = self.lazy.get().await?;
        let descriptor = match (bundle.catalog.find(image), &image.reference) {
            (Some(entry), _) => pointer(entry),
            (None, Reference::Digest(digest)) => {
                unnamed(bundle, digest).await?.ok_or_else(|| unknown(bundle, image))?
            }
            (None, Reference::Tag(_)) => return Err(unknown(bundle, image)),
        };
        let manifest = match want {
            ResolveMode::Descriptor if !descriptor.media_type.is_empty() => None,
            _ => Some(self.manifest(&image.repository, &descriptor).await?),
        };
        let descriptor = manifest.as_ref().map_or(descriptor, Manifest::descriptor);
        Ok(Resolved { image: image.clone(), descriptor, manifest })
    }

    async fn manifest(&self, _: &Repository, item: &Descriptor) -> Result<Manifest> {
        let bundle = self.lazy.get().await?;
        match bundle.layout.manifest(item).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.missing(bundle, item).await),
            Err(error) if error.kind() == ErrorKind::Corrupt => Err(damaged(bundle.layout.path().to_owned(), error)),
            other => other,
        }
    }

    async fn blob(&self, repository: &Repository, item: &Descriptor) -> Result<Blob> {
        self.check_blob(repository, item).await?;
        let bundle = self.lazy.get().await?;
        let path = bundle.layout.path().to_owned();
        let file = bundle.layout.blob_path(&item.digest);
        let blob = bundle.layout.blob(item).await?;
        Ok(blob.map_err(move |error| match error.kind() {
            ErrorKind::Corrupt => damaged(path.clone(), error.with_context(format_args!("`{}`", file.display()))),
            _ => error,
        }))
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        Some(BTreeSet::new())
    }

    fn capabilities(&self) -> FetchCapabilities<'_> {
        FetchCapabilities::default().referrers(self).blob_check(self).mount_hints(self)
    }
}

#[async_trait]
impl stage::BlobCheck for OciDirFetch {
    async fn check_blob(&self, _: &Repository, item: &Descriptor) -> Result<()> {
        let bundle = self.lazy.get().await?;
        let path = bundle.layout.path().to_owned();
        let Some((_, length)) = bundle.layout.open_blob(&item.digest).await? else {
            return Err(self.missing(bundle, item).await);
        };
        if let Some(size) = item.known_size().filter(|size| *size != length) {
            let file = bundle.layout.blob_path(&item.digest);
            let message = format!("`{}` has {length} bytes instead of {size}", file.display());
            return Err(damaged(path, Error::new(ErrorKind::Corrupt, message)));
        }
        Ok(())
    }
}

#[async_trait]
impl stage::Referrers for OciDirFetch {
    async fn referrers(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Descriptor>> {
        let bundle = self.lazy.get().await?;
        let mut found = bundle.catalog.referrers(subject).to_vec();
        if let Some(index) = bundle.catalog.fallback(repository, subject) {
            let listed = self.manifest(repository, &pointer(index)).await?;
            for entry in listed.children() {
                if found.iter().all(|known| known.digest != entry.digest) {
                    found.push(entry.clone());
                }
            }
        }
        Ok(found)
    }

    async fn referrer_tags(&self, repository: &Repository, subject: &Digest) -> Result<Vec<Tag>> {
        let bundle = self.lazy.get().await?;
        let about = bundle.catalog.tags_about(repository, subject);
        Ok(about.filter_map(|image| image.source.reference.tag().cloned()).collect())
    }
}

#[async_trait]
impl stage::MountHints for OciDirFetch {
    async fn mount_hints(&self, item: &Descriptor) -> Vec<Repository> {
        let Ok(bundle) = self.lazy.get().await else { return Vec::new() };
        let Ok(bases) = bundle.layout.baselines().await else { return Vec::new() };
        if bases.is_empty() || bundle.layout.open_blob(&item.digest).await.is_ok_and(|file| file.is_some()) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for image in bases.with(&item.digest).iter().flat_map(|base| base.images_with(&item.digest)) {
            for place in places(image, self.lazy.to()) {
                if !found.contains(&place) {
                    found.push(place);
                }
            }
            if found.len() >= PLACES {
                break;
            }
        }
        found
    }
}

/// The repositories of an image that the other side has: where the receipt of a registry says that it is, and where
/// what the receipt of a layout lists went.
fn places(image: &ReceiptImage, to: &LoadTarget) -> Vec<Repository> {
    let mut names = to.of(&image.name, Naming::Full, &image.targets, "").unwrap_or_default();
    let is_there = matches!(to, LoadTarget::Under { registry, .. } if registry == image.name.repository.registry());
    names.insert(if is_there { 0 } else { names.len() }, image.name.clone());
    names.into_iter().map(|name| name.repository).collect()
}

/// The pointer without the names that stand at it in the layout.
fn pointer(entry: &Descriptor) -> Descriptor {
    Descriptor::new(entry.media_type.clone(), entry.digest.clone(), entry.size)
}

/// Finds a digest without a name: an entry of the layout, or any file in it.
async fn unnamed(bundle: &Bundle, digest: &Digest) -> Result<Option<Descriptor>> {
    let entry = bundle.catalog.images().iter().map(|image| &image.entry).find(|entry| entry.digest == *digest);
    if let Some(entry) = entry {
        return Ok(Some(pointer(entry)));
    }
    let length = bundle.layout.open_blob(digest).await?.map(|(_, length)| length);
    Ok(length.map(|length| Descriptor::new(MediaType::default(), digest.clone(), length)))
}

fn unknown(bundle: &Bundle, image: &ImageRef) -> Error {
    let path = bundle.layout.path().display();
    let error = Error::new(ErrorKind::NotFound, format!("`{image}` is not in `{path}`"));
    let names = bundle.catalog.images().iter().map(|image| image.name.as_str());
    match did_you_mean(&image.to_string(), names) {
        Some(close) => error.with_hint(format!("did you mean `{close}`?")),
        None => error.with_hint(format!("`sealift ls {path}` tells what is there")),
    }
}

/// Reading the same disk again gives the same bytes.
fn damaged(layout: PathBuf, error: Error) -> Error {
    let layout = layout.display();
    error.with_retry(Retry::Never).with_hint(format!(
        "`sealift verify {layout}` tells everything that is damaged; bring those files again, or stage again"
    ))
}
