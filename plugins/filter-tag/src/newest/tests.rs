use std::sync::Arc;

use sealift_conformance::{
    images::artifact,
    memory::{Fault, Memory, Op},
};
use sealift_core::{
    content::{Digest, Reference as ImageVersion, well_known},
    error::{Error, ErrorKind},
    job::Candidate,
    plugin::Purpose,
};
use serde_json::json;

use super::*;
use crate::tests::Telling;

fn newest(keep: usize) -> Newest {
    Newest { keep: keep.try_into().unwrap(), by: By::Version, each_variant: false, prereleases: false }
}

fn listing(tags: &[&str]) -> Listing {
    let candidates = tags.iter().map(|tag| Candidate::new(ImageVersion::Tag(tag.parse().unwrap()))).collect();
    Listing::new("from.io/app".parse().unwrap(), candidates, "test")
}

fn tags(listing: &Listing) -> Vec<String> {
    listing.candidates.iter().map(|candidate| candidate.reference.to_string()).collect()
}

fn kept(filter: &Newest, candidates: &[&str]) -> Vec<String> {
    let mut listing = listing(candidates);
    filter.filter_tags(&mut listing);
    tags(&listing)
}

#[test]
fn the_highest_versions_are_kept_in_the_order_they_came_in() {
    assert_eq!(kept(&newest(3), &["1.9", "1.10", "latest", "1.2", "v2.0.1", "1.10.1"]), ["1.10", "v2.0.1", "1.10.1"]);
    assert_eq!(kept(&newest(9), &["2", "1", "edge"]), ["2", "1"]);
    assert_eq!(kept(&newest(1), &["1.2.3-alpine", "1.2.3", "1.2.3-rc9"]), ["1.2.3"]);
}

#[test]
fn prereleases_count_only_if_they_are_asked_for() {
    let tags = ["1.1.0", "1.2.0-rc1", "1.0.0"];
    assert_eq!(kept(&newest(2), &tags), ["1.1.0", "1.0.0"]);
    assert_eq!(kept(&Newest { prereleases: true, ..newest(2) }, &tags), ["1.1.0", "1.2.0-rc1"]);
}

#[test]
fn each_variant_may_be_counted_on_its_own() {
    let tags = ["1.1", "1.2", "1.2-alpine3.19", "1.1-alpine3.18", "1.0-alpine3.18", "1.0-slim"];
    assert_eq!(kept(&Newest { each_variant: true, ..newest(1) }, &tags), ["1.2", "1.2-alpine3.19", "1.0-slim"]);
    assert_eq!(kept(&newest(1), &tags), ["1.2"]);
}

#[test]
fn images_by_digest_are_kept_and_do_not_count() {
    let mut listing = listing(&["1.0", "1.1"]);
    listing.candidates.insert(0, Candidate::new(ImageVersion::Digest(Digest::of(b"x"))));
    newest(1).filter_tags(&mut listing);
    assert_eq!(tags(&listing)[1..], ["1.1"]);
    assert_eq!(listing.candidates.len(), 2);
}

#[test]
fn a_tag_that_is_wanted_twice_counts_once() {
    assert_eq!(kept(&newest(2), &["1.1", "1.1", "1.0", "0.9"]), ["1.1", "1.1", "1.0"]);
}

#[test]
fn a_plan_says_how_many_are_kept_and_by_what() {
    let by = |by, each_variant| Newest { by, each_variant, ..newest(3) }.summary();
    assert_eq!(by(By::Version, false).as_deref(), Some("the newest 3 by version"));
    assert_eq!(by(By::Version, true).as_deref(), Some("the newest 3 by version of each variant"));
    assert_eq!(by(By::Time, false).as_deref(), Some("the newest 3 by time"));
    assert_eq!(by(By::Pushed, false).as_deref(), Some("the newest 3 by time of the push"));
}

#[test]
fn an_index_is_kept_or_dropped_as_a_whole() {
    assert!(!newest(1).drops_entries());
}

#[test]
fn prereleases_are_nothing_to_sort_by_time() {
    let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Check);
    let config = Newest { by: By::Time, prereleases: true, ..newest(1) };
    let problems = config.build(&cx).err().unwrap().into_problems();
    assert_eq!(problems[0].key.as_deref(), Some("prereleases"));
}

/// A registry with images of these tags and dates; no date means an image without one.
fn dated(images: &[(&str, &str)]) -> Memory {
    let memory = Memory::new("from.io");
    for (tag, date) in images {
        let config = json!({ "created": date, "tag": tag }).to_string();
        memory.add(&format!("app:{tag}"), &artifact(well_known::OCI_CONFIG, &config, &[], &[]));
    }
    memory
}

const IMAGES: [(&str, &str); 4] = [
    ("latest", "2024-01-03T00:00:00Z"),
    ("1.9", "2024-01-01T00:00:00Z"),
    ("1.8", "2024-01-02T00:00:00Z"),
    ("odd", "1970-01-01T00:00:00Z"),
];

#[tokio::test]
async fn by_time_the_date_of_the_image_counts_and_none_comes_last() {
    let memory = dated(&IMAGES);
    let filter = Newest { by: By::Time, ..newest(2) };
    let mut found = listing(&["odd", "1.9", "1.8", "latest"]);
    filter.filter_tags(&mut found);
    assert_eq!(found.candidates.len(), 4, "names say nothing about time");
    filter.select(&mut found, &memory).await.unwrap();
    assert_eq!(tags(&found), ["1.8", "latest"]);
    let mut found = listing(&["odd", "1.9", "1.8", "latest"]);
    Newest { by: By::Time, ..newest(3) }.select(&mut found, &memory).await.unwrap();
    assert_eq!(tags(&found), ["1.9", "1.8", "latest"]);
}

#[tokio::test]
async fn nothing_is_read_where_nothing_can_be_dropped() {
    let memory = dated(&IMAGES);
    let mut found = listing(&["odd", "1.9"]);
    Newest { by: By::Time, ..newest(2) }.select(&mut found, &memory).await.unwrap();
    newest(1).select(&mut found, &memory).await.unwrap();
    assert_eq!((found.candidates.len(), memory.calls().len()), (2, 0));
}

#[tokio::test]
async fn an_image_that_cannot_be_read_fails_the_choice_and_is_named() {
    let memory = dated(&IMAGES);
    memory.script(|call| {
        let broken = call.op == Op::ResolveManifest && call.what == "1.8";
        broken.then(|| Fault::Fail(Error::new(ErrorKind::Unavailable, "the registry does not answer")))
    });
    let mut found = listing(&["odd", "1.9", "1.8", "latest"]);
    let error = Newest { by: By::Time, ..newest(2) }.select(&mut found, &memory).await.unwrap_err();
    let expected = "cannot tell when `from.io/app:1.8` was created: the registry does not answer";
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, expected));
}

#[tokio::test]
async fn the_last_that_were_pushed_may_be_kept() {
    let mut listing = listing(&["30-days", "2-days", "latest", "9-days"]);
    let filter = Newest { by: By::Pushed, ..newest(2) };
    filter.select(&mut listing, &Telling(Memory::new("from.io"))).await.unwrap();
    assert_eq!(tags(&listing), ["2-days", "9-days"]);
    let error = filter.select(&mut self::listing(&["a", "b", "c"]), &Memory::new("from.io")).await.unwrap_err();
    assert_eq!(error.message(), "the source does not tell when tags were pushed");
}
