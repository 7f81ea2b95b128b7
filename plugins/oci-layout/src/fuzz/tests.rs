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
