//! Push `oci-dir`: writes images into an OCI image layout on disk, for transport over an air gap.
//!
//! An image keeps the name of its source (`docker.io/library/nginx:1.27`). The targets that a rule gave it are noted
//! beside it, for the load on the other side. All images share one store of blobs. skopeo and other tools read the
//! directory as it is.
//!
//! `config` builds the stage in `push`; both use `names` and `omitted`. `archive` writes the same into a tar file.

mod archive;
mod config;
mod names;
mod omitted;
mod push;

pub use config::{ArchiveFormat, Config, Style};

use sealift_core::plugin::Plugin;

inventory::submit! { Plugin::push::<Config>("oci-dir") }
