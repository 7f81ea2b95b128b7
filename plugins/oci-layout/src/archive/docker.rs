//! What `docker save` writes without a layout: `manifest.json`, configs, and layers as they are unpacked.
//!
//! The manifests of the registry are not in there. New ones are made of the config and the layers, always the same for
//! the same content.

use std::{collections::HashMap, os::unix::fs::FileExt};

use sealift_core::{
    content::{Digest, FullReference, well_known},
    error::Result,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Archive,
    tar_index::{DOCKER_LIST, Region, blob_of},
};
use crate::{
    fault::{broken, fault},
    index,
    marker::{MARKER, MARKER_TEXT},
    name::{CONTAINERD_NAME, REF_NAME},
    storage::blob_name,
};

/// Longer lists and configs are refused.
const MAX_LIST: u64 = 4 << 20;
const MAX_CONFIG: u64 = 4 << 20;

/// The bytes of all manifests that are made. A few bytes of the list can make many of a manifest.
const MAX_MADE: usize = 32 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<Digest>,
}

impl Archive {
    /// Makes a layout of the images that `manifest.json` lists.
    pub(super) fn read_docker(&mut self, links: &HashMap<String, String>) -> Result<()> {
        let Some(region) = self.files.get(DOCKER_LIST).copied() else {
            return Err(broken(&self.path, "has neither `index.json` nor `manifest.json`")
                .with_hint("give an OCI image layout as a directory or a tar file, or what `docker save` writes"));
        };
        let list = self.read_at(region, MAX_LIST, DOCKER_LIST)?;
        let images: Vec<Saved> = serde_json::from_slice(&list)
            .map_err(|error| broken(&self.path, format_args!("has a `{DOCKER_LIST}` that cannot be read: {error}")))?;
        let (mut entries, mut made): (Vec<Value>, usize) = (Vec::new(), 0);
        for image in images {
            made += self.read_image(image, links, &mut entries)?;
            if made > MAX_MADE {
                return Err(broken(&self.path, format_args!("has too many images in its `{DOCKER_LIST}`")));
            }
        }
        let index = json!({ "schemaVersion": 2, "manifests": entries });
        self.made.insert(index::FILE.to_owned(), index.to_string().into_bytes());
        self.made.insert(MARKER.to_owned(), MARKER_TEXT.to_vec());
        Ok(())
    }

    /// Makes the manifest of an image and its entries; returns the number of bytes read and made.
    fn read_image(&mut self, image: Saved, links: &HashMap<String, String>, entries: &mut Vec<Value>) -> Result<usize> {
        let region = self.file_of(&image.config, links)?;
        let bytes = self.read_at(region, MAX_CONFIG, &image.config)?;
        let config: Config = serde_json::from_slice(&bytes).map_err(|error| {
            broken(&self.path.join(&image.config), format_args!("is no config of an image: {error}"))
        })?;
        let config_digest = Digest::of(&bytes);
        self.blobs.insert(config_digest.clone(), region);
        let names = image.layers.unwrap_or_default();
        if names.len() != config.rootfs.diff_ids.len() {
            let (listed, known) = (names.len(), config.rootfs.diff_ids.len());
            return Err(broken(&self.path, format_args!("lists {listed} layers of an image that has {known}")));
        }
        let mut layers = Vec::new();
        for (name, diff_id) in names.iter().zip(config.rootfs.diff_ids) {
            let region = self.file_of(name, links)?;
            let (kind, digest) = match self.compression(region)? {
                "" => ("", diff_id),
                kind => (kind, self.digest_of(name, region)?),
            };
            self.blobs.insert(digest.clone(), region);
            let media_type = format!("application/vnd.oci.image.layer.v1.tar{kind}");
            layers.push(json!({ "mediaType": media_type, "digest": digest, "size": region.length }));
        }
        let config_type = well_known::OCI_CONFIG.as_str().to_owned();
        let manifest_type = well_known::OCI_MANIFEST.as_str().to_owned();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": { "mediaType": config_type, "digest": config_digest, "size": bytes.len() },
            "layers": layers,
        })
        .to_string();
        let (digest, read) = (Digest::of(manifest.as_bytes()), bytes.len() + manifest.len());
        let entry = json!({ "mediaType": manifest_type, "digest": digest, "size": manifest.len(),
            "platform": { "os": config.os, "architecture": config.architecture } });
        self.made.insert(blob_name(&digest), manifest.into_bytes());
        let tags = image.repo_tags.unwrap_or_default();
        if tags.is_empty() {
            entries.push(entry.clone());
        }
        for tag in tags {
            // `nginx:1.27` is an image of Docker Hub, as everywhere in Docker.
            let name = FullReference::parse_or_latest(&tag).map_or(tag, |name| name.image.to_string());
            let mut entry = entry.clone();
            entry["annotations"] = json!({ REF_NAME: name, CONTAINERD_NAME: name });
            entries.push(entry);
        }
        Ok(read)
    }

    /// The place of a file. Older versions of Docker write a layer that several images have once, and links to it.
    fn file_of(&self, name: &str, links: &HashMap<String, String>) -> Result<Region> {
        let mut name = name.trim_start_matches("./").to_owned();
        for _ in 0..4 {
            if let Some(region) = self.files.get(&name).or_else(|| self.blobs.get(&blob_of(&name)?)) {
                return Ok(*region);
            }
            let Some(link) = links.get(&name) else { break };
            let dir = name.rsplit_once('/').map(|(dir, _)| dir).unwrap_or_default();
            let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
            for part in link.split('/') {
                match part {
                    ".." => drop(parts.pop()),
                    "" | "." => {}
                    part => parts.push(part),
                }
            }
            name = parts.join("/");
        }
        Err(broken(&self.path, format_args!("has no file `{}`, which `{DOCKER_LIST}` lists", name.escape_debug())))
    }

    /// The end of the media type of a layer, by its first bytes.
    fn compression(&self, region: Region) -> Result<&'static str> {
        let mut start = [0; 4];
        let length = usize::try_from(region.length.min(4)).unwrap_or_default();
        self.file
            .read_exact_at(&mut start[..length], region.start)
            .map_err(|error| fault("read", &self.path, error))?;
        Ok(match start {
            [0x1f, 0x8b, ..] => "+gzip",
            [0x28, 0xb5, 0x2f, 0xfd] => "+zstd",
            _ => "",
        })
    }

    /// The digest of a layer that is compressed: its name, or what its bytes say.
    fn digest_of(&self, name: &str, region: Region) -> Result<Digest> {
        let stem = name.rsplit('/').next().unwrap_or(name);
        let stem = stem.split('.').next().unwrap_or(stem);
        if let Ok(digest) = format!("sha256:{}", stem.trim_start_matches("sha256:")).parse() {
            return Ok(digest); // it is compared when the layer is read
        }
        let mut hasher = sealift_core::content::Algorithm::Sha256.hasher();
        let mut buffer = vec![0; 256 << 10];
        let mut done = 0;
        while done < region.length {
            let wanted = usize::try_from((region.length - done).min(buffer.len() as u64)).unwrap_or_default();
            self.file
                .read_exact_at(&mut buffer[..wanted], region.start + done)
                .map_err(|error| fault("read", &self.path, error))?;
            hasher.update(&buffer[..wanted]);
            done += wanted as u64;
        }
        Ok(hasher.finish())
    }
}
