//! The inventory of a layout: images, their platforms, and the blobs that they share.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sealift_core::{
    content::{Digest, Platform},
    error::Result,
};
use serde::{Deserialize, Serialize};

use crate::{
    baseline::Baselines,
    blocking::blocking,
    catalog::ImageCatalog,
    graph::{FileState, Graph, NodeId, NodeKind, RootKind, Walker},
    layout::Layout,
};

/// The inventory of a layout.
#[derive(Clone, Debug, Serialize)]
pub struct Inventory {
    /// The images, in the order of `index.json`.
    pub images: Vec<InventoryImage>,
    /// Manifests and blobs that they need, each once.
    pub blobs: u64,
    /// The bytes of those.
    pub bytes: u64,
    /// Entries of `index.json` that are damaged, in a sentence each: there may be more images than are listed.
    pub broken: Vec<String>,
    /// Entries of `index.json` that are no images, in a sentence each.
    pub notes: Vec<String>,
}

/// An image of a layout.
#[derive(Clone, Debug, Serialize)]
pub struct InventoryImage {
    /// The name in the layout; `@sha256:…` if there is none.
    pub name: String,
    /// The digest of its root manifest.
    pub digest: Digest,
    /// The platforms, such as `linux/amd64`; empty for artifacts that do not run.
    pub platforms: Vec<String>,
    /// Bytes of all its manifests and blobs.
    pub size: u64,
    /// Bytes of those that no other image of the layout needs.
    pub own: u64,
    /// Signatures, SBOMs and other artifacts that refer to it or its parts, by their subject or by their tag.
    pub referrers: u64,
    /// The digest that its tag is about (`sha256-….sig`), if an image of the layout has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<Digest>,
    /// Manifests and blobs that are not there.
    pub missing: u64,
    /// Manifests and blobs that are not what their names say, as far as that is known without hashing blobs.
    pub damaged: u64,
    /// Manifests and blobs that are not there because the other side has them.
    pub left_out: u64,
    /// The references to copy it to.
    pub targets: Vec<String>,
}

/// A config longer than this says nothing about platforms here.
const MAX_CONFIG: u64 = 4 << 20;

impl Inventory {
    /// Takes stock of a layout. Blobs are looked for, not read.
    ///
    /// # Errors
    /// If the layout cannot be read.
    pub async fn of(layout: &Layout) -> Result<Self> {
        let catalog = ImageCatalog::read(layout).await?;
        let graph = Graph::read(layout, &catalog).await?;
        let bases = layout.baselines().await?;
        let layout = layout.clone();
        blocking(move || {
            let suspects = layout.0.suspects.of(&*layout.0.storage)?;
            let builder = InventoryBuilder {
                layout: &layout,
                catalog: &catalog,
                graph: &graph,
                bases: &bases,
                suspects: &suspects,
            };
            Ok(builder.take())
        })
        .await
    }
}

struct InventoryBuilder<'a> {
    layout: &'a Layout,
    catalog: &'a ImageCatalog,
    graph: &'a Graph,
    bases: &'a Baselines,
    /// Blobs that were found damaged earlier.
    suspects: &'a BTreeSet<Digest>,
}

impl InventoryBuilder<'_> {
    fn take(&self) -> Inventory {
        let users = self.users();
        let referrers = self.referrers();
        let mut walker = Walker::default();
        let mut inventory = Inventory {
            images: Vec::new(),
            blobs: 0,
            bytes: 0,
            broken: self.catalog.broken().iter().map(ToString::to_string).collect(),
            notes: self.catalog.warnings().to_vec(),
        };
        for (at, node) in self.graph.nodes().filter(|(_, node)| !node.is_optional()) {
            if users[at.index()] > 0 {
                inventory.blobs += 1;
                inventory.bytes += node.known_size().unwrap_or_default();
            }
        }
        let mut platforms = HashMap::new();
        let mut tags_about = vec![0_u64; self.catalog.images().len()];
        for owner in self.catalog.images().iter().flat_map(|image| &image.belongs_to) {
            tags_about[*owner] += 1;
        }
        for root in self.graph.roots() {
            let RootKind::Image(at) = root.of else { continue };
            let image = &self.catalog.images()[at];
            let mut found = InventoryImage {
                name: image.name.clone(),
                digest: image.entry.digest.clone(),
                platforms: platforms.entry(root.node).or_insert_with(|| self.platforms(root.node)).clone(),
                size: 0,
                own: 0,
                referrers: tags_about[at],
                about: image.is_about().filter(|_| !image.belongs_to.is_empty()),
                missing: 0,
                damaged: 0,
                left_out: 0,
                targets: image.targets.iter().map(ToString::to_string).collect(),
            };
            self.graph.walk(root.node, &mut walker, |at| {
                let node = self.graph.node(at);
                found.referrers += referrers.get(&node.digest).copied().unwrap_or_default();
                if node.is_optional() {
                    return;
                }
                let size = node.known_size().unwrap_or_default();
                found.size += size;
                if users[at.index()] == 1 {
                    found.own += size;
                }
                match node.state {
                    FileState::Absent if self.bases.with(&node.digest).is_some() => found.left_out += 1,
                    FileState::Absent => found.missing += 1,
                    FileState::Broken(_) => found.damaged += 1,
                    FileState::Present => found.damaged += u64::from(self.suspects.contains(&node.digest)),
                }
            });
            inventory.images.push(found);
        }
        inventory
    }

    /// Counts the images that need each manifest or blob; one image under two names counts once.
    fn users(&self) -> Vec<u32> {
        let mut users = vec![0; self.graph.nodes().count()];
        let mut walker = Walker::default();
        let mut seen = HashSet::new();
        for root in self.graph.roots() {
            if matches!(root.of, RootKind::Image(_)) && seen.insert(root.node) {
                self.graph.walk(root.node, &mut walker, |at| users[at.index()] += 1);
            }
        }
        users
    }

    /// Counts the manifests that refer to each digest.
    fn referrers(&self) -> BTreeMap<&Digest, u64> {
        let mut count = BTreeMap::new();
        for (subject, entry) in self.catalog.referrer_entries() {
            let index = self.graph.find(&entry.digest).filter(|at| self.graph.node(*at).kind == NodeKind::Index);
            *count.entry(subject).or_default() += index.map_or(1, |at| self.graph.links(at).len() as u64);
        }
        count
    }

    /// Returns the platforms of an image: those that its index names, else that of its config.
    fn platforms(&self, root: NodeId) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut add = |platform: &Platform| {
            let platform = platform.to_string();
            if !found.contains(&platform) {
                found.push(platform);
            }
        };
        let mut walker = Walker::default();
        self.graph.walk(root, &mut walker, |at| {
            let node = self.graph.node(at);
            if node.kind != NodeKind::Manifest {
                return;
            }
            match &node.platform {
                Some(platform) if platform.is_unknown() => {}
                Some(platform) => add(platform),
                None => {
                    let config = self.graph.links(at).iter().find(|at| self.graph.node(**at).kind == NodeKind::Config);
                    if let Some(platform) = config.and_then(|at| self.config(*at)) {
                        add(&platform);
                    }
                }
            }
        });
        found
    }

    /// Reads the platform of a config; none if it is not the config of an image.
    fn config(&self, at: NodeId) -> Option<Platform> {
        #[derive(Deserialize)]
        struct Config {
            os: String,
            architecture: String,
            #[serde(default)]
            variant: Option<String>,
        }
        let node = self.graph.node(at);
        let bytes = self.layout.0.storage.read_blob(&node.digest, MAX_CONFIG).ok()??;
        let Config { os, architecture, variant } = serde_json::from_slice(&bytes).ok()?;
        let variant = variant.filter(|variant| !variant.is_empty());
        Some(Platform { os, architecture, variant, os_version: None })
    }
}

#[cfg(test)]
mod tests;
