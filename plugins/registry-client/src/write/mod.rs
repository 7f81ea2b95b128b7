//! Writing to registries: uploads, mounts, manifests, tags.

mod offer;
mod place;
mod push;
mod put_manifest;
mod relate;
mod session;
mod slot;
mod stored;
mod uploads;
mod watch;

pub use place::Place;
pub use push::RegistryPush;
pub(crate) use relate::Relating;
pub(crate) use uploads::Uploads;
