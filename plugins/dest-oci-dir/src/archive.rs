//! Images into one tar file instead of a directory.

use std::{
    collections::{BTreeSet, HashSet},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, Digest, ImageRef, Repository},
    error::{Error, ErrorKind, Result},
    job::Job,
    plugin::{BuildContext, ConfigError, Purpose},
    stage::{
        BeginUpload, ChildRetention, Conclusion, DiskLocation, Lost, Push, PushCapabilities, PutManifest,
        ReferrerPresence, Removed, RunEnd, StoreId, Upload, UploadStart,
    },
};
use sealift_oci_layout::{ArchiveWriter, RefStyle, StagingEnd, check_archive, free_space};
use tokio::sync::OnceCell;

use crate::names::{EntryNames, NameRule};

/// The settings of the stage, for a tar file.
pub(crate) fn build(
    path: PathBuf,
    called: NameRule,
    style: RefStyle,
    docker: bool,
    cx: &BuildContext<'_>,
) -> Result<Box<dyn Push>, ConfigError> {
    if cx.purpose() == Purpose::Run {
        check_archive(&path).map_err(|error| ConfigError::from(error).at("path"))?;
    }
    Ok(Box::new(ArchivePush {
        path,
        docker,
        names: EntryNames::new(called, style),
        writer: OnceCell::new(),
        end: Mutex::default(),
    }))
}

/// A tar file that images are written to.
struct ArchivePush {
    path: PathBuf,
    docker: bool,
    names: EntryNames,
    /// Opened by the first write, so that a plan makes no file.
    writer: OnceCell<ArchiveWriter>,
    end: Mutex<ArchiveEnd>,
}

/// The end of a run.
#[derive(Default)]
struct ArchiveEnd {
    stopped: bool,
    not_arrived: StagingEnd,
    /// The error of `close`.
    error: Option<Error>,
}

impl ArchivePush {
    fn end(&self) -> MutexGuard<'_, ArchiveEnd> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn writer(&self) -> Result<&ArchiveWriter> {
        self.writer.get_or_try_init(|| ArchiveWriter::create(&self.path, self.docker)).await
    }

    fn has_item(&self, item: &Descriptor) -> bool {
        self.writer.get().is_some_and(|writer| writer.has(item))
    }

    /// A part of what was asked for would pass for the whole with other programs.
    fn stopped(&self) -> Error {
        let message = format!("`{}` was not written, because the run was stopped before its end", self.path.display());
        Error::new(ErrorKind::Cancelled, message)
            .with_hint("run again, or stage into a directory, where a later run goes on")
    }
}

#[async_trait]
impl Push for ArchivePush {
    fn targets(&self, job: &Job) -> Result<Vec<ImageRef>> {
        self.names.give(job).map(|at| vec![at])
    }

    fn store(&self, _: &Repository) -> StoreId {
        StoreId::new(&format!("oci-archive:{}", self.path.display()))
    }

    async fn resolve(&self, at: &ImageRef) -> Result<Option<Descriptor>> {
        let entry = self.writer.get().and_then(|writer| writer.find(&at.to_string()));
        Ok(entry.filter(|entry| self.has_item(entry)))
    }

    async fn blob_exists(&self, _: &Repository, item: &Descriptor) -> Result<bool> {
        Ok(self.has_item(item))
    }

    async fn begin_upload(&self, &BeginUpload { item, .. }: &BeginUpload<'_>) -> Result<UploadStart> {
        let writer = self.writer().await?;
        match writer.has(item) {
            true => Ok(UploadStart::Present),
            false => Ok(UploadStart::Upload(Box::new(ArchiveUpload(writer.clone())))),
        }
    }

    async fn put_manifest(&self, request: &PutManifest<'_>) -> Result<()> {
        let writer = self.writer().await?;
        writer.put_manifest(request.manifest).await?;
        if let Some(entry) = self.names.entry_for(request) {
            writer.set(request.manifest, entry).await?;
        }
        self.names.wrote(request);
        Ok(())
    }

    fn registries(&self) -> Option<BTreeSet<String>> {
        Some(BTreeSet::new())
    }

    fn capabilities(&self) -> PushCapabilities<'_> {
        PushCapabilities::default()
            .distinct_targets(&self.names)
            .referrer_presence(self)
            .child_retention(self)
            .write_hints(&self.names)
            .disk_location(self)
            .conclusion(self)
    }

    async fn close(&self) -> Result<()> {
        let (stopped, not_arrived) = {
            let end = self.end();
            (end.stopped, end.not_arrived.clone())
        };
        // Also if nothing was written yet: a later run cannot go on.
        let finished = match self.writer.get() {
            _ if stopped => Err(self.stopped()),
            Some(writer) => writer.finish(self.names.request(), not_arrived).await,
            None => return Ok(()),
        };
        self.end().error = finished.as_ref().err().cloned();
        finished
    }
}

#[async_trait]
impl ReferrerPresence for ArchivePush {
    async fn present_referrers(&self, _: &Repository, _: &Digest, referrers: &[Descriptor]) -> Result<HashSet<Digest>> {
        Ok(referrers.iter().filter(|item| self.has_item(item)).map(|item| item.digest.clone()).collect())
    }
}

impl ChildRetention for ArchivePush {
    fn keeps_children(&self, _: &Repository) -> bool {
        true
    }
}

impl DiskLocation for ArchivePush {
    fn location(&self) -> Option<String> {
        Some(self.path.display().to_string())
    }

    fn free_space(&self) -> Option<u64> {
        free_space(&self.path)
    }
}

#[async_trait]
impl Conclusion for ArchivePush {
    fn conclude(&self, end: &RunEnd<'_>) {
        let not_arrived = self.names.not_arrived(end);
        *self.end() = ArchiveEnd { stopped: end.stopped, not_arrived, error: None };
    }

    async fn removed(&self) -> Result<Removed> {
        Ok(Removed::default())
    }

    fn lost(&self) -> Vec<Lost> {
        let (Some(writer), Some(error)) = (self.writer.get(), self.end().error.clone()) else { return Vec::new() };
        self.names.lost(&writer.names(), &error)
    }
}

/// A place for one blob.
struct ArchiveUpload(ArchiveWriter);

#[async_trait]
impl Upload for ArchiveUpload {
    async fn write(self: Box<Self>, blob: Blob) -> Result<()> {
        self.0.put_blob(blob).await
    }
}
