//! Descriptors: pointers to content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Digest, MediaType, Platform};

/// A pointer to content: what it is, its name, its length (image-spec, "Content Descriptors").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    #[serde(default)]
    pub media_type: MediaType,
    /// The name of the content.
    pub digest: Digest,
    /// The length in bytes; [`Descriptor::UNSIZED`] where the pointer does not say.
    pub size: u64,
    /// What an entry of an index runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What kind of artifact it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Notes of whoever wrote the pointer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Where else the content may be had; foreign layers have these.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub urls: Vec<String>,
}

impl Descriptor {
    /// Stands in [`Descriptor::size`] where a pointer does not say: layers of schema 1, answers without a length.
    pub const UNSIZED: u64 = u64::MAX;

    /// A pointer that says no more than it must.
    pub const fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            platform: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
        }
    }

    /// A pointer to these bytes.
    pub fn to(media_type: MediaType, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// The size, if it was said.
    pub fn known_size(&self) -> Option<u64> {
        (self.size != Self::UNSIZED).then_some(self.size)
    }

    /// The digest of the entry that this one describes, if it is an attestation as BuildKit writes them.
    pub fn describes(&self) -> Option<Digest> {
        self.annotations.get("vnd.docker.reference.digest")?.parse().ok()
    }
}

/// Some writers put `null` where they mean "none".
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
