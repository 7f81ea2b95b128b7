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

mod absent;
mod agenda;
mod fetch;
mod list;
mod opened;
mod select;
mod to;

use sealift_core::plugin::Plugin;

inventory::submit! { Plugin::list::<list::Config>("oci-dir") }
inventory::submit! { Plugin::fetch::<fetch::Config>("oci-dir") }

#[cfg(test)]
mod tests;
