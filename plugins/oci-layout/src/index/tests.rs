use sealift_core::content::{Reference, well_known};

use super::*;
use crate::name::{NamedEntry, RefStyle};

fn parse(text: &str) -> Result<Index> {
    Index::parse(text.as_bytes(), Path::new("/d/index.json"))
}

fn entry(content: &[u8], tag: &str) -> Descriptor {
    let descriptor = Descriptor::of_bytes(well_known::OCI_MANIFEST, content);
    let NamedEntry(entry) =
        NamedEntry::new(descriptor, "q.io/a", &Reference::Tag(tag.parse().unwrap()), RefStyle::Full);
    entry
}

/// Written by nobody in particular: odd spaces, unknown fields, an unknown algorithm, fields after the list.
const FOREIGN: &str = r#"{ "schemaVersion":2,  "x-vendor": {"b":1,"a":2},
  "manifests" : [
    {"size": 7, "digest": "blake3:00", "mediaType": "x/y", "odd":  [1, 2]},
    {"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,"data":"e30=",
     "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
     "annotations":{"org.opencontainers.image.ref.name":"v1"}}
  ], "annotations":{"z":"1"}}
"#;

#[test]
fn what_others_wrote_stays_byte_by_byte() {
    let mut index = parse(FOREIGN).unwrap();
    assert!(index.apply(&IndexChange::Put(Box::new(entry(b"one", "v1")))));
    let text = index.render();
    for part in [
        r#"{ "schemaVersion":2,  "x-vendor": {"b":1,"a":2},"#,
        r#"{"size": 7, "digest": "blake3:00", "mediaType": "x/y", "odd":  [1, 2]}"#,
        r#""size":2,"data":"e30=",
     "digest""#,
        r#"], "annotations":{"z":"1"}}"#,
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let again = parse(&text).unwrap();
    assert_eq!(again.entries().count(), 2, "the one with an unknown algorithm is kept but not understood");
    assert_eq!(again.find("q.io/a:v1"), Some(&entry(b"one", "v1")));
    assert!(again.find("v1").is_some());
}

#[test]
fn a_name_stands_once_and_keeps_its_place() {
    let mut index = Index::empty();
    for tag in ["v1", "v2", "v3"] {
        index.apply(&IndexChange::Put(Box::new(entry(b"old", tag))));
    }
    assert!(index.apply(&IndexChange::Put(Box::new(entry(b"new", "v2")))));
    assert!(!index.apply(&IndexChange::Put(Box::new(entry(b"new", "v2")))), "nothing changed");
    let names: Vec<_> = index.entries().filter_map(entry_name).collect();
    assert_eq!(names, ["q.io/a:v1", "q.io/a:v2", "q.io/a:v3"]);
    assert_eq!(index.find("q.io/a:v2").unwrap().digest, entry(b"new", "v2").digest);
}

#[test]
fn of_two_entries_with_one_name_one_is_left_after_a_change() {
    let twice = serde_json::to_string(&[entry(b"1", "v1"), entry(b"2", "v1")]).unwrap();
    let mut index = parse(&format!(r#"{{"schemaVersion":2,"manifests":{twice}}}"#)).unwrap();
    assert_eq!(index.find("q.io/a:v1"), Some(&entry(b"1", "v1")), "the first one counts");
    assert!(index.apply(&IndexChange::Put(Box::new(entry(b"1", "v1")))));
    assert_eq!(index.entries().count(), 1);
    assert!(index.apply(&IndexChange::Remove("q.io/a:v1".to_owned())));
    assert!(!index.apply(&IndexChange::Remove("q.io/a:v1".to_owned())));
    assert_eq!(index.entries().count(), 0);
}

#[test]
fn a_list_that_go_wrote_as_null_is_empty() {
    let mut index = parse(r#"{"schemaVersion":2,"manifests":null}"#).unwrap();
    index.apply(&IndexChange::Put(Box::new(entry(b"1", "v1"))));
    assert_eq!(parse(&index.render()).unwrap().entries().count(), 1);
}

#[test]
fn what_is_no_index_is_refused_and_named() {
    for text in [
        "",
        "{}",
        r#"{"schemaVersion":2"#,
        r#"{"schemaVersion":1,"manifests":[]}"#,
        r#"{"schemaVersion":2,"manifests":{}}"#,
        r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#,
        "[]",
        "\u{feff}{}",
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.message().starts_with("`/d/index.json` is no image index: "), "{error}");
    }
}

#[test]
fn deep_nesting_is_no_way_to_crash() {
    let deep = "[".repeat(100_000);
    assert!(parse(&format!(r#"{{"schemaVersion":2,"manifests":[{deep}"#)).is_err());
}

#[test]
fn no_more_entries_are_read_than_an_index_can_have() {
    let of = |count: usize| format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, vec!["{}"; count].join(","));
    assert_eq!(parse(&of(entries::MAX)).unwrap().entries.len(), entries::MAX);
    let error = parse(&of(entries::MAX + 1)).unwrap_err();
    assert!(error.message().contains("it has more than 200000 entries"), "{error}");
    // Each entry with a digest and nothing else, in the longest index.
    let least = r#"{"mediaType":"","size":0,"digest":"sha256:"#.len() + 64 + r#""},"#.len();
    assert!(MAX_BYTES as usize / least < entries::MAX);
}

// 1.3 million annotations, which are 14 MiB, took 807 MiB.
#[test]
fn annotations_without_end_are_not_kept() {
    let annotations: Vec<_> = (0..2000).map(|at| format!("\"{at}\":\"\"")).collect();
    let digest = sealift_core::content::Digest::of(b"x");
    let of = |annotations: &[String]| {
        format!("{{\"digest\":\"{digest}\",\"size\":1,\"annotations\":{{{}}}}}", annotations.join(","))
    };
    let text = |entries: &[String]| format!("{{\"schemaVersion\":2,\"manifests\":[{}]}}", entries.join(","));
    let one = text(&[of(&annotations), of(&[])]);
    let index = Index::parse(one.as_bytes(), Path::new("x")).unwrap();
    assert_eq!((index.entries().count(), index.broken().count()), (1, 1));
    assert_eq!(index.render().replace('\n', ""), one, "it is left as it is");
    let many = text(&vec![of(&annotations[..900]); 200]);
    let index = Index::parse(many.as_bytes(), Path::new("x")).unwrap();
    assert_eq!((index.entries().count(), index.broken().count()), (MAX_ANNOTATIONS / 900 + 1, 33));
}
