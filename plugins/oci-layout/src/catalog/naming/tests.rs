use sealift_core::content::{Digest, well_known};

use super::*;
use crate::name::{CONTAINERD_NAME, REF_NAME};

fn called(ref_name: &str) -> (String, Naming) {
    let mut entry = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"{}");
    entry.annotations.insert(REF_NAME.to_owned(), ref_name.to_owned());
    let called = Namer::new("My Bundle_2").call(&entry);
    (called.source.to_string(), called.naming)
}

#[test]
fn every_way_to_name_an_image_gives_a_reference() {
    let digest = Digest::of(b"{}");
    for (name, source, naming) in [
        ("docker.io/library/nginx:1.27", "docker.io/library/nginx:1.27", Naming::Full),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1", Naming::Full),
        ("q.io/a", "q.io/a:latest", Naming::Full),
        ("nginx:1.27", "localhost/nginx:1.27", Naming::Path),
        ("library/nginx:1.27", "localhost/library/nginx:1.27", Naming::Path),
        ("v1", "localhost/my-bundle-2:v1", Naming::Reference),
        ("latest", "localhost/my-bundle-2:latest", Naming::Reference),
        ("a/B:v1", &format!("localhost/my-bundle-2@{digest}"), Naming::Nothing),
        ("a b", &format!("localhost/my-bundle-2@{digest}"), Naming::Nothing),
        ("", &format!("localhost/my-bundle-2@{digest}"), Naming::Nothing),
    ] {
        assert_eq!(called(name), (source.to_owned(), naming), "{name:?}");
    }
}

#[test]
fn what_containerd_calls_an_image_goes_before_its_tag() {
    let mut entry = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"{}");
    entry.annotations.insert(REF_NAME.to_owned(), "1.27".to_owned());
    entry.annotations.insert(CONTAINERD_NAME.to_owned(), "docker.io/library/nginx:1.27".to_owned());
    assert_eq!(Namer::new("x").call(&entry).source.to_string(), "docker.io/library/nginx:1.27");
}

#[test]
fn a_name_by_digest_says_what_stands_there_now() {
    let entry = |name: String| {
        let mut entry = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"filtered");
        entry.annotations.insert(CONTAINERD_NAME.to_owned(), name);
        entry
    };
    let called = Namer::new("x").call(&entry(format!("q.io/a@{}", Digest::of(b"original"))));
    assert_eq!(called.source.to_string(), format!("q.io/a@{}", Digest::of(b"filtered")));
}

#[test]
fn any_directory_has_a_name() {
    for (directory, path) in [("", "layout"), ("..", "layout"), ("Büro", "b-ro"), ("a__b--C", "a-b-c")] {
        assert_eq!(path_of(directory), path, "{directory:?}");
    }
    Namer::new(&"-x".repeat(500));
}
