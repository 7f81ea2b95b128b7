//! How a graph is made.

use sealift_core::{
    content::{Descriptor, Links, MediaType},
    error::{Error, ErrorKind},
};

use super::{Graph, Node, NodeId, Part, Root, RootOf, State};
use crate::layout::Layout;

/// Reads everything below these roots. Blocks.
pub(super) fn read(layout: &Layout, roots: Vec<(RootOf, Descriptor)>) -> Graph {
    let mut reader = Reader { layout, graph: Graph::default(), open: Vec::new() };
    for (of, entry) in roots {
        let part = part_of(&entry.media_type);
        let node = reader.add(&entry, part);
        reader.read_open();
        reader.graph.roots.push(Root { node, of });
    }
    reader.graph
}

struct Reader<'a> {
    layout: &'a Layout,
    graph: Graph,
    /// Manifests that were not read yet.
    open: Vec<(NodeId, Descriptor)>,
}

fn part_of(media_type: &MediaType) -> Part {
    if media_type.is_index() { Part::Index } else { Part::Manifest }
}

fn is_manifest(part: Part) -> bool {
    matches!(part, Part::Index | Part::Manifest)
}

impl Reader<'_> {
    fn add(&mut self, item: &Descriptor, part: Part) -> NodeId {
        if let Some(&known) = self.graph.ids.get(&item.digest) {
            self.meet_again(known, item, part);
            return known;
        }
        let id = NodeId::of(self.graph.nodes.len());
        let state = if is_manifest(part) { State::There } else { self.look_at(item) };
        let platform = item.platform.clone().map(Box::new);
        let digest = item.digest.clone();
        self.graph.ids.insert(digest.clone(), id);
        self.graph.nodes.push(Node { digest, size: item.size, part, platform, state, links: (0, 0) });
        if is_manifest(part) {
            self.open.push((id, item.clone()));
        }
        id
    }

    /// Another pointer to what is known: it may say something else of it.
    fn meet_again(&mut self, known: NodeId, item: &Descriptor, part: Part) {
        let node = &mut self.graph.nodes[known.index()];
        if is_manifest(part) && !is_manifest(node.part) {
            node.part = part;
            self.open.push((known, item.clone()));
        } else if node.part == Part::Foreign {
            node.part = part; // what one image calls foreign may be a plain layer of another, which needs it
        }
        let node = &mut self.graph.nodes[known.index()];
        if node.size == Descriptor::UNSIZED {
            node.size = item.size;
        }
        if node.platform.is_none() {
            node.platform = item.platform.clone().map(Box::new);
        }
        let agrees = item.known_size().is_none_or(|size| size == node.size);
        if !agrees && matches!(node.state, State::There) {
            let (digest, first, second) = (&node.digest, node.size, item.size);
            let message = format!("one pointer says that `{digest}` has {first} bytes, another one {second}");
            node.state = State::Broken(Error::new(ErrorKind::Corrupt, message));
        }
    }

    fn look_at(&self, item: &Descriptor) -> State {
        match self.layout.0.open_blob(&item.digest) {
            Ok(None) => State::Absent,
            Ok(Some((_, length))) => match item.known_size() {
                Some(size) if size != length => State::Broken(self.layout.wrong_length(&item.digest, length, size)),
                _ => State::There,
            },
            Err(error) => State::Broken(error),
        }
    }

    fn read_open(&mut self) {
        while let Some((id, item)) = self.open.pop() {
            let state = match self.look_at(&item) {
                State::There => match self.layout.manifest_now(&item) {
                    Ok(manifest) => {
                        self.link(id, manifest.links());
                        continue;
                    }
                    Err(error) => State::Broken(error),
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
                self.graph.nodes[id.index()].part = Part::Index;
                targets.extend(children.iter().map(|child| match child.is_manifest() {
                    true => self.add(child, part_of(&child.media_type)),
                    false => self.add(child, Part::Layer),
                }));
            }
            Links::Image { config, layers } => {
                targets.extend(config.iter().map(|config| self.add(config, Part::Config)));
                let part = |layer: &Descriptor| match layer.is_foreign() {
                    true => Part::Foreign,
                    false => Part::Layer,
                };
                targets.extend(layers.iter().map(|layer| self.add(layer, part(layer))));
            }
        }
        let start = NodeId::of(self.graph.links.len());
        self.graph.links.append(&mut targets);
        self.graph.nodes[id.index()].links = (start.0, NodeId::of(self.graph.links.len()).0);
    }
}
