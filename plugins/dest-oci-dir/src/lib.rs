//! Push `oci-dir`: images go into an OCI image layout on disk, to be carried to where no network goes.
//!
//! An image is placed under the name of its source (`docker.io/library/nginx:1.27`), because that is what it is
//! wherever it ends up; the targets that a rule gave it are noted beside it, for whoever unloads the directory. All
//! images share one store of blobs. skopeo and other tools read the directory as it is.

mod config;
mod names;
mod omitted;
mod push;

pub use config::{Config, Style};

use sealift_core::plugin::Plugin;

inventory::submit! { Plugin::push::<Config>("oci-dir") }
