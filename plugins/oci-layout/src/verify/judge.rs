//! From what was found on the disk to what it means for images.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use sealift_core::{content::Digest, error::ErrorKind};

use super::{
    Damage, DamageKind, Verification,
    files::{LayoutFiles, place},
    hash::Wrong,
};
use crate::{
    baseline::Baselines,
    catalog::ImageCatalog,
    graph::{FileState, Graph, GraphNode, NodeId, NodeKind, RootKind, Walker},
};

/// The content of `index.json`.
pub(super) struct ListedContent {
    pub(super) catalog: ImageCatalog,
    pub(super) graph: Graph,
    pub(super) bases: Arc<Baselines>,
    /// Images that were staged and have no entry any more.
    pub(super) lost: Vec<(String, Digest)>,
    /// True if images were staged and there is no record of them.
    pub(super) unrecorded: bool,
}

/// The note about a layout without a record.
const UNRECORDED: &str = "there is no record of what was asked for (`.sealift/staged`), so an image that did not arrive is not \
    missed: `--expect` compares with a list";

impl Verification {
    pub(super) fn judge(&mut self, files: LayoutFiles, wrong: &Wrong, known: Option<ListedContent>) {
        self.files = files.blobs.len() as u64;
        self.bytes = files.blobs.iter().filter_map(|blob| blob.length).sum();
        for (file, length) in &files.leftovers {
            self.leftovers.files.push(file.clone());
            self.leftovers.bytes += length;
        }
        for (file, length) in &files.strangers {
            self.strangers.files.push(file.clone());
            self.strangers.bytes += length;
        }
        for (place, error) in &files.closed {
            self.damages.push(Damage::of(DamageKind::Unreadable, place, error.message()));
        }
        match known {
            Some(known) => self.judge_images(&files, wrong, &known),
            None => self.damages.extend(wrong.iter().map(|(digest, what)| damage(digest, None, what.clone()))),
        }
        self.damages.sort_by(|one, two| (one.kind, &one.file).cmp(&(two.kind, &two.file)));
    }

    fn judge_images(&mut self, files: &LayoutFiles, wrong: &Wrong, known: &ListedContent) {
        self.images = known.catalog.images().len();
        self.notes = known.catalog.warnings().to_vec();
        self.notes.extend(known.unrecorded.then(|| UNRECORDED.to_owned()));
        for entry in known.catalog.broken() {
            let mut damage = Damage::of(DamageKind::Entry, "index.json", entry.to_string());
            damage.images.extend(entry.name.as_deref().map(Arc::from));
            self.broken.extend(entry.name.as_deref().map(Arc::from));
            self.damages.push(damage);
        }
        for (name, digest) in &known.lost {
            let what = format!("`{name}` was staged here as `{digest}`, and has no entry any more");
            let name: Arc<str> = name.as_str().into();
            let images = vec![Arc::clone(&name)];
            self.damages.push(Damage { images, ..Damage::of(DamageKind::Entry, "index.json", what) });
            self.broken.push(name);
        }
        // What was asked for and did not arrive is a gap, and told as one.
        if known.graph.roots().is_empty() && known.catalog.broken().is_empty() && self.gaps.is_empty() {
            let files = self.files;
            let what = match files {
                0 => "it lists no image, and there are no blobs either".to_owned(),
                1 => "it lists no image, and there is 1 blob".to_owned(),
                _ => format!("it lists no image, and there are {files} blobs"),
            };
            self.damages.push(Damage::of(DamageKind::Empty, "index.json", what));
        }
        let mut damaged: HashMap<NodeId, Damage> = HashMap::new();
        for (at, node) in known.graph.nodes() {
            if let Some((kind, what)) = trouble(node, wrong) {
                let is_blob = matches!(node.kind, NodeKind::Config | NodeKind::Layer);
                if kind == DamageKind::Missing && is_blob && known.bases.with(&node.digest).is_some() {
                    self.left_out.blobs += 1;
                    self.left_out.bytes += node.known_size().unwrap_or_default();
                } else {
                    damaged.insert(at, damage(&node.digest, node.known_size(), (kind, what)));
                }
            }
        }
        self.tell_images(known, &mut damaged);
        self.damages.extend(damaged.into_values());
        for blob in files.blobs.iter().filter(|blob| known.graph.find(&blob.digest).is_none()) {
            match wrong.get(&blob.digest) {
                Some(what) => self.damages.push(damage(&blob.digest, None, what.clone())),
                None => {
                    self.orphans.files.push(place(&blob.digest));
                    self.orphans.bytes += blob.length.unwrap_or_default();
                }
            }
        }
        self.orphans.files.sort();
    }

    /// Walks over every image, and notes its name at everything that is wrong with it.
    fn tell_images(&mut self, known: &ListedContent, damaged: &mut HashMap<NodeId, Damage>) {
        let graph = &known.graph;
        let subjects: HashSet<&Digest> = known.catalog.referrer_entries().map(|(subject, _)| subject).collect();
        let mut subject_of: HashMap<&Digest, Arc<str>> = HashMap::new();
        let mut told = HashSet::new();
        let mut walker = Walker::default();
        for root in graph.roots() {
            let name: Arc<str> = match &root.of {
                RootKind::Image(at) => known.catalog.images()[*at].name.as_str().into(),
                RootKind::Referrer(subject) => match subject_of.get(subject) {
                    Some(image) => format!("what refers to {image}").into(),
                    None => format!("what refers to {subject}").into(),
                },
            };
            let mut troubles: BTreeSet<NodeId> = BTreeSet::new();
            graph.walk(root.node, &mut walker, |at| {
                let digest = &graph.node(at).digest;
                if subjects.contains(digest) {
                    subject_of.entry(digest).or_insert_with(|| Arc::clone(&name));
                }
                if damaged.contains_key(&at) {
                    troubles.insert(at);
                }
            });
            if troubles.is_empty() {
                continue;
            }
            for at in troubles {
                if let Some(damage) = damaged.get_mut(&at).filter(|damage| damage.images.last() != Some(&name)) {
                    damage.images.push(Arc::clone(&name));
                }
            }
            if told.insert(Arc::clone(&name)) {
                self.broken.push(name);
            }
        }
    }
}

/// Returns the damage of a manifest or blob.
fn trouble(node: &GraphNode, wrong: &Wrong) -> Option<(DamageKind, String)> {
    if let Some((kind, what)) = wrong.get(&node.digest) {
        return Some((*kind, what.clone()));
    }
    match &node.state {
        FileState::Present => None,
        FileState::Absent if node.is_optional() => None,
        FileState::Absent => Some((DamageKind::Missing, "it is not there".to_owned())),
        FileState::Broken(error) => {
            let kind = match error.kind() {
                ErrorKind::Storage => DamageKind::Unreadable,
                _ => DamageKind::Inconsistent,
            };
            Some((kind, error.message().to_owned()))
        }
    }
}

fn damage(digest: &Digest, size: Option<u64>, (kind, what): (DamageKind, String)) -> Damage {
    Damage { digest: Some(digest.clone()), size, ..Damage::of(kind, place(digest), what) }
}
