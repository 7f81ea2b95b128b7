//! Plugins that panic, hang or flood: what they take down has their name, and the rest goes on.

mod trapped;

use std::{collections::BTreeSet, future::pending, sync::Arc};

use async_trait::async_trait;
use sealift_conformance::{
    images::{artifact, image, index},
    memory::{Fault, Memory, Op, Wanted},
};
use sealift_core::{
    content::{Descriptor, Digest, Repository, well_known},
    error::{Error, ErrorKind, Result, Retry},
    job::{Candidate, Listing, Resolved},
    outlet::Outlet,
    report::{FailedItem, Failure, Report},
    spec::{Compare, Named, Verify},
    stage::{Fetch, Filter, List, Push, Verdict},
};

use self::trapped::{Trap, Trapped};
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
    assert_names(&report.failures[0], named, how);
    assert!(to.digest_of("other:v1").is_some());
    to.assert_whole();
}

#[track_caller]
fn assert_names(failure: &Failure, named: &str, how: How) {
    assert_eq!(failure.kind, ErrorKind::Bug, "{}", failure.cause);
    assert!(failure.cause.contains(named), "`{named}` is not in: {}", failure.cause);
    let why = if how == How::Panics { "told to" } else { "30 minutes" };
    assert!(failure.cause.contains(why), "{}", failure.cause);
}

/// A filter that wants to know when tags were pushed.
struct Dated;

#[async_trait]
impl Filter for Dated {
    async fn check(&self, image: &Resolved, from: &dyn Fetch) -> Result<Verdict> {
        from.capabilities().push_times.expect("the fetch has it").pushed(&image.image).await?;
        Ok(Verdict::Keep)
    }

    fn drops_entries(&self) -> bool {
        false
    }
}

/// A run in which every method of a fetch and of a push is asked for something, and the trap for one of them is set.
///
/// One image of another repository, and in `app` an index with a signature of each kind, a new tag beside it and one that is there
/// already with something else; a tag that is not at the source; an index that is at the destination with other bytes;
/// an image that is there without its signature; and a destination that takes one blob without confirming it.
async fn with_everything(trap: &Trap) -> (Report, Memory) {
    let (from, to) = (Memory::new("from.io"), Memory::new("to.io").confirming());
    let (amd, arm) = (image("linux/amd64", &["amd"]), image("linux/arm64", &["arm"]));
    let app = index(&[("linux/amd64", &amd), ("linux/arm64", &arm)]);
    let about = [("subject", serde_json::to_value(app.manifest.descriptor()).unwrap())];
    let doubted = image("linux/amd64", &["the layer in doubt"]);
    let layer = doubted.blobs[1].0.digest.to_string();
    for (name, image) in [
        ("other:v1", &image("linux/amd64", &["another layer"])),
        ("app:v1", &app),
        ("app:v2", &doubted),
        ("app:v3", &image("linux/amd64", &["a newer layer"])),
    ] {
        from.add(name, image);
    }
    from.add(&format!("app@{}", Digest::of(b"any")), &artifact(well_known::OCI_CONFIG, "{}", &["signed"], &about));
    let signature = format!("app:sha256-{}.sig", app.manifest.digest().hex());
    from.add(&signature, &image("linux/amd64", &["signed by a tag"]));
    to.add("app:v3", &image("linux/amd64", &["an older layer"]));
    let (there, anew) = (image("linux/amd64", &["there"]), index(&[("linux/amd64", &amd)]));
    from.add("app:v4", &there);
    to.add("app:v4", &there);
    let about = [("subject", serde_json::to_value(there.manifest.descriptor()).unwrap())];
    from.add(&format!("app@{}", Digest::of(b"any")), &artifact(well_known::OCI_CONFIG, "{}", &["later"], &about));
    from.add("app:v5", &anew);
    to.add("app:v5", &index(&[("linux/arm64", &arm)]));
    to.script(move |call| {
        let doubt = call.op == Op::Fill && call.what == layer && call.before == 0;
        doubt.then_some(Fault::Unconfirmed)
    });
    let wanted = ["other:v1", "app:v1", "app:v2", "app:v3", "app:v4", "app:v5", "lost:v1"];
    let wanted = wanted.iter().fold(Wanted::new(), |wanted, name| wanted.image(&format!("from.io/{name}"), &[]));
    let mut bench = Bench::new(wanted, &from, &[&to]).options(|run| {
        run.referrers = Some(true);
        run.verify = Verify::Destination;
        run.compare = Compare::Entries;
        run.transfers = 1.try_into().ok();
        run.retries = Some(0);
    });
    bench = bench.filter("dated", Dated);
    bench.pipeline.fetch = Named::new("fragile", Arc::new(Trapped::new(&from, trap)) as Arc<dyn Fetch>);
    bench.pipeline.pushes = vec![Named::new("fragile", Arc::new(Trapped::new(&to, trap)) as Arc<dyn Push>)];
    (bench.run().await, to)
}

/// The methods that can break, and whether they can hang, too.
const FETCH: [(&str, &[How]); 7] = [
    ("resolve", &WAYS),
    ("resolve a digest", &WAYS),
    ("manifest", &WAYS),
    ("blob", &WAYS),
    ("pushed", &WAYS),
    ("referrers", &WAYS),
    ("referrer_tags", &WAYS),
];
const PUSH: [(&str, &[How]); 14] = [
    ("targets", &[How::Panics]),
    ("store", &[How::Panics]),
    ("tags by digest", &[How::Panics]),
    ("tags by name", &[How::Panics]),
    ("resolve a target", &WAYS),
    ("blob_exists", &WAYS),
    ("prepare", &WAYS),
    ("begin_upload", &WAYS),
    ("begin_upload again", &WAYS),
    ("put_manifest", &WAYS),
    ("put_manifest with a tag", &WAYS),
    ("put_manifest of a root", &WAYS),
    ("add_referrers", &WAYS),
    ("write", &WAYS),
];
/// What only helps: an image arrives without it.
const HELP: [(&str, &[How]); 14] = [
    ("announce", &[How::Panics]),
    ("conclude", &[How::Panics]),
    ("notices", &[How::Panics]),
    ("tags", &WAYS),
    ("mount_hints", &WAYS),
    ("verifies_digest", &[How::Panics]),
    ("tags by digest", &[How::Hangs]),
    ("tags by name", &[How::Hangs]),
    ("keeps_children", &[How::Panics]),
    ("takes_referrers", &[How::Panics]),
    ("present_referrers", &WAYS),
    ("read_back", &WAYS),
    ("keeps_apart", &[How::Panics]),
    ("location", &[How::Panics]),
];

/// What only a plan asks.
const PLAN: [(&str, &[How]); 3] = [("check_blob", &WAYS), ("free_space", &[How::Panics]), ("quota", &WAYS)];

/// Breaks each method in each way that it can.
async fn each(methods: &[(&'static str, &[How])], mut look: impl AsyncFnMut(&'static str, How, Report, Memory)) {
    for &(method, ways) in methods {
        for &how in ways {
            let trap = Trap::at(method, how);
            let (report, to) = with_everything(&trap).await;
            assert!(trap.asked().contains(method), "{method} was never asked");
            to.assert_whole();
            assert!(to.digest_of("other:v1").is_some(), "{method}: the rest goes on");
            look(method, how, report, to).await;
        }
    }
}

/// The images that failed, without the one that was never there.
fn broken(report: &Report) -> Vec<&Failure> {
    report.failures.iter().filter(|failure| failure.kind != ErrorKind::NotFound).collect()
}

async fn takes_down_its_image_only(role: &str, methods: &[(&'static str, &[How])]) {
    each(methods, async |method, how, report, _| {
        let broken = broken(&report);
        assert!((1..=6).contains(&broken.len()), "{method}, {how:?}: {:?}", report.failures);
        assert_eq!(report.copied + report.failed, 7, "{method}, {how:?}");
        assert_eq!(report.exit_code(), 1);
        for failure in broken {
            let FailedItem::Image { source, .. } = &failure.what else { panic!("{method}: {:?}", failure.what) };
            assert_ne!(source.repository.path(), "other");
            assert_names(failure, &format!("the {role} `fragile`"), how);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_breaks_at_any_question_takes_down_its_image_only() {
    takes_down_its_image_only("fetch", &FETCH).await;
}

#[tokio::test(start_paused = true)]
async fn a_push_that_breaks_at_any_question_takes_down_its_image_only() {
    takes_down_its_image_only("push", &PUSH).await;
}

#[tokio::test(start_paused = true)]
async fn what_only_helps_may_break_and_the_image_arrives_without_it() {
    each(&HELP, async |method, how, report, _| {
        assert_eq!((report.copied, report.failed), (6, 1), "{method}, {how:?}: {:?}", report.failures);
        assert_eq!(broken(&report).len(), 0, "{method}, {how:?}: {:?}", report.failures);
        let noticed = report.warnings.iter().any(|warning| warning == "something to know");
        assert_eq!(noticed, method != "notices", "{method}, {how:?}: {:?}", report.warnings);
    })
    .await;
}

/// Capabilities are asked for with each use of one, so a stage that breaks at that loses its images and not the run.
#[tokio::test(start_paused = true)]
async fn a_stage_that_cannot_say_what_it_can_do_is_named_by_each_image() {
    // A push is asked at the end as well.
    for (role, failed) in [("fetch", 2), ("push", 3)] {
        let trap = Trap::at("capabilities", How::Panics);
        let (from, to, wanted) = two_images();
        let mut bench = Bench::new(wanted, &from, &[&to]).options(|run| run.referrers = Some(true));
        match role {
            "fetch" => bench.pipeline.fetch = Named::new("fragile", Arc::new(Trapped::new(&from, &trap)) as _),
            _ => bench.pipeline.pushes = vec![Named::new("fragile", Arc::new(Trapped::new(&to, &trap)) as _)],
        }
        let report = bench.run().await;
        assert_eq!((report.copied, report.failed), (0, failed), "{:?}", report.failures);
        report.failures.iter().for_each(|failure| assert_names(failure, &format!("the {role} `fragile`"), How::Panics));
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_that_breaks_at_the_end_is_a_failure_of_the_run_and_no_end_of_it() {
    each(&[("close", &WAYS), ("removed", &WAYS)], async |_, how, report, _| {
        assert_eq!((report.copied, report.failed), (6, 2));
        let broken = broken(&report);
        assert!(matches!(broken[0].what, FailedItem::Finish { .. }));
        assert_names(broken[0], "the push `fragile`", how);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_push_that_breaks_over_its_notes_is_a_failure_of_the_run() {
    for &how in &WAYS {
        let (from, to, wanted) = two_images();
        Bench::new(wanted.clone(), &from, &[&to]).run().await;
        let trap = Trap::at("changes_notes", how);
        let mut bench = Bench::new(wanted, &from, &[&to]);
        bench.pipeline.pushes = vec![Named::new("fragile", Arc::new(Trapped::new(&to, &trap)) as Arc<dyn Push>)];
        for report in [bench.run().await, bench.plan().await] {
            assert_eq!((report.skipped, report.failed), (2, 1), "{:?}", report.failures);
            assert_names(broken(&report)[0], "the push `fragile`", how);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_ends_whatever_breaks() {
    for (method, ways) in PLAN {
        for &how in ways {
            let trap = Trap::at(method, how);
            let (from, to, wanted) = two_images();
            let mut bench = Bench::new(wanted, &from, &[&to]);
            bench.pipeline.fetch = Named::new("fragile", Arc::new(Trapped::new(&from, &trap)) as Arc<dyn Fetch>);
            bench.pipeline.pushes = vec![Named::new("fragile", Arc::new(Trapped::new(&to, &trap)) as Arc<dyn Push>)];
            let report = bench.plan().await;
            assert!(trap.asked().contains(method), "{method} was never asked");
            let failed = u64::from(method == "check_blob");
            assert_eq!(report.failed, failed, "{method}, {how:?}: {:?}", report.failures);
            report.failures.iter().for_each(|failure| assert_names(failure, "the fetch `fragile`", how));
            let full = report.warnings.iter().any(|warning| warning.contains("MiB free"));
            assert_eq!(full, method != "free_space", "{method}: {:?}", report.warnings);
            let over = report.warnings.iter().any(|warning| warning.contains("the quota of all leaves 1 bytes"));
            assert_eq!(over, method != "quota", "{method}: {:?}", report.warnings);
        }
    }
}

/// The tables above are all that a stage can be asked.
#[tokio::test(start_paused = true)]
async fn nothing_that_a_stage_is_asked_is_left_out() {
    let trap = Trap::at("nothing", How::Panics);
    let (report, to) = with_everything(&trap).await;
    assert_eq!((report.copied, report.failed, broken(&report).len()), (6, 1, 0), "{:?}", report.failures);
    to.assert_whole();
    let mut asked: BTreeSet<_> = FETCH.iter().chain(&PUSH).chain(&HELP).map(|(method, _)| *method).collect();
    asked.extend(["capabilities", "close", "lost", "removed"]);
    assert_eq!(trap.asked(), asked, "what is asked in that run, and what breaks");

    asked.extend(PLAN.map(|(method, _)| method));
    // Notes have a test of their own, and registries are asked for before a run.
    asked.extend(["changes_notes", "registries"]);
    asked.retain(|method| !method.contains(' '));
    let files = [
        include_str!("../../../core/src/stage/fetch.rs"),
        include_str!("../../../core/src/stage/push.rs"),
        include_str!("../../../core/src/stage/push_capabilities.rs"),
    ];
    let able = files.into_iter().flat_map(|file| file.split("pub trait ").skip(1).flat_map(methods)).collect();
    assert_eq!(asked, able, "what breaks, and what the traits have");
}

/// The methods of the trait that a text begins with.
fn methods(text: &str) -> Vec<&str> {
    let lines = text.lines().take_while(|line| *line != "}").map(str::trim);
    let heads = lines.filter_map(|line| line.trim_start_matches("async ").strip_prefix("fn "));
    heads.filter_map(|head| head.split('(').next()).collect()
}

/// A filter that breaks in one of its moments.
#[derive(Clone, Copy)]
struct Fragile {
    moment: &'static str,
    how: How,
}

#[async_trait]
impl Filter for Fragile {
    fn filter_tags(&self, listing: &mut Listing) {
        assert!(self.moment != "filter_tags" || listing.repository.path() != "app", "told to");
    }

    async fn select(&self, listing: &mut Listing, _: &dyn Fetch) -> Result<()> {
        if self.moment == "select" && listing.repository.path() == "app" {
            self.how.happen().await;
        }
        Ok(())
    }

    fn filter_entries(&self, entries: &mut Vec<Descriptor>) {
        assert!(self.moment != "filter_entries" || entries.is_empty(), "told to");
    }

    fn drops_entries(&self) -> bool {
        assert!(self.moment != "rewrites", "told to");
        true
    }

    fn summary(&self) -> Option<String> {
        assert!(self.moment != "summary", "told to");
        None
    }

    async fn check(&self, image: &Resolved, _: &dyn Fetch) -> Result<Verdict> {
        if self.moment == "check" && image.image.repository.path() == "app" {
            self.how.happen().await;
        }
        Ok(Verdict::Keep)
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_breaks_at_any_moment_takes_down_what_it_was_asked_about() {
    let cases = [("filter_tags", How::Panics), ("select", How::Panics), ("select", How::Hangs)];
    for (moment, how) in cases.into_iter().chain([("check", How::Panics), ("check", How::Hangs)]) {
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
    let fragile = Fragile { moment: "filter_entries", how: How::Panics };
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

/// A list that hands out one image, and then breaks: at once, or when it is to list the other one again.
struct Breaking {
    again: bool,
    how: How,
}

#[async_trait]
impl List for Breaking {
    async fn list(&self, out: &Outlet) -> Result<()> {
        out.send(listing("from.io/other", 1)).await?;
        if self.again {
            let away = Error::new(ErrorKind::Unavailable, "away").with_retry(Retry::Soon);
            return out.failed(&"from.io/app".parse().unwrap(), away).await;
        }
        self.how.happen().await;
        Ok(())
    }

    async fn list_repository(&self, _: &Repository, _: &Outlet) -> Result<()> {
        self.how.happen().await;
        Ok(())
    }
}

fn listing(repository: &str, tags: usize) -> Listing {
    let repository: Repository = repository.parse().unwrap();
    let version = |n| sealift_core::content::Reference::Tag(format!("v{}", n + 1).parse().unwrap());
    let candidates = (0..tags).map(|n| Candidate::new(version(n))).collect();
    Listing { exclusive: true, ..Listing::new(repository, candidates, "a rule") }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_is_named_and_what_it_found_is_copied() {
    for (again, how) in [(false, How::Panics), (false, How::Hangs), (true, How::Panics), (true, How::Hangs)] {
        let (from, to, wanted) = two_images();
        let mut bench = Bench::new(wanted, &from, &[&to]);
        bench.pipeline.list = Named::new("breaking", Arc::new(Breaking { again, how }) as Arc<dyn List>);
        let report = bench.run().await;
        assert_one_failed(&report, "the list `breaking`", how, &to);
        assert_eq!(report.passes, u32::from(again));
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
