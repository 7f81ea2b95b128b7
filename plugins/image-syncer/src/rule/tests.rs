use std::sync::Arc;

use sealift_core::plugin::Purpose;

use super::*;
use crate::variables::Variables;

fn parse(source: &str, destinations: &[&str]) -> Result<Rule, Vec<RuleError>> {
    let variables = Variables::new(Arc::new(|_| None), Purpose::Run);
    Rule::parse(source, destinations, "images.yaml:7", &variables).map(|(rule, _)| rule)
}

fn tags(names: &[&str]) -> Vec<Tag> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// `version: target target` for each candidate.
fn listed(rule: &Rule, names: &[&str]) -> Vec<String> {
    let listing = rule.listing(&tags(names));
    assert_eq!(&*listing.rule, "images.yaml:7");
    let words = |candidate: &Candidate| candidate.targets.iter().map(|target| format!(" {target}")).collect::<String>();
    listing.candidates.iter().map(|candidate| format!("{}:{}", candidate.reference, words(candidate))).collect()
}

const DIGEST: &str = "sha256:14b267eb38aa85fd12d0e168fffa2d8a6187ac53a14a0212b0d4fce8d729598c";

#[test]
fn a_version_is_one_candidate_however_often_it_is_asked_for() {
    let rule = parse("quay.io/a/b:v1,v2,v1", &["h.io/a:x,y,z", "h.io/a:x,y,x"]).unwrap();
    assert_eq!(listed(&rule, &[]), ["v1: h.io/a:x h.io/a:z", "v2: h.io/a:y"]);
}

#[test]
fn only_what_must_be_listed_is_listed() {
    for (source, needs) in [("a/b", true), ("a/b:/x/", true), ("a/b:v1,v2", false), (&format!("a/b@{DIGEST}"), false)] {
        assert_eq!(parse(source, &["h.io/a"]).unwrap().needs_tags(), needs, "{source}");
    }
}

#[test]
fn an_expression_over_an_image_of_docker_hub_is_no_host() {
    let rule = parse("nginx:/^1\\.2[0-9]$/", &["h.io/nginx"]).unwrap();
    assert_eq!(rule.source.to_string(), "docker.io/library/nginx");
    assert_eq!(listed(&rule, &["1.27", "11.27", "1.27.1"]), ["1.27: h.io/nginx:1.27"]);
}

#[test]
fn an_expression_that_matches_nothing_gives_an_empty_listing() {
    assert_eq!(listed(&parse("a/b:/x/", &["h.io/a"]).unwrap(), &["y"]), [""; 0]);
}

#[test]
fn a_rule_without_targets_leaves_the_name_to_the_destination() {
    let rule = Rule::untargeted("nginx:1", "images.yaml:7").unwrap();
    assert_eq!(listed(&rule, &[]), ["1:"]);
}

#[test]
fn a_rule_is_written_as_it_was_read() {
    for (source, destination) in [
        ("quay.io/a/b", "h.io/a/b"),
        ("quay.io/a/b:v1,v2", "h.io/a/b:x,y"),
        ("quay.io/a/b:/^v1\\.(2|3)/", "h.io:5000/a"),
        (&format!("quay.io/a/b@{DIGEST}"), "h.io/a/b:pinned"),
        ("quay.io/a/b:v1", &format!("h.io/a/b@{DIGEST}")),
    ] {
        let rule = parse(source, &[destination]).unwrap();
        assert_eq!((rule.from(), rule.to()), (source.to_owned(), vec![destination.to_owned()]));
    }
}

#[test]
fn everything_that_is_wrong_with_a_rule_is_said_at_once() {
    let errors = parse("quay.io/A", &["", "h.io/x:/y/", "$NO"]).unwrap_err();
    let found: Vec<_> = errors.iter().map(|error| (error.kind, error.part)).collect();
    assert_eq!(
        found,
        [
            (RuleErrorKind::BadReference, RulePart::Source),
            (RuleErrorKind::EmptyDestination, RulePart::Destination(0)),
            (RuleErrorKind::BadReference, RulePart::Destination(1)),
            (RuleErrorKind::UnsetVariable, RulePart::Destination(2)),
        ]
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    use RuleErrorKind::{BadReference, RegexInvalid, RegexUnclosed, TagCount};
    let long = format!("a/b:{}", "t".repeat(129));
    let (tagged, two) = (format!("h.io/a@{DIGEST}"), format!("a/b@{DIGEST},{DIGEST}"));
    for (source, destination, kind) in [
        ("a/b:v1,/x/", "h.io/a", BadReference),
        ("q.io/a/b:v1,/x/", "h.io/a", BadReference),
        ("q.io/a/b:/x/,v1", "h.io/a", BadReference),
        ("q.io/a/b:/x/,/y/", "h.io/a", BadReference),
        ("q.io/a/b:/", "h.io/a", RegexUnclosed),
        ("q.io/a/b:/x{2,1}/", "h.io/a", RegexInvalid),
        ("q.io/a/b:/(?=x)/", "h.io/a", RegexInvalid),
        ("q.io/a/b:", "h.io/a", BadReference),
        ("https://q.io/a/b", "h.io/a", BadReference),
        ("q.io/a b", "h.io/a", BadReference),
        ("a/b@sha256:abc", "h.io/a", BadReference),
        ("a/b:v1", "https://h.io/a/", BadReference),
        ("a/b:v1", "robot$x/a", BadReference),
        (&long, "h.io/a", BadReference),
        (&two, "h.io/a", BadReference),
        // One digest cannot name several images.
        ("a/b:v1,v2", &tagged, TagCount),
        ("a/b", &tagged, TagCount),
        (&format!("a/b@{DIGEST}"), "h.io/a:x,y", TagCount),
    ] {
        let errors = parse(source, &[destination]).map(|rule| rule.from()).unwrap_err();
        let kinds: Vec<_> = errors.iter().map(|error| error.kind).collect();
        assert_eq!(kinds, [kind], "{source} -> {destination}: {errors:?}");
    }
}

#[test]
fn every_kind_of_mistake_has_a_name_of_its_own() {
    let mut names = RuleErrorKind::ALL.map(RuleErrorKind::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RuleErrorKind::ALL.len());
}
