//! Descriptors without most of their annotations and URLs, for documents that have very many.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{Descriptor, Written, WrongData};

/// The annotations that have a meaning here.
const KEPT: [&str; 3] =
    ["vnd.docker.reference.digest", "org.opencontainers.image.ref.name", "io.containerd.image.name"];

/// A descriptor with no other annotations than these three, and with its first URL only.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Written<KeptAnnotations, FirstUrl>")]
pub(in crate::content) struct LeanDescriptor(Descriptor);

impl TryFrom<Written<KeptAnnotations, FirstUrl>> for LeanDescriptor {
    type Error = WrongData;

    fn try_from(written: Written<KeptAnnotations, FirstUrl>) -> Result<Self, WrongData> {
        Descriptor::try_from(written).map(Self)
    }
}

impl From<LeanDescriptor> for Descriptor {
    fn from(lean: LeanDescriptor) -> Self {
        lean.0
    }
}

#[derive(Default)]
struct KeptAnnotations(BTreeMap<String, String>);

impl From<KeptAnnotations> for BTreeMap<String, String> {
    fn from(kept: KeptAnnotations) -> Self {
        kept.0
    }
}

impl<'de> Deserialize<'de> for KeptAnnotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnnotationsVisitor;
        impl<'de> Visitor<'de> for AnnotationsVisitor {
            type Value = KeptAnnotations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeptAnnotations, A::Error> {
                let mut kept = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    match KEPT.contains(&&*key) {
                        true => _ = kept.insert(key, map.next_value()?),
                        false => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(KeptAnnotations(kept))
            }
        }
        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

#[derive(Default)]
struct FirstUrl(Vec<String>);

impl From<FirstUrl> for Vec<String> {
    fn from(first: FirstUrl) -> Self {
        first.0
    }
}

impl<'de> Deserialize<'de> for FirstUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UrlsVisitor;
        impl<'de> Visitor<'de> for UrlsVisitor {
            type Value = FirstUrl;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FirstUrl, A::Error> {
                let first = seq.next_element::<String>()?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(FirstUrl(first.into_iter().collect()))
            }
        }
        deserializer.deserialize_seq(UrlsVisitor)
    }
}
