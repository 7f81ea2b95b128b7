//! Layouts of every kind, listed and fetched through the stages as a pipeline builds them.

mod damage;
mod delta;
mod engine;
mod entries;
mod listing;
mod many;
mod signatures;
mod tools;

use std::{path::Path, sync::Arc};

use sealift_conformance::images::Image;
use sealift_core::{
    content::{Descriptor, ImageRef},
    error::{Error, Result},
    outlet::{Found, Outlet},
    plugin::{BuildContext, ConfigError, Purpose, Sections, StageConfig},
    stage::{Fetch, List},
};
use sealift_oci_layout::{CONTAINERD_NAME, REF_NAME, TARGETS, Writer, WriterOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{fetch, list};

/// A layout whose `index.json` a test writes, as tools of others would.
struct Made {
    dir: TempDir,
    writer: Writer,
    entries: Vec<Value>,
}

impl Made {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::create(dir.path().join("bundle"), WriterOptions { sync: false }).await.unwrap();
        Self { dir, writer, entries: Vec::new() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("bundle")
    }

    /// Puts the content of an image there, and an entry with these annotations.
    async fn entry(&mut self, image: &Image, annotations: &[(&str, &str)]) {
        self.content(image).await;
        let mut entry = image.manifest.descriptor();
        entry.annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.entries.push(json!(entry));
        let text = json!({ "schemaVersion": 2, "manifests": self.entries }).to_string();
        std::fs::write(self.path().join("index.json"), text).unwrap();
    }

    /// As this program names things.
    async fn ours(&mut self, image: &Image, name: &str, targets: &str) {
        let all = [(REF_NAME, name), (CONTAINERD_NAME, name), (TARGETS, targets)];
        self.entry(image, &all[..if targets.is_empty() { 2 } else { 3 }]).await;
    }

    async fn content(&self, image: &Image) {
        for child in &image.children {
            Box::pin(self.content(child)).await;
        }
        for (item, bytes) in &image.blobs {
            self.writer.put_bytes(item, bytes.clone()).await.unwrap();
        }
        self.writer.put_bytes(&image.manifest.descriptor(), image.manifest.bytes().clone()).await.unwrap();
    }

    fn file(&self, item: &Descriptor) -> std::path::PathBuf {
        self.path().join("blobs/sha256").join(item.digest.hex())
    }
}

type Stages = (Box<dyn List>, Box<dyn Fetch>);

/// The stages of a pipeline with this `[list]` and no `[fetch]`.
fn stages(mut config: Value, path: &Path) -> Result<Stages, ConfigError> {
    config["path"] = json!(path);
    let sections = Sections::default();
    let cx = BuildContext::new(Arc::new(|_| None), "/nowhere", Purpose::Run).with_sections(&sections);
    let list = serde_json::from_value::<list::Config>(config).unwrap().build(&cx)?;
    let fetch = serde_json::from_value::<fetch::Config>(json!({})).unwrap().build(&cx)?;
    Ok((list, fetch))
}

/// What a list hands out: `source -> target target`, one line each, and the warnings.
#[derive(Debug, Default)]
struct Listed {
    lines: Vec<String>,
    warnings: Vec<String>,
    unusable: Vec<String>,
    /// What the list says of patterns that no name is like.
    nothing: Vec<String>,
    exclusive: bool,
}

async fn listed(config: Value, path: &Path) -> Result<Listed> {
    let (list, _) = stages(config, path).expect("the config is right");
    let (outlet, mut inbox) = Outlet::new(1);
    let lister = tokio::spawn(async move { list.list(&outlet).await });
    let mut all = Listed { exclusive: true, ..Listed::default() };
    while let Some(found) = inbox.recv().await {
        match found {
            Found::Announced(..) | Found::LeftOut(_) => {}
            Found::Warning(warning) => all.warnings.push(warning),
            Found::Nothing { why, .. } => all.nothing.push(why),
            Found::Failed(repository, error) => panic!("{repository}: {error}"),
            Found::Refused(rule, error) => panic!("{rule}: {error}"),
            Found::Unusable(image, error) => {
                all.unusable.push(format!("{}: {error}", image.map(|image| image.to_string()).unwrap_or_default()));
            }
            Found::Listing(listing) => {
                all.exclusive &= listing.exclusive;
                for candidate in listing.candidates {
                    let source = ImageRef { repository: listing.repository.clone(), reference: candidate.reference };
                    let targets: Vec<String> = candidate.targets.iter().map(ToString::to_string).collect();
                    all.lines.push(format!("{source} -> {}", targets.join(" ")));
                }
            }
        }
    }
    lister.await.unwrap().map(|()| all)
}

async fn refused(config: Value, path: &Path) -> Error {
    listed(config, path).await.expect_err("it should not be listed")
}
