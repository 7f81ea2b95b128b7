//! Exit code 0 says that everything asked for is there: what yields nothing is a failure, unless the pipeline says that
//! it may be.

use sealift_conformance::{
    images::{image, index},
    memory::{Memory, Wanted},
};
use sealift_core::{
    content::Descriptor,
    error::Result,
    event::Event,
    job::{Listing, Resolved},
    report::{FailedItem, Report},
    stage::{Fetch, Filter, Verdict},
};

use crate::Bench;

/// Drops everything, at one of the moments that a filter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drops {
    Names,
    Images,
    Entries,
}

/// Drops what is called `old`, or everything.
struct Filtering {
    drops: Drops,
    only_old: bool,
    excused: bool,
}

#[async_trait::async_trait]
impl Filter for Filtering {
    fn filter_tags(&self, listing: &mut Listing) {
        if self.drops == Drops::Names {
            listing.retain(|candidate| self.only_old && candidate.tag().is_none_or(|tag| tag.as_str() != "old"));
        }
    }

    fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
        if self.drops == Drops::Entries {
            entries.clear();
        }
    }

    async fn check(&self, image: &Resolved, _: &dyn Fetch) -> Result<Verdict> {
        let is_old = image.image.reference.tag().is_some_and(|tag| tag.as_str() == "old");
        let drop = self.drops == Drops::Images && (is_old || !self.only_old);
        Ok(if drop { Verdict::Drop { reason: "it is not wanted".to_owned() } } else { Verdict::Keep })
    }

    fn may_leave_nothing(&self) -> bool {
        self.excused
    }

    fn summary(&self) -> Option<String> {
        Some("linux/s390x".to_owned())
    }
}

fn filter(drops: Drops) -> Filtering {
    Filtering { drops, only_old: false, excused: false }
}

/// Two repositories, the first with two tags.
fn bench(wanted: Wanted) -> Bench {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = index(&[("linux/amd64", &image("linux/amd64", &["a"])), ("linux/arm64", &image("linux/arm64", &["b"]))]);
    for name in ["app:v1", "app:old", "other:v1"] {
        from.add(name, &app);
    }
    Bench::new(wanted, &from, &[&to])
}

fn found() -> Wanted {
    Wanted::new().image("from.io/app:v1", &[]).image("from.io/app:old", &[]).image("from.io/other:v1", &[])
}

fn warnings(bench: &Bench) -> Vec<String> {
    let told = bench.told().into_iter();
    told.filter_map(|event| if let Event::Warning { message } = event { Some(message) } else { None }).collect()
}

fn causes(report: &Report) -> Vec<&str> {
    report.failures.iter().map(|failure| failure.cause.as_str()).collect()
}

/// Seen before: exit 0 and "nothing to do" for an empty list.
#[tokio::test]
async fn a_list_that_finds_nothing_is_a_failure_and_a_warning_where_it_may_be_empty() {
    for plan in [false, true] {
        let strict = bench(Wanted::new());
        let report = if plan { strict.plan().await } else { strict.run().await };
        assert_eq!((report.exit_code(), causes(&report)), (1, vec!["the list `wanted` finds no image"]));
        assert!(matches!(report.failures[0].what, FailedItem::Listing { repository: None }));
        let lenient = bench(Wanted::new()).options(|run| run.allow_empty = true);
        let report = if plan { lenient.plan().await } else { lenient.run().await };
        assert_eq!(
            (report.exit_code(), &report.warnings[..]),
            (0, &["the list `wanted` finds no image".to_owned()][..])
        );
        assert_eq!(warnings(&lenient), report.warnings);
    }
}

#[tokio::test]
async fn a_rule_of_which_a_filter_leaves_nothing_is_a_failure() {
    for (drops, plan) in [Drops::Names, Drops::Images, Drops::Entries].into_iter().flat_map(|d| [(d, false), (d, true)])
    {
        let strict = bench(found()).filter("strict", filter(drops));
        let report = if plan { strict.plan().await } else { strict.run().await };
        assert_eq!((report.exit_code(), report.failed), (1, 2), "{drops:?}: both rules: {:?}", causes(&report));
        assert!(causes(&report).iter().all(|cause| cause.contains("`strict`")), "{:?}", causes(&report));
        let lenient = bench(found()).filter("strict", filter(drops)).options(|run| run.allow_empty = true);
        let report = if plan { lenient.plan().await } else { lenient.run().await };
        assert_eq!((report.exit_code(), report.warnings.len()), (0, 2), "{drops:?}: {:?}", report.warnings);
        let excused = bench(found()).filter("age", Filtering { excused: true, ..filter(drops) });
        let report = if plan { excused.plan().await } else { excused.run().await };
        assert_eq!((report.exit_code(), report.warnings.len()), (0, 0), "{drops:?}: a night without news");
    }
}

#[tokio::test]
async fn one_image_of_a_rule_is_enough_where_the_rule_does_not_name_them() {
    for drops in [Drops::Names, Drops::Images] {
        let report = bench(found()).filter("strict", Filtering { only_old: true, ..filter(drops) }).run().await;
        assert_eq!((report.exit_code(), report.copied), (0, 2), "{drops:?}: {:?}", causes(&report));
    }
}

/// Seen before: `copy --platform linux/amd46` said "skipped" and ended with 0.
#[tokio::test]
async fn an_image_that_was_named_and_that_a_filter_drops_for_what_it_is_is_a_failure() {
    let named = || Wanted::new().named().image("from.io/app:v1", &[]).image("from.io/app:old", &[]);
    let report = bench(named()).filter("strict", Filtering { only_old: true, ..filter(Drops::Images) }).run().await;
    assert_eq!((report.exit_code(), report.copied, report.failed), (1, 1, 1), "{:?}", causes(&report));
    assert!(
        matches!(&report.failures[0].what, FailedItem::Image { source, .. } if source.to_string() == "from.io/app:old")
    );
    let report = bench(named()).filter("platform", filter(Drops::Entries)).run().await;
    assert_eq!((report.exit_code(), report.failed), (1, 2));
    let cause = causes(&report)[0];
    for word in ["`platform`", "linux/s390x", "linux/amd64, linux/arm64"] {
        assert!(cause.contains(word), "{cause}");
    }
    let lenient = bench(named()).filter("platform", filter(Drops::Entries)).options(|run| run.allow_empty = true);
    let report = lenient.run().await;
    assert_eq!((report.exit_code(), report.skipped, report.filters[0].images), (0, 2, 2));
    assert!(report.warnings[0].contains("linux/s390x"), "{:?}", report.warnings);
    let excused = bench(named()).filter("age", Filtering { excused: true, ..filter(Drops::Images) }).run().await;
    assert_eq!((excused.exit_code(), excused.skipped, excused.warnings.len()), (0, 2, 0));
}

#[tokio::test]
async fn an_image_that_no_destination_has_a_place_for_is_a_failure() {
    let report = bench(Wanted::new().image("from.io/app:v1", &["nowhere.io/app:v1"])).run().await;
    assert_eq!((report.exit_code(), report.failed), (1, 1));
    assert!(causes(&report)[0].contains("no destination has a place"), "{:?}", causes(&report));
}
