//! A scripted run, for tests of what is shown: everything that can happen, once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sealift_core::{
    content::{Descriptor, Digest, ImageRef, MediaType},
    counters::CounterSet,
    error::{Error, ErrorKind},
    event::{Event, PlannedImage, PlannedTarget},
    job::{CopyStats, Outcome, Skip},
    report::{FailedItem, Failure, FilterStats, Report, SlowBlob, SlowImage},
    stage::Removed,
};

pub(super) fn image(text: &str) -> ImageRef {
    text.parse().unwrap()
}

pub(super) fn refused() -> Error {
    Error::new(ErrorKind::Unavailable, "cannot reach `h.io`: connection refused").with_hint("is it running?")
}

pub(super) fn moved() -> CopyStats {
    let mut moved = CopyStats::default();
    moved.digest = Some(Digest::of(b"new"));
    (moved.blobs, moved.bytes, moved.present) = (3, 12 << 20, 5 << 10);
    moved
}

pub(super) fn ended(job: u64, tag: &str, outcome: Outcome, again: bool) -> Event {
    Event::TargetFinished {
        job,
        source: image(&format!("q.io/a/b:{tag}")),
        target: Some(image(&format!("h.io/x/b:{tag}"))),
        push: "registry".into(),
        location: None,
        outcome,
        again,
    }
}

pub(super) fn transfer(transfer: u64, size: Option<u64>, passed: u64) -> (Event, Arc<AtomicU64>) {
    let counter = Arc::new(AtomicU64::new(0));
    counter.store(passed, Ordering::Relaxed);
    let event = Event::TransferStarted {
        job: transfer,
        transfer,
        source: image(&format!("quay.io/prometheus/node-exporter:v1.{transfer}")),
        digest: Digest::of(&transfer.to_le_bytes()),
        size,
        passed: Arc::clone(&counter),
    };
    (event, counter)
}

pub(super) fn planned() -> PlannedImage {
    let [absent, mut old, mut present] =
        ["h.io/x/b:v1", "k.io/x/b:v1", "l.io/x/b:v1"].map(|at| PlannedTarget::new(image(at), "registry"));
    old.current = Some(Digest::of(b"old"));
    old.referrers = 2;
    present.current = Some(Digest::of(b"smaller"));
    present.skip = Some(Skip::Present { digest: Digest::of(b"smaller") });
    let mut planned = PlannedImage::new(image("q.io/a/b:v1"), Digest::of(b"index"));
    planned.becomes = Some(Digest::of(b"smaller"));
    planned.platforms = vec!["linux/amd64".parse().unwrap(), "linux/arm/v7".parse().unwrap()];
    planned.dropped = vec!["windows/amd64".parse().unwrap()];
    (planned.bytes, planned.blobs, planned.manifests) = (45 << 20, 7, 3);
    planned.targets = vec![absent, old, present];
    planned.foreign = vec![Descriptor::of_bytes(MediaType::default(), b"foreign")];
    planned
}

/// Returns a report with these values.
pub(super) fn report(set: impl FnOnce(&mut Report)) -> Report {
    let mut report = Report::default();
    set(&mut report);
    report
}

/// Every kind of event.
pub(super) fn everything() -> Vec<Event> {
    let (started, _) = transfer(1, Some(1 << 20), 512);
    let filtered = Skip::Filtered { filter: "platform".into(), at: 0, reason: "no `linux/s390x` in it".into() };
    let repository = image("q.io/a/b:1").repository;
    let mut rewritten = moved();
    rewritten.changed_from = Some(Digest::of(b"old"));
    (rewritten.foreign, rewritten.mounted) = (1, 2 << 20);
    let mut nothing = moved();
    (nothing.blobs, nothing.bytes) = (0, 0);
    let mut removed = Removed::default();
    removed.images = vec!["q.io/a/b:0".into()];
    (removed.blobs, removed.bytes) = (3, 5 << 20);
    let mut held_back = removed.clone();
    held_back.held_back = true;
    vec![
        Event::RunStarted { name: "mirror".into(), plan: false },
        Event::Listed {
            repository: repository.clone(),
            kept: 7,
            dropped: vec![("tag".into(), 1200), ("newest".into(), 0)],
        },
        Event::ListingFailed { repository: Some(repository), error: refused() },
        Event::ListingFailed { repository: None, error: refused() },
        Event::RuleRefused { rule: "images.yaml:9".into(), error: refused() },
        Event::Warning { message: "images.yaml:7: no tag of `q.io/a/c` matches".into() },
        Event::JobStarted { job: 1, source: image("q.io/a/b:1") },
        Event::Needed { job: 1, blobs: vec![(Digest::of(b"layer"), 1 << 20)] },
        started,
        Event::TransferFinished { transfer: 1, error: None },
        Event::TransferFinished { transfer: 2, error: Some(refused()) },
        Event::Retrying { job: 1, what: "blob 1a2b of q.io/a/b:1".into(), error: refused(), attempt: 2 },
        Event::Planned { job: 1, image: planned() },
        ended(1, "1", Outcome::Copied(moved()), false),
        ended(2, "2", Outcome::Copied(rewritten), false),
        ended(3, "3", Outcome::Copied(nothing), false),
        ended(4, "4", Outcome::Skipped(Skip::Present { digest: Digest::of(b"x") }), false),
        ended(5, "5", Outcome::Skipped(filtered), false),
        ended(6, "6", Outcome::Skipped(Skip::Duplicate), false),
        ended(7, "7", Outcome::Failed(refused()), true),
        Event::JobFinished { job: 1 },
        Event::PassStarted { round: 1, failed: 1 },
        ended(7, "7", Outcome::Failed(refused()), false),
        ended(8, "8", Outcome::Failed(Error::cancelled()), false),
        Event::Removed { push: "oci-dir".into(), location: Some("bundle".into()), removed },
        Event::Removed { push: "oci-dir".into(), location: Some("bundle".into()), removed: held_back },
        Event::NotesChanged { push: "oci-dir".into(), location: Some("bundle".into()) },
        Event::TargetFinished {
            job: 9,
            source: image("q.io/a/b:9"),
            target: Some(image("q.io/a/b:9")),
            push: "oci-dir".into(),
            location: Some("bundle".into()),
            outcome: Outcome::Copied(moved()),
            again: false,
        },
        Event::Stopping,
        Event::RunFinished { report: Arc::default() },
    ]
}

/// A run in which many things failed for few reasons.
pub(crate) fn bad_night() -> Report {
    let mut report = Report::default();
    report.name = "mirror".into();
    (report.copied, report.skipped, report.rewritten, report.passes) = (1234, 40_100, 2, 2);
    report.moved = moved();
    (report.moved.mounted, report.moved.present, report.moved.foreign) = (300 << 20, 2 << 30, 1);
    report.moved.shared = 90 << 20;
    report.elapsed = Duration::from_secs(125);
    report.restarts = 3;
    let mut by_tag = FilterStats::default();
    (by_tag.filter, by_tag.keeps, by_tag.versions) = ("tag".into(), "v1.*".into(), 1200);
    let mut by_platform = FilterStats::default();
    (by_platform.filter, by_platform.keeps, by_platform.images) = ("platform".into(), "linux/amd64".into(), 2);
    by_platform.reasons = [("it is for `linux/arm64`, which is not wanted".to_owned(), 2)].into();
    report.filters = vec![by_tag, by_platform];
    report.slowest.images = vec![SlowImage::new(image("q.io/a/b:1"), 700 << 20, Duration::from_secs(70))];
    let mut slow = SlowBlob::new(image("q.io/a/b:5"), Digest::of(b"slow"), 0, Duration::from_secs(60));
    slow.failed = true;
    report.slowest.blobs = vec![slow];
    let hosts = vec![
        CounterSet::new("h.io", [("requests", 1300), ("retries", 12), ("throttled", 2), ("put", 1000), ("head", 300)]),
        CounterSet::new("q.io", [("requests", 41_000), ("retries", 1), ("get", 1000), ("head", 40_000)]),
    ];
    report.counters = [("registries".to_owned(), hosts)].into();
    let mut fail = |what, error: &Error| report.failures.push(Failure::new(what, error));
    for tag in ["1", "2", "3", "4", "5"] {
        let (source, target) = (image(&format!("q.io/a/b:{tag}")), image(&format!("h.io/x/b:{tag}")));
        let error = Error::new(ErrorKind::Unavailable, format!("cannot push `{target}`: connection refused"));
        fail(FailedItem::Image { source, target: Some(target) }, &error.with_hint("is `h.io` running?"));
    }
    let repository = image("q.io/secret/c:1").repository;
    let denied = Error::new(ErrorKind::Denied, format!("cannot list `{repository}`: wrong user name or password"));
    fail(FailedItem::Listing { repository: Some(repository) }, &denied);
    let gone = Error::new(ErrorKind::NotFound, "`q.io/a/d:9` does not exist");
    fail(FailedItem::Image { source: image("q.io/a/d:9"), target: None }, &gone);
    fail(FailedItem::Finish { push: "oci-dir".into() }, &Error::new(ErrorKind::Storage, "no space left on device"));
    report.failed = report.failures.len() as u64;
    report
}
