//! The role `list`.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::{
    content::Repository,
    error::{Error, ErrorKind, Result},
    outlet::Outlet,
};

/// Finds what there is to copy.
#[async_trait]
pub trait List: Send + Sync {
    /// Hands out listings until there are no more.
    ///
    /// The outlet is bounded: sending waits while it is full, and fails as cancelled once the receiver is closed.
    ///
    /// # Errors
    /// If listing as a whole cannot go on. What concerns one repository only goes to [`Outlet::failed`].
    async fn list(&self, out: &Outlet) -> Result<()>;

    /// Lists one repository again that went to [`Outlet::failed`] before; one round of retry calls this once for each.
    ///
    /// # Errors
    /// If the repository cannot be listed this time either.
    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        let _ = out;
        Err(Error::new(ErrorKind::Unsupported, format!("`{repository}` cannot be listed again on its own")))
    }

    /// Returns the registries of its images and of their targets, or `None` if they are not known before it lists.
    /// Settings for other registries are then taken for mistakes. Must be quick. Default: `None`.
    fn registries(&self) -> Option<BTreeSet<String>> {
        None
    }
}
