//! Receipts: what the other side has, as a file that can be carried back.
//!
//! A receipt lists images and their blobs, of a layout or of repositories of a registry. With it the next layout can
//! leave out what the other side has already.
//!
//! ```json
//! {"format":"sealift-receipt","version":1,"of":["harbor.example.com/library/nginx"],
//! "blobs":[
//! {"digest":"sha256:…","size":29150000}],
//! "images":[
//! {"name":"harbor.example.com/library/nginx:1.27","digest":"sha256:…","blobs":[0]}]}
//! ```
//!
//! `blobs` of an image are places in the list above them, counted from 0. `targets` are where an image of a layout
//! shall go. The same content gives the same bytes.

mod build;
mod record;

use std::{collections::HashMap, path::Path};

use sealift_core::{
    content::{Digest, ImageRef},
    error::{Error, ErrorKind, Result},
};
use serde::{Deserialize, Serialize};

pub use build::ReceiptBuilder;
pub use record::ReceiptRecorder;

use crate::fault::broken;

/// An inventory of images and their blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) of: Vec<String>,
    pub(crate) blobs: Vec<ReceiptBlob>,
    pub(crate) images: Vec<ReceiptImage>,
}

/// A blob that the other side has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptBlob {
    /// Its name.
    pub digest: Digest,
    /// Its length in bytes; none if no pointer says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// An image that the other side has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptImage {
    /// Its full reference: where it is, or what it is called in a layout.
    pub name: ImageRef,
    /// The digest of its root manifest.
    pub digest: Digest,
    /// The references to copy it to from a layout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<ImageRef>,
    /// Its blobs, as places in [`Receipt::blobs`].
    pub blobs: Vec<u32>,
}

const FORMAT: &str = "sealift-receipt";
const VERSION: u32 = 1;

/// More than a receipt of 100,000 images has.
const MAX_BYTES: u64 = 512 << 20;

#[derive(Deserialize)]
struct FormatHeader {
    format: String,
    version: u32,
}

#[derive(Deserialize)]
struct ReceiptFile {
    of: Vec<String>,
    blobs: Vec<ReceiptBlob>,
    images: Vec<ReceiptImage>,
}

impl Receipt {
    /// The subjects of the inventory: a directory, or repositories.
    pub fn of(&self) -> &[String] {
        &self.of
    }

    /// All blobs, each once.
    pub fn blobs(&self) -> &[ReceiptBlob] {
        &self.blobs
    }

    /// All images, in the order of their names.
    pub fn images(&self) -> &[ReceiptImage] {
        &self.images
    }

    /// The text of the file.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(200 + self.blobs.len() * 110 + self.images.len() * 400);
        let of = json(&self.of);
        text.push_str(&format!("{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"of\":{of},\n\"blobs\":["));
        lines(&mut text, &self.blobs);
        text.push_str("],\n\"images\":[");
        lines(&mut text, &self.images);
        text.push_str("]}\n");
        text
    }

    /// Reads a receipt; `path` is for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it is none, or [`ErrorKind::Unsupported`] if it is one of a later version.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let bad = |what: &dyn std::fmt::Display| {
            broken(path, format_args!("is no receipt: {what}"))
                .with_hint("a receipt is what `sealift receipt` prints; another layout is given as its directory")
        };
        let head: FormatHeader = serde_json::from_slice(bytes).map_err(|error| bad(&error))?;
        if head.format != FORMAT {
            return Err(bad(&format_args!("its format is `{}`", head.format.escape_debug())));
        }
        if head.version != VERSION {
            let message =
                format!("`{}` is a receipt of version {}, only {VERSION} is known", path.display(), head.version);
            return Err(
                Error::new(ErrorKind::Unsupported, message).with_hint("use the version of sealift that wrote it")
            );
        }
        let ReceiptFile { of, blobs, images } = serde_json::from_slice(bytes).map_err(|error| bad(&error))?;
        let places = images.iter().flat_map(|image| &image.blobs);
        if let Some(place) = places.into_iter().find(|place| **place as usize >= blobs.len()) {
            return Err(bad(&format_args!("an image has blob {place}, and there are only {}", blobs.len())));
        }
        Ok(Self { of, blobs, images })
    }

    /// Reads a receipt from a file. Blocks.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        use std::io::Read;
        let fault = |error| crate::fault::fault("read", path, error);
        let file = std::fs::File::open(path).map_err(fault)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(fault)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(broken(path, format_args!("is longer than {MAX_BYTES} bytes")));
        }
        Self::parse(&bytes, path)
    }

    /// Returns the position of each blob in the list.
    pub(crate) fn places(&self) -> HashMap<Digest, u32> {
        (0..).zip(&self.blobs).map(|(at, blob)| (blob.digest.clone(), at)).collect()
    }
}

fn lines(text: &mut String, all: &[impl Serialize]) {
    for (at, one) in all.iter().enumerate() {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.push_str(&json(one));
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it is JSON")
}

#[cfg(test)]
mod tests;
