//! Putting a receipt together, in any order.

use std::collections::{BTreeMap, HashMap, HashSet};

use sealift_core::{
    content::{Descriptor, Digest, ImageRef},
    error::Result,
};

use super::{Receipt, ReceiptBlob, ReceiptImage};
use crate::{
    catalog::{self, Catalog},
    graph::{Graph, Part, RootOf, Walker},
    layout::Layout,
};

/// A receipt that is being put together.
#[derive(Debug, Default)]
pub struct ReceiptBuilder {
    of: Vec<String>,
    blobs: HashMap<Digest, u64>,
    images: BTreeMap<ImageRef, Image>,
}

#[derive(Debug)]
struct Image {
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
        self.images.insert(name, Image { digest, targets, blobs: digests });
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
        let image = |(name, Image { digest, targets, blobs }): (ImageRef, Image)| {
            let mut blobs: Vec<u32> = blobs.iter().map(|digest| places[digest]).collect();
            blobs.sort_unstable();
            blobs.dedup();
            ReceiptImage { name, digest, targets, blobs }
        };
        let images = self.images.into_iter().map(image).collect();
        Receipt { of: self.of, blobs, images }
    }
}

impl Receipt {
    /// The receipt of a layout: everything that its images need, whether it is there or was left out.
    ///
    /// # Errors
    /// If the layout cannot be read.
    pub async fn of_layout(layout: &Layout) -> Result<Self> {
        let catalog = Catalog::read(layout).await?;
        let graph = Graph::read(layout, &catalog).await?;
        let mut builder = ReceiptBuilder::new([layout.path().display().to_string()]);
        let subjects: HashSet<&Digest> = catalog.about_others().map(|(subject, _)| subject).collect();
        let mut image_of: HashMap<&Digest, &catalog::Image> = HashMap::new();
        let mut walker = Walker::default();
        for root in graph.roots() {
            let mut blobs = Vec::new();
            let image = match &root.of {
                RootOf::Image(at) => Some(&catalog.images()[*at]),
                RootOf::About(subject) => image_of.get(subject).copied(),
            };
            graph.walk(root.node, &mut walker, |at| {
                let node = graph.node(at);
                if matches!(node.part, Part::Config | Part::Layer) {
                    blobs.push((node.digest.clone(), node.size));
                }
                if let Some(image) = image.filter(|_| subjects.contains(&node.digest)) {
                    image_of.entry(&node.digest).or_insert(image);
                }
            });
            let digest = &graph.node(root.node).digest;
            match (&root.of, image) {
                (RootOf::Image(_), Some(image)) => {
                    builder.add(image.source.clone(), digest.clone(), image.targets.clone(), blobs);
                }
                // It goes where what it is about goes.
                (RootOf::About(_), Some(image)) => {
                    let targets = image.targets.iter().map(|target| target.repository.at(digest)).collect();
                    builder.add(image.source.repository.at(digest), digest.clone(), targets, blobs);
                }
                (_, None) => {} // what it is about is not in this layout
            }
        }
        Ok(builder.finish())
    }
}
