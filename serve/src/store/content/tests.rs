use std::collections::HashSet;

use sealift_core::content::{MediaType, well_known};

use super::*;
use crate::sample::{Image, ImageFormat, layer};

/// What stands in the index after some changes.
#[derive(Default)]
struct Index(BTreeSet<String>);

impl Index {
    fn apply(&mut self, changes: Vec<EntryChange>) {
        for change in changes {
            match change {
                EntryChange::Set(entry) => {
                    self.0.insert(entry.name().to_owned());
                }
                EntryChange::RemoveName(name) => assert!(self.0.remove(&name), "{name} was not listed"),
                EntryChange::Remove { name, digest } => {
                    let name = name.unwrap_or_else(|| format!("unnamed {digest}"));
                    assert!(self.0.remove(&name), "{name} was not listed");
                }
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

fn image(name: &str) -> Image {
    Image::single(ImageFormat::Oci, &"linux/amd64".parse().unwrap(), &[layer(name, 10)])
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// The blobs of these images, before their manifests are there.
fn blobs_of(images: &[&Image]) -> HashSet<Digest> {
    images.iter().flat_map(|image| image.blobs()).map(|(item, _)| item.digest.clone()).collect()
}

fn missing(content: &Content, manifest: &Manifest, loose: &HashSet<Digest>) -> usize {
    match content.objection_to(manifest, loose, false) {
        Some(Objection::Missing(missing)) => missing.len(),
        None => 0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_child_that_came_first_is_listed_until_its_index_is_there() {
    let (one, two) = (image("1"), image("2"));
    let both = Image::index(ImageFormat::Oci, [one.clone(), two.clone()]);
    let (mut content, mut index) = (Content::new("a"), Index::default());
    let loose = blobs_of(&[&one, &two]);
    assert_eq!(missing(&content, both.root(), &loose), 2);
    index.apply(content.put(one.root(), None));
    index.apply(content.put(two.root(), None));
    assert_eq!(index.names().len(), 2);
    assert_eq!(missing(&content, both.root(), &loose), 0);
    index.apply(content.put(both.root(), Some(&tag("v1"))));
    assert_eq!(index.names(), ["a:v1"]);
    index.apply(content.put(one.root(), None));
    assert_eq!(index.names(), ["a:v1"], "pushed again it is still a child");
}

#[test]
fn what_a_tag_pointed_to_before_stays_by_digest() {
    let (old, new) = (image("old"), image("new"));
    let (mut content, mut index) = (Content::new("a"), Index::default());
    index.apply(content.put(old.root(), Some(&tag("v1"))));
    index.apply(content.put(new.root(), Some(&tag("v1"))));
    assert_eq!(index.names(), ["a:v1", &format!("a@{}", old.root().digest())]);
    index.apply(content.put(old.root(), Some(&tag("v0"))));
    assert_eq!(index.names(), ["a:v0", "a:v1"]);
    assert!(content.descriptor(old.root().digest()).is_some());
}

#[test]
fn without_its_index_a_child_is_listed_again() {
    let one = image("1");
    let above = Image::index(ImageFormat::Oci, [one.clone()]);
    let (mut content, mut index) = (Content::new("a"), Index::default());
    index.apply(content.put(one.root(), None));
    index.apply(content.put(above.root(), Some(&tag("v1"))));
    index.apply(content.remove(above.root().digest()).unwrap());
    assert_eq!(index.names(), [format!("a@{}", one.root().digest())]);
    assert!(content.tags.is_empty());
    assert!(content.remove(above.root().digest()).is_none());
    index.apply(content.remove(one.root().digest()).unwrap());
    assert!(index.names().is_empty() && !content.has_manifests());
}

#[test]
fn a_removed_tag_leaves_its_manifest() {
    let one = image("1");
    let (mut content, mut index) = (Content::new("a"), Index::default());
    index.apply(content.put(one.root(), Some(&tag("v1"))));
    index.apply(content.put(one.root(), Some(&tag("v2"))));
    index.apply(content.remove_tag(&tag("v1")).unwrap());
    assert_eq!(index.names(), ["a:v2"]);
    index.apply(content.remove_tag(&tag("v2")).unwrap());
    assert_eq!(index.names(), [format!("a@{}", one.root().digest())]);
    assert!(content.remove_tag(&tag("v2")).is_none());
}

#[test]
fn referrers_are_found_by_what_they_are_about() {
    let one = image("1");
    let signature = one.referrer("x/sig", bytes::Bytes::from_static(b"s"));
    let mut content = Content::new("a");
    content.put(signature.root(), None);
    let found = content.referrers(one.root().digest());
    assert_eq!(found.len(), 1, "also before its subject is there");
    assert_eq!(found[0].artifact_type.as_deref(), Some("x/sig"));
    assert_eq!(found[0].annotations.len(), 1);
    content.remove(signature.root().digest());
    assert_eq!(content.referrers(one.root().digest()), []);
}

/// An entry as somebody else wrote it.
fn found(image: &Image, name: Option<&str>) -> Descriptor {
    let mut entry = image.root().descriptor();
    if let Some(name) = name {
        entry.annotations.insert(sealift_oci_layout::REF_NAME.to_owned(), name.to_owned());
    }
    entry
}

/// Content that was found under these names, each of which means the tag `v1` or nothing.
fn with_entries(entries: &[(&Image, Option<&str>)]) -> (Content, Index) {
    let (mut content, mut index) = (Content::new("localhost_5000/a"), Index::default());
    for (image, name) in entries {
        let digest = image.root().digest();
        let version = name.map_or_else(|| Reference::Digest(digest.clone()), |_| Reference::Tag(tag("v1")));
        content.list(version, &found(image, *name));
        index.0.insert(name.map_or_else(|| format!("unnamed {digest}"), str::to_owned));
    }
    entries.iter().for_each(|(image, _)| content.hold(image.root()));
    (content, index)
}

// Seen: a push over a tag that skopeo had written was lost at the next start, because both entries were in the index.
#[test]
fn an_entry_keeps_the_name_that_it_was_found_with() {
    let (old, new) = (image("old"), image("new"));
    for name in ["localhost:5000/a:v1", "localhost_5000/a:v1", "v1"] {
        let (mut content, mut index) = with_entries(&[(&old, Some(name))]);
        index.apply(content.put(new.root(), Some(&tag("v1"))));
        let expected = [name.to_owned(), format!("localhost_5000/a@{}", old.root().digest())];
        assert_eq!(index.0, BTreeSet::from(expected));
        index.apply(content.remove_tag(&tag("v1")).unwrap());
        assert!(!index.names().contains(&name), "{:?}", index.names());
    }
}

#[test]
fn of_two_ways_to_write_a_tag_one_is_left_and_what_the_other_pointed_to_stays() {
    let (one, two, new) = (image("1"), image("2"), image("new"));
    let both = [(&one, Some("localhost_5000/a:v1")), (&two, Some("localhost:5000/a:v1"))];
    let by_digest = |image: &Image| format!("localhost_5000/a@{}", image.root().digest());
    let (mut content, mut index) = with_entries(&both);
    assert_eq!(content.tags[&tag("v1")], *one.root().digest(), "the first one counts");
    index.apply(content.put(new.root(), Some(&tag("v1"))));
    let expected = BTreeSet::from(["localhost_5000/a:v1".to_owned(), by_digest(&one), by_digest(&two)]);
    assert_eq!(index.0, expected);

    let (mut content, mut index) = with_entries(&both);
    index.apply(content.remove_tag(&tag("v1")).unwrap());
    assert_eq!(index.0, BTreeSet::from([by_digest(&one), by_digest(&two)]));

    // The second one does not come to light when the first is deleted by its digest, nor the other way round.
    for (gone, left) in [(&one, &two), (&two, &one)] {
        let (mut content, mut index) = with_entries(&both);
        index.apply(content.remove(gone.root().digest()).unwrap());
        let rest = content.remove(left.root().digest()).unwrap();
        index.apply(rest);
        assert!(index.0.is_empty(), "{:?}", index.0);
    }
}

#[test]
fn an_entry_without_a_name_is_removed_by_its_digest() {
    let one = image("1");
    let (mut content, mut index) = with_entries(&[(&one, None)]);
    index.apply(content.put(one.root(), Some(&tag("v1"))));
    assert_eq!(index.names(), ["localhost_5000/a:v1"]);
    let (mut content, mut index) = with_entries(&[(&one, None)]);
    index.apply(content.remove(one.root().digest()).unwrap());
    assert!(index.0.is_empty() && !content.has_manifests());
}

#[test]
fn a_child_of_an_index_is_not_removed_and_a_blob_is_in_use_as_long_as_a_manifest_has_it() {
    let (one, two) = (image("1"), image("2"));
    let both = Image::index(ImageFormat::Oci, [one.clone(), two.clone()]);
    let mut content = Content::new("a");
    for part in [one.root(), two.root(), both.root()] {
        content.put(part, None);
    }
    assert!(matches!(content.objection_to_removing(one.root().digest()), Some(Objection::InUse(_))));
    assert_eq!(content.objection_to_removing(both.root().digest()), None);
    content.remove(both.root().digest()).unwrap();
    assert_eq!(content.objection_to_removing(one.root().digest()), None);
    let blob = &one.blobs()[0].0.digest;
    assert!(content.has_blob(blob));
    content.remove(one.root().digest()).unwrap();
    assert!(!content.has_blob(blob), "after a restart it would not be known either");
}

fn index_of(entry: serde_json::Value) -> Manifest {
    let text = serde_json::json!({ "schemaVersion": 2, "manifests": [entry] }).to_string();
    Manifest::parse(text, &well_known::OCI_INDEX).unwrap()
}

// Seen: a child that an index calls something else was served until the next start, and neither it nor its blobs after.
#[test]
fn an_index_that_says_something_else_of_its_child_is_refused() {
    let one = image("1");
    let mut content = Content::new("a");
    content.put(one.root(), None);
    let mut entry = serde_json::to_value(one.root().descriptor()).unwrap();
    assert_eq!(content.objection_to(&index_of(entry.clone()), &HashSet::new(), false), None);
    entry["size"] = (one.root().bytes().len() + 3).into();
    let objection = content.objection_to(&index_of(entry.clone()), &HashSet::new(), false);
    assert!(matches!(objection, Some(Objection::WrongSize { .. })), "{objection:?}");
    entry["mediaType"] = well_known::DOCKER_MANIFEST.as_str().into();
    let objection = content.objection_to(&index_of(entry), &HashSet::new(), false);
    assert!(matches!(objection, Some(Objection::WrongType(_))), "{objection:?}");
}

#[test]
fn the_same_bytes_are_not_two_kinds_of_manifest() {
    let text = r#"{"schemaVersion":2,"manifests":[]}"#;
    let mut content = Content::new("a");
    content.put(&Manifest::parse(text, &well_known::OCI_INDEX).unwrap(), Some(&tag("v1")));
    let other = Manifest::parse(text, &well_known::DOCKER_LIST).unwrap();
    assert!(matches!(content.objection_to(&other, &HashSet::new(), false), Some(Objection::WrongType(_))));
}

#[test]
fn an_entry_of_an_index_that_is_no_manifest_is_a_blob() {
    let data = Descriptor::of_bytes(MediaType::from_static("application/vnd.example.data+json"), b"{}");
    let index = index_of(serde_json::to_value(&data).unwrap());
    let mut content = Content::new("a");
    assert_eq!(missing(&content, &index, &HashSet::new()), 1);
    assert_eq!(missing(&content, &index, &HashSet::from([data.digest.clone()])), 0);
    content.put(&index, Some(&tag("v1")));
    assert!(content.has_blob(&data.digest) && content.descriptor(&data.digest).is_none());
}

#[test]
fn foreign_layers_do_not_have_to_be_there() {
    let text = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{0}","size":1}},
        "layers":[{{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip","digest":"{1}","size":1,
        "urls":["https://example.com/layer"]}}]}}"#,
        Digest::of(b"c"),
        Digest::of(b"l"),
    );
    let manifest = Manifest::parse(text, &well_known::OCI_MANIFEST).unwrap();
    let objection = Content::new("a").objection_to(&manifest, &HashSet::new(), false);
    assert_eq!(objection, Some(Objection::Missing(vec![Digest::of(b"c")])));
}
