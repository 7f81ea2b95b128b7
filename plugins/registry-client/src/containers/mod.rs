//! `registries.conf`, the configuration of podman, skopeo, buildah and CRI-O on a machine.
//!
//! Read only where a pipeline says so ([`Config`]), because it changes where images come from.

mod conf;
mod load;
mod section;

pub(crate) use conf::RegistriesConf;
pub use section::{Config, Containers};

#[cfg(test)]
mod tests;
