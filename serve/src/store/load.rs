//! Reading what the entries of the index lead to.

use std::collections::HashSet;

use futures::{StreamExt, stream};
use sealift_core::{
    content::Digest,
    error::{Error, ErrorKind},
};
use sealift_oci_layout::Layout;
use tokio::sync::Semaphore;

use super::content::Content;

/// Manifests of one repository that are read at the same time.
const TOGETHER: usize = 8;

/// Reads these manifests and all below them into `content`. Comes back with the first error of the system, if there was
/// one: then more may be there than was found.
///
/// What is missing or damaged is left out and noted: a layout may be incomplete. `places` bounds how many files are
/// open for this.
pub(super) async fn load(layout: &Layout, places: &Semaphore, content: &mut Content) -> Option<Error> {
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut level = content.unread();
    let mut gap = None;
    while !level.is_empty() {
        level.retain(|item| seen.insert(item.digest.clone()));
        let read = stream::iter(std::mem::take(&mut level)).map(|item| async move {
            let _place = places.acquire().await;
            (layout.manifest(&item).await, item)
        });
        let mut read = read.buffered(TOGETHER);
        while let Some((manifest, item)) = read.next().await {
            match manifest {
                Ok(manifest) => {
                    level.extend(manifest.children().cloned());
                    content.hold(&manifest);
                }
                Err(error) => {
                    tracing::warn!(%error, "a manifest of the layout cannot be served");
                    if is_of_the_system(&error) {
                        gap.get_or_insert(error);
                    }
                    content.lacks(&item);
                }
            }
        }
    }
    gap
}

/// Returns true unless an error says something about the layout itself: that a file is missing, damaged or no file.
fn is_of_the_system(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::Corrupt | ErrorKind::Unsupported => false,
        ErrorKind::Storage => std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>()),
        _ => true,
    }
}
