use serde_json::json;

use super::*;

const HEX: &str = "14b267eb38aa85fd12d0e168fffa2d8a6187ac53a14a0212b0d4fce8d729598c";

fn index() -> String {
    let entry = |digit: char, os: &str| {
        format!(
            "{{\n   \"mediaType\": \"{}\",\n   \"size\": 7,\n   \"digest\": \"sha256:{}\",\n   \"platform\": {{\"os\": \"{os}\", \"architecture\": \"amd64\"}},\n   \"x-own\": 1.50\n  }}",
            well_known::OCI_MANIFEST,
            digit.to_string().repeat(64)
        )
    };
    format!(
        "{{\n \"schemaVersion\": 2,\n \"mediaType\": \"{}\",\n \"manifests\": [\n  {},\n  {},\n  {}\n ],\n \"annotations\": {{ \"b\": \"1\", \"a\": \"2\" }}\n}} \n",
        well_known::OCI_INDEX,
        entry('1', "linux"),
        entry('2', "windows"),
        entry('3', "linux"),
    )
}

#[test]
fn the_bytes_stay_as_they_were_served() {
    let manifest = Manifest::parse(index(), &well_known::OCI_INDEX).unwrap();
    assert_eq!(manifest.bytes(), index().as_bytes());
    assert_eq!(*manifest.digest(), Digest::of(index().as_bytes()));
    assert_eq!(manifest.entries().len(), 3);
    assert_eq!(manifest.entries()[1].platform.as_ref().unwrap().os, "windows");
}

#[test]
fn dropping_an_entry_changes_nothing_around_it() {
    let manifest = Manifest::parse(index(), &well_known::OCI_INDEX).unwrap();
    let smaller = manifest.keeping(|_, entry| entry.platform.as_ref().unwrap().os == "linux");
    let text = std::str::from_utf8(smaller.bytes()).unwrap();
    insta::assert_snapshot!(text);
    // The golden digest: a rerun must find the index that it wrote before.
    assert_eq!(smaller.digest().to_string(), "sha256:03c90a0be714a1bd91448921a894cec462d83778a02a9de1637df4edf90d4780");
    let again = Manifest::parse(smaller.bytes().clone(), &well_known::OCI_INDEX).unwrap();
    assert_eq!(again.links(), smaller.links());
}

#[test]
fn any_choice_of_entries_leaves_a_readable_index() {
    let manifest = Manifest::parse(index(), &well_known::OCI_INDEX).unwrap();
    for choice in 0..8_u8 {
        let smaller = manifest.keeping(|at, _| choice & (1 << at) != 0);
        let again = Manifest::parse(smaller.bytes().clone(), &well_known::OCI_INDEX).unwrap();
        assert_eq!(again.links(), smaller.links(), "choice {choice:03b}");
        assert_eq!(again.entries().len(), choice.count_ones() as usize);
    }
}

#[test]
fn dropping_nothing_gives_the_original_back() {
    let manifest = Manifest::parse(index(), &well_known::OCI_INDEX).unwrap();
    assert_eq!(manifest.keeping(|_, _| true).bytes(), manifest.bytes());
}

#[test]
fn a_document_that_reads_in_two_ways_is_refused() {
    let both = format!(
        r#"{{"schemaVersion":2,"manifests":[],"layers":[],"config":{{"mediaType":"a/b","digest":"sha256:{HEX}","size":2}}}}"#
    );
    assert_eq!(Manifest::parse(both, &MediaType::default()).unwrap_err(), ManifestError::Ambiguous);
    let other = Manifest::parse(index(), &well_known::OCI_MANIFEST).unwrap_err();
    assert!(matches!(other, ManifestError::TypeMismatch { .. }), "{other}");
    let twice = r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#;
    assert!(matches!(Manifest::parse(twice, &MediaType::default()), Err(ManifestError::Syntax(_))));
}

#[test]
fn sizes_that_no_content_has_are_refused() {
    for size in ["-1", "1.5", "\"7\"", "1e400", "18446744073709551616", "null"] {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"sha256:{HEX}","size":{size}}},"layers":[]}}"#
        );
        assert!(Manifest::parse(text, &well_known::OCI_MANIFEST).is_err(), "{size}");
    }
}

#[test]
fn a_login_page_is_no_manifest() {
    let error = Manifest::parse("<html>", &MediaType::from_header("text/html; charset=utf-8")).unwrap_err();
    assert_eq!(error.to_string(), "`text/html` is not a type of manifest that can be copied");
}

#[test]
fn oci_may_leave_its_media_type_out() {
    let text = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.acme.thing","digest":"sha256:{HEX}","size":2}},"layers":[]}}"#
    );
    let manifest = Manifest::parse(text, &MediaType::default()).unwrap();
    assert_eq!(*manifest.media_type(), well_known::OCI_MANIFEST);
    assert_eq!(manifest.artifact_type(), Some("application/vnd.acme.thing"));
}

#[test]
fn the_digest_of_signed_schema_1_leaves_the_signatures_out() {
    let payload = format!(r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"sha256:{HEX}"}}]}}"#);
    let head = &payload[..payload.len() - 1];
    let protected =
        format!(r#"{{"formatLength":{},"formatTail":"{}"}}"#, head.len(), BASE64_URL_SAFE_NO_PAD.encode("}"));
    let signed = format!(r#"{head},"signatures":[{{"protected":"{}"}}]}}"#, BASE64_URL_SAFE_NO_PAD.encode(protected));
    let manifest = Manifest::parse(signed, &well_known::SCHEMA1_SIGNED).unwrap();
    assert_eq!(*manifest.digest(), Digest::of(payload.as_bytes()));
    assert_eq!(manifest.blobs().next().unwrap().known_size(), None);
}

#[test]
fn pointing_an_entry_elsewhere_changes_its_digest_and_size_only() {
    let manifest = Manifest::parse(index(), &well_known::OCI_INDEX).unwrap();
    let digest = Digest::of(b"smaller");
    let change = Change::Point { digest: digest.clone(), size: 12345 };
    let changed = manifest.changing(&[Change::Keep, change, Change::Keep]);
    let expected = index()
        .replace(&"2".repeat(64), &digest.hex())
        .replacen("\"size\": 7", "\"size\": 0", 1)
        .replacen("\"size\": 7", "\"size\": 12345", 1)
        .replacen("\"size\": 0", "\"size\": 7", 1);
    assert_eq!(std::str::from_utf8(changed.bytes()).unwrap(), expected);
    let again = Manifest::parse(changed.bytes().clone(), &well_known::OCI_INDEX).unwrap();
    assert_eq!(again.links(), changed.links());
}

/// Seen before: only `data` written plainly was looked at, in some of the pointers, and a `data` of another type in any of
/// them switched the check off.
#[test]
fn content_inside_any_pointer_must_be_what_the_pointer_says() {
    let empty = Digest::of(b"{}");
    let pointer = |more: &str| format!(r#"{{"mediaType":"a/b","digest":"{empty}","size":2{more}}}"#);
    let with = |data: &str| pointer(&format!(r#","data":{data}"#));
    let documents = |pointer: &str| {
        let plain = format!(r#"{{"digest":"{empty}","size":2}}"#);
        [
            ("config", format!(r#"{{"config":{pointer},"layers":[]}}"#), well_known::OCI_MANIFEST),
            ("layer", format!(r#"{{"config":{plain},"layers":[{plain},{pointer}]}}"#), well_known::OCI_MANIFEST),
            ("subject", format!(r#"{{"config":{plain},"layers":[],"subject":{pointer}}}"#), well_known::OCI_MANIFEST),
            ("blob", format!(r#"{{"blobs":[{pointer}]}}"#), well_known::OCI_ARTIFACT),
            ("manifest", format!(r#"{{"manifests":[{plain},{pointer}]}}"#), well_known::OCI_INDEX),
            ("subject of an index", format!(r#"{{"manifests":[],"subject":{pointer}}}"#), well_known::OCI_INDEX),
        ]
    };
    for right in [pointer(""), with(r#""e30=""#), with("null"), with(r#""\u00653\u0030=""#)] {
        for (what, document, media_type) in documents(&right) {
            assert!(Manifest::parse(document, &media_type).is_ok(), "{what}: {right}");
        }
    }
    let longer = format!(r#"{{"digest":"{empty}","size":3,"data":"e30="}}"#);
    let escaped = pointer(r#","d\u0061ta":"eyJ9""#);
    let twice = [pointer(r#","data":"e30=","data":"eyJ9""#), pointer(r#","data":"e30=","d\u0061ta":"e30=""#)];
    let typed = ["5", "{}", "[]", "true"].map(with);
    let other = [r#""e30""#, r#""eyJ9""#, r#""""#, r#""e30=\n""#].map(with);
    for wrong in [longer, escaped].into_iter().chain(twice).chain(typed).chain(other) {
        for (what, document, media_type) in documents(&wrong) {
            let error = Manifest::parse(document, &media_type).err();
            assert!(matches!(error, Some(ManifestError::Syntax(_))), "{what}: {wrong}: {error:?}");
        }
    }
}

#[test]
fn a_key_that_stands_twice_anywhere_is_refused() {
    let config = format!(r#"{{"digest":"sha256:{HEX}","size":2}}"#);
    for (known, more) in [
        (true, r#""x":{"a":1,"b":{"a":2}},"y":[{"a":1},{"a":2}]"#),
        (true, r#""annotations":{"a":"1","A":"2"}"#),
        (false, r#""annotations":{"a":"1","a":"2"}"#),
        (false, r#""annotations":{"a":"1","\u0061":"2"}"#),
        (false, r#""x":1,"x":1"#),
        (false, r#""x":[{"y":{"a":1,"a":null}}]"#),
        (false, r#""layers":[],"l\u0061yers":[]"#),
    ] {
        let text = format!(r#"{{"config":{config},{more}}}"#);
        let read = Manifest::parse(text, &well_known::OCI_MANIFEST);
        assert_eq!(read.is_ok(), known, "{more}: {read:?}");
    }
}

/// Seen before: a layer of such a type without `urls` was left out, and nothing said where else it might be.
#[test]
fn a_layer_is_foreign_if_its_type_and_its_urls_say_so() {
    let urls = r#","urls":["https://example.com/layer"]"#;
    for (media_type, more, is_foreign) in [
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", urls, true),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "", false),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", r#","urls":[]"#, false),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar", r#","urls":null"#, false),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls, true),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "", false),
        ("application/vnd.oci.image.layer.v1.tar+gzip", urls, false),
    ] {
        let text = format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{HEX}","size":2{more}}}"#);
        let layer: Descriptor = serde_json::from_str(&text).unwrap();
        assert_eq!(layer.is_foreign(), is_foreign, "{text}");
    }
}

#[test]
fn entries_of_an_index_that_are_no_manifests_are_blobs() {
    let entry = |media_type: &str| {
        format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":1}}"#, Digest::of(media_type.as_bytes()))
    };
    let types = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.example.data+json", ""];
    let text = format!(r#"{{"manifests":[{}]}}"#, types.map(entry).join(","));
    let index = Manifest::parse(text, &well_known::OCI_INDEX).unwrap();
    let types = |of: Vec<&Descriptor>| of.into_iter().map(|item| item.media_type.to_string()).collect::<Vec<_>>();
    assert_eq!(types(index.children().collect()), ["application/vnd.oci.image.manifest.v1+json", ""]);
    assert_eq!(types(index.blobs().collect()), ["application/vnd.example.data+json"]);
    let smaller = index.keeping(|at, _| at != 0);
    assert_eq!((smaller.entries().len(), smaller.blobs().count()), (2, 1));
}

#[test]
fn json_that_is_made_to_hurt_is_refused() {
    let many = |one: &str| vec![one; Manifest::MAX_BYTES as usize / (one.len() + 1) - 20].join(",");
    let entry = format!(r#"{{"digest":"sha256:{HEX}","size":1}}"#);
    for (what, text) in [
        ("nested", format!(r#"{{"manifests":{}"#, "[".repeat(10_000))),
        ("nested objects", r#"{"a":"#.repeat(10_000)),
        ("twice", r#"{"manifests":[],"manifests":[]}"#.to_owned()),
        ("two types", format!(r#"{{"mediaType":"a/b","mediaType":"{}","manifests":[]}}"#, well_known::OCI_INDEX)),
        ("infinite", format!(r#"{{"layers":[],"config":{{"digest":"sha256:{HEX}","size":1e400}}}}"#)),
        ("half a letter", r#"{"manifests":[],"mediaType":"\ud800"}"#.to_owned()),
        ("a byte order mark", "\u{feff}{\"manifests\":[]}".to_owned()),
        ("more behind", r#"{"manifests":[]} {}"#.to_owned()),
        ("a million of nothing", format!(r#"{{"manifests":[{}]}}"#, many("{}"))),
        ("a million of nulls", format!(r#"{{"layers":[{}]}}"#, many("null"))),
        ("too many", format!(r#"{{"manifests":[{}]}}"#, many(&entry))),
    ] {
        assert!(Manifest::parse(text, &MediaType::default()).is_err(), "{what}");
    }
}

#[test]
fn of_links_that_are_too_many_it_is_said_how_many_they_are() {
    for list in ["manifests", "layers"] {
        for (count, is_too_many) in [(Manifest::MAX_LINKS, false), (Manifest::MAX_LINKS + 1, true), (30_000, true)] {
            let entries = vec![format!(r#"{{"digest":"sha256:{HEX}","size":1}}"#); count].join(",");
            let error = Manifest::parse(format!(r#"{{"{list}":[{entries}]}}"#), &MediaType::default()).err();
            let told = error == Some(ManifestError::TooManyLinks(count));
            assert_eq!(told, is_too_many, "{count} {list}: {error:?}");
        }
    }
}

// A layer with 340,000 annotations took 264 MiB, and a list of a million URLs 76.
#[test]
fn annotations_and_urls_by_the_hundred_thousand_are_not_kept() {
    let digest = format!("sha256:{HEX}");
    let of = format!(r#""vnd.docker.reference.digest":"{digest}""#);
    let annotations: Vec<_> = (0..250_000).map(|at| format!(r#""k{at}":"v""#)).collect();
    let entry = format!(
        r#"{{"digest":"{digest}","size":1,"urls":["a","b"],"annotations":{{{},{of}}}}}"#,
        annotations.join(",")
    );
    let index = Manifest::parse(format!(r#"{{"manifests":[{entry}]}}"#), &MediaType::default()).unwrap();
    let [entry] = index.entries() else { panic!("{index:?}") };
    assert_eq!((entry.annotations.len(), entry.urls.len()), (1, 1));
    assert_eq!(entry.attested_digest().unwrap().to_string(), digest);
    let layer = format!(r#"{{"digest":"{digest}","size":1,"urls":[{}]}}"#, vec!["\"\""; 1_000_000].join(","));
    let image = format!(r#"{{"config":{{"digest":"{digest}","size":1}},"layers":[{layer}]}}"#);
    let image = Manifest::parse(image, &MediaType::default()).unwrap();
    assert_eq!(image.blobs().last().unwrap().urls.len(), 1);
}

// Seen: one referrer with 266,000 annotations took 92 MiB on its way into a list, which it filled alone.
#[test]
fn annotations_that_would_fill_a_list_are_left_out_of_it() {
    let listed = |count: usize| {
        let annotations: BTreeMap<String, String> = (0..count).map(|key| (format!("{key:x}"), String::new())).collect();
        let config = Descriptor::of_bytes(well_known::OCI_CONFIG, b"{}");
        let document = json!({ "schemaVersion": 2, "config": config, "layers": [], "annotations": annotations });
        let manifest = Manifest::parse(document.to_string(), &well_known::OCI_MANIFEST).unwrap();
        manifest.referrer_descriptor().annotations.len()
    };
    assert_eq!((listed(100), listed(20_000)), (100, 0));
}
