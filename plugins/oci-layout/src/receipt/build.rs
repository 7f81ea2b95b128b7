//! Putting a receipt together, in any order.

use std::collections::{BTreeMap, HashMap};

use sealift_core::content::{Descriptor, Digest, ImageRef};

use super::{Receipt, ReceiptBlob, ReceiptImage};

/// A receipt that is being put together.
#[derive(Debug, Default)]
pub struct ReceiptBuilder {
    of: Vec<String>,
    blobs: HashMap<Digest, u64>,
    images: BTreeMap<ImageRef, PendingImage>,
}

#[derive(Debug)]
struct PendingImage {
    digest: Digest,
    targets: Vec<ImageRef>,
    blobs: Vec<Digest>,
}

impl ReceiptBuilder {
    /// A receipt of these: a directory, or repositories.
    pub fn new(of: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { of: of.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Adds an image and its blobs; one of the same name is replaced.
    pub fn add(
        &mut self,
        name: ImageRef,
        digest: Digest,
        targets: Vec<ImageRef>,
        blobs: impl IntoIterator<Item = (Digest, u64)>,
    ) {
        let mut digests = Vec::new();
        for (digest, size) in blobs {
            self.blobs.insert(digest.clone(), size);
            digests.push(digest);
        }
        self.images.insert(name, PendingImage { digest, targets, blobs: digests });
    }

    /// Adds everything that another receipt lists.
    pub fn add_all(&mut self, other: &Receipt) {
        for image in &other.images {
            let blobs = image.blobs.iter().map(|at| &other.blobs[*at as usize]);
            let blobs = blobs.map(|blob| (blob.digest.clone(), blob.size.unwrap_or(Descriptor::UNSIZED)));
            self.add(image.name.clone(), image.digest.clone(), image.targets.clone(), blobs);
        }
    }

    /// The receipt.
    pub fn finish(self) -> Receipt {
        let mut blobs: Vec<ReceiptBlob> = self
            .blobs
            .into_iter()
            .map(|(digest, size)| ReceiptBlob { digest, size: (size != Descriptor::UNSIZED).then_some(size) })
            .collect();
        blobs.sort_unstable_by(|one, two| one.digest.cmp(&two.digest));
        let places: HashMap<&Digest, u32> = blobs.iter().map(|blob| &blob.digest).zip(0..).collect();
        let image = |(name, PendingImage { digest, targets, blobs }): (ImageRef, PendingImage)| {
            let mut blobs: Vec<u32> = blobs.iter().map(|digest| places[digest]).collect();
            blobs.sort_unstable();
            blobs.dedup();
            ReceiptImage { name, digest, targets, blobs }
        };
        let images = self.images.into_iter().map(image).collect();
        Receipt { of: self.of, blobs, images }
    }
}
