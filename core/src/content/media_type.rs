//! Media types, as far as the copy of an image must tell them apart.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// A media type without parameters, such as `application/vnd.oci.image.index.v1+json`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct MediaType(Cow<'static, str>);

/// The media types that have a meaning here.
pub mod well_known {
    use super::MediaType;

    /// OCI image index.
    pub const OCI_INDEX: MediaType = MediaType::from_static("application/vnd.oci.image.index.v1+json");
    /// OCI image manifest; artifacts use it too.
    pub const OCI_MANIFEST: MediaType = MediaType::from_static("application/vnd.oci.image.manifest.v1+json");
    /// OCI artifact manifest, a draft that was withdrawn but is still found.
    pub const OCI_ARTIFACT: MediaType = MediaType::from_static("application/vnd.oci.artifact.manifest.v1+json");
    /// OCI image config.
    pub const OCI_CONFIG: MediaType = MediaType::from_static("application/vnd.oci.image.config.v1+json");
    /// OCI layer, gzip.
    pub const OCI_LAYER_GZIP: MediaType = MediaType::from_static("application/vnd.oci.image.layer.v1.tar+gzip");
    /// OCI empty descriptor.
    pub const OCI_EMPTY: MediaType = MediaType::from_static("application/vnd.oci.empty.v1+json");
    /// Docker manifest list.
    pub const DOCKER_LIST: MediaType =
        MediaType::from_static("application/vnd.docker.distribution.manifest.list.v2+json");
    /// Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: MediaType =
        MediaType::from_static("application/vnd.docker.distribution.manifest.v2+json");
    /// Docker image config.
    pub const DOCKER_CONFIG: MediaType = MediaType::from_static("application/vnd.docker.container.image.v1+json");
    /// Docker layer, gzip.
    pub const DOCKER_LAYER_GZIP: MediaType =
        MediaType::from_static("application/vnd.docker.image.rootfs.diff.tar.gzip");
    /// Docker image manifest, version 2 schema 1, unsigned.
    pub const SCHEMA1: MediaType = MediaType::from_static("application/vnd.docker.distribution.manifest.v1+json");
    /// Docker image manifest, version 2 schema 1, signed.
    pub const SCHEMA1_SIGNED: MediaType =
        MediaType::from_static("application/vnd.docker.distribution.manifest.v1+prettyjws");

    /// Everything that may be asked for as a manifest, in the order of preference.
    pub const MANIFESTS: [MediaType; 7] =
        [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST, OCI_ARTIFACT, SCHEMA1_SIGNED, SCHEMA1];
}

impl MediaType {
    /// A media type that is known when the program is written.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// From what a server said: parameters such as `; charset=utf-8` are cut off.
    pub fn from_header(text: &str) -> Self {
        let plain = text.split(';').next().unwrap_or_default().trim();
        well_known::MANIFESTS
            .into_iter()
            .find(|known| known.as_str() == plain)
            .unwrap_or_else(|| Self(Cow::Owned(plain.to_owned())))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An OCI index or a Docker manifest list.
    pub fn is_index(&self) -> bool {
        *self == well_known::OCI_INDEX || *self == well_known::DOCKER_LIST
    }

    /// Any kind of manifest: something that points to other content, and travels as a manifest.
    pub fn is_manifest(&self) -> bool {
        well_known::MANIFESTS.contains(self)
    }

    /// Version 2 schema 1, signed or not: deprecated, its digest does not cover its signatures.
    pub fn is_schema1(&self) -> bool {
        *self == well_known::SCHEMA1 || *self == well_known::SCHEMA1_SIGNED
    }

    /// The type of a layer that registries need not distribute. Whether it is there is said by the descriptor
    /// ([`Descriptor::is_foreign`](super::Descriptor::is_foreign)).
    pub fn is_nondistributable(&self) -> bool {
        self.0.starts_with("application/vnd.docker.image.rootfs.foreign.")
            || self.0.starts_with("application/vnd.oci.image.layer.nondistributable.")
    }

    /// Nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for MediaType {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}
