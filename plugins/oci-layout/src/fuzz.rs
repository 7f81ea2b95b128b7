//! Properties that hold for any bytes in the files of a layout.
//!
//! Fuzz targets (`fuzz/`) search for counterexamples without end, property tests for a moment in each run.

use std::path::Path;

use sealift_core::content::{Descriptor, Version, well_known};

use crate::{
    EntryName, Receipt, RefStyle,
    index::{Index, IndexChange},
    name::{NamedEntry, entry_name},
};

/// An index is written as it was read, and a change of it changes nothing else.
pub fn index(bytes: &[u8]) {
    let path = Path::new("/d/index.json");
    let Ok(mut index) = Index::parse(bytes, path) else { return };
    let read = |index: &Index| Index::parse(index.render().as_bytes(), path).expect("what is written can be read");
    assert_same(&index, &read(&index));
    for entry in index.entries() {
        let _ = EntryName::of(entry);
    }
    let broken: Vec<_> = index.broken().cloned().collect();
    let version = Version::Tag("v1".parse().expect("it is a tag"));
    let manifest = Descriptor::to(well_known::OCI_MANIFEST, b"{}");
    let NamedEntry(entry) = NamedEntry::new(manifest, "q.io/a", &version, RefStyle::Full);
    let name = entry_name(&entry).expect("it is named").to_owned();
    let others = index.entries().filter(|entry| entry_name(entry) != Some(&name)).count();
    let put = IndexChange::Put(Box::new(entry.clone()));
    index.apply(&put);
    assert!(!index.apply(&put), "the second time it is there");
    let again = read(&index);
    assert_same(&index, &again);
    assert_eq!(again.find(&name), Some(&entry));
    assert_eq!(again.entries().count(), others + 1);
    assert!(
        again.broken().eq(broken.iter().filter(|entry| entry.name.as_deref() != Some(name.as_str()))),
        "what others wrote stays"
    );
    assert!(index.apply(&IndexChange::Remove(name)));
    assert_eq!(read(&index).entries().count(), others);
}

fn assert_same(one: &Index, other: &Index) {
    assert!(one.entries().eq(other.entries()) && one.broken().eq(other.broken()));
}

/// A receipt is written as it was read.
pub fn receipt(bytes: &[u8]) {
    let path = Path::new("receipt.json");
    let Ok(receipt) = Receipt::parse(bytes, path) else { return };
    let again = Receipt::parse(receipt.render().as_bytes(), path).expect("what is written can be read");
    assert_eq!(again.render(), receipt.render());
}

/// A name in a layout is read so that it can be written again, or is none.
pub fn name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(name) = EntryName::parse(text) else { return };
    if let Version::Tag(tag) = &name.version {
        let written = if name.repository.is_empty() { tag.to_string() } else { format!("{}:{tag}", name.repository) };
        assert_eq!(EntryName::parse(&written).as_ref(), Some(&name), "{text:?}");
    }
    assert!(text.starts_with(&name.repository), "{text:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_index_is_written_as_it_was_read(
            entries in prop::collection::vec(
                (r#" ?"(DIGEST|blake3:00)""#, "[0-9]{1,3}", "q.io/a:v1|v1|x-|a/b", r#"(, ?"odd": \[1\])?"#), 0..5,
            ),
            head in r#"( ?"x": "\]", )?"#,
        ) {
            let entry = |(digest, size, name, odd): &(String, String, String, String)| format!(
                r#"{{"digest":{digest},"size":{size},"annotations":{{"org.opencontainers.image.ref.name":"{name}"}}{odd}}}"#
            ).replace("DIGEST", HEX);
            let entries: Vec<_> = entries.iter().map(entry).collect();
            index(format!(r#"{{{head}"schemaVersion":2,"manifests":[{}],"z":1}}"#, entries.join(" , ")).as_bytes());
        }

        #[test]
        fn names_are_read_or_are_none(text in "[a-z0-9.:@/_-]{0,40}", any in ".{0,40}") {
            name(text.as_bytes());
            name(any.as_bytes());
            name(format!("{text}@{HEX}").as_bytes());
        }

        #[test]
        fn receipts_are_written_as_they_were_read(of in ".{0,9}", blob in 0..3u32) {
            receipt(format!(
                r#"{{"format":"sealift-receipt","version":1,"of":[{of:?}],"blobs":[{{"digest":"{HEX}","size":1}}],"images":[{{"name":"q.io/a:v1","digest":"{HEX}","blobs":[{blob}]}}]}}"#
            ).as_bytes());
        }
    }
}
