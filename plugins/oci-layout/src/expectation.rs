//! Comparison of a layout with a list of images from elsewhere.

use std::collections::BTreeMap;

use sealift_core::{
    content::{Digest, FullReference, ImageRef, Reference},
    error::Result,
};
use serde::Serialize;

use crate::{layout::Layout, receipt::Receipt};

/// The images that a layout should have, each with its digest if that is known.
#[derive(Clone, Debug, Default)]
pub struct Expectation(BTreeMap<ImageRef, Option<Digest>>);

/// The differences between a layout and an [`Expectation`].
#[derive(Clone, Debug, Default, Serialize)]
pub struct Differences {
    /// The number of images that were expected.
    pub expected: usize,
    /// Images that are not there, by name.
    pub missing: Vec<String>,
    /// Images that are there with another digest, in a sentence each.
    pub other: Vec<String>,
    /// Images that were not expected, by name.
    pub unexpected: Vec<String>,
}

impl Differences {
    /// Returns true if every expected image is there.
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.other.is_empty()
    }
}

impl Expectation {
    /// The images of a receipt, with their digests.
    pub fn of_receipt(receipt: &Receipt) -> Self {
        Self(receipt.images().iter().map(|image| (image.name.clone(), Some(image.digest.clone()))).collect())
    }

    /// Returns true if no image is expected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The differences to a layout without images.
    pub fn without_images(&self) -> Differences {
        let missing = self.0.keys().map(ToString::to_string).collect();
        Differences { expected: self.0.len(), missing, ..Differences::default() }
    }

    /// Adds an image. One with tag and digest must have both.
    pub fn add(&mut self, name: &FullReference) {
        let FullReference { image, beside } = name;
        let digest = image.reference.digest().cloned();
        let called = beside.as_ref().map_or_else(|| image.clone(), |tag| image.repository.with_tag(tag));
        self.0.insert(called, digest);
    }

    /// Compares a layout with this. An image is found under its own name and under those that it shall be loaded to.
    ///
    /// # Errors
    /// If the layout cannot be read.
    pub async fn compare(&self, layout: &Layout) -> Result<Differences> {
        let (there, _) = Receipt::of_layout_with_gaps(layout).await?;
        let mut names: BTreeMap<&ImageRef, &Digest> = BTreeMap::new();
        for image in there.images() {
            for name in image.targets.iter().chain([&image.name]) {
                names.insert(name, &image.digest);
            }
        }
        let mut differences = Differences { expected: self.0.len(), ..Differences::default() };
        for (name, digest) in &self.0 {
            let by_digest = || there.images().iter().any(|image| Some(&image.digest) == digest.as_ref());
            match (names.get(name), digest) {
                (Some(found), Some(digest)) if *found != digest => {
                    differences.other.push(format!("`{name}` is `{found}`, expected `{digest}`"));
                }
                (Some(_), _) => {}
                (None, _) if matches!(name.reference, Reference::Digest(_)) && by_digest() => {}
                (None, _) => differences.missing.push(name.to_string()),
            }
        }
        let is_expected = |name: &ImageRef| self.0.contains_key(name);
        let of_others =
            there.images().iter().filter(|image| !image.targets.iter().chain([&image.name]).any(is_expected));
        let tagged = of_others.filter(|image| matches!(image.name.reference, Reference::Tag(_)));
        differences.unexpected = tagged.map(|image| image.name.to_string()).collect();
        Ok(differences)
    }
}

#[cfg(test)]
mod tests;
