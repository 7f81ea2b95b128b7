//! The images of a layout, written by any tool.
//!
//! Tools agree on the files of a layout and on little else: names are tags or full references, stand in one annotation
//! or another, or are missing; signatures are entries without a name, or an index under a tag of its own; some list
//! the children of an index beside it; some put everything into one more index. [`ImageCatalog::read`] makes one list
//! of images out of all that, in the order of `index.json`.

mod about;
mod naming;
mod reachable;
mod read;

use std::collections::{BTreeMap, HashMap};

use sealift_core::content::{Descriptor, Digest, ImageRef, Repository, Tag};

pub use naming::Naming;

use crate::index::BrokenEntry;

/// The images of a layout.
#[derive(Clone, Debug, Default)]
pub struct ImageCatalog {
    images: Vec<CatalogImage>,
    by_source: HashMap<ImageRef, Descriptor>,
    referrers: BTreeMap<Digest, Vec<Descriptor>>,
    fallbacks: Vec<(Digest, Descriptor)>,
    /// Images that are about a digest by their tag.
    about: HashMap<Digest, Vec<usize>>,
    broken: Vec<BrokenEntry>,
    warnings: Vec<String>,
}

/// An image of a layout.
#[derive(Clone, Debug)]
pub struct CatalogImage {
    /// The name in the layout: `docker.io/library/nginx:1.27`, `v1`; `@sha256:…` if there is none.
    pub name: String,
    /// The name as a full reference: names without a registry get `localhost`, names without a repository get the name
    /// of the directory.
    pub source: ImageRef,
    /// The parts of `source` that the layout states.
    pub naming: Naming,
    /// The pointer to its root manifest, as it stands in the layout.
    pub entry: Descriptor,
    /// The references to copy the image to, as noted in the layout. A tag that refers to an image has the targets of
    /// that image.
    pub targets: Vec<ImageRef>,
    /// The images that have what its tag is about, as places in [`ImageCatalog::images`]; see [`CatalogImage::is_about`].
    pub belongs_to: Vec<usize>,
}

impl CatalogImage {
    /// The digest that its tag is about, if it is one of cosign's: `sha256-….sig`, `.att`, `.sbom`.
    pub fn is_about(&self) -> Option<Digest> {
        let tag = self.source.reference.tag()?;
        tag.referenced_digest().filter(|_| tag.contains('.'))
    }
}

impl ImageCatalog {
    /// The images, in the order of `index.json`; each name and digest once.
    ///
    /// What is only about another image is left out: signatures without a tag, fallback tags of referrers, the
    /// children of an index.
    pub fn images(&self) -> &[CatalogImage] {
        &self.images
    }

    /// Returns true if there is nothing that could be copied, and no entry that is damaged.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.broken.is_empty()
    }

    /// The entry with this name, fallback tags of referrers included; the first one if there are several.
    pub fn find(&self, source: &ImageRef) -> Option<&Descriptor> {
        self.by_source.get(source)
    }

    /// The manifests that are about `subject` and have no tag.
    pub fn referrers(&self, subject: &Digest) -> &[Descriptor] {
        self.referrers.get(subject).map_or(&[], Vec::as_slice)
    }

    /// The images of a repository whose tag is about `subject`: cosign's signatures, attestations and SBOMs.
    pub fn tags_about(&self, repository: &Repository, subject: &Digest) -> impl Iterator<Item = &CatalogImage> {
        let all = self.about.get(subject).into_iter().flatten().map(|at| &self.images[*at]);
        all.filter(move |image| image.source.repository == *repository)
    }

    /// The index under the fallback tag for `subject` (distribution-spec, "Referrers Tag Schema"), if there is one.
    pub fn fallback(&self, repository: &Repository, subject: &Digest) -> Option<&Descriptor> {
        self.find(&repository.with_tag(&Tag::referrers_tag(subject)?))
    }

    /// The entries that only refer to others, with their subjects: manifests without a tag, indexes under fallback
    /// tags.
    pub fn referrer_entries(&self) -> impl Iterator<Item = (&Digest, &Descriptor)> {
        let referrers = self.referrers.iter().flat_map(|(subject, all)| all.iter().map(move |one| (subject, one)));
        referrers.chain(self.fallbacks.iter().map(|(subject, index)| (subject, index)))
    }

    /// Entries that should be images and cannot be used, or not as they should be: damaged ones.
    pub fn broken(&self) -> &[BrokenEntry] {
        &self.broken
    }

    /// Entries that are no images, in a sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests;
