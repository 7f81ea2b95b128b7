//! Whether an image is whole.

use std::{collections::HashSet, sync::Arc};

use sealift_core::{
    content::Descriptor,
    error::{ErrorKind, Result},
};

use crate::{blocking::blocking, layout::Layout};

impl Layout {
    /// Whether an image is there with everything that it points to. Lengths are compared, bytes are not read, except
    /// those of manifests. Foreign layers do not have to be there.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it cannot be read.
    pub async fn has_image(&self, root: &Descriptor) -> Result<bool> {
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
            open.extend(manifest.children().iter().cloned());
            let blobs = manifest.blobs().filter(|blob| !blob.media_type.is_foreign_layer());
            let blobs: Vec<_> = blobs.map(|blob| (blob.digest.clone(), blob.known_size())).collect();
            let inner = Arc::clone(&self.0);
            let all = blocking(move || {
                for (digest, size) in &blobs {
                    match inner.open_blob(digest)? {
                        Some((_, length)) if size.is_none_or(|size| size == length) => {}
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
