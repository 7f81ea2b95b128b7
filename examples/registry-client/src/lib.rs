//! Push, list, pull and delete an image with [`Client`].

use bytes::Bytes;
use sealift_core::{
    blob::Blob,
    content::{Descriptor, ImageRef, Links, Manifest, Repository, well_known},
    error::Result,
};
use sealift_registry_client::Client;
use serde_json::json;

/// Pushes an image of one layer under a tag.
///
/// # Errors
/// If the registry refuses it.
pub async fn push(client: &Client, at: &ImageRef, layer: &'static [u8]) -> Result<Manifest> {
    let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let config = push_blob(client, &at.repository, well_known::OCI_CONFIG, config).await?;
    let layer = push_blob(client, &at.repository, well_known::OCI_LAYER_GZIP, layer).await?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": well_known::OCI_MANIFEST,
        "config": config,
        "layers": [layer],
    });
    let manifest = Manifest::parse(manifest.to_string(), &well_known::OCI_MANIFEST)?;
    client.push_manifest(at, &manifest).await?;
    Ok(manifest)
}

async fn push_blob(
    client: &Client,
    at: &Repository,
    media_type: sealift_core::content::MediaType,
    content: &'static [u8],
) -> Result<Descriptor> {
    let item = Descriptor::of_bytes(media_type, content);
    client.push_blob(at, Blob::from_bytes(item.clone(), Bytes::from_static(content))).await?;
    Ok(item)
}

/// Pulls the layers of an image.
///
/// # Errors
/// If the image does not exist, or its bytes have another digest.
pub async fn pull(client: &Client, image: &ImageRef) -> Result<Vec<Bytes>> {
    let manifest = client.manifest(image).await?;
    let mut layers = Vec::new();
    if let Links::Image { layers: items, .. } = manifest.links() {
        for item in items {
            layers.push(client.blob(&image.repository, item).await?.read_to_end(64 << 20).await?);
        }
    }
    Ok(layers)
}
