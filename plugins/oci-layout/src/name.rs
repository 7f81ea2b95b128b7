//! Names of images in `index.json`.
//!
//! `org.opencontainers.image.ref.name` is what skopeo, umoci, oras and regctl look for; `io.containerd.image.name` is
//! what containerd takes first. Both get the full name, such as `docker.io/library/nginx:1.27`, so that one layout can
//! hold the images of many repositories.
//!
//! Tags that Docker allows and the grammar of `ref.name` does not (`a__b`, `x-`) stand in the second annotation as they
//! are, and the first one names the digest instead: skopeo and umoci refuse other texts there.
//!
//! Signatures and other referrers have neither, because containerd makes an image of each name and fails at what cannot
//! be unpacked. Their repository stands in an annotation of this program.

use sealift_core::content::{Descriptor, Digest, ImageRef, Reference, Tag};

/// The annotation that most tools read.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation that containerd reads first. Always the full name.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// The annotation for the full name of a referrer, which other programs do not read.
const REFERRER_NAME: &str = "dev.sealift.referrer";
/// The annotation for the full reference of the source.
pub const SOURCE: &str = "dev.sealift.source";
/// The annotation for the references to copy the image to, separated by spaces.
pub const TARGETS: &str = "dev.sealift.targets";

/// The style of `ref.name`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefStyle {
    /// The full name, so that a layout can hold many repositories.
    #[default]
    Full,
    /// The tag alone, as users of umoci and regctl expect it where a layout holds one repository.
    Tag,
}

/// Returns the full name of an entry: `io.containerd.image.name`, else `ref.name`, without checking its grammar; that of
/// a referrer of this program stands elsewhere.
pub fn entry_name(entry: &Descriptor) -> Option<&str> {
    let get = |key| entry.annotations.get(key).map(String::as_str);
    get(CONTAINERD_NAME).or_else(|| get(REF_NAME)).or_else(|| get(REFERRER_NAME)).filter(|name| !name.is_empty())
}

/// An entry with its names, before it goes into an index.
#[derive(Clone, Debug)]
pub struct NamedEntry(pub(crate) Descriptor);

impl NamedEntry {
    /// Gives a root manifest its names. `repository` is the part before the tag, with or without a registry.
    pub fn new(manifest: Descriptor, repository: &str, version: &Reference, style: RefStyle) -> Self {
        let mut entry = manifest;
        let by_digest = || format!("{repository}@{}", entry.digest);
        let full = match version {
            Reference::Tag(tag) => format!("{repository}:{tag}"),
            Reference::Digest(digest) => format!("{repository}@{digest}"),
        };
        let wanted = match (style, version) {
            (RefStyle::Tag, Reference::Tag(tag)) => tag.to_string(),
            _ => full.clone(),
        };
        let ref_name = if is_ref_name(&wanted) { wanted } else { by_digest() };
        entry.annotations.insert(REF_NAME.to_owned(), ref_name);
        entry.annotations.insert(CONTAINERD_NAME.to_owned(), full);
        Self(entry)
    }

    /// Gives a manifest that is about another one its repository, and no name that other programs see.
    pub fn referrer(manifest: Descriptor, repository: &str) -> Self {
        let name = format!("{repository}@{}", manifest.digest);
        Self(manifest).note(REFERRER_NAME, name)
    }

    /// Gives a root manifest its tag as its only name, as skopeo, umoci and regctl write it.
    pub fn tagged(manifest: Descriptor, tag: &Tag) -> Self {
        let mut entry = manifest;
        entry.annotations.insert(REF_NAME.to_owned(), tag.to_string());
        Self(entry)
    }

    /// The full name.
    pub fn name(&self) -> &str {
        entry_name(&self.0).unwrap_or_default()
    }

    /// The entry as it will stand in the index.
    pub fn entry(&self) -> &Descriptor {
        &self.0
    }

    /// Notes the reference of the source.
    #[must_use]
    pub fn with_source(self, source: &ImageRef) -> Self {
        self.note(SOURCE, source.to_string())
    }

    /// Notes the references to copy it to, if there are any.
    #[must_use]
    pub fn with_targets(self, targets: &[ImageRef]) -> Self {
        if targets.is_empty() {
            return self;
        }
        let targets: Vec<_> = targets.iter().map(ToString::to_string).collect();
        self.note(TARGETS, targets.join(" "))
    }

    fn note(mut self, key: &str, value: String) -> Self {
        self.0.annotations.insert(key.to_owned(), value);
        self
    }
}

/// The full name of an entry, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName {
    /// The part before the tag or digest, such as `docker.io/library/nginx`; empty if there is only a tag.
    pub repository: String,
    /// The version; `latest` if the name has none.
    pub version: Reference,
}

impl EntryName {
    /// The name of an entry; none if it has no name, or one that is no image reference.
    pub fn of(entry: &Descriptor) -> Option<Self> {
        entry_name(entry).and_then(Self::parse)
    }

    /// Reads a name. What has neither `/` nor `:` nor `@` is a tag alone.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((before, digest)) = text.rsplit_once('@') {
            let digest: Digest = digest.parse().ok()?;
            let before = before.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(before, |(path, _)| path);
            return Some(Self { repository: before.to_owned(), version: Reference::Digest(digest) });
        }
        // The last colon is that of the tag, unless a `/` follows: then it is that of a port.
        let (repository, tag) = match text.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ if text.contains('/') => (text, "latest"),
            _ => ("", text),
        };
        let tag: Tag = tag.parse().ok()?;
        Some(Self { repository: repository.to_owned(), version: Reference::Tag(tag) })
    }
}

/// Returns true if a text may stand in `ref.name` (image-spec, "Pre-Defined Annotation Keys"); skopeo and umoci insist
/// on it.
///
/// Letters and digits, joined by one of `-._:@+` or by `--`; such words joined by `/`.
pub fn is_ref_name(text: &str) -> bool {
    text.split('/').all(|component| {
        let bytes = component.as_bytes();
        let word = |byte: &u8| byte.is_ascii_alphanumeric();
        bytes.first().is_some_and(word)
            && bytes.last().is_some_and(word)
            && bytes
                .split(word)
                .filter(|separator| !separator.is_empty())
                .all(|separator| matches!(separator, [b'-' | b'.' | b'_' | b':' | b'@' | b'+'] | b"--"))
    })
}

#[cfg(test)]
mod tests;
