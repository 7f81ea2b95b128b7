use sealift_core::content::well_known;

use super::pointed;

#[test]
fn a_note_has_a_digest_and_a_media_type() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let found = pointed(&format!("{digest} {}\n", well_known::OCI_MANIFEST)).unwrap();
    assert_eq!(found, (digest.parse().unwrap(), well_known::OCI_MANIFEST));
}

#[test]
fn what_is_no_note_is_not_taken_for_one() {
    for text in [
        "",
        "v1 application/json",
        "sha256:abc application/json",
        &"a".repeat(64),
    ] {
        assert_eq!(pointed(text), None, "{text}");
    }
}
