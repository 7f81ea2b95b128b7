//! Descriptors: pointers to content.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use super::{Digest, MediaType, Platform};

mod lean;

pub(super) use lean::LeanDescriptor;

/// A pointer to content: what it is, its name, its length (image-spec, "Content Descriptors").
///
/// Content may stand in `data` beside its digest (image-spec, "Embedded Content"). It is not kept, but reading a
/// descriptor whose `data` has another digest or size fails, because programs that use it would get other content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Written<BTreeMap<String, String>, Vec<String>>")]
pub struct Descriptor {
    /// The media type of the content.
    pub media_type: MediaType,
    /// The name of the content.
    pub digest: Digest,
    /// The length in bytes; [`Descriptor::UNSIZED`] where the pointer does not say.
    pub size: u64,
    /// The platform of an entry of an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The artifact type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations of the pointer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Other locations of the content, used by foreign layers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

/// A descriptor as it is written in JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "A: Default + Deserialize<'de>, U: Default + Deserialize<'de>")]
struct Written<A, U> {
    #[serde(default)]
    media_type: MediaType,
    digest: Digest,
    size: u64,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    annotations: A,
    #[serde(default, deserialize_with = "null_is_empty")]
    urls: U,
    #[serde(default)]
    data: Option<String>,
}

/// The `data` of a descriptor is not what its digest and size say.
#[derive(Debug, thiserror::Error)]
#[error("the pointer to `{0}` has other content in its `data`")]
struct WrongData(Digest);

impl<A: Into<BTreeMap<String, String>>, U: Into<Vec<String>>> TryFrom<Written<A, U>> for Descriptor {
    type Error = WrongData;

    fn try_from(written: Written<A, U>) -> Result<Self, WrongData> {
        let Written { media_type, digest, size, platform, artifact_type, annotations, urls, data } = written;
        if let Some(data) = data {
            let is_it = |content: Vec<u8>| content.len() as u64 == size && digest.matches(&content);
            if !BASE64_STANDARD.decode(data).is_ok_and(is_it) {
                return Err(WrongData(digest));
            }
        }
        let (annotations, urls) = (annotations.into(), urls.into());
        Ok(Self { media_type, digest, size, platform, artifact_type, annotations, urls })
    }
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
    pub fn of_bytes(media_type: MediaType, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// The size, if it was said.
    pub fn known_size(&self) -> Option<u64> {
        (self.size != Self::UNSIZED).then_some(self.size)
    }

    /// Returns true for a layer that is not meant to be in registries: its type says so, and its `urls` say where to
    /// get it. Without `urls` there is no other place, so that it is a blob like any other.
    pub fn is_foreign(&self) -> bool {
        self.media_type.is_nondistributable() && !self.urls.is_empty()
    }

    /// Returns true if it points to a manifest, as far as its type says; no type at all may be one.
    pub fn is_manifest(&self) -> bool {
        self.media_type.is_empty() || self.media_type.is_manifest()
    }

    /// The digest of the entry that this one describes, if it is an attestation as BuildKit writes them.
    pub fn attested_digest(&self) -> Option<Digest> {
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
