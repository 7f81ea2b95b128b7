//! Putting a receipt together, in any order.

use std::collections::{BTreeMap, HashMap, HashSet};

use sealift_core::{
    content::{Descriptor, Digest, ImageRef},
    error::{ErrorKind, Result},
};

use super::{Receipt, ReceiptBlob, ReceiptImage};
use crate::{
    base::Bases,
    blocking::blocking,
    catalog::{self, Catalog},
    graph::{Graph, Part, RootOf, State, Walker},
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
        let (receipt, gaps) = Self::of_layout_with_gaps(layout).await?;
        for gap in gaps {
            tracing::warn!("{gap}");
        }
        Ok(receipt)
    }

    /// The same, with what the layout should have and does not: a sentence for each image. That is not in the receipt,
    /// because a later layout would leave it out, and no side would have it.
    ///
    /// # Errors
    /// If the layout cannot be read.
    pub async fn of_layout_with_gaps(layout: &Layout) -> Result<(Self, Vec<String>)> {
        let catalog = Catalog::read(layout).await?;
        let graph = Graph::read(layout, &catalog).await?;
        let bases = Bases::of(layout).await?;
        let of_verify = layout.clone();
        let doubts = blocking(move || of_verify.0.doubts.of(&of_verify.0.root)).await?;
        let mut gaps: Vec<String> = catalog.broken().iter().map(ToString::to_string).collect();
        if catalog.is_empty() {
            let error = layout.without_images().await?;
            gaps.extend((error.kind() == ErrorKind::Corrupt).then(|| error.message().to_owned()));
        }
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
            let mut missing = 0;
            graph.walk(root.node, &mut walker, |at| {
                let node = graph.node(at);
                let is_right = matches!(node.state, State::There) && !doubts.contains(&node.digest);
                let is_there = is_right || bases.with(&node.digest).is_some();
                missing += u64::from(!is_there && !node.is_optional());
                if is_there && matches!(node.part, Part::Config | Part::Layer) {
                    blobs.push((node.digest.clone(), node.size));
                }
                if let Some(image) = image.filter(|_| subjects.contains(&node.digest)) {
                    image_of.entry(&node.digest).or_insert(image);
                }
            });
            let digest = &graph.node(root.node).digest;
            if missing > 0 {
                let (name, path) =
                    (image.map_or_else(|| digest.to_string(), |image| image.name.clone()), layout.path().display());
                gaps.push(format!("`{name}` is not whole in `{path}`: {missing} of its files are missing or damaged"));
            }
            if !matches!(graph.node(root.node).state, State::There) {
                continue;
            }
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
        Ok((builder.finish(), gaps))
    }
}
