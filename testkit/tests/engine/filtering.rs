//! What filters drop, and what becomes of an index then.

use async_trait::async_trait;
use sealift_conformance::{
    images::{Image, image, index},
    memory::{Memory, Op, Wanted},
};
use sealift_core::{
    content::Descriptor,
    error::Result,
    event::Event,
    job::{Listing, Outcome, Resolved, Skip},
    spec::IndexMode,
    stage::{Fetch, Filter, Verdict},
};

use crate::Bench;

/// Keeps the entries for one architecture, and single images whose config names it.
pub(crate) struct Only(pub(crate) &'static str);

#[async_trait]
impl Filter for Only {
    fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
        entries.retain(|entry| entry.platform.as_ref().is_none_or(|platform| platform.architecture == self.0));
    }

    async fn check(&self, image: &Resolved, from: &dyn Fetch) -> Result<Verdict> {
        let Some(config) = image.manifest.as_ref().and_then(|manifest| manifest.config()) else {
            return Ok(Verdict::Keep);
        };
        let config = from.blob(&image.image.repository, config).await?.read_to_end(1 << 20).await?;
        let config = String::from_utf8_lossy(&config).into_owned();
        Ok(if config.contains(self.0) {
            Verdict::Keep
        } else {
            Verdict::Drop { reason: format!("not for {}", self.0) }
        })
    }
}

pub(crate) fn two_platforms() -> Image {
    index(&[
        ("linux/amd64", &image("linux/amd64", &["base", "amd"])),
        ("linux/arm64", &image("linux/arm64", &["base", "arm"])),
    ])
}

#[tokio::test]
async fn a_dropped_platform_is_cut_out_and_a_rerun_finds_the_smaller_index() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let app = two_platforms();
    from.add("app:v1", &app);
    let wanted = Wanted::new().image("from.io/app:v1", &[]);
    let bench = Bench::new(wanted.clone(), &from, &[&to]).filter("only", Only("amd64"));
    let report = bench.run().await;
    assert_eq!((report.copied, report.rewritten), (1, 1));
    to.assert_whole();
    assert_eq!(report.moved.blobs, 3, "the other platform is not moved");
    let copied = bench.told().into_iter().find_map(|event| match event {
        Event::TargetFinished { outcome: Outcome::Copied(moved), .. } => Some(moved),
        _ => None,
    });
    assert_eq!(copied.unwrap().changed_from.as_ref(), Some(app.manifest.digest()));
    let again = Bench::new(wanted, &from, &[&to]).filter("only", Only("amd64")).run().await;
    assert_eq!((again.copied, again.skipped), (0, 1));
}

#[tokio::test]
async fn a_nested_index_is_cut_too_and_its_parent_points_to_the_new_one() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &index(&[("", &two_platforms()), ("linux/arm64", &image("linux/arm64", &["x"]))]));
    let wanted = Wanted::new().image("from.io/app:v1", &[]);
    let report = Bench::new(wanted, &from, &[&to]).filter("only", Only("amd64")).run().await;
    assert_eq!((report.copied, report.rewritten), (1, 1));
    to.assert_whole();
    assert_eq!(to.count(Op::PutManifest), 2, "the smaller index and the image in it");
}

#[tokio::test]
async fn if_nothing_is_dropped_the_original_bytes_go() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &index(&[("linux/amd64", &image("linux/amd64", &["a"]))]));
    let wanted = Wanted::new().image("from.io/app:v1", &[]);
    Bench::new(wanted, &from, &[&to]).filter("only", Only("amd64")).run().await;
    assert_eq!(to.digest_of("app:v1"), from.digest_of("app:v1"));
}

#[tokio::test]
async fn the_single_image_that_is_left_may_take_the_place_of_the_index() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let amd = image("linux/amd64", &["a"]);
    from.add("app:v1", &index(&[("linux/amd64", &amd), ("linux/arm64", &image("linux/arm64", &["b"]))]));
    let wanted = Wanted::new().image("from.io/app:v1", &[]);
    let bench = Bench::new(wanted, &from, &[&to]).filter("only", Only("amd64"));
    bench.options(|run| run.index = IndexMode::Single).run().await;
    assert_eq!(to.digest_of("app:v1"), Some(amd.manifest.digest().clone()));
}

#[tokio::test]
async fn nothing_left_is_a_skip_that_names_the_filter() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("list:v1", &two_platforms());
    from.add("image:v1", &image("linux/arm64", &["x"]));
    let wanted = Wanted::new().image("from.io/list:v1", &[]).image("from.io/image:v1", &[]);
    let bench = Bench::new(wanted, &from, &[&to]).filter("only", Only("s390x"));
    let report = bench.run().await;
    assert_eq!((report.copied, report.skipped, report.failed), (0, 2, 2), "nothing is left of two rules");
    let named = |event: &Event| matches!(event, Event::TargetFinished { outcome: Outcome::Skipped(Skip::Filtered { filter, .. }), .. } if filter == "only");
    assert_eq!(bench.told().iter().filter(|event| named(event)).count(), 2);
}

#[tokio::test]
async fn what_a_filter_read_is_not_read_again() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("image:v1", &image("linux/amd64", &["x"]));
    let wanted = Wanted::new().image("from.io/image:v1", &[]);
    let report = Bench::new(wanted, &from, &[&to]).filter("only", Only("amd64")).run().await;
    assert_eq!((report.copied, from.count(Op::Blob)), (1, 2), "the config once, the layer once");
}

struct NoVersions;
impl Filter for NoVersions {
    fn filter_tags(&self, listing: &mut Listing) {
        listing.retain(|candidate| candidate.tag().is_some_and(|tag| !tag.starts_with('v')));
    }

    fn drops_entries(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn dropped_names_are_counted_by_filter_and_cost_nothing() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    for tag in ["v1", "v2", "latest"] {
        from.add(&format!("app:{tag}"), &image("linux/amd64", &[tag]));
    }
    let wanted = ["v1", "v2", "latest"]
        .iter()
        .fold(Wanted::new(), |wanted, tag| wanted.image(&format!("from.io/app:{tag}"), &[]));
    let bench = Bench::new(wanted, &from, &[&to]).filter("names", NoVersions);
    assert_eq!(bench.run().await.copied, 1);
    let listed = bench.told().into_iter().find_map(|event| match event {
        Event::Listed { kept, dropped, .. } => Some((kept, dropped)),
        _ => None,
    });
    assert_eq!(listed, Some((1, vec![("names".to_owned(), 2)])));
    assert_eq!(from.count(Op::ResolveManifest), 1);
}

/// Seen before: what the second of two filters of one kind dropped was counted at the first.
#[tokio::test]
async fn drops_are_counted_at_the_filter_that_made_them() {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("list:v1", &two_platforms());
    from.add("image:v1", &image("linux/arm64", &["x"]));
    let wanted = Wanted::new().image("from.io/list:v1", &[]).image("from.io/image:v1", &[]);
    let bench = Bench::new(wanted, &from, &[&to])
        .filter("only", Only("arm64"))
        .filter("other", Only("arm64"))
        .filter("only", Only("s390x"));
    let report = bench.run().await;
    let counted: Vec<_> = report.filters.iter().map(|filter| (filter.images, filter.reasons.values().sum())).collect();
    assert_eq!(counted, [(0, 0), (0, 0), (2, 2_u64)]);
}
