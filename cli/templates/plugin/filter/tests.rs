use sealift_core::{
    content::Reference,
    job::{Candidate, Listing},
    stage::Filter,
};

use super::Config;

fn left(keep: &[&str], versions: &[&str]) -> Vec<String> {
    let version = |text: &&str| match text.parse() {
        Ok(digest) => Reference::Digest(digest),
        Err(_) => Reference::Tag(text.parse().unwrap()),
    };
    let candidates = versions.iter().map(version).map(Candidate::new).collect();
    let mut listing = Listing::new("quay.io/acme/app".parse().unwrap(), candidates, "test");
    let keep = keep.iter().map(ToString::to_string).collect();
    Config { keep }.filter_tags(&mut listing);
    listing
        .candidates
        .iter()
        .map(|candidate| candidate.reference.to_string())
        .collect()
}

#[test]
fn tags_stay_by_their_ending() {
    let tags = ["1.27", "1.27-alpine", "1.27-slim"];
    assert_eq!(
        left(&["-alpine", "-slim"], &tags),
        ["1.27-alpine", "1.27-slim"]
    );
    assert_eq!(left(&["-alpine"], &["1.27", "alpine-1"]), [""; 0]);
}

#[test]
fn a_digest_stays() {
    let digest = format!("sha256:{}", "a".repeat(64));
    assert_eq!(left(&["-alpine"], &["1.27", &digest]), [digest]);
}
