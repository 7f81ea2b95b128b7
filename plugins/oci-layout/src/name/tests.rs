use sealift_core::content::well_known;

use super::*;

#[test]
fn what_skopeo_takes_is_a_ref_name_and_what_it_refuses_is_none() {
    let digest = Digest::of(b"x");
    for good in ["v1", "docker.io/library/nginx:1.25", "host:5000/a/b:v1", "1.0--rc", "v1+build"] {
        assert!(is_ref_name(good), "{good}");
    }
    assert!(is_ref_name(&format!("a/b@{digest}")));
    for bad in ["", "a__b", "x-", "_u", "foo..bar", "a//b", "/a", "q.io/a:x-", "a---b", "a b"] {
        assert!(!is_ref_name(bad), "{bad}");
    }
}

#[test]
fn a_name_is_read_back_as_it_was_given() {
    let manifest = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"{}");
    for (repository, tag) in [("docker.io/library/nginx", "1.27"), ("localhost:5000/a/b", "a__b"), ("a", "x-")] {
        let version = Reference::Tag(tag.parse().unwrap());
        let NamedEntry(entry) = NamedEntry::new(manifest.clone(), repository, &version, RefStyle::Full);
        assert_eq!(EntryName::of(&entry), Some(EntryName { repository: repository.to_owned(), version }));
        assert!(is_ref_name(&entry.annotations[REF_NAME]));
    }
}

#[test]
fn a_tag_that_the_grammar_refuses_is_found_by_digest() {
    let manifest = Descriptor::of_bytes(well_known::OCI_MANIFEST, b"{}");
    let digest = manifest.digest.clone();
    let NamedEntry(entry) =
        NamedEntry::new(manifest, "q.io/a", &Reference::Tag("a__b".parse().unwrap()), RefStyle::Tag);
    assert_eq!(entry.annotations[REF_NAME], format!("q.io/a@{digest}"));
    assert_eq!(entry.annotations[CONTAINERD_NAME], "q.io/a:a__b");
}

#[test]
fn names_of_others_are_read() {
    let digest = Digest::of(b"x");
    for (text, repository, version) in [
        ("v1", "", Reference::Tag("v1".parse().unwrap())),
        ("a/b", "a/b", Reference::Tag("latest".parse().unwrap())),
        ("nginx:1", "nginx", Reference::Tag("1".parse().unwrap())),
        ("h:5000/a/b", "h:5000/a/b", Reference::Tag("latest".parse().unwrap())),
        (&format!("h:5000/a@{digest}"), "h:5000/a", Reference::Digest(digest.clone())),
        (&format!("h:5000/a:v1@{digest}"), "h:5000/a", Reference::Digest(digest.clone())),
    ] {
        let name = EntryName::parse(text).unwrap();
        assert_eq!((name.repository.as_str(), name.version), (repository, version), "{text}");
    }
    assert_eq!(EntryName::parse("a@sha256:x"), None);
    assert_eq!(EntryName::parse("a:-x"), None);
}
