//! The images that cosign's tags (`sha256-….sig`, `.att`, `.sbom`) belong to.
//!
//! A registry finds such a tag beside its image, because both are in one repository. In a layout the tag is an entry
//! of its own, and rules may have sent the image elsewhere. So the tag gets the targets of the images of its
//! repository that have its subject: as their root, as an entry of their index, or as a referrer.

use std::collections::HashMap;

use sealift_core::content::{Digest, ImageRef, Reference, Repository};

use super::{ImageCatalog, reachable::below};
use crate::layout::Layout;

/// A signature of an attestation of an SBOM: deeper than this the engine does not follow either.
const DEPTH: usize = 4;

/// The images of a repository that have a manifest.
type Owners = HashMap<Digest, Vec<usize>>;

impl ImageCatalog {
    /// Finds out what the tags about others belong to, and gives them the targets of those images.
    pub(super) async fn relate_tags(&mut self, layout: &Layout) {
        let mut by_repository: HashMap<Repository, Vec<(usize, Digest)>> = HashMap::new();
        for (at, image) in self.images.iter().enumerate() {
            if let Some(subject) = image.is_about() {
                by_repository.entry(image.source.repository.clone()).or_default().push((at, subject));
            }
        }
        for (repository, tags) in by_repository {
            let owners = self.owners(layout, &repository, &tags).await;
            let everything = self.images_of(&repository);
            for (at, subject) in tags {
                let owners = owners.get(&subject).cloned().unwrap_or_default();
                self.follow(at, if owners.is_empty() { &everything } else { &owners }, owners.is_empty());
                self.about.entry(subject).or_default().push(at);
                self.images[at].belongs_to = owners;
            }
        }
    }

    /// The images of a repository that are not about others.
    fn images_of(&self, repository: &Repository) -> Vec<usize> {
        let images = self.images.iter().enumerate();
        let of = images.filter(|(_, image)| image.source.repository == *repository && image.is_about().is_none());
        of.map(|(at, _)| at).collect()
    }

    /// The images of a repository by the manifests that they have, as far as `tags` need to know.
    async fn owners(&self, layout: &Layout, repository: &Repository, tags: &[(usize, Digest)]) -> Owners {
        let mut owners = Owners::new();
        let images = self.images_of(repository);
        for at in &images {
            add(&mut owners, &self.images[*at].entry.digest, *at);
        }
        self.add_tags(&mut owners, tags);
        if tags.iter().all(|(_, subject)| owners.contains_key(subject)) {
            return owners; // no index has to be read
        }
        for at in images {
            // The manifests of an image, and those that refer to them.
            let roots = vec![self.images[at].entry.clone()];
            for digest in below(layout, roots, |digest| self.referrers(digest)).await.all {
                add(&mut owners, &digest, at);
            }
        }
        self.add_tags(&mut owners, tags);
        owners
    }

    /// A tag about an image belongs to that image, and so does a tag about the first tag.
    fn add_tags(&self, owners: &mut Owners, tags: &[(usize, Digest)]) {
        for _ in 0..DEPTH {
            for (tag, subject) in tags {
                for at in owners.get(subject).cloned().unwrap_or_default() {
                    add(owners, &self.images[*tag].entry.digest, at);
                }
            }
        }
    }

    /// Sends a tag to the repositories that these images are sent to. One that is sent somewhere already, and that no
    /// image here is known to need, stays as it is.
    fn follow(&mut self, tag: usize, images: &[usize], only_if_unsent: bool) {
        if only_if_unsent && !self.images[tag].targets.is_empty() {
            return;
        }
        let Reference::Tag(name) = self.images[tag].source.reference.clone() else { return };
        let places = images.iter().flat_map(|at| &self.images[*at].targets);
        let targets: Vec<ImageRef> = places.map(|target| target.repository.with_tag(&name)).collect();
        for target in targets {
            if !self.images[tag].targets.contains(&target) {
                self.images[tag].targets.push(target);
            }
        }
    }
}

fn add(owners: &mut Owners, digest: &Digest, image: usize) {
    let known = owners.entry(digest.clone()).or_default();
    if !known.contains(&image) {
        known.push(image);
    }
}
