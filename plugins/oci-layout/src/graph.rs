//! The manifests and blobs that the images of a layout need, each once, and the links between them.
//!
//! Listing, verifying and counting need the links of thousands of images at the same time. They are kept as numbers:
//! about 100 bytes for each manifest or blob, and four for each link.

mod read;

use std::collections::HashMap;

use sealift_core::{
    content::{Descriptor, Digest, Platform},
    error::{Error, Result},
};

use crate::{blocking::blocking, catalog::ImageCatalog, layout::Layout};

/// The content of a layout and its links.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<GraphNode>,
    links: Vec<NodeId>,
    ids: HashMap<Digest, NodeId>,
    roots: Vec<GraphRoot>,
}

/// Counts the content of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    fn of(at: usize) -> Self {
        Self(u32::try_from(at).expect("a layout has less than 4 billion blobs"))
    }

    /// The number itself: counts up from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A manifest or blob.
#[derive(Debug)]
pub struct GraphNode {
    /// Its name.
    pub digest: Digest,
    /// Its length as the first pointer to it says; [`Descriptor::UNSIZED`] if that does not say.
    pub size: u64,
    /// Its role in the images.
    pub kind: NodeKind,
    /// The platform, if an index names one.
    pub platform: Option<Box<Platform>>,
    /// The state of its file.
    pub state: FileState,
    links: (u32, u32),
}

impl GraphNode {
    /// Its length, if any pointer says it.
    pub fn known_size(&self) -> Option<u64> {
        (self.size != Descriptor::UNSIZED).then_some(self.size)
    }

    /// Returns true if its absence is no damage.
    pub fn is_optional(&self) -> bool {
        self.kind == NodeKind::Foreign
    }
}

/// The part that content plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A manifest that points to other manifests.
    Index,
    /// Any other manifest.
    Manifest,
    /// A config.
    Config,
    /// A layer, or a file of another artifact.
    Layer,
    /// A foreign layer, which stays where its `urls` lead.
    Foreign,
}

/// The state of a file. Blobs are not hashed for it; manifests are, since they are small.
#[derive(Clone, Debug)]
pub enum FileState {
    /// It is there, with the right length.
    Present,
    /// It is not there.
    Absent,
    /// It is something else, or cannot be read.
    Broken(Error),
}

/// A root of the graph.
#[derive(Clone, Debug)]
pub struct GraphRoot {
    /// The root manifest.
    pub node: NodeId,
    /// Its meaning in the layout.
    pub of: RootKind,
}

/// The meaning of a root manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootKind {
    /// The image of this number in [`ImageCatalog::images`].
    Image(usize),
    /// A referrer of this manifest.
    Referrer(Digest),
}

impl Graph {
    /// Reads every manifest of the images in `catalog`, and looks whether their blobs are there. Nothing is hashed
    /// but manifests.
    ///
    /// # Errors
    /// Only as cancelled, when the runtime ends; what is wrong with a file stands in its [`FileState`].
    pub async fn read(layout: &Layout, catalog: &ImageCatalog) -> Result<Self> {
        let images = catalog.images().iter().enumerate();
        let mut roots: Vec<_> = images.map(|(at, image)| (RootKind::Image(at), image.entry.clone())).collect();
        let about = catalog.referrer_entries();
        roots.extend(about.map(|(subject, entry)| (RootKind::Referrer(subject.clone()), entry.clone())));
        let layout = layout.clone();
        blocking(move || Ok(read::read(&layout, roots))).await
    }

    /// All content, in no order that means anything.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &GraphNode)> {
        self.nodes.iter().enumerate().map(|(at, node)| (NodeId::of(at), node))
    }

    /// One manifest or blob.
    pub fn node(&self, id: NodeId) -> &GraphNode {
        &self.nodes[id.index()]
    }

    /// The manifest or blob with this digest.
    pub fn find(&self, digest: &Digest) -> Option<NodeId> {
        self.ids.get(digest).copied()
    }

    /// Returns the targets of a manifest's descriptors, in order.
    pub fn links(&self, id: NodeId) -> &[NodeId] {
        let (start, end) = self.node(id).links;
        &self.links[start as usize..end as usize]
    }

    /// The root manifests, in the order of the catalog: images first.
    pub fn roots(&self) -> &[GraphRoot] {
        &self.roots
    }

    /// Walks over everything that a manifest needs, itself included, each once. Keep the walker for the next walk.
    pub fn walk(&self, from: NodeId, walker: &mut Walker, mut visit: impl FnMut(NodeId)) {
        walker.begin(self.nodes.len());
        walker.open.push(from);
        while let Some(at) = walker.open.pop() {
            if walker.is_first_visit(at) {
                visit(at);
                walker.open.extend(self.links(at).iter().rev());
            }
        }
    }
}

/// Remembers where a walk was.
#[derive(Debug, Default)]
pub struct Walker {
    seen: Vec<u32>,
    round: u32,
    open: Vec<NodeId>,
}

impl Walker {
    fn begin(&mut self, nodes: usize) {
        self.seen.resize(nodes, 0);
        self.round += 1;
        self.open.clear();
    }

    fn is_first_visit(&mut self, at: NodeId) -> bool {
        std::mem::replace(&mut self.seen[at.index()], self.round) != self.round
    }
}

#[cfg(test)]
mod tests;
