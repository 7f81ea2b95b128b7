//! Blobs that are left out because the other side has them.

use std::sync::Arc;

use sealift_core::{content::Descriptor, error::Result};
use sealift_oci_layout::{Base, Writer};
use tokio::sync::OnceCell;

use crate::config::Known;

/// What is left out.
#[derive(Default)]
pub(crate) struct LeftOut {
    known: Option<Known>,
    base: OnceCell<Arc<Base>>,
    noted: OnceCell<()>,
}

impl LeftOut {
    /// By what the other side has; without it nothing is left out.
    pub(crate) fn by(known: Option<Known>) -> Self {
        Self { known, ..Self::default() }
    }

    /// What the other side has, read once.
    pub(crate) async fn base(&self) -> Result<Option<Arc<Base>>> {
        let Some(known) = &self.known else { return Ok(None) };
        let read = || async {
            match known {
                Known::Read(base) => Ok(Arc::clone(base)),
                Known::Somewhere(path) => Base::open(path).await.map(Arc::new),
            }
        };
        self.base.get_or_try_init(read).await.map(|base| Some(Arc::clone(base)))
    }

    /// Whether a blob is left out.
    pub(crate) async fn has(&self, item: &Descriptor) -> Result<bool> {
        Ok(self.base().await?.is_some_and(|base| base.contains(&item.digest)))
    }

    /// Keeps the receipt in the directory, before the first image that counts on it is listed there.
    pub(crate) async fn note(&self, writer: &Writer) -> Result<()> {
        let Some(base) = self.base().await? else { return Ok(()) };
        self.noted.get_or_try_init(|| writer.note_base(&base)).await?;
        Ok(())
    }
}
