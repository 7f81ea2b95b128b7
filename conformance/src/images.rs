//! Tiny images for tests: the bytes of manifests and blobs, nothing that would run.

use bytes::Bytes;
use sealift_core::content::{Descriptor, Manifest, MediaType, well_known};
use serde_json::{Value, json};

/// A manifest with everything below it.
#[derive(Clone, Debug)]
pub struct Image {
    /// The manifest.
    pub manifest: Manifest,
    /// The manifests that it points to.
    pub children: Vec<Image>,
    /// The blobs that it points to, config first.
    pub blobs: Vec<(Descriptor, Bytes)>,
}

/// An image for `platform` (`os/arch` or `os/arch/variant`) with these layers.
pub fn image(platform: &str, layers: &[&str]) -> Image {
    let (os, arch) = platform.split_once('/').expect("a platform is os/arch");
    let config = json!({ "os": os, "architecture": arch, "layers": layers }).to_string();
    artifact(well_known::OCI_CONFIG, &config, layers, &[])
}

/// Any artifact: a config of this type, layers, and further members of the manifest.
pub fn artifact(config_type: MediaType, config: &str, layers: &[&str], members: &[(&str, Value)]) -> Image {
    let blob = |media_type: MediaType, content: &str| {
        (Descriptor::of_bytes(media_type, content.as_bytes()), Bytes::from(content.to_owned()))
    };
    let config = blob(config_type, config);
    let layers: Vec<_> = layers.iter().map(|layer| blob(well_known::OCI_LAYER_GZIP, layer)).collect();
    let pointers: Vec<&Descriptor> = layers.iter().map(|(pointer, _)| pointer).collect();
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": well_known::OCI_MANIFEST,
        "config": config.0,
        "layers": pointers,
    });
    for (name, value) in members {
        document[*name] = value.clone();
    }
    let manifest = parse(&document, &well_known::OCI_MANIFEST);
    Image { manifest, children: Vec::new(), blobs: std::iter::once(config).chain(layers).collect() }
}

/// An index over images, with the platform of each; an empty one says nothing.
pub fn index(entries: &[(&str, &Image)]) -> Image {
    let entry = |(platform, image): &(&str, &Image)| {
        let mut entry = serde_json::to_value(image.manifest.descriptor()).expect("descriptors are JSON");
        let mut parts = platform.split('/');
        if let (Some(os), Some(arch)) = (parts.next(), parts.next()) {
            entry["platform"] = json!({ "os": os, "architecture": arch });
            if let Some(variant) = parts.next() {
                entry["platform"]["variant"] = variant.into();
            }
        }
        entry
    };
    let manifests: Vec<Value> = entries.iter().map(entry).collect();
    let document = json!({ "schemaVersion": 2, "mediaType": well_known::OCI_INDEX, "manifests": manifests });
    let manifest = parse(&document, &well_known::OCI_INDEX);
    Image { manifest, children: entries.iter().map(|(_, image)| (*image).clone()).collect(), blobs: Vec::new() }
}

/// The same index with one more entry, of any type, that is a blob.
pub fn with_blob_entry(index: &Image, media_type: MediaType, content: &str) -> Image {
    let blob = (Descriptor::of_bytes(media_type, content.as_bytes()), Bytes::from(content.to_owned()));
    let mut document: Value = serde_json::from_slice(index.manifest.bytes()).expect("manifests are JSON");
    let entries = document["manifests"].as_array_mut().expect("it is an index");
    entries.push(serde_json::to_value(&blob.0).expect("descriptors are JSON"));
    let manifest = parse(&document, index.manifest.media_type());
    Image { manifest, blobs: vec![blob], ..index.clone() }
}

/// Pretty-printed, so that a tool which writes manifests anew is found out.
fn parse(document: &Value, media_type: &MediaType) -> Manifest {
    let bytes = serde_json::to_vec_pretty(document).expect("JSON values are JSON");
    Manifest::parse(bytes, media_type).expect("test images are valid")
}
