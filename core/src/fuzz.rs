//! Properties that must hold for any bytes.
//!
//! Each function takes bytes as a server, a file or a person may bring them, and panics where a promise is broken:
//! fuzzers look for such bytes without end (`fuzz/`), property tests for a moment in every run.

use crate::{
    content::{Change, Digest, ImageRef, Manifest, MediaType, Repository, Tag, well_known},
    diagnostic::Diagnostic,
    spec::LoadOptions,
};

/// A digest is printed as it was read, and is safe in a path.
pub fn digest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
        assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
    }
}

/// A reference is printed so that it is read as the same one, and has nothing in it that could end a path or a query.
pub fn reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let harmless = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%\\\"<>{}".contains(&byte));
    if let Ok(image) = ImageRef::parse_or_latest(text) {
        let printed = image.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&image), "{text:?}");
        assert!(harmless(&printed), "{printed:?}");
    }
    if let Ok(repository) = text.parse::<Repository>() {
        let path = repository.path();
        assert!(path.split('/').all(|element| !matches!(element, "" | "." | "..")), "{path:?}");
        assert_eq!(Repository::new(repository.registry(), path).as_ref(), Ok(&repository));
        assert_eq!(repository.to_string().parse().as_ref(), Ok(&repository));
    }
    if let Ok(tag) = text.parse::<Tag>() {
        assert!(harmless(&tag) && !tag.contains('/'));
        let _ = tag.referenced_digest();
    }
}

/// A manifest keeps its bytes, and what is cut out of an index leaves an index with the rest.
pub fn manifest(bytes: &[u8]) {
    for served_as in [MediaType::default(), well_known::OCI_INDEX, well_known::DOCKER_MANIFEST, well_known::SCHEMA1] {
        let Ok(manifest) = Manifest::parse(bytes.to_vec(), &served_as) else { continue };
        assert_eq!(manifest.bytes(), bytes);
        assert!(manifest.entries().is_empty() || manifest.config().is_none(), "it is one or the other");
        assert!(manifest.children().count() + manifest.blobs().count() <= Manifest::MAX_LINKS + 1);
        let again = Manifest::parse_expecting(bytes.to_vec(), manifest.media_type(), manifest.digest());
        assert_eq!(again.expect("it is what it was").links(), manifest.links());
        let every_other = manifest.keeping(|at, _| at % 2 == 1);
        assert_same(&every_other);
        let elsewhere = Digest::of(b"elsewhere");
        let point = Change::Point { digest: elsewhere, size: 9 };
        assert_same(&manifest.changing(&vec![point; manifest.entries().len()]));
    }
}

/// New bytes say what the manifest says that was made with them.
fn assert_same(made: &Manifest) {
    let read = Manifest::parse(made.bytes().clone(), made.media_type()).expect("it is a manifest");
    assert_eq!((read.links(), read.digest()), (made.links(), made.digest()));
}

/// A pipeline file is taken, or refused at places that exist and can be shown.
pub fn pipeline(bytes: &[u8], settings: &LoadOptions) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match crate::spec::load(text, "pipeline.toml", settings) {
        Ok(loaded) => diagnostics(text, &loaded.warnings),
        Err(errors) => {
            assert!(errors.iter().any(Diagnostic::is_error), "it is refused, and nobody knows why");
            diagnostics(text, &errors);
        }
    }
}

/// Checks that each diagnostic points to a place in the text and has no control characters.
pub fn diagnostics(text: &str, all: &[Diagnostic]) {
    let lines = text.matches('\n').count() + 1;
    for diagnostic in all {
        assert!(!diagnostic.message.is_empty());
        let said = std::iter::once(&diagnostic.message).chain(&diagnostic.notes).chain(&diagnostic.hint);
        for text in said {
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        let Some(place) = &diagnostic.location else { continue };
        assert!((1..=lines).contains(&place.line), "{diagnostic} of {lines} lines");
        assert!(place.column >= 1 && place.length >= 1, "{diagnostic}");
        assert!(!place.text.chars().any(|c| c.is_control() && c != '\t'), "{diagnostic}: {:?}", place.text);
    }
}

#[cfg(test)]
mod tests;
