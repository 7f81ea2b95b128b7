//! Baselines: content that the other side has already, so that a later layout leaves it out.
//!
//! A layout that left blobs out keeps the receipt by which it did so in `.sealift/base/`. Its readers can tell a blob
//! that was left out from one that got lost, and know where it should be.

use std::{collections::HashMap, path::Path, sync::OnceLock};

use sealift_core::{content::Digest, error::Result};

use crate::{
    marker::OURS,
    receipt::{Receipt, ReceiptImage},
    storage::Storage,
};

/// Something that the other side has: a receipt, or the layout that was carried before.
#[derive(Debug)]
pub struct Baseline {
    label: String,
    receipt: Receipt,
    places: HashMap<Digest, u32>,
    images: OnceLock<Vec<Vec<u32>>>,
}

/// The directory for receipts, inside of what is ours.
pub(crate) const DIR: &str = "base";

/// Longer than any receipt that was written here.
const MAX_BYTES: u64 = 512 << 20;

impl Baseline {
    /// Reads a receipt from a file. Blocks.
    ///
    /// # Errors
    /// If there is no file, or it is no receipt.
    pub fn read_file(path: &Path) -> Result<Self> {
        Ok(Self::new(path.display().to_string(), Receipt::read(path)?))
    }

    /// Makes a baseline of a receipt; `label` names it in messages.
    pub fn new(label: impl Into<String>, receipt: Receipt) -> Self {
        let places = receipt.places();
        Self { label: label.into(), receipt, places, images: OnceLock::new() }
    }

    /// Returns the name for messages: the file that was given, or what the receipt is an inventory of.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The inventory.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Returns true if the other side has this blob.
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
pub struct Baselines(Vec<Baseline>);

impl Baselines {
    /// Reads the receipts in `.sealift/base/`.
    ///
    /// # Errors
    /// If a receipt is there and cannot be read.
    pub(crate) fn read(storage: &dyn Storage) -> Result<Self> {
        let dir = format!("{OURS}/{DIR}");
        let mut names = storage.list(&dir)?;
        names.retain(|name| name.ends_with(".json") && !name.starts_with('.'));
        names.sort();
        let mut bases = Vec::new();
        for name in names {
            let name = format!("{dir}/{name}");
            if let Some((bytes, _)) = storage.read(&name, MAX_BYTES)? {
                let receipt = Receipt::parse(&bytes, &storage.path().join(&name))?;
                bases.push(Baseline::new(receipt.of.join(", "), receipt));
            }
        }
        Ok(Self(bases))
    }

    /// Returns true if nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The receipt that has this blob.
    pub fn with(&self, blob: &Digest) -> Option<&Baseline> {
        self.0.iter().find(|base| base.contains(blob))
    }
}

#[cfg(test)]
mod tests;
