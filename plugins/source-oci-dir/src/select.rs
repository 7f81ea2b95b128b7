//! Selecting images of a layout.

use globset::{GlobBuilder, GlobMatcher};
use sealift_core::{
    content::FullReference,
    diagnostic::did_you_mean,
    error::{Error, ErrorKind, Result},
};
use sealift_oci_layout::{CatalogImage, EntryName, ImageCatalog, REF_NAME};

/// A text with `*` in it that names of images are compared with.
#[derive(Clone, Debug)]
pub(crate) struct NamePattern {
    pub(crate) text: String,
    glob: GlobMatcher,
}

impl NamePattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the pattern is empty".to_owned());
        }
        let glob = GlobBuilder::new(text).literal_separator(false).build();
        let glob = glob.map_err(|error| format!("`{text}` is no pattern: {}", error.kind()))?;
        Ok(Self { text: text.to_owned(), glob: glob.compile_matcher() })
    }

    /// Returns true if the pattern matches a name of the image, or its repository.
    pub(crate) fn matches(&self, image: &CatalogImage) -> bool {
        let repository = image.source.repository.to_string();
        [image.name.as_str(), image.source.to_string().as_str(), repository.as_str()]
            .into_iter()
            .chain(ref_name(image))
            .chain([format!("{}@{}", image.source, image.entry.digest).as_str()])
            .any(|name| self.glob.is_match(name))
            || self.matches_name(&image.name)
    }
}

impl NamePattern {
    /// Returns true if the pattern matches the name of an image that cannot be read, or its repository.
    pub(crate) fn matches_name(&self, name: &str) -> bool {
        let parsed = EntryName::parse(name).map(|name| name.repository);
        self.glob.is_match(name) || parsed.is_some_and(|repository| self.glob.is_match(repository))
    }
}

fn ref_name(image: &CatalogImage) -> Option<&str> {
    image.entry.annotations.get(REF_NAME).map(String::as_str)
}

/// The one image that is called so; without a name, the only one there is.
///
/// # Errors
/// If there is none, or more than one.
pub(crate) fn one<'a>(catalog: &'a ImageCatalog, name: Option<&str>) -> Result<&'a CatalogImage> {
    let images = catalog.images();
    let Some(name) = name else {
        // A signature goes along with its image.
        let own: Vec<&CatalogImage> = images.iter().filter(|image| image.belongs_to.is_empty()).collect();
        return match own[..] {
            [only] => Ok(only),
            [] => Err(Error::new(ErrorKind::NotFound, "there is no image in the layout")
                .with_hint("`sealift verify` tells whether images are missing there")),
            _ => Err(ambiguous("it is not clear which image is meant", own.into_iter())),
        };
    };
    for way in [is_called, is_short_for] {
        let found: Vec<&CatalogImage> = images.iter().filter(|image| way(image, name)).collect();
        match found[..] {
            [] => {}
            [only] => return Ok(only),
            [first, ..] if found.iter().all(|image| image.entry.digest == first.entry.digest) => return Ok(first),
            _ => return Err(ambiguous(&format!("`{name}` may mean several images"), found.into_iter())),
        }
    }
    let error = Error::new(ErrorKind::NotFound, format!("there is no image `{name}` in the layout"));
    Err(match did_you_mean(name, images.iter().map(|image| image.name.as_str())) {
        Some(close) => error.with_hint(format!("did you mean `{close}`?")),
        None => error.with_hint(format!("it has {}", some(images.iter()))),
    })
}

fn is_called(image: &CatalogImage, name: &str) -> bool {
    let digest = name.strip_prefix('@').unwrap_or(name).parse().ok();
    image.name == name
        || ref_name(image) == Some(name)
        || FullReference::parse_or_latest(name).is_ok_and(|parsed| is_reference_to(image, &parsed))
        || digest.is_some_and(|digest: sealift_core::content::Digest| digest == image.entry.digest)
}

/// A name with tag and digest means the image of that tag, or one without a tag, that has that digest.
fn is_reference_to(image: &CatalogImage, name: &FullReference) -> bool {
    let source = &image.source;
    match (&name.beside, name.image.reference.digest()) {
        (Some(tag), Some(digest)) => {
            let is_called = source.reference.tag().is_none_or(|called| called == tag);
            source.repository == name.image.repository && is_called && image.entry.digest == *digest
        }
        _ => name.image == *source,
    }
}

/// Returns true if `text` may mean an image of this name.
pub(crate) fn is_name(name: &str, text: &str) -> bool {
    let is_tag =
        || EntryName::parse(name).is_some_and(|name| name.version.tag().is_some_and(|tag| tag.as_str() == text));
    name == text || FullReference::parse_or_latest(text).is_ok_and(|full| full.image.to_string() == name) || is_tag()
}

/// A tag alone where the layout has full names, as regctl reads it.
fn is_short_for(image: &CatalogImage, name: &str) -> bool {
    image.source.reference.tag().is_some_and(|tag| tag.as_str() == name)
}

fn ambiguous<'a>(what: &str, images: impl Iterator<Item = &'a CatalogImage>) -> Error {
    Error::new(ErrorKind::Conflict, format!("{what}: the layout has {}", some(images)))
        .with_hint("give the full name, or `@` and the digest")
}

/// The first names, for a message.
fn some<'a>(images: impl Iterator<Item = &'a CatalogImage>) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut more = 0;
    for image in images {
        match names.len() < 5 {
            true => names.push(format!("`{}`", image.name)),
            false => more += 1,
        }
    }
    match (names.is_empty(), more) {
        (true, _) => "no image".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}
