//! What the other side has already, so that it need not be carried again.
//!
//! A layout that left something out keeps the receipt by which it did so, in `.sealift/base/`: whoever reads it on
//! the far side can tell what was left out from what got lost, and where it should be.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, PoisonError},
};

use sealift_core::{content::Digest, error::Result};

use crate::{
    blocking::blocking,
    dir::Dir,
    layout::{Inner, Layout},
    receipt::{Receipt, ReceiptImage},
    writer::{OURS, Writer},
};

/// Something that the other side has: a receipt, or the layout that was carried before.
#[derive(Debug)]
pub struct Base {
    label: String,
    receipt: Receipt,
    places: HashMap<Digest, u32>,
    images: OnceLock<Vec<Vec<u32>>>,
}

/// The directory for receipts, inside of what is ours.
const DIR: &str = "base";

/// Longer than any receipt that was written here.
const MAX_BYTES: u64 = 512 << 20;

impl Base {
    /// Reads a receipt from a file, or makes one of a layout if `path` is a directory.
    ///
    /// # Errors
    /// If there is nothing, or it is neither.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let label = path.display().to_string();
        if path.is_dir() {
            let layout = Layout::open(path).await?;
            return Ok(Self::new(label, Receipt::of_layout(&layout).await?));
        }
        let receipt = blocking(move || Receipt::read(&path)).await?;
        Ok(Self::new(label, receipt))
    }

    /// Reads a receipt from a file. Blocks.
    ///
    /// # Errors
    /// If there is no file, or it is no receipt.
    pub fn read_file(path: &Path) -> Result<Self> {
        Ok(Self::new(path.display().to_string(), Receipt::read(path)?))
    }

    /// What a receipt says; `label` names it in messages.
    pub fn new(label: impl Into<String>, receipt: Receipt) -> Self {
        let places = receipt.places();
        Self { label: label.into(), receipt, places, images: OnceLock::new() }
    }

    /// What it is called in messages: the file that was given, or what it is an inventory of.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The inventory.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Whether the other side has this blob.
    pub fn contains(&self, blob: &Digest) -> bool {
        self.places.contains_key(blob)
    }

    /// The images of the other side that have this blob.
    pub fn images_with(&self, blob: &Digest) -> impl Iterator<Item = &ReceiptImage> {
        let images = self.images.get_or_init(|| {
            let mut images = vec![Vec::new(); self.receipt.blobs.len()];
            for (at, image) in (0..).zip(&self.receipt.images) {
                image.blobs.iter().for_each(|blob| images[*blob as usize].push(at));
            }
            images
        });
        let place = self.places.get(blob);
        let found = place.map_or(&[][..], |place| &images[*place as usize]);
        found.iter().map(|at| &self.receipt.images[*at as usize])
    }
}

/// The receipts by which a layout left blobs out.
#[derive(Debug, Default)]
pub struct Bases(Vec<Base>);

impl Bases {
    /// What a layout keeps. It is read once and then remembered.
    ///
    /// # Errors
    /// If a receipt is there and cannot be read.
    pub async fn of(layout: &Layout) -> Result<Arc<Self>> {
        let layout = layout.clone();
        blocking(move || Self::of_now(&layout.0)).await
    }

    /// The same, on a thread that may block.
    pub(crate) fn of_now(layout: &Inner) -> Result<Arc<Self>> {
        let mut known = layout.bases.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        let bases = Arc::new(Self::read(&layout.root)?);
        Ok(Arc::clone(known.insert(bases)))
    }

    fn read(root: &Dir) -> Result<Self> {
        let Some(dir) = root.sub(OURS)?.map(|ours| ours.sub(DIR)).transpose()?.flatten() else {
            return Ok(Self::default());
        };
        let mut names: Vec<String> = dir.list()?.into_iter().map(|(name, ..)| name).collect();
        names.retain(|name| name.ends_with(".json") && !name.starts_with('.'));
        names.sort();
        let mut bases = Vec::new();
        for name in names {
            if let Some((bytes, _)) = dir.read(&name, MAX_BYTES)? {
                let receipt = Receipt::parse(&bytes, &dir.file_path(&name))?;
                bases.push(Base::new(receipt.of.join(", "), receipt));
            }
        }
        Ok(Self(bases))
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The receipt that has this blob.
    pub fn with(&self, blob: &Digest) -> Option<&Base> {
        self.0.iter().find(|base| base.contains(blob))
    }
}

impl Writer {
    /// Keeps the receipt by which blobs are left out. Call it before the first one is.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](sealift_core::error::ErrorKind::Storage) if it cannot be written.
    pub async fn note_base(&self, base: &Base) -> Result<()> {
        let text = base.receipt.render();
        let name = format!("{}.json", Digest::of(text.as_bytes()).short());
        let (layout, sync) = (self.layout().clone(), self.syncs());
        blocking(move || {
            let dir = layout.0.root.make_sub(OURS)?.make_sub(DIR)?;
            if dir.has(&name) {
                return Ok(());
            }
            dir.replace(&name, text.as_bytes(), sync)?;
            layout.0.bases.lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests;
