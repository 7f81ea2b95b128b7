use std::sync::Arc;

use proptest::prelude::*;
use sealift_core::{
    content::{Digest, Reference as ImageVersion},
    job::Candidate,
    plugin::Purpose,
};

use super::*;

fn build(config: TagFilter) -> Result<Box<dyn Filter>, Vec<String>> {
    let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Check);
    config.build(&cx).map_err(|error| {
        let problems = error.into_problems().into_iter();
        problems.map(|problem| format!("{}: {}", problem.key.unwrap_or_default(), problem.diagnostic.message)).collect()
    })
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn listing(tags: &[&str]) -> Listing {
    let candidates = tags.iter().map(|tag| Candidate::new(ImageVersion::Tag(tag.parse().unwrap()))).collect();
    Listing::new("quay.io/a/b".parse().unwrap(), candidates, "test")
}

fn kept(config: TagFilter, tags: &[&str]) -> Vec<String> {
    let mut listing = listing(tags);
    build(config).ok().unwrap().filter_tags(&mut listing);
    listing.candidates.iter().map(|candidate| candidate.reference.to_string()).collect()
}

const TAGS: [&str; 7] = ["latest", "1.26.9", "1.27.0-rc1", "1.27.0", "1.27.0-alpine", "v1.28", "2.0"];

#[test]
fn any_pattern_of_include_is_enough() {
    let config = TagFilter { include: texts(&["1.26.*", "/^v/"]), ..TagFilter::default() };
    assert_eq!(kept(config, &TAGS), ["1.26.9", "v1.28"]);
}

#[test]
fn exclude_wins_over_include() {
    let config = TagFilter { include: texts(&["1.27*"]), exclude: texts(&["*-*"]), ..TagFilter::default() };
    assert_eq!(kept(config, &TAGS), ["1.27.0"]);
    assert_eq!(kept(TagFilter { exclude: texts(&["1*", "v*"]), ..TagFilter::default() }, &TAGS), ["latest", "2.0"]);
}

#[test]
fn a_tag_must_pass_every_key() {
    let config = TagFilter {
        include: texts(&["*.*"]),
        exclude: texts(&["*-alpine"]),
        semver: Some(">=1.27, <2".to_owned()),
        prereleases: false,
    };
    assert_eq!(kept(config, &TAGS), ["1.27.0", "v1.28"]);
    let config = TagFilter { semver: Some(">=1.26.9, <1.28".to_owned()), prereleases: true, ..TagFilter::default() };
    assert_eq!(kept(config, &TAGS), ["1.26.9", "1.27.0-rc1", "1.27.0", "1.27.0-alpine"]);
}

#[test]
fn images_by_digest_are_kept() {
    let mut listing = listing(&["1.0"]);
    listing.candidates.push(Candidate::new(ImageVersion::Digest(Digest::of(b"x"))));
    let filter = build(TagFilter { include: texts(&["none"]), ..TagFilter::default() }).ok().unwrap();
    filter.filter_tags(&mut listing);
    assert_eq!(listing.candidates.len(), 1);
    assert!(listing.candidates[0].tag().is_none());
}

#[test]
fn everything_that_is_wrong_is_said_at_its_key() {
    let config = TagFilter {
        include: texts(&["v1.*", "^v2", "/(/"]),
        exclude: texts(&["*-rc*", ".*"]),
        semver: Some("newest".to_owned()),
        prereleases: true,
    };
    let complaints = build(config).err().unwrap();
    let keys: Vec<&str> = complaints.iter().map(|complaint| complaint.split(':').next().unwrap()).collect();
    assert_eq!(keys, ["include[1]", "include[2]", "exclude[1]", "semver"]);
}

#[test]
fn a_filter_that_can_drop_nothing_is_a_mistake() {
    assert_eq!(build(TagFilter::default()).err().unwrap().len(), 1);
    let only = TagFilter { include: texts(&["*"]), prereleases: true, ..TagFilter::default() };
    assert_eq!(build(only).err().unwrap(), ["prereleases: `prereleases` has no effect without `semver`"]);
}

#[test]
fn a_plan_says_what_it_keeps() {
    let config = TagFilter {
        include: texts(&["v1.*", "v2.*"]),
        exclude: texts(&["*-rc*"]),
        semver: Some(">=1.2".to_owned()),
        prereleases: false,
    };
    assert_eq!(build(config).unwrap().summary().as_deref(), Some("v1.*, v2.* in >=1.2 without *-rc*"));
}

#[test]
fn nothing_may_be_left_only_where_all_that_is_named_is_unwanted() {
    let filter = |include: &[&str], exclude: &[&str], semver: Option<&str>| {
        let semver = semver.map(str::to_owned);
        build(TagFilter { include: texts(include), exclude: texts(exclude), semver, prereleases: false }).ok().unwrap()
    };
    assert!(filter(&[], &["*-rc*"], None).may_leave_nothing());
    assert!(!filter(&["1.*"], &["*-rc*"], None).may_leave_nothing(), "a typing error may be why nothing matches");
    assert!(!filter(&[], &["*-rc*"], Some("<2")).may_leave_nothing());
    assert!(!filter(&["1.*"], &[], None).drops_entries(), "an index is kept or dropped as a whole");
}

proptest! {
    #[test]
    fn no_config_makes_it_panic(include in ".{0,12}", exclude in "[/^*?{}\\[\\]a-z0-9.\\\\-]{0,12}", semver in "[<>=~^*0-9., |a-z-]{0,12}", tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}") {
        let config = TagFilter { include: vec![include], exclude: vec![exclude], semver: Some(semver), prereleases: true };
        if let Ok(filter) = build(config) {
            filter.filter_tags(&mut listing(&[&tag]));
        }
    }
}
