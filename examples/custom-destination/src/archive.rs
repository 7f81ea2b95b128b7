//! The file: an OCI image layout in a tar (image-spec v1.1, "Image Layout"), written whole or not at all.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek},
    path::Path,
};

use sealift_core::{
    content::{Descriptor, Digest, ImageRef, Manifest},
    error::{Error, ErrorKind, Result},
};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::incoming::{Incoming, Part, cannot};

/// Where the digest of the image is, near the beginning of the file: what stands there is known after one small read.
const INDEX: &str = "index.json";

/// What is in a tar is filled up to blocks of this size.
const BLOCK: u64 = 512;

/// An `index.json` of one entry is some hundred bytes; this bounds what is read of something else.
const INDEX_LIMIT: u64 = 1 << 20;

/// Writes an image to `path`. Everything below its manifest must have arrived.
pub(crate) fn write(path: &Path, at: &ImageRef, root: &Manifest, incoming: &Incoming) -> Result<()> {
    let items = items(root, incoming)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(directory).and_then(|()| {
        let (mut archive, mut parts) = (tar::Builder::new(incoming.temporary()?), Vec::new());
        append(&mut archive, "oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string().as_bytes())?;
        append(&mut archive, INDEX, index(at, root).to_string().as_bytes())?;
        for (digest, size) in items {
            let name = format!("blobs/{}/{}", digest.algorithm().name(), digest.hex());
            archive.append_data(&mut header(size), name, incoming.open(&digest)?)?;
            let end = archive.get_mut().stream_position()?;
            parts.push((digest, Part { at: end - size.next_multiple_of(BLOCK), size }));
        }
        let file = archive.into_inner()?;
        // On the disk before it gets its name, so that not even a power cut leaves half a file.
        file.as_file().sync_all()?;
        incoming.finish(file, path, parts)
    });
    written.map_err(|error| cannot("write", path, error))
}

/// What the file at `path` holds; none if there is no such file, or it is not one of ours.
pub(crate) fn read(path: &Path) -> Result<Option<Descriptor>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| cannot("read", path, error))?,
    };
    let mut archive = tar::Archive::new(file);
    let entries = archive.entries().map_err(|error| cannot("read", path, error))?;
    for entry in entries.take(2).filter_map(io::Result::ok) {
        if entry.path().is_ok_and(|name| *name == *Path::new(INDEX)) {
            let index: Option<Index> = serde_json::from_reader(entry.take(INDEX_LIMIT)).ok();
            return Ok(index.and_then(|index| index.manifests.into_iter().next()));
        }
    }
    Ok(None)
}

#[derive(sealift_core::serde::Deserialize)]
#[serde(crate = "sealift_core::serde")]
struct Index {
    manifests: Vec<Descriptor>,
}

/// Digest and size of all that belongs to the image, each once, in an order that does not change: the same image makes
/// the same file.
fn items(root: &Manifest, incoming: &Incoming) -> Result<BTreeMap<Digest, u64>> {
    let mut items = BTreeMap::new();
    let mut open = vec![root.clone()];
    while let Some(manifest) = open.pop() {
        items.insert(manifest.digest().clone(), manifest.bytes().len() as u64);
        for child in manifest.children() {
            let mut bytes = Vec::new();
            let read = incoming.open(&child.digest).and_then(|mut file| file.read_to_end(&mut bytes));
            read.map_err(|error| missing(&child.digest, error))?;
            open.push(Manifest::parse_expecting(bytes, &child.media_type, &child.digest)?);
        }
        // Foreign layers stay where their `urls` say.
        for blob in manifest.blobs().filter(|blob| !blob.is_foreign()) {
            let there = incoming.open(&blob.digest).map_err(|error| missing(&blob.digest, error))?;
            items.insert(blob.digest.clone(), there.limit());
        }
    }
    Ok(items)
}

fn missing(digest: &Digest, error: io::Error) -> Error {
    let message = format!("cannot read `{digest}`, which the image needs: {error}");
    Error::new(ErrorKind::Storage, message).with_source(error)
}

/// One entry, with the names that docker, containerd and podman give to what they load.
fn index(at: &ImageRef, root: &Manifest) -> serde_json::Value {
    let mut entry = root.descriptor();
    for key in ["org.opencontainers.image.ref.name", "io.containerd.image.name"] {
        entry.annotations.insert(key.to_owned(), at.to_string());
    }
    json!({ "schemaVersion": 2, "manifests": [entry] })
}

fn append(archive: &mut tar::Builder<NamedTempFile>, name: &str, bytes: &[u8]) -> io::Result<()> {
    archive.append_data(&mut header(bytes.len() as u64), name, bytes)
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}
