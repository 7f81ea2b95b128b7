//! Layouts for tests: content through the writer, `index.json` as a test wants it.

use std::path::PathBuf;

use bytes::Bytes;
use sealift_core::content::{Descriptor, MediaType, well_known};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Graph, ImageCatalog, Layout, REF_NAME, Writer, WriterOptions};

/// A layout whose `index.json` a test writes by itself.
pub(crate) struct Made {
    pub(crate) dir: TempDir,
    pub(crate) writer: Writer,
    pub(crate) entries: Vec<Value>,
}

impl Made {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let writer = Writer::create(dir.path().join("bundle"), WriterOptions { sync: false }).await.unwrap();
        Self { dir, writer, entries: Vec::new() }
    }

    pub(crate) async fn put(&self, media_type: MediaType, document: Value) -> Descriptor {
        let bytes = Bytes::from(document.to_string());
        let item = Descriptor::of_bytes(media_type, &bytes);
        self.writer.put_bytes(&item, bytes).await.unwrap();
        item
    }

    pub(crate) async fn image(&self, what: &str) -> Descriptor {
        self.manifest(json!({ "annotations": { "what": what } })).await
    }

    pub(crate) async fn manifest(&self, members: Value) -> Descriptor {
        let config = Descriptor::of_bytes(well_known::OCI_CONFIG, b"{}");
        let mut document = json!({ "schemaVersion": 2, "config": config, "layers": [] });
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.put(well_known::OCI_MANIFEST, document).await
    }

    pub(crate) async fn index(&self, children: &[Value]) -> Descriptor {
        self.put(well_known::OCI_INDEX, json!({ "schemaVersion": 2, "manifests": children })).await
    }

    pub(crate) fn entry(&mut self, item: &Descriptor, annotations: &[(&str, &str)]) {
        self.entries.push(annotated(item, annotations));
    }

    /// An entry of this name.
    pub(crate) fn named(&mut self, item: &Descriptor, name: &str) {
        self.entry(item, &[(REF_NAME, name)]);
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("bundle")
    }

    pub(crate) fn file(&self, item: &Descriptor) -> PathBuf {
        self.writer.blob_path(&item.digest)
    }

    pub(crate) async fn layer(&self, content: &str) -> Descriptor {
        let item = Descriptor::of_bytes(well_known::OCI_LAYER_GZIP, content.as_bytes());
        self.writer.put_bytes(&item, Bytes::from(content.to_owned())).await.unwrap();
        item
    }

    /// An image for `linux/<arch>` with these layers.
    pub(crate) async fn with_layers(&self, arch: &str, layers: &[&Descriptor]) -> Descriptor {
        let config = self.put(well_known::OCI_CONFIG, json!({ "os": "linux", "architecture": arch })).await;
        self.manifest(json!({ "config": config, "layers": layers })).await
    }

    /// Writes `index.json`.
    pub(crate) async fn layout(&self) -> Layout {
        let text = json!({ "schemaVersion": 2, "manifests": self.entries }).to_string();
        std::fs::write(self.path().join("index.json"), text).unwrap();
        Layout::open(self.path()).await.unwrap()
    }

    pub(crate) async fn catalog(&self) -> ImageCatalog {
        ImageCatalog::read(&self.layout().await).await.unwrap()
    }

    pub(crate) async fn graph(&self) -> Graph {
        let layout = self.layout().await;
        Graph::read(&layout, &ImageCatalog::read(&layout).await.unwrap()).await.unwrap()
    }
}

pub(crate) fn annotated(item: &Descriptor, annotations: &[(&str, &str)]) -> Value {
    let mut entry = item.clone();
    entry.annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    serde_json::to_value(entry).unwrap()
}
