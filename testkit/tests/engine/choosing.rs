//! Filters that read images to choose among those of a repository.

use std::sync::Arc;

use sealift_conformance::{
    images::image,
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::{
    async_trait,
    error::{Error, ErrorKind, Result},
    event::Event,
    job::Listing,
    outlet::Outlet,
    spec::Named,
    stage::{Fetch, Filter, List, ResolveMode},
};

use super::Bench;

/// Keeps the versions whose manifest is longer than this.
struct Longer(u64);

#[async_trait]
impl Filter for Longer {
    async fn select(&self, listing: &mut Listing, from: &dyn Fetch) -> Result<()> {
        let mut keep = Vec::new();
        for candidate in &listing.candidates {
            let image = listing.repository.with_tag(candidate.tag().expect("only tags are wanted here"));
            keep.push(from.resolve(&image, ResolveMode::Manifest).await?.descriptor.size > self.0);
        }
        let mut keep = keep.into_iter();
        listing.retain(|_| keep.next().unwrap_or_default());
        Ok(())
    }

    fn drops_entries(&self) -> bool {
        false
    }
}

fn registries() -> (Memory, Memory, Wanted, Longer) {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    let (short, long) = (image("linux/amd64", &["a"]), image("linux/amd64", &["b", "c", "d"]));
    from.add("app:short", &short);
    from.add("app:long", &long);
    let wanted = Wanted::new().image("from.io/app:short", &[]).image("from.io/app:long", &[]);
    (from, to, wanted, Longer(short.manifest.bytes().len() as u64))
}

#[tokio::test]
async fn what_is_not_chosen_is_counted_by_filter_and_not_copied() {
    let (from, to, wanted, longer) = registries();
    let bench = Bench::new(wanted, &from, &[&to]).filter("longer", longer);
    let report = bench.run().await;
    assert_eq!((report.copied, report.skipped, report.failed), (1, 0, 0));
    assert!(to.digest_of("app:long").is_some() && to.digest_of("app:short").is_none());
    let listed = bench.told().into_iter().find_map(|event| match event {
        Event::Listed { kept, dropped, .. } => Some((kept, dropped)),
        _ => None,
    });
    assert_eq!(listed, Some((1, vec![("longer".to_owned(), 1)])));
}

#[tokio::test]
async fn a_plan_chooses_too() {
    let (from, to, wanted, longer) = registries();
    let bench = Bench::new(wanted, &from, &[&to]).filter("longer", longer);
    bench.plan().await;
    let planned = bench.told().into_iter().filter(|event| matches!(event, Event::Planned { .. })).count();
    assert_eq!((planned, to.count(Op::Tag)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_choice_that_cannot_be_made_is_tried_again_in_the_next_round() {
    let (from, to, wanted, longer) = registries();
    from.script(|call| {
        let once = call.op == Op::ResolveManifest && call.what == "long" && call.before == 0;
        once.then(|| Fault::Fail(Error::new(ErrorKind::Unavailable, "the registry does not answer")))
    });
    let report = Bench::new(wanted, &from, &[&to]).filter("longer", longer).run().await;
    assert_eq!((report.copied, report.failed, report.passes), (1, 0, 1));
}

/// A list that cannot list one repository again.
struct OnlyOnce(Wanted);

#[async_trait]
impl List for OnlyOnce {
    async fn list(&self, out: &Outlet) -> Result<()> {
        self.0.list(out).await
    }
}

#[tokio::test(start_paused = true)]
async fn for_another_try_to_choose_the_list_is_not_asked_again() {
    let (from, to, wanted, longer) = registries();
    from.script(|call| {
        let once = call.op == Op::ResolveManifest && call.what == "long" && call.before == 0;
        once.then(|| Fault::Fail(Error::new(ErrorKind::Unavailable, "the registry does not answer")))
    });
    let mut bench = Bench::new(Wanted::new(), &from, &[&to]).filter("longer", longer);
    bench.pipeline.list = Named::new("once", Arc::new(OnlyOnce(wanted)) as Arc<dyn List>);
    let report = bench.run().await;
    assert_eq!((report.copied, report.failed), (1, 0));
}

#[tokio::test]
async fn a_choice_that_never_works_fails_the_repository_and_nothing_of_it_is_copied() {
    let (from, to, wanted, longer) = registries();
    from.script(|call| {
        let broken = call.op == Op::ResolveManifest && call.what == "long";
        broken.then(|| Fault::Fail(Error::new(ErrorKind::Denied, "not allowed")))
    });
    let report = Bench::new(wanted, &from, &[&to]).filter("longer", longer).run().await;
    assert_eq!((report.copied, report.failed), (0, 1));
    assert_eq!(report.failures[0].cause, "not allowed");
}

#[tokio::test]
async fn a_filter_that_panics_while_it_chooses_fails_one_repository() {
    let (from, to, wanted, longer) = registries();
    from.add("other:v1", &image("linux/amd64", &["x", "y", "z"]));
    from.script(|call| (call.op == Op::ResolveManifest && call.what == "long").then_some(Fault::Panic));
    let wanted = wanted.image("from.io/other:v1", &[]);
    let report = Bench::new(wanted, &from, &[&to]).filter("longer", longer).run().await;
    assert_eq!((report.copied, report.failed), (1, 1));
    assert_eq!(report.failures[0].kind, ErrorKind::Bug);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_choice() {
    let (from, to, wanted, longer) = registries();
    from.script(|call| {
        let slow = call.op == Op::ResolveManifest && call.what == "long";
        slow.then_some(Fault::Slow(std::time::Duration::from_secs(3600)))
    });
    let bench = Bench::new(wanted, &from, &[&to]).filter("longer", longer);
    let cancel = bench.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        cancel.stop();
    });
    let started = tokio::time::Instant::now();
    let report = bench.run().await;
    assert!(report.interrupted && report.copied == 0);
    assert!(started.elapsed() < std::time::Duration::from_secs(60));
}
