use std::sync::Arc;

use jiff::ToSpan;
use sealift_conformance::{images::artifact, memory::Memory};
use sealift_core::{content::well_known, plugin::Purpose};
use serde_json::json;

use super::*;
use crate::tests::Telling;

fn period(text: &str) -> Option<Period> {
    Some(text.parse().unwrap())
}

fn build(config: Age) -> Result<Box<dyn Filter>, Vec<Option<String>>> {
    let cx = BuildContext::new(Arc::new(|_| None), ".", Purpose::Check);
    let keys = |error: ConfigError| error.into_problems().into_iter().map(|problem| problem.key).collect();
    config.build(&cx).map_err(keys)
}

/// What is said of an image that was created this many hours ago.
async fn verdict(config: Age, hours: Option<i64>) -> Verdict {
    let now = Timestamp::now();
    let created = hours.map(|hours| (now - hours.hours()).to_string());
    let image = artifact(well_known::OCI_CONFIG, &json!({ "created": created }).to_string(), &[], &[]);
    let memory = Memory::new("from.io");
    memory.add("app:v1", &image);
    let resolved = memory.resolve(&memory.name("app:v1"), ResolveMode::Descriptor).await.unwrap();
    build(config).ok().unwrap().check(&resolved, &memory).await.unwrap()
}

fn dropped(reason: &str) -> Verdict {
    Verdict::Drop { reason: reason.to_owned() }
}

#[tokio::test]
async fn images_may_have_to_ripen() {
    let config = || Age { at_least: period("7d"), ..Age::default() };
    assert_eq!(verdict(config(), Some(30)).await, dropped("it is 1d 6h old, less than 7d"));
    assert_eq!(verdict(config(), Some(7 * 24)).await, Verdict::Keep);
    assert_eq!(verdict(config(), Some(-2)).await, dropped("it is 0s old, less than 7d"), "from the future");
}

#[tokio::test]
async fn images_may_be_too_old() {
    let config = || Age { at_least: period("1h"), at_most: period("90d"), ..Age::default() };
    assert_eq!(verdict(config(), Some(24)).await, Verdict::Keep);
    assert_eq!(verdict(config(), Some(91 * 24)).await, dropped("it is 91d old, more than 90d"));
}

#[tokio::test]
async fn what_becomes_of_images_without_a_date_can_be_chosen() {
    let config = |undated| Age { at_least: period("7d"), undated, ..Age::default() };
    assert_eq!(verdict(config(Undated::Drop), None).await, dropped("it does not say when it was created"));
    assert_eq!(verdict(config(Undated::Keep), None).await, Verdict::Keep);
}

#[test]
fn a_plan_says_which_ages_are_kept_and_that_there_may_be_none() {
    let filter = |at_least, at_most| build(Age { at_least, at_most, ..Age::default() }).ok().unwrap();
    let between = filter(period("7d"), period("90d"));
    assert_eq!(between.summary().as_deref(), Some("at least 7d old and at most 90d old"));
    assert_eq!(filter(None, period("12h")).summary().as_deref(), Some("at most 12h old"));
    assert!(between.may_leave_nothing(), "in some nights there is nothing new");
    assert!(!between.drops_entries(), "an index is kept or dropped as a whole");
}

#[test]
fn an_image_that_is_just_as_old_as_a_limit_is_kept() {
    let now = Timestamp::now();
    let config = Age { at_least: period("7d"), at_most: period("7d"), ..Age::default() };
    let verdict = |hours: i64| Ages { config: Age { ..config }, now }.judge(Some(now - hours.hours()));
    assert_eq!(verdict(7 * 24), Verdict::Keep);
    assert_eq!(verdict(7 * 24 - 1), dropped("it is 6d 23h old, less than 7d"));
    assert_eq!(verdict(7 * 24 + 1), dropped("it is 7d 1h old, more than 7d"));
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    assert_eq!(build(Age::default()).err().unwrap(), [None]);
    let exact = Age { at_least: period("7d"), at_most: period("1w"), ..Age::default() };
    assert!(build(exact).is_ok(), "an image can be just as old");
    let crossed = Age { at_least: period("2w"), at_most: period("7d"), ..Age::default() };
    assert_eq!(build(crossed).err().unwrap(), [Some("at_most".to_owned())]);
}

#[tokio::test]
async fn the_time_of_the_push_may_count_instead() {
    let memory = Memory::new("from.io");
    let image = artifact(well_known::OCI_CONFIG, &json!({ "created": Timestamp::now() }).to_string(), &[], &[]);
    let filter = |undated| {
        let config = Age { at_least: period("7d"), by: AgeBy::Pushed, undated, ..Age::default() };
        build(config).ok().unwrap()
    };
    let verdict = async |filter: Box<dyn Filter>, tag: &str| {
        memory.add(&format!("app:{tag}"), &image);
        let resolved = memory.resolve(&memory.name(&format!("app:{tag}")), ResolveMode::Descriptor).await.unwrap();
        filter.check(&resolved, &Telling(memory.clone())).await.unwrap()
    };
    assert_eq!(verdict(filter(Undated::Drop), "8-days").await, Verdict::Keep);
    let young = verdict(filter(Undated::Drop), "2-days").await;
    assert!(matches!(&young, Verdict::Drop { reason } if reason.starts_with("it is 2d ")), "{young:?}");
    assert_eq!(verdict(filter(Undated::Drop), "latest").await, dropped("it is not known when it was pushed"));
    assert_eq!(verdict(filter(Undated::Keep), "latest").await, Verdict::Keep);
    let resolved = memory.resolve(&memory.name("app:latest"), ResolveMode::Descriptor).await.unwrap();
    let error = filter(Undated::Keep).check(&resolved, &memory).await.unwrap_err();
    assert_eq!(error.message(), "the source does not tell when tags were pushed");
}
