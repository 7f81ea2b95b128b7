//! Checks that all parts of an image are there.

use std::{collections::HashSet, sync::Arc};

use sealift_core::{
    content::{Descriptor, Digest},
    error::{ErrorKind, Result},
};

use crate::{baseline::Baseline, blocking::blocking, layout::Layout};

/// Returns true if a blob was left out on purpose.
type Absence = dyn Fn(&Digest) -> bool + Send + Sync;

impl Layout {
    /// Returns true if an image is there with everything that it points to. Lengths are compared, and only manifests
    /// and blobs that [`verify`](crate::verify) found damaged are read. Foreign layers need not be there, nor blobs
    /// that were left out because the other side has them.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be read.
    pub async fn has_image(&self, root: &Descriptor) -> Result<bool> {
        let layout = self.clone();
        let bases = blocking(move || layout.0.baselines()).await?;
        self.has_parts(root, Arc::new(move |digest: &Digest| bases.with(digest).is_some())).await
    }

    /// Like [`Layout::has_image`], but only blobs of `base` may be missing, and not those that earlier runs left out.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be read.
    pub async fn has_image_except(&self, root: &Descriptor, base: Option<Arc<Baseline>>) -> Result<bool> {
        let left_out = move |digest: &Digest| base.as_ref().is_some_and(|base| base.contains(digest));
        self.has_parts(root, Arc::new(left_out)).await
    }

    async fn has_parts(&self, root: &Descriptor, left_out: Arc<Absence>) -> Result<bool> {
        let mut seen = HashSet::new();
        let mut open = vec![root.clone()];
        while let Some(item) = open.pop() {
            if !seen.insert(item.digest.clone()) {
                continue;
            }
            let manifest = match self.manifest(&item).await {
                Ok(manifest) => manifest,
                Err(error) if error.kind() == ErrorKind::Storage => return Err(error),
                Err(_) => return Ok(false), // missing or broken
            };
            open.extend(manifest.children().cloned());
            let blobs: Vec<Descriptor> = manifest.blobs().filter(|blob| !blob.is_foreign()).cloned().collect();
            let (layout, left_out) = (self.clone(), Arc::clone(&left_out));
            let all = blocking(move || {
                let suspects = layout.0.suspects.of(&*layout.0.storage)?;
                for blob in &blobs {
                    match layout.0.open_blob(&blob.digest)? {
                        Some(_) if suspects.contains(&blob.digest) && !layout.has_blocking(blob)? => return Ok(false),
                        Some((_, length)) if blob.known_size().is_none_or(|size| size == length) => {}
                        None if left_out(&blob.digest) => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            });
            if !all.await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
