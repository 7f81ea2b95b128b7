//! Images, indexes and other artifacts.

use bytes::Bytes;
use sealift_core::content::{Descriptor, Digest, Manifest, MediaType, Platform, well_known};
use serde_json::{Value, json};

use super::Layer;

/// The family of media types of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// OCI image, OCI index.
    Oci,
    /// Docker image (version 2 schema 2), Docker manifest list.
    Docker,
}

/// An image with all its parts: any tree of manifests, and the blobs that they point to.
#[derive(Clone, Debug)]
pub struct Image {
    root: Manifest,
    /// The descriptor for an index above.
    entry: Descriptor,
    children: Vec<Manifest>,
    blobs: Vec<(Descriptor, Bytes)>,
}

impl Image {
    /// An image for one platform.
    pub fn single(dialect: ImageFormat, platform: &Platform, layers: &[Layer]) -> Self {
        let (manifest, config, layer) = match dialect {
            ImageFormat::Oci => (well_known::OCI_MANIFEST, well_known::OCI_CONFIG, well_known::OCI_LAYER_GZIP),
            ImageFormat::Docker => {
                (well_known::DOCKER_MANIFEST, well_known::DOCKER_CONFIG, well_known::DOCKER_LAYER_GZIP)
            }
        };
        let mut settings = json!({
            "architecture": platform.architecture,
            "os": platform.os,
            "created": "1970-01-01T00:00:00Z",
            "config": { "Cmd": ["/opt/run"], "Env": ["PATH=/usr/bin:/bin"] },
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>() },
            "history": layers.iter().map(|_| json!({ "created_by": "sealift sample" })).collect::<Vec<_>>(),
        });
        if let Some(variant) = &platform.variant {
            settings["variant"] = json!(variant);
        }
        let layers = layers.iter().map(|part| (layer.clone(), part.bytes.clone())).collect();
        let mut image = Self::of(manifest, (config, settings.to_string().into()), layers, json!({}));
        image.entry.platform = Some(platform.clone());
        image
    }

    /// An index of images; of indexes, too.
    pub fn index(dialect: ImageFormat, images: impl IntoIterator<Item = Self>) -> Self {
        let media_type = match dialect {
            ImageFormat::Oci => well_known::OCI_INDEX,
            ImageFormat::Docker => well_known::DOCKER_LIST,
        };
        let (mut entries, mut children, mut blobs) = (Vec::new(), Vec::new(), Vec::new());
        for image in images {
            entries.push(image.entry);
            children.extend(image.children);
            children.push(image.root);
            blobs.extend(image.blobs);
        }
        let text = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries }).to_string();
        let root = parse(text, &media_type);
        Self { entry: root.descriptor(), root, children, blobs }
    }

    /// An artifact that is no image: a config of any type and one file.
    pub fn artifact(config_type: &'static str, config: &Value, file_type: &'static str, file: Bytes) -> Self {
        let config = (MediaType::from_static(config_type), config.to_string().into());
        Self::of(well_known::OCI_MANIFEST, config, vec![(MediaType::from_static(file_type), file)], json!({}))
    }

    /// An attestation as BuildKit makes them: it stands in the index beside the image that it describes.
    pub fn attestation(&self) -> Self {
        let statement = json!({ "_type": "https://in-toto.io/Statement/v0.1", "subject": [self.root.digest()] });
        let statement = (MediaType::from_static("application/vnd.in-toto+json"), Bytes::from(statement.to_string()));
        let config = json!({ "architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {
            "type": "layers", "diff_ids": [Digest::of(&statement.1)],
        } });
        let config = (well_known::OCI_CONFIG, config.to_string().into());
        let mut image = Self::of(well_known::OCI_MANIFEST, config, vec![statement], json!({}));
        image.entry.platform = "unknown/unknown".parse().ok();
        let note = |key: &str, value: String| (key.to_owned(), value);
        image.entry.annotations.extend([
            note("vnd.docker.reference.type", "attestation-manifest".to_owned()),
            note("vnd.docker.reference.digest", self.root.digest().to_string()),
        ]);
        image
    }

    /// A referrer: an artifact that says that it is about this image.
    pub fn referrer(&self, artifact_type: &str, file: Bytes) -> Self {
        let more = json!({
            "artifactType": artifact_type,
            "subject": self.root.descriptor(),
            "annotations": { "org.opencontainers.image.description": "about another image" },
        });
        let file = (MediaType::from_static("application/octet-stream"), file);
        Self::of(well_known::OCI_MANIFEST, (well_known::OCI_EMPTY, Bytes::from_static(b"{}")), vec![file], more)
    }

    fn of(media_type: MediaType, config: (MediaType, Bytes), layers: Vec<(MediaType, Bytes)>, more: Value) -> Self {
        let blob = |(media_type, bytes): (MediaType, Bytes)| (Descriptor::of_bytes(media_type, &bytes), bytes);
        let config = blob(config);
        let layers: Vec<_> = layers.into_iter().map(blob).collect();
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config.0,
            "layers": layers.iter().map(|(layer, _)| layer).collect::<Vec<_>>(),
        });
        if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
            document.extend(more);
        }
        let root = parse(document.to_string(), &media_type);
        let blobs = std::iter::once(config).chain(layers).collect();
        Self { entry: root.descriptor(), root, children: Vec::new(), blobs }
    }

    /// The manifest that a tag points to.
    pub fn root(&self) -> &Manifest {
        &self.root
    }

    /// The manifests below the root, each after those below itself.
    pub fn children(&self) -> &[Manifest] {
        &self.children
    }

    /// All blobs; one that several manifests share stands here several times.
    pub fn blobs(&self) -> &[(Descriptor, Bytes)] {
        &self.blobs
    }
}

fn parse(text: String, media_type: &MediaType) -> Manifest {
    Manifest::parse(text, media_type).expect("samples are valid")
}
