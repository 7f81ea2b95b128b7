use sealift_core::content::{Descriptor, Reference, well_known};

use super::*;

fn names(all: &[&str]) -> RepositoryNames {
    let mut names = RepositoryNames::default();
    for name in all {
        let item = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"{}");
        names.make(name, &path::served(name).unwrap()).list(Reference::Tag("v1".parse().unwrap()), &item);
    }
    names
}

#[test]
fn an_image_has_a_name_with_its_registry_and_one_without() {
    let names = names(&["docker.io/library/nginx", "localhost:5000/team/app", "plain/name"]);
    for (asked, meant) in [
        ("docker.io/library/nginx", "docker.io/library/nginx"),
        ("library/nginx", "docker.io/library/nginx"),
        ("team/app", "localhost_5000/team/app"),
        ("plain/name", "plain/name"),
        ("name", "name"),
        ("nginx", "nginx"),
    ] {
        assert_eq!(names.find(asked, None).unwrap(), meant, "{asked}");
    }
    assert_eq!(names.clashes(), []);
}

#[test]
fn a_path_of_two_registries_means_neither_until_one_is_named() {
    let names = names(&["docker.io/library/nginx", "quay.io/library/nginx"]);
    let clash = names.find("library/nginx", None).unwrap_err();
    assert_eq!(clash.to_string(), "`library/nginx` could be `docker.io/library/nginx` or `quay.io/library/nginx`");
    assert_eq!(names.clashes(), [clash]);
    assert_eq!(names.find("library/nginx", Some("quay.io")).unwrap(), "quay.io/library/nginx");
    assert_eq!(names.find("quay.io/library/nginx", None).unwrap(), "quay.io/library/nginx");
}

#[test]
fn who_asks_for_one_registry_does_not_get_the_image_of_another() {
    let names = names(&["docker.io/library/nginx", "plain/name"]);
    assert_eq!(names.find("library/nginx", Some("ghcr.io")).unwrap(), "library/nginx");
    assert_eq!(names.find("plain/name", Some("ghcr.io")).unwrap(), "plain/name", "that is of no registry");
    // As containerd asks for `mirror:5000/docker.io/library/nginx` when `mirror:5000` has a mirror itself.
    let found = names.find("docker.io/library/nginx", Some("mirror:5000"));
    assert_eq!(found.unwrap(), "docker.io/library/nginx");
}

#[test]
fn a_path_that_is_there_as_such_comes_first() {
    let names = names(&["docker.io/a/b", "quay.io/a/b", "a/b"]);
    assert_eq!(names.find("a/b", None).unwrap(), "a/b");
    assert_eq!(names.clashes(), []);
}
#[test]
fn a_path_without_a_manifest_changes_nothing() {
    let mut names = names(&["docker.io/a/b"]);
    names.make("quay.io/a/b", "quay.io/a/b");
    names.make("a/b", "a/b");
    assert_eq!(names.find("a/b", None).unwrap(), "docker.io/a/b");
    assert_eq!(names.clashes(), []);
}
