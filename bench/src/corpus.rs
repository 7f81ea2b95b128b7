//! The images that everybody has to copy: seeded, so that each run has the same ones.
//!
//! Layers are real gzip tars of random bytes. Manifests are pretty-printed, which exposes programs that write them
//! anew. `small` and `many` have the shape of what a team's registry holds; `big` is one large image.

use std::io::Write;

use bytes::Bytes;
use sealift_core::content::{Descriptor, Manifest, MediaType, well_known};
use sealift_testkit::{content::Content, images::Image};
use serde::Serialize;
use serde_json::{Value, json};

/// A shape of corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// 5 repositories × 4 tags, 3 platforms, 69 manifests, two layers that all share; about 65 MB.
    Small,
    /// 20 repositories × 50 tags, tiny single images; about 7 MB.
    Many,
    /// One image of 8 × 128 MiB.
    Big,
}

/// What there is.
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

    /// Puts the corpus into a registry.
    pub(crate) async fn fill(self, registry: &Content) -> Corpus {
        let recipe = self.recipe();
        let mut corpus = Corpus::default();
        for repository in 0..recipe.repositories {
            let name = format!("bench/repo{repository}");
            let tags: Vec<String> = (0..recipe.tags).map(|tag| format!("v1.{tag}")).collect();
            // One after the other: distribution 2.8 may lose a blob that two uploads bring to a repository at once.
            for (number, tag) in tags.iter().enumerate() {
                registry.put(&name, tag, &recipe.image(self, repository, number)).await;
            }
            corpus.repositories.push((name, tags));
        }
        corpus
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
    fn image(&self, shape: Shape, repository: usize, tag: usize) -> Image {
        let single = self.platforms.len() == 1 || (shape == Shape::Small && repository == 4);
        let types = Types::of(if single && shape == Shape::Small { 1 } else { repository });
        if single {
            return self.single(&types, repository, tag, self.platforms[0]);
        }
        let mut platforms = self.platforms.to_vec();
        if repository == 3 && tag == 0 {
            platforms.push("windows/amd64");
        }
        let children: Vec<Image> = platforms.iter().map(|p| self.single(&types, repository, tag, p)).collect();
        let entries: Vec<Value> =
            platforms.iter().zip(&children).map(|(platform, child)| entry(platform, child)).collect();
        let document = json!({ "schemaVersion": 2, "mediaType": types.index, "manifests": entries });
        Image { manifest: parse(&document, &types.index), children, blobs: Vec::new() }
    }

    fn single(&self, types: &Types, repository: usize, tag: usize, platform: &str) -> Image {
        let layers = (0..self.base.0)
            .map(|layer| (format!("base/{platform}/{layer}"), self.base.1))
            .chain(
                (0..self.repository.0)
                    .map(|layer| (format!("repo/{repository}/{platform}/{layer}"), self.repository.1)),
            )
            .chain((0..self.tag.0).map(|layer| (format!("tag/{repository}/{tag}/{platform}/{layer}"), self.tag.1)));
        let layers: Vec<(Descriptor, Bytes)> = layers
            .map(|(name, size)| {
                let bytes = layer(self.seed, &name, size);
                (Descriptor::to(types.layer.clone(), &bytes), bytes)
            })
            .collect();
        let (os, arch) = platform.split_once('/').expect("a platform is os/arch");
        let config =
            json!({ "os": os, "architecture": arch, "config": { "Labels": { "tag": format!("{repository}/{tag}") } } });
        let config = Bytes::from(config.to_string());
        let config = (Descriptor::to(types.config.clone(), &config), config);
        let pointers: Vec<&Descriptor> = layers.iter().map(|(pointer, _)| pointer).collect();
        let document =
            json!({ "schemaVersion": 2, "mediaType": types.manifest, "config": config.0, "layers": pointers });
        let manifest = parse(&document, &types.manifest);
        Image { manifest, children: Vec::new(), blobs: std::iter::once(config).chain(layers).collect() }
    }
}

fn entry(platform: &str, child: &Image) -> Value {
    let mut entry = serde_json::to_value(child.manifest.descriptor()).expect("descriptors are JSON");
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
