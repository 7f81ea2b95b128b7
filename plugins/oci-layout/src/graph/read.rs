//! Reading a graph.

use sealift_core::{
    content::{Descriptor, Links, MediaType},
    error::{Error, ErrorKind},
};

use super::{FileState, Graph, GraphNode, GraphRoot, NodeId, NodeKind, RootKind};
use crate::layout::Layout;

/// Reads everything below these roots. Blocks.
pub(super) fn read(layout: &Layout, roots: Vec<(RootKind, Descriptor)>) -> Graph {
    let mut reader = GraphReader { layout, graph: Graph::default(), open: Vec::new() };
    for (of, entry) in roots {
        let part = part_of(&entry.media_type);
        let node = reader.add(&entry, part);
        reader.read_open();
        reader.graph.roots.push(GraphRoot { node, of });
    }
    reader.graph
}

struct GraphReader<'a> {
    layout: &'a Layout,
    graph: Graph,
    /// Manifests that were not read yet.
    open: Vec<(NodeId, Descriptor)>,
}

fn part_of(media_type: &MediaType) -> NodeKind {
    if media_type.is_index() { NodeKind::Index } else { NodeKind::Manifest }
}

fn is_manifest(part: NodeKind) -> bool {
    matches!(part, NodeKind::Index | NodeKind::Manifest)
}

impl GraphReader<'_> {
    fn add(&mut self, item: &Descriptor, part: NodeKind) -> NodeId {
        if let Some(&known) = self.graph.ids.get(&item.digest) {
            self.meet_again(known, item, part);
            return known;
        }
        let id = NodeId::of(self.graph.nodes.len());
        let state = if is_manifest(part) { FileState::Present } else { self.look_at(item) };
        let platform = item.platform.clone().map(Box::new);
        let digest = item.digest.clone();
        self.graph.ids.insert(digest.clone(), id);
        self.graph.nodes.push(GraphNode { digest, size: item.size, kind: part, platform, state, links: (0, 0) });
        if is_manifest(part) {
            self.open.push((id, item.clone()));
        }
        id
    }

    /// Another pointer to what is known: it may say something else of it.
    fn meet_again(&mut self, known: NodeId, item: &Descriptor, part: NodeKind) {
        let node = &mut self.graph.nodes[known.index()];
        if is_manifest(part) && !is_manifest(node.kind) {
            node.kind = part;
            self.open.push((known, item.clone()));
        } else if node.kind == NodeKind::Foreign {
            node.kind = part; // what one image calls foreign may be a plain layer of another, which needs it
        }
        let node = &mut self.graph.nodes[known.index()];
        if node.size == Descriptor::UNSIZED {
            node.size = item.size;
        }
        if node.platform.is_none() {
            node.platform = item.platform.clone().map(Box::new);
        }
        let agrees = item.known_size().is_none_or(|size| size == node.size);
        if !agrees && matches!(node.state, FileState::Present) {
            let (digest, first, second) = (&node.digest, node.size, item.size);
            let message = format!("one pointer says that `{digest}` has {first} bytes, another one {second}");
            node.state = FileState::Broken(Error::new(ErrorKind::Corrupt, message));
        }
    }

    fn look_at(&self, item: &Descriptor) -> FileState {
        match self.layout.0.open_blob(&item.digest) {
            Ok(None) => FileState::Absent,
            Ok(Some((_, length))) => match item.known_size() {
                Some(size) if size != length => FileState::Broken(self.layout.wrong_length(&item.digest, length, size)),
                _ => FileState::Present,
            },
            Err(error) => FileState::Broken(error),
        }
    }

    fn read_open(&mut self) {
        while let Some((id, item)) = self.open.pop() {
            let state = match self.look_at(&item) {
                FileState::Present => match self.layout.manifest_blocking(&item) {
                    Ok(manifest) => {
                        self.link(id, manifest.links());
                        continue;
                    }
                    Err(error) => FileState::Broken(error),
                },
                other => other,
            };
            self.graph.nodes[id.index()].state = state;
        }
    }

    fn link(&mut self, id: NodeId, links: &Links) {
        let mut targets = Vec::new();
        match links {
            Links::Index(children) => {
                self.graph.nodes[id.index()].kind = NodeKind::Index;
                targets.extend(children.iter().map(|child| match child.is_manifest() {
                    true => self.add(child, part_of(&child.media_type)),
                    false => self.add(child, NodeKind::Layer),
                }));
            }
            Links::Image { config, layers } => {
                targets.extend(config.iter().map(|config| self.add(config, NodeKind::Config)));
                let part = |layer: &Descriptor| match layer.is_foreign() {
                    true => NodeKind::Foreign,
                    false => NodeKind::Layer,
                };
                targets.extend(layers.iter().map(|layer| self.add(layer, part(layer))));
            }
        }
        let start = NodeId::of(self.graph.links.len());
        self.graph.links.append(&mut targets);
        self.graph.nodes[id.index()].links = (start.0, NodeId::of(self.graph.links.len()).0);
    }
}
