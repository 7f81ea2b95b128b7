//! Blobs that are left out because the other side has them.

use std::{path::PathBuf, sync::Arc};

use sealift_core::{content::Descriptor, error::Result};
use sealift_oci_layout::{Baseline, Writer};
use tokio::sync::OnceCell;

/// The value of `base` in the pipeline.
#[derive(Clone, Debug)]
pub(crate) enum BaselineSource {
    /// A receipt file, which was read.
    Receipt(Arc<Baseline>),
    /// A layout; or, in a check, a path that is not read.
    Path(PathBuf),
}

/// The blobs that are left out because the other side has them.
#[derive(Default)]
pub(crate) struct BaselineFilter {
    known: Option<BaselineSource>,
    base: OnceCell<Arc<Baseline>>,
    noted: OnceCell<()>,
}

impl BaselineFilter {
    /// By what the other side has; without it nothing is left out.
    pub(crate) fn by(known: Option<BaselineSource>) -> Self {
        Self { known, ..Self::default() }
    }

    /// Returns the baseline, which is read once.
    pub(crate) async fn base(&self) -> Result<Option<Arc<Baseline>>> {
        let Some(known) = &self.known else { return Ok(None) };
        let read = || async {
            match known {
                BaselineSource::Receipt(base) => Ok(Arc::clone(base)),
                BaselineSource::Path(path) => Baseline::open(path).await.map(Arc::new),
            }
        };
        self.base.get_or_try_init(read).await.map(|base| Some(Arc::clone(base)))
    }

    /// Returns true if a blob is left out.
    pub(crate) async fn has(&self, item: &Descriptor) -> Result<bool> {
        Ok(self.base().await?.is_some_and(|base| base.contains(&item.digest)))
    }

    /// Keeps the receipt in the directory, before the first image that counts on it is listed there.
    pub(crate) async fn note(&self, writer: &Writer) -> Result<()> {
        let Some(base) = self.base().await? else { return Ok(()) };
        self.noted.get_or_try_init(|| writer.keep_baseline(&base)).await?;
        Ok(())
    }
}
