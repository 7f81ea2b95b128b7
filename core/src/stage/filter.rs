//! The role `filter`.

use async_trait::async_trait;

use super::Fetch;
use crate::{
    content::Descriptor,
    error::Result,
    job::{Listing, Resolved},
};

/// Drops what is not wanted. Several moments, because cheap ones should run first.
///
/// Of one repository each filter sees [`Filter::filter_tags`] and then [`Filter::select`], in the order of the pipeline;
/// of one image [`Filter::check`]; of each index [`Filter::filter_entries`].
#[async_trait]
pub trait Filter: Send + Sync {
    /// Drops versions by name, before anything is read. May only drop.
    fn filter_tags(&self, listing: &mut Listing) {
        let _ = listing;
    }

    /// Drops versions by what the images are, where the choice needs those of a repository together: the newest three
    /// by time. May only drop. It may read through `from`; nothing of that is kept, so this is the most expensive way to
    /// choose. What concerns one image alone belongs to [`Filter::check`].
    ///
    /// # Errors
    /// If it cannot decide; the listing of the repository then fails.
    async fn select(&self, listing: &mut Listing, from: &dyn Fetch) -> Result<()> {
        let _ = (listing, from);
        Ok(())
    }

    /// Drops entries of one index. May only drop, and keeps the order.
    ///
    /// Entries that describe others (attestations) follow what they describe; the engine sees to it.
    fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
        let _ = entries;
    }

    /// Returns true if entries that describe others stay dropped where [`Filter::filter_entries`] dropped them, instead of
    /// following what they describe. Default: false, because an image without its attestations is another one.
    fn drops_attestations(&self) -> bool {
        false
    }

    /// Returns true if this filter may drop entries of an index, so that an index must be read to know what
    /// will stand at the destination. Default: yes, because saying no wrongly would skip images that differ.
    fn drops_entries(&self) -> bool {
        true
    }

    /// Returns true if it is no failure when this filter leaves nothing of what was asked for, as of a filter by age in a
    /// night without news. Default: false, so that a pattern with a mistake in it is noticed.
    fn may_leave_nothing(&self) -> bool {
        false
    }

    /// Returns a short description for a plan and a report: `linux/amd64`, `v1.*`. Default: none.
    fn summary(&self) -> Option<String> {
        None
    }

    /// Says yes or no to an image. It may read through `from`; what it reads is kept for the copy.
    ///
    /// # Errors
    /// If it cannot decide; the image then fails.
    async fn check(&self, image: &Resolved, from: &dyn Fetch) -> Result<Verdict> {
        let _ = (image, from);
        Ok(Verdict::Keep)
    }
}

/// The decision of a filter about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// It is skipped.
    Drop {
        /// The reason, for the report.
        reason: String,
    },
}
