//! Receipts of layouts.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use sealift_core::{
    content::Digest,
    error::{ErrorKind, Result},
};

use crate::{
    baseline::Baseline,
    blocking::blocking,
    catalog::{CatalogImage, ImageCatalog},
    graph::{FileState, Graph, NodeKind, RootKind, Walker},
    layout::Layout,
    locate,
    receipt::{Receipt, ReceiptBuilder},
};

impl Baseline {
    /// Reads a receipt from a file, or makes one of a layout if `path` is a directory.
    ///
    /// # Errors
    /// If there is nothing, or it is neither.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let label = path.display().to_string();
        if path.is_dir() || locate::is_archive(&path) {
            let layout = Layout::open(path).await?;
            return Ok(Self::new(label, Receipt::of_layout(&layout).await?));
        }
        let receipt = blocking(move || Receipt::read(&path)).await?;
        Ok(Self::new(label, receipt))
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

    /// Like [`Receipt::of_layout`], with what is missing in the layout: a sentence for each image. That is not in the receipt,
    /// because a later layout would leave it out, and no side would have it.
    ///
    /// # Errors
    /// If the layout cannot be read.
    pub async fn of_layout_with_gaps(layout: &Layout) -> Result<(Self, Vec<String>)> {
        let catalog = ImageCatalog::read(layout).await?;
        let graph = Graph::read(layout, &catalog).await?;
        let bases = layout.baselines().await?;
        let of_verify = layout.clone();
        let suspects = blocking(move || of_verify.0.suspects.of(&*of_verify.0.storage)).await?;
        let mut gaps: Vec<String> = catalog.broken().iter().map(ToString::to_string).collect();
        if catalog.is_empty() {
            let error = layout.without_images().await?;
            gaps.extend((error.kind() == ErrorKind::Corrupt).then(|| error.message().to_owned()));
        }
        for name in layout.gaps().await?.lost {
            gaps.push(format!("`{name}` was staged into `{}` and has no entry any more", layout.path().display()));
        }
        let mut builder = ReceiptBuilder::new([layout.path().display().to_string()]);
        let subjects: HashSet<&Digest> = catalog.referrer_entries().map(|(subject, _)| subject).collect();
        let mut image_of: HashMap<&Digest, &CatalogImage> = HashMap::new();
        let mut walker = Walker::default();
        for root in graph.roots() {
            let mut blobs = Vec::new();
            let image = match &root.of {
                RootKind::Image(at) => Some(&catalog.images()[*at]),
                RootKind::Referrer(subject) => image_of.get(subject).copied(),
            };
            let mut missing = 0;
            graph.walk(root.node, &mut walker, |at| {
                let node = graph.node(at);
                let is_right = matches!(node.state, FileState::Present) && !suspects.contains(&node.digest);
                let is_there = is_right || bases.with(&node.digest).is_some();
                missing += u64::from(!is_there && !node.is_optional());
                if is_there && matches!(node.kind, NodeKind::Config | NodeKind::Layer) {
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
            if !matches!(graph.node(root.node).state, FileState::Present) {
                continue;
            }
            match (&root.of, image) {
                (RootKind::Image(_), Some(image)) => {
                    builder.add(image.source.clone(), digest.clone(), image.targets.clone(), blobs);
                }
                // It goes where what it is about goes.
                (RootKind::Referrer(_), Some(image)) => {
                    let targets = image.targets.iter().map(|target| target.repository.with_digest(digest)).collect();
                    builder.add(image.source.repository.with_digest(digest), digest.clone(), targets, blobs);
                }
                (_, None) => {} // what it is about is not in this layout
            }
        }
        Ok((builder.finish(), gaps))
    }
}
