//! `list "oci-dir"` and `fetch "oci-dir"`: images from an OCI image layout in a directory, whoever wrote it.
//!
//! ```toml
//! [list]
//! use = "oci-dir"
//! path = "/media/usb/bundle"
//! to = "harbor.example.com/mirror"
//! ```
//!
//! `select` chooses images, `to` gives them their names at the destination, `agenda` puts both together and
//! finds names that two images claim, before anything moves.

mod destination;
mod fetch;
mod layouts;
mod list;
mod missing;
mod plan;
mod select;

use sealift_core::plugin::Plugin;

inventory::submit! { Plugin::list::<list::Config>("oci-dir") }
inventory::submit! { Plugin::fetch::<fetch::Config>("oci-dir") }

#[cfg(test)]
mod tests;
