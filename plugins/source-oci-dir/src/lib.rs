//! `list "oci-dir"` and `fetch "oci-dir"`: read images from an OCI image layout in a directory, written by any tool.
//!
//! ```toml
//! [list]
//! use = "oci-dir"
//! path = "/media/usb/bundle"
//! to = "harbor.example.com/mirror"
//! ```
//!
//! `select` chooses images, `targets` gives them their names at the destination, `plan` joins both and
//! finds names that two images claim, before anything moves.

mod fetch;
mod gaps;
mod layouts;
mod list;
mod missing;
mod plan;
mod select;
mod targets;

use sealift_core::plugin::Plugin;

inventory::submit! { Plugin::list::<list::Config>("oci-dir") }
inventory::submit! { Plugin::fetch::<fetch::Config>("oci-dir") }

#[cfg(test)]
mod tests;
