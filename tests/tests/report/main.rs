//! `--report FILE`: what it says of real runs, that it is there however they end, and that it keeps to its schema.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sealift_conformance::images::image;
use sealift_e2e::program::{Folder, Ran, signal, until_said};
use sealift_testkit::{
    content::Content,
    proxy::{Network, Proxy},
    registry::Registry,
};
use serde_json::{Value, json};

mod exact;

fn folder() -> Folder {
    Folder::new(env!("CARGO_BIN_EXE_sealift-under-test"))
}

/// Reads a report, which must be what the published schema says.
fn report(folder: &Folder, name: &str) -> Value {
    let report: Value = serde_json::from_str(&folder.read(name)).unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/report.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{report:#}");
    report
}

fn counts<'a>(report: &'a Value, host: &str) -> &'a Value {
    let tallies = report["tallies"]["registries"].as_array().unwrap();
    &tallies.iter().find(|tally| tally["of"] == host).unwrap_or_else(|| panic!("{host}: {tallies:?}"))["counts"]
}

#[tokio::test(flavor = "multi_thread")]
async fn it_counts_what_the_registries_saw_and_what_sharing_saved() {
    let (Some(from), Some(to)) = (Registry::start(), Registry::start()) else { return };
    let source = Content::at(&from.url());
    let base = "base".repeat(100_000);
    for tag in ["v1", "v2", "v3"] {
        source.put("shop/app", tag, &image("linux/amd64", &[&base, tag])).await;
    }
    source.put("shop/job", "v1", &image("linux/amd64", &[&base, "job"])).await;
    let folder = folder();
    let rules = format!("{f}/shop/app: {t}/m/app\n{f}/shop/job: {t}/m/job\n", f = from.host(), t = to.host());
    folder.write("images.yaml", &rules);
    from.reset();
    let ran = folder.run(&["sync", "--images", "images.yaml", "--report", "report.json"]).expect(0);
    let report = report(&folder, "report.json");

    assert_eq!((&report["schema"], &report["exit_code"], &report["mode"]), (&json!(1), &json!(0), &json!("run")));
    assert_eq!((&report["copied"], &report["failed"]), (&json!(4), &json!(0)));
    for registry in [&from, &to] {
        let counted = &counts(&report, &registry.host())["requests"];
        assert_eq!(counted, registry.requests().total(), "{:?}", registry.requests());
    }
    let moved = &report["moved"];
    let base = base.len() as u64;
    assert!(moved["shared"].as_u64() >= Some(2 * base), "two of three tags had nothing to send: {moved}");
    assert!(moved["mounted"].as_u64() >= Some(base), "the other repository got it by a mount: {moved}");
    assert!(moved["bytes"].as_u64() < Some(6 * base), "the base once, and in each of four configs: {moved}");
    assert_eq!(report["slowest"]["images"].as_array().unwrap().len(), 4);
    for word in ["shared by several images", "requests: "] {
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_names_every_image_and_every_listing_that_failed() {
    let (Some(from), Some(to)) = (Registry::start(), Registry::start()) else { return };
    Content::at(&from.url()).put("shop/app", "v1", &image("linux/amd64", &["app"])).await;
    let folder = folder();
    let rules = format!(
        "{f}/shop/app:v1,v2: {t}/m/app\n{f}/shop/nothing: {t}/m/nothing\n127.0.0.1:1/x/y:1: {t}/m/y\n",
        f = from.host(),
        t = to.host()
    );
    folder.write("images.yaml", &rules).write("report.json", "an earlier report");
    folder.run(&["sync", "--images", "images.yaml", "--retries", "0", "--report", "report.json"]).expect(1);
    let report = report(&folder, "report.json");
    assert_eq!((&report["copied"], &report["failed"], &report["exit_code"]), (&json!(1), &json!(3), &json!(1)));
    let failures = report["failures"].as_array().unwrap();
    let found = |what: &str, name: &str, kind: &str| {
        failures.iter().any(|failure| {
            let of = failure["source"].as_str().or(failure["repository"].as_str()).unwrap();
            failure["what"] == what && of.ends_with(name) && failure["kind"] == kind && failure["cause"] != ""
        })
    };
    assert!(found("image", "/shop/app:v2", "not_found"), "{failures:#?}");
    assert!(found("listing", "/shop/nothing", "not_found"), "{failures:#?}");
    assert!(found("image", "/x/y:1", "unavailable"), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_there_after_a_run_that_was_stopped() {
    let (Some(from), Some(to)) = (Registry::start(), Registry::start()) else { return };
    let layer = "x".repeat(2_000_000);
    Content::at(&from.url()).put("shop/app", "v1", &image("linux/amd64", &[&layer])).await;
    let slow = Proxy::start(from.addr(), Network { bytes_per_second: 100_000, ..Network::default() }).await;
    let folder = folder();
    let (source, target) = (format!("{}/shop/app:v1", slow.host()), format!("{}/m/app", to.host()));
    let mut child = folder.start(&["copy", &source, &target, "--report", "report.json"]);
    let deadline = Instant::now() + Duration::from_secs(30);
    while slow.bytes_from_server() < 100_000 {
        assert!(Instant::now() < deadline, "some bytes have to move");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    signal(&child, "INT");
    tokio::task::block_in_place(|| until_said(&mut child, "stopping: nothing new begins"));
    signal(&child, "INT");
    Ran::of(child).expect(130);
    let report = report(&folder, "report.json");
    let said = (&report["interrupted"], &report["exit_code"], &report["copied"]);
    assert_eq!(said, (&json!(true), &json!(130), &json!(0)));
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_anything_is_done() {
    let folder = folder();
    folder.write("images.yaml", "127.0.0.1:1/x/y:1: 127.0.0.1:1/m/y\n");
    let ran = folder.run(&["sync", "--images", "images.yaml", "--report", "no/such/report.json"]).expect(2);
    assert_eq!(
        ran.stderr,
        "error: cannot write to `no/such/report.json`: no such file or directory\n  = from `--report`\n"
    );
}
