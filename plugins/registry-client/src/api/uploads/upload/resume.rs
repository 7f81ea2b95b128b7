//! Going on with an upload after a failure, or with one that an earlier attempt left.

use std::sync::Arc;

use sealift_core::{
    blob::{Blob, BlobMark},
    error::{Error, ErrorKind, Result, Retry},
    limit::TransferSide,
};
use url::Url;

use super::{
    super::{parts::BlobParts, progress::status, send::Part},
    RegistryUpload, WORTH_RESUMING, end,
};
use crate::retry::Attempts;

impl RegistryUpload {
    /// Goes on with an upload of the blob that an earlier attempt left, if it still lives; else that one is ended.
    pub(super) async fn take_up(&mut self, blob: &mut Blob, size: u64, base: &Url) -> Result<()> {
        let uploads = &self.registry.open_uploads;
        let Some(left) = uploads.find(&self.at, &self.item, base).await.filter(|left| *left != self.location) else {
            return Ok(());
        };
        uploads.forget(&self.at, &self.item).await;
        let Ok(Some(found)) = status(&self.registry, &self.at, &self.item, &left).await else { return Ok(()) };
        let is_of_use = (1..size).contains(&found.offset) && blob.mark().is_some();
        let unused = if is_of_use { std::mem::replace(&mut self.location, found.location) } else { left };
        let ending = end(Arc::clone(&self.registry), self.at.clone(), self.item.clone(), unused);
        self.registry.endings().spawn(ending);
        if is_of_use {
            tracing::debug!(digest = %self.item.digest, at = found.offset, "going on with an upload of an earlier attempt");
            self.stored = found.offset;
            // What the registry has of it cannot be hashed here, so it must confirm the digest.
            let mark = BlobMark::unhashed_after(found.offset);
            blob.rewind(&mark).await.map_err(|error| self.by_source(error))?;
        }
        Ok(())
    }

    /// Goes on after a failure with what the registry does not have yet. Returns false if that is not possible.
    pub(super) async fn resume(
        &mut self,
        part: &Part,
        given: u64,
        parts: &BlobParts,
        attempts: &mut Attempts,
        failed: &Error,
    ) -> Result<bool> {
        let is_worth_it = !part.is_last || self.stored > 0 || part.length > WORTH_RESUMING;
        if !is_worth_it || failed.kind() != ErrorKind::Unavailable || failed.retry() != Retry::Soon {
            return Ok(false);
        }
        let Some(pause) = attempts.pause(&self.registry.retry, failed) else { return Ok(false) };
        let suspended = match TransferSide::current() {
            Some(side) => side.suspended(tokio::time::sleep(pause)).await,
            None => None,
        };
        if suspended.is_none() {
            tokio::time::sleep(pause).await;
        }
        let Ok(Some(found)) = status(&self.registry, &self.at, &self.item, &self.location).await else {
            self.is_over = true;
            return Ok(false);
        };
        self.location = found.location;
        let Some(stored) = found.offset.checked_sub(part.offset).filter(|stored| *stored <= given) else {
            return Ok(false);
        };
        tracing::debug!(digest = %self.item.digest, at = found.offset, error = %failed, "taking an upload up again");
        let is_refusal = stored == 0 && self.registry.body_limit.cut(part.length);
        if is_refusal || stored >= WORTH_RESUMING {
            *attempts = self.fresh_attempts();
        }
        self.stored = found.offset;
        self.back_to(parts, stored).await
    }

    /// Returns to a place in the part.
    pub(super) async fn back_to(&mut self, parts: &BlobParts, offset: u64) -> Result<bool> {
        parts.back_to(offset).await.map_err(|error| self.by_source(error))
    }

    pub(super) fn by_source(&mut self, error: Error) -> Error {
        self.is_sources = true;
        error
    }
}
