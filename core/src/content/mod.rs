//! Content: what images are made of, parsed once and valid from then on.
//!
//! Nothing here knows where content lives. A [`Digest`] names bytes, a [`Descriptor`] points to them,
//! a [`Manifest`] is bytes together with a parsed view of its links, an [`ImageRef`] is how people name an image.

mod descriptor;
mod digest;
mod manifest;
mod media_type;
mod platform;
mod reference;

pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use manifest::{Change, Links, Manifest, ManifestError};
pub use media_type::{MediaType, well_known};
pub use platform::{Platform, PlatformError};
pub use reference::{FullReference, ImageRef, Reference, ReferenceError, ReferenceSuffix, Repository, Tag};
