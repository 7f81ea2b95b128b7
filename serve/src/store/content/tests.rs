use super::*;
use crate::sample::{Dialect, Image, layer};

/// What stands in the index after some changes.
#[derive(Default)]
struct Index(BTreeSet<String>);

impl Index {
    fn apply(&mut self, changes: Vec<IndexChange>) {
        for change in changes {
            match change {
                IndexChange::Set(entry) => {
                    self.0.insert(entry.name().to_owned());
                }
                IndexChange::Remove(name) => assert!(self.0.remove(&name), "{name} was not listed"),
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

fn image(name: &str) -> Image {
    Image::single(Dialect::Oci, &"linux/amd64".parse().unwrap(), &[layer(name, 10)])
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// A repository that has the blobs of these images.
fn with_blobs(images: &[&Image]) -> Content {
    let mut content = Content::new("a");
    content.blobs = images.iter().flat_map(|image| image.blobs()).map(|(item, _)| item.digest.clone()).collect();
    content
}

#[test]
fn a_child_that_came_first_is_listed_until_its_index_is_there() {
    let (one, two) = (image("1"), image("2"));
    let both = Image::index(Dialect::Oci, [one.clone(), two.clone()]);
    let (mut content, mut index) = (with_blobs(&[&one, &two]), Index::default());
    assert_eq!(content.missing(both.root()).len(), 2);
    index.apply(content.put(one.root(), None));
    index.apply(content.put(two.root(), None));
    assert_eq!(index.names().len(), 2);
    assert_eq!(content.missing(both.root()), []);
    index.apply(content.put(both.root(), Some(&tag("v1"))));
    assert_eq!(index.names(), ["a:v1"]);
    index.apply(content.put(one.root(), None));
    assert_eq!(index.names(), ["a:v1"], "pushed again it is still a child");
}

#[test]
fn what_a_tag_pointed_to_before_stays_by_digest() {
    let (old, new) = (image("old"), image("new"));
    let (mut content, mut index) = (with_blobs(&[&old, &new]), Index::default());
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
    let above = Image::index(Dialect::Oci, [one.clone()]);
    let (mut content, mut index) = (with_blobs(&[&one]), Index::default());
    index.apply(content.put(one.root(), None));
    index.apply(content.put(above.root(), Some(&tag("v1"))));
    index.apply(content.remove(above.root().digest()).unwrap());
    assert_eq!(index.names(), [format!("a@{}", one.root().digest())]);
    assert!(content.tags.is_empty());
    assert!(content.remove(above.root().digest()).is_none());
    index.apply(content.remove(one.root().digest()).unwrap());
    assert!(index.names().is_empty() && content.is_known() && !content.has_manifests());
}

#[test]
fn a_removed_tag_leaves_its_manifest() {
    let one = image("1");
    let (mut content, mut index) = (with_blobs(&[&one]), Index::default());
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
    let mut content = with_blobs(&[&one, &signature]);
    content.put(signature.root(), None);
    let found = content.referrers(one.root().digest());
    assert_eq!(found.len(), 1, "also before its subject is there");
    assert_eq!(found[0].artifact_type.as_deref(), Some("x/sig"));
    assert_eq!(found[0].annotations.len(), 1);
    content.remove(signature.root().digest());
    assert_eq!(content.referrers(one.root().digest()), []);
}

#[test]
fn an_entry_keeps_the_name_that_it_was_found_with() {
    let (old, new) = (image("old"), image("new"));
    let mut content = Content::new("localhost_5000/a");
    content.list(Version::Tag(tag("v1")), "localhost:5000/a:v1".to_owned(), old.root().digest());
    content.found(old.root());
    let mut index = Index::default();
    index.apply(content.put(new.root(), Some(&tag("v1"))));
    assert!(index.names().contains(&"localhost:5000/a:v1"), "{:?}", index.names());
}

#[test]
fn foreign_layers_do_not_have_to_be_there() {
    let text = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{0}","size":1}},
        "layers":[{{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip","digest":"{1}","size":1}}]}}"#,
        Digest::of(b"c"),
        Digest::of(b"l"),
    );
    let manifest = Manifest::parse(text, &sealift_core::content::well_known::OCI_MANIFEST).unwrap();
    assert_eq!(Content::new("a").missing(&manifest), [Digest::of(b"c")]);
}
