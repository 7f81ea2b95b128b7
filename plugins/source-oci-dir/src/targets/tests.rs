use sealift_core::content::{Descriptor, Digest, well_known};

use super::*;

fn image(name: &str, source: &str, naming: Naming, targets: &[&str]) -> CatalogImage {
    CatalogImage {
        name: name.to_owned(),
        source: source.parse().unwrap(),
        naming,
        entry: Descriptor::of_bytes(well_known::OCI_MANIFEST, b"{}"),
        targets: targets.iter().map(|target| target.parse().unwrap()).collect(),
        belongs_to: Vec::new(),
    }
}

fn named(to: &str, image: &CatalogImage) -> Vec<String> {
    LoadTarget::parse(to).unwrap().targets(image).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn a_host_keeps_the_path_of_the_recorded_target_else_that_of_the_source() {
    let source = "docker.io/library/nginx:1";
    let plain = image(source, source, Naming::Full, &[]);
    let recorded = image(source, source, Naming::Full, &["a.io/mirror/nginx:1.0", "b.io/mirror/nginx:1.0"]);
    assert_eq!(named("h.io", &plain), ["h.io/library/nginx:1"]);
    assert_eq!(named("h.io:5000/", &plain), ["h.io:5000/library/nginx:1"]);
    assert_eq!(named("h.io", &recorded), ["h.io/mirror/nginx:1.0"]);
    assert_eq!(LoadTarget::Recorded.targets(&recorded).unwrap(), recorded.targets);
    assert_eq!(LoadTarget::Recorded.targets(&plain).unwrap(), []);
}

#[test]
fn a_prefix_goes_before_the_path() {
    let source = "docker.io/library/nginx:1";
    let plain = image(source, source, Naming::Full, &[]);
    let recorded = image(source, source, Naming::Full, &["a.io/mirror/nginx:1.0"]);
    assert_eq!(named("h.io/p/q", &plain), ["h.io/p/q/library/nginx:1"]);
    assert_eq!(named("h.io/p/", &recorded), ["h.io/p/mirror/nginx:1.0"]);
    let path = image("team/app:1", "localhost/team/app:1", Naming::Path, &[]);
    assert_eq!(named("h.io/p", &path), ["h.io/p/team/app:1"]);
}

#[test]
fn where_the_layout_names_no_repository_the_user_does() {
    let tag = image("v1", "localhost/bundle:v1", Naming::Reference, &[]);
    assert_eq!(named("h.io/team/app", &tag), ["h.io/team/app:v1"]);
    let error = LoadTarget::parse("h.io").unwrap().targets(&tag).unwrap_err();
    assert_eq!(error, "the layout names no repository for `v1`, and neither does the destination");
    let source = format!("localhost/bundle@{}", Digest::of(b"{}"));
    let nameless = image("@x", &source, Naming::Nothing, &[]);
    assert_eq!(named("h.io/team/app", &nameless), [format!("h.io/team/app@{}", Digest::of(b"{}"))]);
}

#[test]
fn a_registry_is_told_from_a_path() {
    for (text, registry, prefix) in [
        ("harbor.example.com", "harbor.example.com", ""),
        ("localhost:5000/a/b", "localhost:5000", "a/b"),
        ("localhost", "localhost", ""),
        ("docker.io/me", "docker.io", "me"),
        ("[::1]:5000", "[::1]:5000", ""),
    ] {
        let expected = LoadTarget::Under { registry: registry.to_owned(), prefix: prefix.to_owned() };
        assert_eq!(LoadTarget::parse(text), Ok(expected), "{text}");
    }
    for text in ["", "harbor", "harbor/x", "https://h.io", "h.io/A", "h.io/a:v1", "h.io/a@b", "h.io//a", "/a"] {
        assert!(LoadTarget::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_target_without_tag_keeps_the_version() {
    let version = Reference::Tag("v1".parse().unwrap());
    let digest = Digest::of(b"{}");
    let names = |text: &str| one(text, &version).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names("h.io/a/b"), ["h.io/a/b:v1"]);
    assert_eq!(names("h.io/a/b:v2"), ["h.io/a/b:v2"]);
    assert_eq!(names(&format!("h.io/a/b:v2@{digest}")), ["h.io/a/b:v2".to_owned(), format!("h.io/a/b@{digest}")]);
    assert!(one("h.io/a/b:", &version).is_err());
}
