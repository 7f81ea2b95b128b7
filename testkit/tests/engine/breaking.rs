//! Plugins that panic, hang or flood: what they take down has their name, and the rest goes on.

use std::{future::pending, sync::Arc};

use async_trait::async_trait;
use sealift_core::{
    content::{Descriptor, Repository},
    error::{Error, ErrorKind, Result},
    job::{Candidate, Listing, Resolved},
    outlet::Outlet,
    report::{Failed, Report},
    spec::Named,
    stage::{Fetch, Filter, List, Verdict},
};
use sealift_testkit::{
    images::{image, index},
    memory::{Fault, Memory, Op, Wanted},
};

use crate::Bench;

/// How a plugin breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Panics,
    Hangs,
}

const WAYS: [How; 2] = [How::Panics, How::Hangs];

impl How {
    async fn happen(self) {
        match self {
            Self::Panics => panic!("told to"),
            Self::Hangs => pending().await,
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::Panics => Fault::Panic,
            Self::Hangs => Fault::Hang,
        }
    }
}

/// Two images, of which something breaks the one in `app`.
fn two_images() -> (Memory, Memory, Wanted) {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io"));
    from.add("app:v1", &image("linux/amd64", &["the layer"]));
    from.add("other:v1", &image("linux/amd64", &["another layer"]));
    (from, to, Wanted::new().image("from.io/app:v1", &[]).image("from.io/other:v1", &[]))
}

#[track_caller]
fn assert_one_failed(report: &Report, named: &str, how: How, to: &Memory) {
    assert_eq!((report.copied, report.failed, report.exit_code()), (1, 1, 1), "{:?}", report.failures);
    let failure = &report.failures[0];
    assert_eq!(failure.kind, ErrorKind::Bug);
    assert!(failure.cause.contains(named), "{}", failure.cause);
    let why = if how == How::Panics { "told to" } else { "30 minutes" };
    assert!(failure.cause.contains(why), "{}", failure.cause);
    assert!(to.digest_of("other:v1").is_some());
    to.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_breaks_at_any_question_takes_down_its_image_only() {
    for op in [Op::ResolveManifest, Op::Blob] {
        for how in WAYS {
            let (from, to, wanted) = two_images();
            from.script(move |call| (call.op == op && call.repository == "app").then(|| how.fault()));
            let report = Bench::new(wanted, &from, &[&to]).run().await;
            assert_one_failed(&report, "the fetch `memory`", how, &to);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_that_breaks_at_any_question_takes_down_its_image_only() {
    for op in [Op::Current, Op::Prepare, Op::Offer, Op::Tag] {
        for how in WAYS {
            let (from, to, wanted) = two_images();
            to.script(move |call| (call.op == op && call.repository == "app").then(|| how.fault()));
            let report = Bench::new(wanted, &from, &[&to]).run().await;
            assert_one_failed(&report, "the push `memory`", how, &to);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_that_breaks_while_it_takes_a_blob_takes_down_its_image_only() {
    let (from, to, wanted) = two_images();
    to.script(|call| (call.op == Op::Fill && call.repository == "app").then_some(Fault::Panic));
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_one_failed(&report, "the push `memory`", How::Panics, &to);
    let (from, to, wanted) = two_images();
    to.script(|call| (call.op == Op::Fill && call.repository == "app").then_some(Fault::Hang));
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_one_failed(&report, "no byte of blob", How::Hangs, &to);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_breaks_at_the_end_is_a_failure_of_the_run_and_no_end_of_it() {
    for how in WAYS {
        let (from, to, wanted) = two_images();
        to.script(move |call| (call.op == Op::Finish).then(|| how.fault()));
        let report = Bench::new(wanted, &from, &[&to]).run().await;
        assert_eq!((report.copied, report.failed), (2, 1));
        assert!(matches!(report.failures[0].what, Failed::Finish { .. }));
        assert!(report.failures[0].cause.contains("the push `memory`"), "{}", report.failures[0].cause);
    }
}

/// A filter that breaks in one of its moments.
#[derive(Clone, Copy)]
struct Fragile {
    moment: &'static str,
    how: How,
}

#[async_trait]
impl Filter for Fragile {
    fn versions(&self, listing: &mut Listing) {
        assert!(self.moment != "versions" || listing.repository.path() != "app", "told to");
    }

    async fn choose(&self, listing: &mut Listing, _: &dyn Fetch) -> Result<()> {
        if self.moment == "choose" && listing.repository.path() == "app" {
            self.how.happen().await;
        }
        Ok(())
    }

    fn entries(&self, entries: &mut Vec<Descriptor>) {
        assert!(self.moment != "entries" || entries.is_empty(), "told to");
    }

    fn rewrites(&self) -> bool {
        assert!(self.moment != "rewrites", "told to");
        true
    }

    fn summary(&self) -> Option<String> {
        assert!(self.moment != "summary", "told to");
        None
    }

    async fn admit(&self, image: &Resolved, _: &dyn Fetch) -> Result<Verdict> {
        if self.moment == "admit" && image.image.repository.path() == "app" {
            self.how.happen().await;
        }
        Ok(Verdict::Keep)
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_breaks_at_any_moment_takes_down_what_it_was_asked_about() {
    let cases = [("versions", How::Panics), ("choose", How::Panics), ("choose", How::Hangs)];
    for (moment, how) in cases.into_iter().chain([("admit", How::Panics), ("admit", How::Hangs)]) {
        let (from, to, wanted) = two_images();
        let report = Bench::new(wanted, &from, &[&to]).filter("fragile", Fragile { moment, how }).run().await;
        assert_one_failed(&report, "the filter `fragile`", how, &to);
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_breaks_over_an_index_takes_down_that_image() {
    let (from, to, wanted) = two_images();
    let index =
        index(&[("linux/amd64", &image("linux/amd64", &["a"])), ("linux/arm64", &image("linux/arm64", &["b"]))]);
    from.add("app:v1", &index);
    let fragile = Fragile { moment: "entries", how: How::Panics };
    let report = Bench::new(wanted, &from, &[&to]).filter("fragile", fragile).run().await;
    assert_one_failed(&report, "the filter `fragile`", How::Panics, &to);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_cannot_even_describe_itself_still_filters() {
    for moment in ["summary", "rewrites"] {
        let (from, to, wanted) = two_images();
        let fragile = Fragile { moment, how: How::Panics };
        let report = Bench::new(wanted, &from, &[&to]).filter("fragile", fragile).run().await;
        assert_eq!((report.copied, report.failed), (2, 0), "{moment}");
    }
}

/// A list that hands out one image, and then breaks.
struct Breaking(How);

#[async_trait]
impl List for Breaking {
    async fn list(&self, out: &Outlet) -> Result<()> {
        out.send(listing("from.io/other", 1)).await?;
        self.0.happen().await;
        Ok(())
    }
}

fn listing(repository: &str, tags: usize) -> Listing {
    let repository: Repository = repository.parse().unwrap();
    let version = |n| sealift_core::content::Version::Tag(format!("v{}", n + 1).parse().unwrap());
    let candidates = (0..tags).map(|n| Candidate { version: version(n), targets: Vec::new() }).collect();
    Listing { repository, candidates, rule: "a rule".into(), exclusive: true }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_is_named_and_what_it_found_is_copied() {
    for how in WAYS {
        let (from, to, wanted) = two_images();
        let mut bench = Bench::new(wanted, &from, &[&to]);
        bench.pipeline.list = Named::new("breaking", Arc::new(Breaking(how)) as Arc<dyn List>);
        let report = bench.run().await;
        assert_one_failed(&report, "the list `breaking`", how, &to);
    }
}

/// A list that never stops finding the same image, and counts how often it could say so.
struct Flood(Arc<std::sync::atomic::AtomicUsize>);

#[async_trait]
impl List for Flood {
    async fn list(&self, out: &Outlet) -> Result<()> {
        loop {
            out.send(listing("from.io/other", 1)).await?;
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_floods_waits_for_the_engine_and_ends_with_the_run() {
    let (from, to, wanted) = two_images();
    // Nobody answers, so all places for jobs are taken, and nothing more is taken from the list.
    from.script(|call| (call.op == Op::ResolveManifest).then_some(Fault::Hang));
    to.script(|call| (call.op == Op::Current).then_some(Fault::Hang));
    let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut bench = Bench::new(wanted, &from, &[&to]).options(|run| run.grace_s = Some(1));
    bench.pipeline.list = Named::new("flood", Arc::new(Flood(Arc::clone(&sent))) as Arc<dyn List>);
    let cancel = bench.cancel.clone();
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let so_far = sent.load(std::sync::atomic::Ordering::Relaxed);
        assert!((1..100).contains(&so_far), "{so_far} were taken although nothing went on");
        cancel.stop();
    };
    let (report, ()) = tokio::join!(bench.run(), stop);
    assert!(report.interrupted && report.unfinished > 0);
    assert_eq!(report.exit_code(), 130);
}

/// Errors of plugins are told as they are.
#[tokio::test(start_paused = true)]
async fn a_plugin_that_fails_is_quoted() {
    let (from, to, wanted) = two_images();
    to.script(|call| match (call.op, &*call.repository) {
        (Op::Tag, "app") => Some(Fault::Fail(Error::new(ErrorKind::Denied, "the moon is full"))),
        _ => None,
    });
    let report = Bench::new(wanted, &from, &[&to]).run().await;
    assert_eq!((report.copied, report.failed), (1, 1));
    assert!(report.failures[0].cause.contains("the moon is full"));
}
