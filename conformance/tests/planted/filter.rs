//! Filters that break one rule.

use std::sync::atomic::{AtomicUsize, Ordering};

use schemars::JsonSchema;
use sealift_conformance::{Given, filter::RULES};
use sealift_core::{
    async_trait,
    content::Descriptor,
    error::Result,
    inventory,
    job::{Candidate, Listing, Resolved},
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    stage::{Fetch, Filter, Verdict},
};
use serde::Deserialize;

use super::{broken, each_breaks_its_rule};

/// A filter that is odd in one way.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Odd {
    /// In which way.
    how: How,
}

/// In which way it is odd.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    /// In none.
    Well,
    /// It adds a version.
    AddsVersion,
    /// It sends versions elsewhere.
    ChangesTarget,
    /// It adds an entry.
    AddsEntry,
    /// It sorts versions.
    SortsVersions,
    /// It sorts entries.
    SortsEntries,
    /// It always drops one more version.
    DropsOneMore,
    /// It always drops one more entry.
    DropsOneMoreEntry,
    /// It changes its mind about an image.
    ChangesItsMind,
    /// It says that it never drops entries, and does.
    RewritesInSecret,
    /// It panics.
    Panics,
}

struct Stage(How, AtomicUsize);

impl StageConfig<dyn Filter> for Odd {
    fn build(self, _: &BuildContext<'_>) -> std::result::Result<Box<dyn Filter>, ConfigError> {
        Ok(Box::new(Stage(self.how, AtomicUsize::new(0))))
    }
}

#[async_trait]
impl Filter for Stage {
    fn filter_tags(&self, listing: &mut Listing) {
        let candidates = &mut listing.candidates;
        match self.0 {
            How::AddsVersion if candidates.iter().all(|one| one.tag().is_none_or(|tag| &**tag != "new")) => {
                let tag = "new".parse().unwrap();
                candidates.push(Candidate::new(sealift_core::content::Reference::Tag(tag)));
            }
            How::ChangesTarget => candidates.iter_mut().for_each(|one| one.targets.clear()),
            How::SortsVersions => candidates.sort_by_key(|one| one.reference.to_string()),
            How::DropsOneMore => drop(candidates.pop()),
            How::Panics => panic!("told to"),
            How::Well => listing.retain(|one| one.tag().is_none_or(|tag| tag.starts_with('v'))),
            _ => {}
        }
    }

    fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
        match self.0 {
            How::AddsEntry => {
                let new = Descriptor { digest: sealift_core::content::Digest::of(b"new"), ..entries[0].clone() };
                if !entries.contains(&new) {
                    entries.push(new);
                }
            }
            How::SortsEntries => entries.sort_by_key(|entry| entry.digest.clone()),
            How::DropsOneMoreEntry => drop(entries.pop()),
            How::RewritesInSecret | How::Well => {
                entries.retain(|entry| entry.platform.as_ref().is_some_and(|platform| platform.os == "linux"));
            }
            _ => {}
        }
    }

    async fn check(&self, _: &Resolved, _: &dyn Fetch) -> Result<Verdict> {
        match self.0 {
            How::ChangesItsMind if self.1.fetch_add(1, Ordering::Relaxed).is_multiple_of(7) => {
                Ok(Verdict::Drop { reason: "no".to_owned() })
            }
            _ => Ok(Verdict::Keep),
        }
    }

    fn drops_entries(&self) -> bool {
        self.0 != How::RewritesInSecret
    }
}

inventory::submit! { Plugin::filter::<Odd>("odd") }

fn given(how: &str) -> Given {
    Given::new(format!("[[filter]]\nuse = \"odd\"\nhow = \"{how}\"\n"))
}

#[tokio::test]
async fn each_way_to_be_odd_breaks_one_rule() {
    let ways = [
        ("adds_version", "only_drops"),
        ("changes_target", "only_drops"),
        ("adds_entry", "only_drops"),
        ("sorts_versions", "keeps_the_order"),
        ("sorts_entries", "keeps_the_order"),
        ("drops_one_more", "twice_is_once"),
        ("drops_one_more_entry", "twice_is_once"),
        ("changes_its_mind", "twice_is_once"),
        ("rewrites_in_secret", "says_whether_it_rewrites"),
    ];
    each_breaks_its_rule(RULES, &ways, given).await;
}

#[tokio::test]
async fn a_panic_is_a_violation() {
    assert_eq!(broken(RULES, || given("panics")).await, ["only_drops", "keeps_the_order", "twice_is_once"]);
}

mod well {
    sealift_conformance::conformance!(filter: super::given("well"));
}
