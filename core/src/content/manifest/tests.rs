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
    assert_eq!(manifest.children().len(), 3);
    assert_eq!(manifest.children()[1].platform.as_ref().unwrap().os, "windows");
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
        assert_eq!(again.children().len(), choice.count_ones() as usize);
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

#[test]
fn content_inside_a_pointer_must_be_what_the_pointer_says() {
    let config = Descriptor::to(well_known::OCI_CONFIG, b"{}");
    let document = |data: &str| {
        format!(r#"{{"schemaVersion":2,"layers":[],"config":{{"digest":"{}","size":2,"data":{data}}}}}"#, config.digest)
    };
    for right in [r#""e30=""#, "null"] {
        assert!(Manifest::parse(document(right), &well_known::OCI_MANIFEST).is_ok(), "{right}");
    }
    for wrong in [r#""e30""#, r#""eyJ9""#, r#""""#, r#""e30=\n""#] {
        let error = Manifest::parse(document(wrong), &well_known::OCI_MANIFEST).unwrap_err();
        assert_eq!(error, ManifestError::WrongData(config.digest.clone()), "{wrong}");
    }
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
