//! The images that all contenders copy: generated from a seed, so that each run has the same ones.
//!
//! Layers are real gzip tars of random bytes. Manifests are pretty-printed, which exposes programs that write them
//! anew. `small` and `many` have the shape of what a team's registry holds; `big` is one large image.

use std::{
    collections::{HashMap, HashSet},
    io::Write,
};

use anyhow::{Result, ensure};
use bytes::Bytes;
use sealift_core::content::{Descriptor, Digest, Manifest, MediaType, well_known};
use sealift_testkit::{content::Content, registry::Registry};
use serde_json::{Value, json};

/// A shape of corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shape {
    /// 5 repositories × 4 tags, 3 platforms, 69 manifests, two layers that all share; about 65 MB.
    Small,
    /// 20 repositories × 50 tags, tiny single images; about 7 MB.
    Many,
    /// One image of 8 × 128 MiB.
    Big,
}

/// The content of a source registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Corpus {
    /// Repositories and their tags.
    pub(crate) repositories: Vec<(String, Vec<String>)>,
}

struct Recipe {
    seed: u64,
    repositories: usize,
    tags: usize,
    platforms: &'static [&'static str],
    base: (usize, usize),
    repository: (usize, usize),
    tag: (usize, usize),
}

impl Shape {
    fn recipe(self) -> Recipe {
        let amd64 = &["linux/amd64"][..];
        match self {
            Self::Small => Recipe {
                seed: 11,
                repositories: 5,
                tags: 4,
                platforms: &["linux/amd64", "linux/arm64", "linux/arm/v7"],
                base: (2, 2_600 << 10),
                repository: (1, 1_400 << 10),
                tag: (2, 310 << 10),
            },
            Self::Many => Recipe {
                seed: 33,
                repositories: 20,
                tags: 50,
                platforms: amd64,
                base: (2, 256 << 10),
                repository: (1, 64 << 10),
                tag: (1, 4 << 10),
            },
            Self::Big => Recipe {
                seed: 22,
                repositories: 1,
                tags: 1,
                platforms: amd64,
                base: (0, 0),
                repository: (0, 0),
                tag: (8, 128 << 20),
            },
        }
    }

    /// Bytes of all different blobs, about; what a registry needs to hold it.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Self::Small => 80 << 20,
            Self::Many => 24 << 20,
            Self::Big => (8 * 128 + 8) << 20,
        }
    }

    /// Puts the corpus into a registry, and looks whether it is there.
    ///
    /// # Errors
    /// If something is missing after that.
    pub(crate) async fn fill(self, registry: &Registry) -> Result<Corpus> {
        let recipe = self.recipe();
        let mut filling = Filling::into(registry);
        let mut corpus = Corpus::default();
        for repository in 0..recipe.repositories {
            filling.repository = format!("bench/repo{repository}");
            let tags: Vec<String> = (0..recipe.tags).map(|tag| format!("v1.{tag}")).collect();
            for (number, tag) in tags.iter().enumerate() {
                let manifest = recipe.image(&mut filling, self, repository, number).await;
                filling.manifest(tag, &manifest).await;
            }
            corpus.repositories.push((filling.repository.clone(), tags));
        }
        filling.verify().await?;
        Ok(corpus)
    }
}

/// A registry that is being filled: one thing after the other, each blob once in a repository.
///
/// Distribution 2.8 may lose a blob of which two uploads run at the same time.
struct Filling {
    content: Content,
    repository: String,
    made: HashMap<String, Descriptor>,
    there: HashSet<(String, Digest)>,
    names: Vec<(String, String)>,
}

impl Filling {
    fn into(registry: &Registry) -> Self {
        Self {
            content: Content::at(&registry.url()),
            repository: String::new(),
            made: HashMap::new(),
            there: HashSet::new(),
            names: Vec::new(),
        }
    }

    async fn layer(&mut self, seed: u64, name: &str, size: usize, types: &Types) -> Descriptor {
        if let Some(item) = self.made.get(name)
            && self.there.contains(&(self.repository.clone(), item.digest.clone()))
        {
            return item.clone();
        }
        let item = self.blob(&types.layer, layer(seed, name, size)).await;
        self.made.insert(name.to_owned(), item.clone());
        item
    }

    async fn blob(&mut self, media_type: &MediaType, bytes: Bytes) -> Descriptor {
        let item = Descriptor::of_bytes(media_type.clone(), &bytes);
        if self.there.insert((self.repository.clone(), item.digest.clone())) {
            self.content.put_blob(&self.repository, &item, bytes).await;
        }
        item
    }

    async fn manifest(&mut self, reference: &str, manifest: &Manifest) {
        self.content.put_manifest(&self.repository, reference, manifest).await;
        self.names.push((self.repository.clone(), reference.to_owned()));
    }

    async fn verify(&self) -> Result<()> {
        for (repository, digest) in &self.there {
            ensure!(self.content.has_blob(repository, digest).await, "the source lost `{digest}` of `{repository}`");
        }
        for (repository, reference) in &self.names {
            let found = self.content.manifest(repository, reference).await;
            ensure!(found.is_some(), "the source lost `{reference}` of `{repository}`");
        }
        Ok(())
    }
}

struct Types {
    manifest: MediaType,
    index: MediaType,
    config: MediaType,
    layer: MediaType,
}

impl Types {
    fn of(repository: usize) -> Self {
        match repository % 2 {
            0 => Self {
                manifest: well_known::OCI_MANIFEST,
                index: well_known::OCI_INDEX,
                config: well_known::OCI_CONFIG,
                layer: well_known::OCI_LAYER_GZIP,
            },
            _ => Self {
                manifest: well_known::DOCKER_MANIFEST,
                index: well_known::DOCKER_LIST,
                config: well_known::DOCKER_CONFIG,
                layer: well_known::DOCKER_LAYER_GZIP,
            },
        }
    }
}

impl Recipe {
    async fn image(&self, to: &mut Filling, shape: Shape, repository: usize, tag: usize) -> Manifest {
        let single = self.platforms.len() == 1 || (shape == Shape::Small && repository == 4);
        let types = Types::of(if single && shape == Shape::Small { 1 } else { repository });
        if single {
            return self.single(to, &types, repository, tag, self.platforms[0]).await;
        }
        let mut platforms = self.platforms.to_vec();
        if repository == 3 && tag == 0 {
            platforms.push("windows/amd64");
        }
        let mut entries = Vec::new();
        for platform in platforms {
            let child = self.single(to, &types, repository, tag, platform).await;
            to.manifest(&child.digest().to_string(), &child).await;
            entries.push(entry(platform, &child));
        }
        parse(&json!({ "schemaVersion": 2, "mediaType": types.index, "manifests": entries }), &types.index)
    }

    async fn single(&self, to: &mut Filling, types: &Types, repository: usize, tag: usize, platform: &str) -> Manifest {
        let (os, arch) = platform.split_once('/').expect("a platform is os/arch");
        let config =
            json!({ "os": os, "architecture": arch, "config": { "Labels": { "tag": format!("{repository}/{tag}") } } });
        let config = to.blob(&types.config, Bytes::from(config.to_string())).await;
        let base = (0..self.base.0).map(|layer| (format!("base/{platform}/{layer}"), self.base.1));
        let shared =
            (0..self.repository.0).map(|layer| (format!("repo/{repository}/{platform}/{layer}"), self.repository.1));
        let own = (0..self.tag.0).map(|layer| (format!("tag/{repository}/{tag}/{platform}/{layer}"), self.tag.1));
        let mut layers = Vec::new();
        for (name, size) in base.chain(shared).chain(own) {
            let mut item = to.layer(self.seed, &name, size, types).await;
            item.media_type = types.layer.clone(); // the same bytes are called differently in Docker's manifests
            layers.push(item);
        }
        let document = json!({ "schemaVersion": 2, "mediaType": types.manifest, "config": config, "layers": layers });
        parse(&document, &types.manifest)
    }
}

fn entry(platform: &str, child: &Manifest) -> Value {
    let mut entry = serde_json::to_value(child.descriptor()).expect("descriptors are JSON");
    let mut parts = platform.split('/');
    entry["platform"] = json!({ "os": parts.next(), "architecture": parts.next() });
    if let Some(variant) = parts.next() {
        entry["platform"]["variant"] = variant.into();
    }
    entry
}

fn parse(document: &Value, media_type: &MediaType) -> Manifest {
    let bytes = serde_json::to_vec_pretty(document).expect("JSON values are JSON");
    Manifest::parse(bytes, media_type).expect("the corpus is valid")
}

/// A gzip tar with one file of random bytes; the same name and seed always give the same bytes.
fn layer(seed: u64, name: &str, size: usize) -> Bytes {
    let mut random = Random(
        name.bytes()
            .fold(seed ^ 0x9e37_79b9_7f4a_7c15, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
    );
    let mut content = vec![0; size / 2 + (random.next() as usize % (size.max(1))).min(size / 2)];
    if size >= 64 << 20 {
        content.resize(size, 0);
    }
    for chunk in content.chunks_mut(8) {
        let bytes = random.next().to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
    }
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "content.bin", &content[..]).expect("memory takes everything");
    let tar = tar.into_inner().expect("memory takes everything");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(&tar).expect("memory takes everything");
    gzip.finish().expect("memory takes everything").into()
}

/// xorshift64*: good enough to be incompressible, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
