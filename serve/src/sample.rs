//! Small real images, made by the program.
//!
//! Their layers are gzipped tar archives, their configs have the right `diff_ids`, and the same call gives the same
//! digests each time. The demo and the tests fill registries with them.
//!
//! ```
//! use sealift_serve::sample::{ImageFormat, Image, layer};
//!
//! let amd64 = Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer("base", 4096)]);
//! let arm64 = Image::single(ImageFormat::Oci, &"linux/arm64".parse().unwrap(), &[layer("base-arm", 4096)]);
//! let both = Image::index(ImageFormat::Oci, [amd64, arm64]);
//! assert_eq!(both.root().entries().len(), 2);
//! ```

mod image;
mod layer;
mod sets;
mod store;

pub use image::{Image, ImageFormat};
pub use layer::{Layer, layer};
pub use sets::{Recipe, Sample, assortment};

#[cfg(test)]
mod tests;
