//! Manifests: bytes, and what they point to.
//!
//! Bytes are identity: a manifest is kept exactly as it was served, and sent on like that. The parsed view is only
//! for looking. The one place where new bytes come from is [`Manifest::keeping`], which cuts entries out of an
//! index and changes nothing else.

mod bounded;
mod unique_keys;

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use self::{bounded::Bounded, unique_keys::UniqueKeys};
use super::{Algorithm, Descriptor, Digest, MediaType, descriptor::LeanDescriptor, well_known};

/// A manifest as it was served, and a parsed view of its links.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    media_type: MediaType,
    digest: Digest,
    /// Shared, because manifests are handed around a lot and may have thousands of links.
    links: Arc<Links>,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
}

/// The content that a manifest points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Links {
    /// Other manifests, and rarely blobs: an OCI index or a Docker manifest list.
    Index(Vec<Descriptor>),
    /// Blobs: a config and layers, of an image or of any artifact.
    Image {
        /// The config blob. Its media type says what kind of artifact this is.
        config: Option<Box<Descriptor>>,
        /// The layers, in order; the same one may stand there several times.
        layers: Vec<Descriptor>,
    },
}

/// Reasons to refuse a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or not the JSON of a manifest.
    #[error("the manifest cannot be read: {0}")]
    Syntax(String),
    /// The server says one thing, the document another (CVE-2021-41190).
    #[error("the manifest calls itself `{body}` but was served as `{header}`")]
    TypeMismatch {
        /// `Content-Type` of the answer.
        header: MediaType,
        /// `mediaType` in the document.
        body: MediaType,
    },
    /// An index and an image at once (CVE-2021-41190).
    #[error("the manifest has both `manifests` and `layers` or `config`, so it could be read in two ways")]
    Ambiguous,
    /// Not a manifest at all: a login page, for example.
    #[error("`{0}` is not a type of manifest that can be copied")]
    UnknownType(MediaType),
    /// More links than any real manifest has.
    #[error("the manifest has {0} links, more than the {max} that are accepted", max = Manifest::MAX_LINKS)]
    TooManyLinks(usize),
    /// More bytes than registries accept.
    #[error("the manifest has {0} bytes, more than the {max} that are accepted", max = Manifest::MAX_BYTES)]
    TooLarge(u64),
    /// Not the bytes that were asked for.
    #[error("the manifest has digest `{found}`, expected `{expected}`")]
    WrongDigest {
        /// The requested digest.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "D: Deserialize<'de>"))]
struct View<'a, D = Descriptor> {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    schema_version: Option<u64>,
    #[serde(default, borrow)]
    manifests: Option<Bounded<&'a RawValue>>,
    #[serde(default)]
    config: Option<D>,
    #[serde(default)]
    layers: Option<Bounded<D>>,
    #[serde(default)]
    blobs: Option<Bounded<D>>,
    #[serde(default)]
    fs_layers: Option<Bounded<FsLayer>>,
    #[serde(default)]
    subject: Option<D>,
    #[serde(default)]
    artifact_type: Option<String>,
}

/// Keys and items of lists of a document that is parsed whole: ten for each link of a large index. Of one that has more,
/// the descriptors are parsed without most annotations and URLs, which would take a hundred times the room of its bytes.
const WHOLE: usize = 20_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FsLayer {
    blob_sum: Digest,
}

impl Manifest {
    /// Registries accept at least 4 MiB and most accept no more (distribution-spec, "Pushing Manifests").
    pub const MAX_BYTES: u64 = 4 << 20;

    /// The JSON of annotations in lists of referrers, in bytes.
    const MAX_LISTED: usize = 64 << 10;

    /// Links that one manifest may have; a bound against documents that are made to exhaust memory.
    pub const MAX_LINKS: usize = 10_000;

    /// Reads a manifest that was served as `served_as`; an empty type means that nothing was said.
    ///
    /// # Errors
    /// If the bytes are no manifest, or can be read in two ways.
    pub fn parse(bytes: impl Into<Bytes>, served_as: &MediaType) -> Result<Self, ManifestError> {
        let bytes = bytes.into();
        if bytes.len() as u64 > Self::MAX_BYTES {
            return Err(ManifestError::TooLarge(bytes.len() as u64));
        }
        if !served_as.is_empty() && !served_as.is_manifest() && !is_json(served_as) {
            return Err(ManifestError::UnknownType(served_as.clone()));
        }
        let syntax = |error: serde_json::Error| ManifestError::Syntax(error.to_string());
        let parts = serde_json::from_slice::<UniqueKeys>(&bytes).map_err(syntax)?.parts;
        match parts > WHOLE {
            true => Self::view::<LeanDescriptor>(bytes, served_as),
            false => Self::view::<Descriptor>(bytes, served_as),
        }
    }

    /// Reads a manifest with descriptors of one form.
    fn view<D: DeserializeOwned + Clone + Into<Descriptor>>(
        bytes: Bytes,
        served_as: &MediaType,
    ) -> Result<Self, ManifestError> {
        let view: View<'_, D> =
            serde_json::from_slice(&bytes).map_err(|error| ManifestError::Syntax(error.to_string()))?;
        let media_type = decide_type(&view, served_as)?;
        let links = Arc::new(links(&view, &media_type)?);
        let digest = digest_of(&bytes, &media_type);
        let View { subject, artifact_type, .. } = view;
        Ok(Self { media_type, digest, links, subject: subject.map(Into::into), artifact_type, bytes })
    }

    /// Reads a manifest that must have the digest `expected`.
    ///
    /// # Errors
    /// As [`Manifest::parse`], and if the bytes have another digest.
    pub fn parse_expecting(
        bytes: impl Into<Bytes>,
        served_as: &MediaType,
        expected: &Digest,
    ) -> Result<Self, ManifestError> {
        let bytes = bytes.into();
        let found = match expected.algorithm() {
            Algorithm::Sha256 if !served_as.is_schema1() => Digest::of(&bytes),
            Algorithm::Sha256 => digest_of(&bytes, served_as),
            other => other.digest_of(&bytes),
        };
        if found != *expected {
            return Err(ManifestError::WrongDigest { expected: expected.clone(), found });
        }
        Ok(Self { digest: found, ..Self::parse(bytes, served_as)? })
    }

    /// The bytes, exactly as they were served.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the media type of the manifest.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The name of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// A pointer to this manifest.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest.clone(), self.bytes.len() as u64)
    }

    /// Returns the content that the manifest points to.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// The manifest that this one is about, for signatures, SBOMs and other referrers.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// Returns the artifact type: `artifactType`, else the media type of the config (distribution-spec, "Referrers").
    pub fn artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_deref().or(match &*self.links {
            Links::Image { config: Some(config), .. } => Some(config.media_type.as_str()),
            _ => None,
        })
    }

    /// A pointer to this manifest as lists of referrers have them: with its kind and annotations (distribution-spec
    /// v1.1, "Listing Referrers"). Annotations of more than 64 KiB are left out: a list has 4 MiB for all referrers.
    pub fn referrer_descriptor(&self) -> Descriptor {
        #[derive(Default, Deserialize)]
        struct Annotated<'a> {
            #[serde(default, borrow)]
            annotations: Option<&'a RawValue>,
        }
        let annotated: Annotated<'_> = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let text = annotated.annotations.map(RawValue::get).filter(|text| text.len() <= Self::MAX_LISTED);
        let annotations: Option<BTreeMap<String, String>> = text.and_then(|text| serde_json::from_str(text).ok());
        Descriptor {
            artifact_type: self.artifact_type().map(str::to_owned),
            annotations: annotations.unwrap_or_default(),
            ..self.descriptor()
        }
    }

    /// The entries of an index, in order; none unless it is one. Most are manifests, see [`Manifest::children`].
    pub fn entries(&self) -> &[Descriptor] {
        match &*self.links {
            Links::Index(entries) => entries,
            Links::Image { .. } => &[],
        }
    }

    /// The manifests that it points to; none unless it is an index.
    pub fn children(&self) -> impl Iterator<Item = &Descriptor> {
        self.entries().iter().filter(|entry| entry.is_manifest())
    }

    /// The blobs that it points to: config and layers, or those entries of an index that are no manifests. The
    /// image-spec allows entries of any type ("Image Index"), and registries keep these among the blobs.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (entries, config, layers) = match &*self.links {
            Links::Index(entries) => (&entries[..], None, &[][..]),
            Links::Image { config, layers } => (&[][..], config.as_deref(), &layers[..]),
        };
        entries.iter().filter(|entry| !entry.is_manifest()).chain(config).chain(layers)
    }

    /// The config blob, if there is one.
    pub fn config(&self) -> Option<&Descriptor> {
        match &*self.links {
            Links::Image { config, .. } => config.as_deref(),
            Links::Index(_) => None,
        }
    }

    /// The same index with only those entries for which `keep` says so, in order.
    ///
    /// As [`Manifest::changing`].
    pub fn keeping(&self, keep: impl Fn(usize, &Descriptor) -> bool) -> Self {
        let changes = self.entries().iter().enumerate();
        let changes: Vec<_> =
            changes.map(|(at, entry)| if keep(at, entry) { Change::Keep } else { Change::Drop }).collect();
        self.changing(&changes)
    }

    /// The same index with entries dropped or pointing elsewhere; `changes` has one for each entry, in order.
    ///
    /// Dropped entries are cut out of the original bytes, with one separator each; in an entry that points elsewhere
    /// only `digest` and `size` are written anew; every other byte stays. The same changes to the same index give the
    /// same bytes, and so the same digest. If nothing changes the original comes back.
    pub fn changing(&self, changes: &[Change]) -> Self {
        let Links::Index(entries) = &*self.links else { return self.clone() };
        if changes.iter().all(|change| matches!(change, Change::Keep)) {
            return self.clone();
        }
        let bytes = Bytes::from(cut(&self.bytes, changes));
        let entries = entries.iter().zip(changes).filter_map(|(entry, change)| match change {
            Change::Keep => Some(entry.clone()),
            Change::Drop => None,
            Change::Point { digest, size } => Some(Descriptor { digest: digest.clone(), size: *size, ..entry.clone() }),
        });
        let links = Arc::new(Links::Index(entries.collect()));
        Self { digest: Digest::of(&bytes), bytes, links, ..self.clone() }
    }
}

/// A change to one entry of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It stays.
    Keep,
    /// It goes.
    Drop,
    /// It points to something else: a nested index that lost entries itself.
    Point {
        /// The new digest.
        digest: Digest,
        /// The new size.
        size: u64,
    },
}

/// The original bytes of an index with some of its entries changed.
fn cut(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let view: View<'_> = serde_json::from_slice(bytes).expect("it was parsed before");
    let entries = view.manifests.map(|entries| entries.items).unwrap_or_default();
    let spans: Vec<_> = entries.iter().map(|raw| span_in(bytes, raw)).collect();
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return bytes.to_vec() };
    // What stands between the first two entries is the writer's own separator.
    let separator = spans.get(1).map_or(&b","[..], |second| &bytes[first.end..second.start]);
    let kept: Vec<Vec<u8>> = entries
        .iter()
        .zip(changes)
        .filter_map(|(raw, change)| match change {
            Change::Keep => Some(raw.get().as_bytes().to_vec()),
            Change::Drop => None,
            Change::Point { digest, size } => Some(pointed(raw.get(), digest, *size)),
        })
        .collect();
    let mut out = bytes[..first.start].to_vec();
    out.extend(kept.join(separator));
    out.extend_from_slice(&bytes[last.end..]);
    out
}

/// One entry with another digest and size, and every other byte as it was.
fn pointed(entry: &str, digest: &Digest, size: u64) -> Vec<u8> {
    #[derive(Deserialize)]
    struct Pointer<'a> {
        #[serde(borrow)]
        digest: &'a RawValue,
        #[serde(borrow)]
        size: &'a RawValue,
    }
    let pointer: Pointer<'_> = serde_json::from_str(entry).expect("it was parsed before");
    let mut edits = [
        (span_in(entry.as_bytes(), pointer.digest), format!("\"{digest}\"")),
        (span_in(entry.as_bytes(), pointer.size), size.to_string()),
    ];
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut text = entry.to_owned();
    for (span, new) in edits {
        text.replace_range(span, &new);
    }
    text.into_bytes()
}

/// Returns the byte range in `bytes` of a value that borrows from it.
fn span_in(bytes: &[u8], raw: &RawValue) -> std::ops::Range<usize> {
    let start = raw.get().as_ptr() as usize - bytes.as_ptr() as usize;
    start..start + raw.get().len()
}

fn is_json(media_type: &MediaType) -> bool {
    // Static file servers name the types of files.
    matches!(
        media_type.as_str(),
        "application/json" | "application/octet-stream" | "binary/octet-stream" | "text/plain"
    )
}

fn decide_type<D>(view: &View<'_, D>, served_as: &MediaType) -> Result<MediaType, ManifestError> {
    let body = view.media_type.clone().map(|text| MediaType::from_header(&text));
    let header = (served_as.is_manifest()).then(|| served_as.clone());
    match (header, body) {
        // A signed schema 1 manifest may be served as the unsigned type and the other way round.
        (Some(header), Some(body)) if header.is_schema1() && body.is_schema1() => Ok(header),
        (Some(header), Some(body)) if header != body => Err(ManifestError::TypeMismatch { header, body }),
        (Some(known), _) => Ok(known),
        (None, Some(body)) if body.is_manifest() => Ok(body),
        (None, Some(body)) => Err(ManifestError::UnknownType(body)),
        // Absent `mediaType` is legal for OCI; the shape decides then.
        (None, None) if view.manifests.is_some() => Ok(well_known::OCI_INDEX),
        (None, None) if view.layers.is_some() || view.config.is_some() => Ok(well_known::OCI_MANIFEST),
        (None, None) if view.schema_version == Some(1) => Ok(well_known::SCHEMA1_SIGNED),
        (None, None) => Err(ManifestError::UnknownType(served_as.clone())),
    }
}

fn links<D: DeserializeOwned + Clone + Into<Descriptor>>(
    view: &View<'_, D>,
    media_type: &MediaType,
) -> Result<Links, ManifestError> {
    if view.manifests.is_some() && (view.layers.is_some() || view.config.is_some() || view.blobs.is_some()) {
        return Err(ManifestError::Ambiguous);
    }
    let missing = |field: &str| ManifestError::Syntax(format!("`{media_type}` without `{field}`"));
    let found = [&view.layers, &view.blobs].into_iter().flatten().map(|list| list.found).sum::<usize>()
        + view.manifests.as_ref().map_or(0, |list| list.found)
        + view.fs_layers.as_ref().map_or(0, |list| list.found);
    if found > Manifest::MAX_LINKS {
        return Err(ManifestError::TooManyLinks(found));
    }
    if media_type.is_index() {
        let raw = view.manifests.as_ref().ok_or_else(|| missing("manifests"))?;
        let entries =
            raw.items.iter().map(|raw| serde_json::from_str::<D>(raw.get()).map(Into::into)).collect::<Result<_, _>>();
        return Ok(Links::Index(entries.map_err(|e| ManifestError::Syntax(e.to_string()))?));
    }
    if view.manifests.is_some() {
        return Err(ManifestError::Ambiguous);
    }
    if media_type.is_schema1() {
        let layers = view.fs_layers.as_ref().ok_or_else(|| missing("fsLayers"))?;
        let layer = |layer: &FsLayer| {
            Descriptor::new(well_known::DOCKER_LAYER_GZIP, layer.blob_sum.clone(), Descriptor::UNSIZED)
        };
        return Ok(Links::Image { config: None, layers: layers.items.iter().map(layer).collect() });
    }
    if *media_type == well_known::OCI_ARTIFACT {
        return Ok(Links::Image { config: None, layers: all_of(&view.blobs) });
    }
    let config = view.config.clone().ok_or_else(|| missing("config"))?;
    Ok(Links::Image { config: Some(Box::new(config.into())), layers: all_of(&view.layers) })
}

fn all_of<D: Clone + Into<Descriptor>>(list: &Option<Bounded<D>>) -> Vec<Descriptor> {
    list.iter().flat_map(|list| &list.items).cloned().map(Into::into).collect()
}

/// The digest of a manifest: of its bytes, but for signed schema 1 of its payload without the signatures.
fn digest_of(bytes: &[u8], media_type: &MediaType) -> Digest {
    match schema1_payload(bytes) {
        Some(payload) if media_type.is_schema1() => Digest::of(&payload),
        _ => Digest::of(bytes),
    }
}

fn schema1_payload(bytes: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Signed {
        signatures: Vec<Signature>,
    }
    #[derive(Deserialize)]
    struct Signature {
        protected: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Protected {
        format_length: usize,
        format_tail: String,
    }
    let signed: Signed = serde_json::from_slice(bytes).ok()?;
    let protected = BASE64_URL_SAFE_NO_PAD.decode(&signed.signatures.first()?.protected).ok()?;
    let protected: Protected = serde_json::from_slice(&protected).ok()?;
    let mut payload = bytes.get(..protected.format_length)?.to_vec();
    payload.extend(BASE64_URL_SAFE_NO_PAD.decode(&protected.format_tail).ok()?);
    Some(payload)
}

#[cfg(test)]
mod tests;
